//! A real browser, Chromium, driven over WebDriver: JSON over HTTP.

use base64::Engine;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Set to 1 where there must be a browser: then a test without one fails.
const NEEDED: &str = "E2E_BROWSER";

/// A browser with one window and a profile of its own, closed on drop.
pub struct Browser {
    driver: Child,
    /// URL of the session.
    session: String,
    _profile: TempDir,
}

impl Browser {
    /// Starts a browser, or says in one line of standard error that there is none.
    ///
    /// # Panics
    /// If there is one that does not start, or none and `E2E_BROWSER=1` says that there must be.
    pub fn start() -> Option<Self> {
        let driver = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let Ok(mut driver) = driver else {
            assert!(std::env::var_os(NEEDED).is_none(), "{NEEDED} is set, and there is no chromedriver");
            crate::not_run(
                "the page in a browser needs chromedriver (Debian: apt-get install chromium chromium-driver)",
            );
            return None;
        };
        let lines = BufReader::new(driver.stdout.take().expect("standard output is piped")).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            let (_, rest) = line.split_once("started successfully on port ")?;
            Some(rest.trim_end_matches('.').to_owned())
        });
        let port = port.expect("chromedriver says its port");
        let profile = tempfile::tempdir().expect("a temporary folder");
        let mut arguments: Vec<String> = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1280,900",
        ]
        .map(str::to_owned)
        .into();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            "goog:chromeOptions": {"args": arguments},
        }}});
        let url = format!("http://127.0.0.1:{port}/session");
        let begun = call(&url, &capabilities);
        let id = begun["sessionId"].as_str().expect("a session has an id").to_owned();
        Some(Browser { driver, session: format!("{url}/{id}"), _profile: profile })
    }

    fn command(&self, path: &str, body: &Value) -> Value {
        call(&format!("{}/{path}", self.session), body)
    }

    /// A command of the Chrome DevTools protocol.
    fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.command("goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    /// Opens a page.
    pub fn open(&self, url: &str) {
        self.command("url", &json!({"url": url}));
    }

    /// Goes back, as with the browser's button.
    pub fn back(&self) {
        self.command("back", &json!({}));
    }

    /// What a script, a function's body, returns.
    pub fn run(&self, script: &str) -> Value {
        self.command("execute/sync", &json!({"script": script, "args": []}))
    }

    /// Presses a key: a character, or one of WebDriver's for keys without one, such as `\u{E00C}` for Escape.
    pub fn press(&self, key: char) {
        let key = key.to_string();
        let strokes = json!([{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]);
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": strokes});
        self.command("actions", &json!({"actions": [keyboard]}));
    }

    /// What a person reads on the page.
    pub fn text(&self) -> String {
        self.run("return document.body.innerText").as_str().unwrap_or_default().to_owned()
    }

    /// Lines of the console since the last call, with their level.
    pub fn console(&self) -> Vec<String> {
        self.log("browser").iter().map(|entry| format!("{} {}", entry["level"], entry["message"])).collect()
    }

    /// URLs that were asked for since the last call.
    ///
    /// # Panics
    /// If the log is not what Chromium writes.
    pub fn requests(&self) -> Vec<String> {
        let entries = self.log("performance");
        let messages = entries.iter().map(|entry| {
            serde_json::from_str::<Value>(entry["message"].as_str().expect("a message")).expect("a message is JSON")
        });
        let sent = messages.filter(|it| it["message"]["method"] == "Network.requestWillBeSent");
        let url = |it: Value| it["message"]["params"]["request"]["url"].as_str().map(str::to_owned);
        sent.filter_map(url).filter(|url| url.starts_with("http") || url.starts_with("ws")).collect()
    }

    fn log(&self, kind: &str) -> Vec<Value> {
        self.command("se/log", &json!({"type": kind})).as_array().cloned().unwrap_or_default()
    }

    /// Shows the page in a window so wide, in CSS pixels, by the colours that a system set to dark or light asks for.
    pub fn look(&self, width: u32, height: u32, dark: bool) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", size);
        let scheme = json!({"name": "prefers-color-scheme", "value": if dark { "dark" } else { "light" }});
        self.devtools("Emulation.setEmulatedMedia", json!({"features": [scheme]}));
    }

    /// Saves what is shown as a PNG.
    ///
    /// # Panics
    /// If it cannot be saved.
    pub fn screenshot(&self, path: &Path) {
        let shot = self.devtools("Page.captureScreenshot", json!({}));
        let png = base64::engine::general_purpose::STANDARD.decode(shot["data"].as_str().unwrap_or_default());
        std::fs::write(path, png.expect("a screenshot is base64")).expect("the screenshot can be saved");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = ureq::delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn call(url: &str, body: &Value) -> Value {
    let config = ureq::Agent::config_builder().http_status_as_error(false).build();
    let mut answer = ureq::Agent::new_with_config(config).post(url).send_json(body).expect("chromedriver answers");
    let status = answer.status();
    let mut json: Value = answer.body_mut().read_json().expect("chromedriver answers JSON");
    assert!(status.is_success(), "{url}: {}", json["value"]["message"]);
    json["value"].take()
}
