//! Raw HTTP for requests that a client library would not send.

use crate::api::{Answered, Api, EVENT_TIMEOUT};
use socket2::{Domain, Socket, Type};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// The most headers of an answer that are read.
const MAX_HEADERS: usize = 64;

/// A connection that sends arbitrary bytes and reads answers in order.
#[derive(Debug)]
pub struct Raw {
    stream: BufReader<TcpStream>,
}

impl Raw {
    /// Connects.
    ///
    /// # Panics
    /// If the connection is refused.
    pub fn connect(api: &Api) -> Self {
        Self::try_connect(api).unwrap_or_else(|error| panic!("{}: {error}", api.address()))
    }

    /// Connects.
    ///
    /// # Errors
    /// If the connection is refused.
    pub fn try_connect(api: &Api) -> io::Result<Self> {
        Self::try_connect_to(api.address())
    }

    /// Connects to a host and port.
    ///
    /// # Errors
    /// If the connection is refused.
    pub fn try_connect_to(address: &str) -> io::Result<Self> {
        Self::on(TcpStream::connect(address)?)
    }

    fn on(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(EVENT_TIMEOUT))?;
        stream.set_write_timeout(Some(EVENT_TIMEOUT))?;
        Ok(Raw { stream: BufReader::new(stream) })
    }

    /// Connects with small packets and a small receive buffer, so that little of an unread answer fits into system buffers.
    ///
    /// # Panics
    /// If the connection is refused.
    pub fn connect_from_afar(api: &Api) -> Self {
        let connect = || {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            socket.set_tcp_mss(536)?;
            socket.set_recv_buffer_size(32 << 10)?;
            socket.connect(&api.address().parse::<SocketAddr>().expect("an address").into())?;
            Raw::on(socket.into())
        };
        connect().unwrap_or_else(|error| panic!("{}: {error}", api.address()))
    }

    /// Connects and sends.
    ///
    /// # Panics
    /// If either fails.
    pub fn with(api: &Api, bytes: impl AsRef<[u8]>) -> Self {
        let mut raw = Self::connect(api);
        raw.send(bytes);
        raw
    }

    /// Sends bytes.
    ///
    /// # Panics
    /// If the connection is closed.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("the service takes it");
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// If the connection is closed.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes.as_ref())
    }

    /// A second handle for sending while answers are read.
    ///
    /// # Panics
    /// If the system refuses.
    pub fn writer(&self) -> TcpStream {
        self.stream.get_ref().try_clone().expect("a second handle")
    }

    /// Reads to the end of the connection: slowly for `time`, then at full speed.
    ///
    /// # Panics
    /// If the connection fails.
    pub fn read_slowly(&mut self, time: Duration) -> String {
        let stream = self.stream.get_mut();
        let mut all = vec![0; 8 << 10];
        let mut length = 0;
        let begun = Instant::now();
        while begun.elapsed() < time {
            std::thread::sleep(Duration::from_millis(50));
            length += stream.read(&mut all[length..]).expect("the service sends");
            all.resize(length + (8 << 10), 0);
        }
        all.truncate(length);
        stream.read_to_end(&mut all).expect("the service sends all of it");
        String::from_utf8(all).expect("UTF-8")
    }

    /// Closes the sending direction.
    ///
    /// # Panics
    /// If the connection is gone.
    pub fn half_close(&self) {
        self.stream.get_ref().shutdown(Shutdown::Write).expect("the connection is there");
    }

    /// The next answer.
    ///
    /// # Panics
    /// If there is none.
    pub fn answer(&mut self) -> Answered {
        self.try_answer().expect("an answer")
    }

    /// The next answer, or `None` if the connection ends first.
    ///
    /// # Panics
    /// If the bytes are not HTTP, or nothing comes.
    pub fn try_answer(&mut self) -> Option<Answered> {
        let head = self.head()?;
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Response::new(&mut headers);
        let shown = || String::from_utf8_lossy(&head);
        let outcome = parsed.parse(&head).unwrap_or_else(|error| panic!("not HTTP: {error}: {}", shown()));
        assert!(outcome.is_complete(), "half a head: {}", shown());
        let header = |header: &httparse::Header| {
            (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).into_owned())
        };
        let headers = parsed.headers.iter().map(header).collect();
        let status = parsed.code.expect("a complete head has a status");
        let mut answered = Answered { status, headers, body: String::new() };
        let body = if answered.header("transfer-encoding") == Some("chunked") {
            self.chunks()?
        } else {
            let length = answered.header("content-length").map_or(Ok(0), str::parse).expect("a length");
            let mut body = vec![0; length];
            self.stream.read_exact(&mut body).ok()?;
            body
        };
        answered.body = String::from_utf8(body).expect("UTF-8");
        Some(answered)
    }

    /// The bytes up to and including the next empty line, or `None` if the connection ends first.
    fn head(&mut self) -> Option<Vec<u8>> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if self.take_line(&mut head) == 0 {
                return None;
            }
        }
        Some(head)
    }

    /// The rest of a chunked body.
    fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk()? {
            body.extend_from_slice(&chunk);
        }
        Some(body)
    }

    /// The next chunk of a chunked body: `Some(None)` at its end, `None` if the connection ends first.
    ///
    /// # Panics
    /// If the bytes are not a chunk.
    pub fn chunk(&mut self) -> Option<Option<Vec<u8>>> {
        let mut line = Vec::new();
        self.take_line(&mut line);
        if !line.ends_with(b"\n") {
            return None;
        }
        let Ok(httparse::Status::Complete((_, length))) = httparse::parse_chunk_size(&line) else {
            panic!("not the length of a chunk: {:?}", String::from_utf8_lossy(&line));
        };
        let length = usize::try_from(length).expect("a chunk fits into memory");
        let mut chunk = vec![0; length + 2];
        self.stream.read_exact(&mut chunk).ok()?;
        chunk.truncate(length);
        Some(Some(chunk).filter(|chunk| !chunk.is_empty()))
    }

    /// A line of the answer without its end, or `None` if the connection has ended.
    ///
    /// # Panics
    /// If nothing comes.
    pub fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        let length = self.take_line(&mut line);
        (length > 0).then(|| String::from_utf8_lossy(&line).trim_end().to_owned())
    }

    /// Appends the next line with its end to `taken` and returns its length: 0 if the connection has ended.
    fn take_line(&mut self, taken: &mut Vec<u8>) -> usize {
        match self.stream.read_until(b'\n', taken) {
            Err(error) if is_over(&error) => 0,
            outcome => outcome.expect("the service answers or hangs up"),
        }
    }

    /// Reads to the end of the connection and discards what comes.
    ///
    /// # Panics
    /// If the connection stays open.
    pub fn wait_for_end(&mut self) {
        self.read_to_end();
    }

    /// Reads to the end of the connection.
    ///
    /// # Panics
    /// If the connection stays open.
    pub fn read_to_end(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.stream.read_to_end(&mut rest) {
            Err(error) if is_over(&error) => {}
            outcome => drop(outcome.expect("the service hangs up")),
        }
        rest
    }
}

fn is_over(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe
    )
}

/// A POST request.
pub fn post(path: &str, content_type: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// A request with the largest batch, 10,000 readings, that closes the connection.
pub fn post_large_batch(reading: &str) -> String {
    let body = format!("{{\"readings\":[{}]}}", vec![reading; 10_000].join(","));
    let length = body.len();
    format!(
        "POST /predict/batch HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}
