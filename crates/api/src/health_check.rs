//! `api health`: the service's own health check, for containers that hold no other program.

use crate::config::Config;
use anyhow::{Context, Result, ensure};
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(3);

/// Asks `/health/ready` of the service on the configured host and port.
///
/// # Errors
/// If it does not answer, or answers that it is not ready.
pub fn ask(config: &Config) -> Result<()> {
    // A service that listens on every interface is asked on this machine.
    let host = match config.host.as_str() {
        "0.0.0.0" => "127.0.0.1",
        "::" => "::1",
        host => host,
    };
    let target = format!("{host}:{}", config.port);
    let address = (host, config.port).to_socket_addrs()?.next().with_context(|| format!("{target} is no address"))?;
    let answer = exchange(address).with_context(|| format!("no answer from {target}"))?;
    let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default().trim();
    ensure!(answer.starts_with("HTTP/1.1 200 "), "not ready: {body}");
    println!("{body}");
    Ok(())
}

fn exchange(address: std::net::SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(b"GET /health/ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
