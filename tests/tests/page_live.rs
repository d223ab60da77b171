//! The live page while readings arrive: the delay until they are shown, and that the layout does not shift.

#![allow(clippy::unwrap_used)]

use e2e::{Api, Browser, clean_command, eventually, folder_with_model, program};
use serde_json::json;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A sender that streams normal readings until it is dropped.
struct Sender(Child);

impl Sender {
    fn start(api: &Api) -> Self {
        let folder = std::env::temp_dir();
        let url = api.url("/predict");
        let mut command = clean_command(program("sender"), &folder);
        command.args([
            "--api-url",
            &url,
            "--turbines",
            "20",
            "--interval",
            "0.05",
            "--profile",
            "training",
            "--anom-rate",
            "0",
            "--quiet",
        ]);
        Sender(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Has the page add up how far its content jumps, as Chromium's layout-shift score, and what jumped.
const WATCH: &str = "
    [window.shift, window.jumped] = [0, []];
    new PerformanceObserver((list) => list.getEntries().forEach((entry) => {
        window.shift += entry.value;
        window.jumped.push(...entry.sources.map((source) => source.node?.outerHTML?.slice(0, 200)));
    })).observe({type: 'layout-shift', buffered: true})";

/// The score so far, 0 = nothing jumped, and what jumped.
fn shift(browser: &Browser) -> (f64, String) {
    // Chromium reports it after the next frame.
    sleep(Duration::from_millis(200));
    let jumped = browser.run("return window.jumped.join('; ')").as_str().unwrap().to_owned();
    (browser.run("return window.shift").as_f64().unwrap(), jumped)
}

#[test]
fn nothing_jumps_while_readings_come() {
    let Some(browser) = Browser::start() else { return };
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    browser.open(&api.url("/"));
    eventually("what to do without readings", || browser.text().contains("cargo run --release -p sender"));
    let rows = || browser.run("return document.querySelectorAll('.fleet tbody tr').length").as_u64().unwrap();

    let began = Instant::now();
    let _sender = Sender::start(&api);
    eventually("the first reading", || rows() > 0);
    eprintln!("the first reading was on the page {} ms after the sender was started", began.elapsed().as_millis());
    eventually("all turbines", || rows() == 20);

    for (view, hash, shown) in [
        ("the fleet", "#/", ".fleet tbody tr"),
        ("a turbine", "#/turbines/WT-01", ".chart svg"),
        ("the alarms", "#/alarms", "main table"),
        ("the model", "#/model", "#drift svg"),
    ] {
        browser.open("about:blank");
        browser.open(&api.url(&format!("/{hash}")));
        let is_shown = format!("return document.querySelector({shown:?}) !== null");
        eventually(view, || browser.run(&is_shown) == true);
        browser.run(WATCH);
        let (loaded, jumped) = shift(&browser);
        // Below 0.1 is good in the terms of Web Vitals.
        assert!(loaded < 0.1, "{view} while it loaded: {loaded}: {jumped}");
        sleep(Duration::from_secs(3));
        let (after, jumped) = shift(&browser);
        assert!(after - loaded < 0.001, "{view} while readings came: {}: {jumped}", after - loaded);
    }

    let reading = |sound_volume: f64| json!({"turbine_id": "WT-99", "temperature": 24.8, "humidity": 59.0, "sound_volume": sound_volume});
    let send = |sound_volume: f64| {
        let answer = api.post("/predict/batch", json!({"readings": vec![reading(sound_volume); 20]}).to_string());
        assert_eq!(answer.status, 200, "{}", answer.body);
    };
    send(0.5);
    browser.open(&api.url("/#/turbines/WT-99"));
    eventually("the turbine", || browser.run("return document.querySelectorAll('.chart svg').length") == 4);
    let began = Instant::now();
    send(1.5);
    let reason = "return document.querySelector('.why strong')?.innerText";
    eventually("the alarm with its sensor first", || browser.run(reason) == "sound_volume");
    eprintln!("the alarm was on the page {} ms after the fault was sent", began.elapsed().as_millis());
    assert_eq!(browser.console(), [] as [String; 0]);
}
