//! API keys: every endpoint but `/health*` requires one.

use e2e::{Api, NORMAL, folder_with_model, run};

const PATHS: [(&str, &str); 6] = [
    ("POST", "/predict"),
    ("POST", "/predict/batch"),
    ("GET", "/model/info"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/docs/"),
];

fn body(method: &str) -> &'static str {
    if method == "POST" { r#"{"readings":[],"temperature":25.1,"humidity":60.2,"sound_volume":0.51}"# } else { "" }
}

#[test]
fn without_a_key_only_health_answers() {
    let folder = folder_with_model();
    let keys = folder.path().join("keys");
    std::fs::write(&keys, "# the farm in the north\nsecret-two\n\n  secret-three  \n").unwrap();
    let env = [("API_KEY", "secret-one"), ("API_KEYS_FILE", keys.to_str().unwrap()), ("RUST_LOG", "trace")];
    let api = Api::start_with(folder.path(), &[], &env);
    for path in ["/health", "/health/live", "/health/ready"] {
        assert_eq!(api.get(path).status, 200, "{path}");
    }
    for (method, path) in PATHS {
        let ask = |headers: &[(&str, &str)]| api.request(method, path, headers, body(method));
        for wrong in [
            &[][..],
            &[("x-api-key", "")],
            &[("x-api-key", "secret-on")],
            &[("x-api-key", "secret-onee")],
            &[("x-api-key", "SECRET-ONE")],
            &[("x-api-key", "# the farm in the north")],
            &[("authorization", "secret-one")],
            &[("authorization", "Basic secret-one")],
            &[("authorization", "Bearer wrong-key")],
            &[("cookie", "api_key=secret-one")],
        ] {
            let answer = ask(wrong);
            assert_eq!(answer.status, 401, "{method} {path} {wrong:?}");
            assert!(answer.json()["error"].as_str().unwrap().contains("X-API-Key"));
            assert!(answer.header("www-authenticate").is_some());
        }
        for key in ["secret-one", "secret-two", "secret-three"] {
            assert_eq!(ask(&[("x-api-key", key)]).status, 200, "{method} {path}");
            assert_eq!(ask(&[("authorization", &format!("Bearer {key}"))]).status, 200, "{method} {path}");
        }
    }
    // Unknown paths and methods are not revealed without a key.
    assert_eq!(api.get("/nowhere").status, 401);
    assert_eq!(api.get("/predict").status, 401);
    assert_eq!(api.get("/health/nowhere").status, 401);

    let metrics = api.request("GET", "/metrics", &[("x-api-key", "secret-one")], "").json();
    // Six accepted requests to each of the two scoring routes; the batches are empty.
    assert_eq!(metrics["predictions_total"], 6);
    let openapi = api.request("GET", "/openapi.json", &[("x-api-key", "secret-one")], "").body;
    let log = std::fs::read_to_string(api.log()).unwrap();
    assert!(api.stderr().contains("/predict"), "the log does not name the request");
    for (place, text) in [("log lines", api.stderr()), ("prediction log", log), ("/openapi.json", openapi)] {
        for secret in ["secret-", "wrong-key"] {
            assert!(!text.contains(secret), "{secret} is in the {place}");
        }
    }
}

#[test]
fn an_empty_key_or_key_file_is_an_error_at_start() {
    let folder = folder_with_model();
    std::fs::write(folder.path().join("none"), "# nothing yet\n").unwrap();
    for (env, named) in
        [(("API_KEY", ""), "API_KEY"), (("API_KEYS_FILE", "none"), "none"), (("API_KEYS_FILE", "missing"), "missing")]
    {
        let ended = run("api", folder.path(), &["--port", "0"], &[env]);
        assert_eq!(ended.code, Some(1), "{env:?}");
        assert!(ended.stderr.contains(named), "{env:?}: {}", ended.stderr);
    }
}

#[test]
fn help_does_not_show_the_key() {
    let folder = tempfile::tempdir().unwrap();
    for program in ["api", "sender"] {
        let help = run(program, folder.path(), &["--help"], &[("API_KEY", "secret-one")]);
        assert!(help.stdout.contains("API_KEY") && !help.stdout.contains("secret-one"), "{}", help.stdout);
    }
}

#[test]
fn the_sender_sends_its_key() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &["--api-key", "secret-one"]);
    let send = |env: &[(&str, &str)]| {
        let url = api.url("/predict");
        let args = ["--api-url", &url, "--count", "5", "--interval", "0", "--retries", "0"];
        run("sender", folder.path(), &args, env)
    };
    let refused = send(&[("API_KEY", "another")]);
    assert_eq!(refused.code, Some(1), "{}{}", refused.stdout, refused.stderr);
    assert!(!format!("{}{}", refused.stdout, refused.stderr).contains("another"));
    assert_eq!(api.rows().len(), 0);
    let taken = send(&[("API_KEY", "secret-one")]);
    assert_eq!(taken.code, Some(0), "{}{}", taken.stdout, taken.stderr);
    assert_eq!(api.rows().len(), 5);
    assert_eq!(api.request("POST", "/predict", &[("x-api-key", "secret-one")], NORMAL).status, 200);
}
