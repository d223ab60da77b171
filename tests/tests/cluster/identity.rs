//! Users, passwords, credentials and certificates of a cluster.

use crate::park::trained;
use crate::trouble::says;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use e2e::{Api, NatsCluster, eventually, run};
use nkeys::KeyPair;
use serde_json::{Value, json};
use std::path::Path;

/// Sets the streams up and starts a worker, which gets ready.
fn works(folder: &Path, model: &Path, flags: &[&str]) {
    let done = run("worker", folder, &[&["setup", "--partitions", "2"], flags].concat(), &[]);
    assert_eq!((done.code, &*done.stdout), (Some(0), "IN: made\nOUT: made\n"), "{}", done.stderr);
    let worker = start(folder, model, flags);
    eventually("the worker to be ready", || worker.get("/health/ready").status == 200);
}

fn start(folder: &Path, model: &Path, flags: &[&str]) -> Api {
    Api::start_program("worker", 0, folder, &[&["--model", model.to_str().unwrap()], flags].concat(), &[])
}

#[test]
fn a_worker_speaks_tls_to_a_cluster_whose_certificate_it_trusts() {
    let certificate = || rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (folder, model) = trained();
    let [of_cluster, of_another] = [certificate(), certificate()];
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (pem, other_pem, key) = (path("cluster.pem"), path("other.pem"), path("key.pem"));
    std::fs::write(&pem, of_cluster.cert.pem()).unwrap();
    std::fs::write(&other_pem, of_another.cert.pem()).unwrap();
    std::fs::write(&key, of_cluster.signing_key.serialize_pem()).unwrap();
    let tls = format!("tls {{ cert_file: {pem:?}, key_file: {key:?} }}\n");
    let Some(cluster) = NatsCluster::start_with(3, |configuration| tls.clone() + &configuration) else { return };
    let flags = cluster.flags();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    for more in [&[][..], &["--tls-ca", &other_pem]] {
        let stranger = start(folder.path(), &model, &[&flags, more].concat());
        says(&stranger, "invalid peer certificate");
    }
    works(folder.path(), &model, &[&flags[..], &["--tls-ca", &pem]].concat());
}

/// A signed statement of `issuer` on `subject`, as the servers read it.
fn statement(issuer: &KeyPair, subject: &str, name: &str, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({"iat": 1_700_000_000, "iss": issuer.public_key(), "jti": name, "name": name, "nats": claims, "sub": subject});
    let signed = format!("{}.{}", part(&json!({"alg": "ed25519-nkey", "typ": "JWT"})), part(&claims));
    let signature = issuer.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The statement on an account that may do anything, with JetStream or without.
fn account(operator: &KeyPair, account: &KeyPair, name: &str, storage: i64) -> String {
    let limits = json!({
        "subs": -1, "conn": -1, "leaf": -1, "imports": -1, "exports": -1, "data": -1, "payload": -1, "wildcards": true,
        "mem_storage": storage, "disk_storage": storage, "streams": storage, "consumer": storage,
    });
    let claims = json!({"type": "account", "version": 2, "limits": limits});
    statement(operator, &account.public_key(), name, &claims)
}

/// The credentials of a user who may publish to those subjects only; to all if there are none.
fn credentials(of_account: &KeyPair, allowed: &[&str]) -> String {
    let user = KeyPair::new_user();
    let claims = json!({"type": "user", "version": 2, "pub": {"allow": allowed}, "sub": {}, "subs": -1, "data": -1, "payload": -1});
    let statement = statement(of_account, &user.public_key(), "worker", &claims);
    let seed = user.seed().unwrap();
    format!(
        "-----BEGIN NATS USER JWT-----\n{statement}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )
}

#[test]
fn a_worker_logs_in_with_a_credentials_file() {
    let (operator, system, wind) = (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_account());
    let of_operator =
        statement(&operator, &operator.public_key(), "operator", &json!({"type": "operator", "version": 2}));
    let accounts = format!(
        "operator: {of_operator}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{\n  {}: {}\n  {}: {}\n}}\n",
        system.public_key(),
        system.public_key(),
        account(&operator, &system, "SYS", 0),
        wind.public_key(),
        account(&operator, &wind, "WIND", -1),
    );
    let change = |configuration: String| {
        let (nodes, _) = configuration.split_once("accounts {").unwrap();
        nodes.to_owned() + &accounts
    };
    let Some(cluster) = NatsCluster::start_with(3, change) else { return };
    let (folder, model) = trained();
    let path = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let nodes = &cluster.flags()[1];
    let stranger = path("stranger.creds", &credentials(&KeyPair::new_account(), &[]));
    let refused = start(folder.path(), &model, &["--nats", nodes, "--creds", &stranger]);
    says(&refused, "authorization violation");
    let no_file = start(folder.path(), &model, &["--nats", nodes, "--creds", "none.creds"]);
    says(&no_file, "cannot use the credentials file none.creds (--creds)");
    let sensor = path("sensor.creds", &credentials(&wind, &["readings.*"]));
    let sensor = start(folder.path(), &model, &["--nats", nodes, "--creds", &sensor]);
    says(&sensor, "IN: the cluster does not answer");
    eventually("the cluster's complaint in the log", || sensor.stderr().contains("from the cluster: "));
    assert!(sensor.stderr().to_lowercase().contains("permissions violation for publish to"), "{}", sensor.stderr());
    drop((refused, no_file, sensor));
    works(folder.path(), &model, &["--nats", nodes, "--creds", &path("worker.creds", &credentials(&wind, &[]))]);
}
