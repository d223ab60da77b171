//! A cluster of NATS servers on the loopback interface.

use crate::api::EVENT_TIMEOUT;
use crate::fixtures::{eventually, not_run};
use crate::programs::{clean_command, repository};
use async_nats::jetstream::context::ContextBuilder;
use async_nats::{ConnectOptions, jetstream};
use serde_json::Value;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// The user of the workers and of the tests.
const USER: &str = "worker";
const PASSWORD: &str = "w";

/// A user that may send readings and do nothing else.
const SENSOR: &str = "sensor";
const SENSOR_PASSWORD: &str = "s";

/// Nodes that each hold all streams, killed on drop.
pub struct NatsCluster {
    folder: TempDir,
    server: PathBuf,
    nodes: Vec<Node>,
}

struct Node {
    client: u16,
    http: u16,
    mqtt: u16,
    child: Option<Child>,
}

impl NatsCluster {
    /// Starts so many nodes and waits until they are a cluster. `None`, and a line on standard error, where there is no server:
    /// the variable `NATS_SERVER` names the program, or it is installed in `target/nats`.
    ///
    /// # Panics
    /// If the nodes do not become a cluster.
    pub fn start(nodes: usize) -> Option<Self> {
        Self::start_with(nodes, |configuration| configuration)
    }

    /// The same, with each node's configuration changed; what `accounts` and the rest after it say comes last in it.
    ///
    /// # Panics
    /// As [`NatsCluster::start`].
    pub fn start_with(nodes: usize, change: impl Fn(String) -> String) -> Option<Self> {
        let Some(server) = server() else {
            not_run("a NATS server 2.14 or newer, named by NATS_SERVER or installed by `tests/nats-server.sh`");
            return None;
        };
        let ports = free_ports(4 * nodes);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let routes: Vec<String> =
            ports[2 * nodes..3 * nodes].iter().map(|port| format!("\"nats://127.0.0.1:{port}\"")).collect();
        for (name, password) in [("password", PASSWORD), ("sensor-password", SENSOR_PASSWORD)] {
            let password = password.to_owned() + "\n";
            std::fs::write(folder.path().join(name), password).expect("the folder can be written to");
        }
        for i in 0..nodes {
            let configuration = format!(
                "server_name: n{i}\nlisten: 127.0.0.1:{}\nhttp: 127.0.0.1:{}\n\
                 jetstream {{ store_dir: {:?}, max_mem: 2G, max_file: 20G }}\n\
                 cluster {{ name: wind, listen: 127.0.0.1:{}, routes: [{}] }}\n\
                 mqtt {{ listen: 127.0.0.1:{} }}\n\
                 accounts {{\n  WIND {{ jetstream: enabled, users: [\n    {{ user: {USER}, password: {PASSWORD} }}\n    \
                 {{ user: {SENSOR}, password: {SENSOR_PASSWORD}, permissions: {{ \
                 publish: [\"readings.*\", \"turbines.*.readings\"], subscribe: [\"_INBOX.>\"] }} }} ] }}\n  \
                 SYS {{ users: [ {{ user: sys, password: sys }} ] }}\n}}\nsystem_account: SYS\n",
                ports[i],
                ports[nodes + i],
                folder.path().join(format!("n{i}")),
                ports[2 * nodes + i],
                routes.join(","),
                ports[3 * nodes + i],
            );
            std::fs::write(folder.path().join(format!("n{i}.conf")), change(configuration))
                .expect("the folder can be written to");
        }
        let node =
            |i: usize| Node { client: ports[i], http: ports[nodes + i], mqtt: ports[3 * nodes + i], child: None };
        let nodes: Vec<Node> = (0..nodes).map(node).collect();
        let mut cluster = NatsCluster { folder, server, nodes };
        for i in 0..cluster.nodes.len() {
            cluster.start_node(i);
        }
        cluster.wait_until_ready();
        Some(cluster)
    }

    /// The flags with which a program connects to the cluster.
    pub fn flags(&self) -> Vec<String> {
        let password = self.folder.path().join("password").display().to_string();
        ["--nats", &self.urls().join(","), "--user", USER, "--password-file", &password].map(str::to_owned).to_vec()
    }

    /// The nodes' addresses for NATS clients, `nats://HOST:PORT,…`.
    pub fn nats(&self) -> String {
        self.urls().join(",")
    }

    /// The nodes' MQTT listeners, `HOST:PORT,…`.
    pub fn mqtt(&self) -> String {
        let listeners = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.mqtt));
        listeners.collect::<Vec<_>>().join(",")
    }

    /// The flags with which a sensor logs in, which may send readings only.
    pub fn sensor_flags(&self) -> Vec<String> {
        let password = self.folder.path().join("sensor-password").display().to_string();
        ["--user", SENSOR, "--password-file", &password].map(str::to_owned).to_vec()
    }

    /// A connection of the test's own.
    ///
    /// # Panics
    /// If no node answers.
    pub async fn connect(&self) -> jetstream::Context {
        let options = ConnectOptions::new()
            .user_and_password(USER.to_owned(), PASSWORD.to_owned())
            .ping_interval(Duration::from_secs(2))
            .reconnect_delay_callback(|_| Duration::from_millis(200))
            .retry_on_initial_connect();
        let client = options.connect(self.urls()).await.expect("the cluster takes the user");
        ContextBuilder::new().timeout(Duration::from_secs(3)).max_ack_inflight(20_000).build(client)
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Kills a node at once.
    ///
    /// # Panics
    /// If it does not run.
    pub fn kill_node(&mut self, node: usize) {
        let mut child = self.nodes[node].child.take().expect("the node runs");
        child.kill().expect("a child can be killed");
        child.wait().expect("a child can be waited for");
    }

    /// Starts a node that was killed.
    ///
    /// # Panics
    /// If the program cannot be started.
    pub fn start_node(&mut self, node: usize) {
        let path = |name: &str| self.folder.path().join(format!("n{node}.{name}"));
        let log = std::fs::File::options().create(true).append(true).open(path("log"));
        let child = clean_command(&self.server, self.folder.path())
            .arg("-c")
            .arg(path("conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.expect("the folder can be written to"))
            .spawn();
        self.nodes[node].child = Some(child.expect("the server starts"));
    }

    /// Waits until all nodes are healthy and know each other.
    ///
    /// # Panics
    /// If they are not within two minutes.
    pub fn wait_until_ready(&self) {
        eventually("all nodes of the cluster to be current", || {
            let is_healthy = |node: &Node| get(node, "/healthz").is_some_and(|health| health["status"] == "ok");
            self.nodes.iter().all(is_healthy) && self.nodes.iter().any(|node| self.leads_all(node))
        });
    }

    /// Whether the node leads the cluster, with all others up to date.
    fn leads_all(&self, node: &Node) -> bool {
        if self.nodes.len() == 1 {
            return true;
        }
        let Some(jetstream) = get(node, "/jsz") else { return false };
        let others = jetstream["meta_cluster"]["replicas"].as_array();
        let current = |others: &Vec<Value>| others.iter().filter(|other| other["current"] == true).count();
        others.map_or(0, current) == self.nodes.len() - 1
    }

    /// The node that leads a stream.
    pub async fn leader_of(&self, jetstream: &jetstream::Context, stream: &str) -> Option<usize> {
        let stream = tokio::time::timeout(Duration::from_secs(3), jetstream.get_stream(stream)).await.ok()?.ok()?;
        let leader = stream.cached_info().cluster.as_ref()?.leader.clone()?;
        leader.strip_prefix('n')?.parse().ok()
    }

    fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(|node| format!("nats://127.0.0.1:{}", node.client)).collect()
    }
}

impl Drop for NatsCluster {
    fn drop(&mut self) {
        for child in self.nodes.iter_mut().filter_map(|node| node.child.as_mut()) {
            // It may have ended already; an error here would hide why a test failed.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn server() -> Option<PathBuf> {
    let named = std::env::var_os("NATS_SERVER").map(PathBuf::from);
    let installed = || Some(repository().join("target/nats/bin/nats-server")).filter(|path| path.exists());
    named.or_else(installed)
}

/// Ports that were free a moment ago.
fn free_ports(count: usize) -> Vec<u16> {
    let bound: Vec<TcpListener> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port")).collect();
    bound.iter().map(|listener| listener.local_addr().expect("an address").port()).collect()
}

fn get(node: &Node, path: &str) -> Option<Value> {
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(EVENT_TIMEOUT / 60)).build().into();
    let mut answer = agent.get(format!("http://127.0.0.1:{}{path}", node.http)).call().ok()?;
    answer.body_mut().read_json().ok()
}
