//! The live page in a real browser. With `SCREENSHOTS=folder` it also saves what it looks like.

#![allow(clippy::unwrap_used)]

use e2e::{Api, Browser, eventually, folder_with_model, not_run};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::path::Path;
use turbine_core::simulation::{Profile, Simulated, Simulator};

/// The last `count` readings of a turbine, half a second apart, up to now; with a fault its sound volume is three times as
/// high.
fn send(api: &Api, turbine: &str, count: i64, fault: bool) {
    send_until(Timestamp::now(), api, turbine, count, fault);
}

/// A turbine that ran normally until ten seconds ago, and has had a fault since.
fn send_alarm(api: &Api, turbine: &str) {
    let now = Timestamp::now();
    send_until(now - SignedDuration::from_secs(10), api, turbine, 30, false);
    send_until(now, api, turbine, 20, true);
}

/// As [`send`], up to that time.
fn send_until(now: Timestamp, api: &Api, turbine: &str, count: i64, fault: bool) {
    let readings: Vec<Value> = (0..count)
        .map(|i| {
            let wobble = (i * 7 % 5) as f64 / 10.0;
            json!({
                "turbine_id": turbine,
                "timestamp": (now - SignedDuration::from_millis(500 * (count - 1 - i))).to_string(),
                "temperature": 24.8 + wobble,
                "humidity": 59.0 + wobble,
                "sound_volume": (0.5 + wobble / 100.0) * if fault { 3.0 } else { 1.0 },
            })
        })
        .collect();
    let answer = api.post("/predict/batch", json!({ "readings": readings }).to_string());
    assert_eq!(answer.status, 200, "{}", answer.body);
}

fn screenshot(browser: &Browser, name: &str) {
    if let Some(folder) = std::env::var_os("SCREENSHOTS") {
        browser.screenshot(&Path::new(&folder).join(format!("{name}.png")));
    }
}

/// What the table of the fleet says, a row a turbine.
fn rows(browser: &Browser) -> Vec<String> {
    let rows = browser.run("return [...document.querySelectorAll('.fleet tbody tr')].map((row) => row.innerText)");
    rows.as_array().unwrap().iter().map(|row| row.as_str().unwrap().replace(['\n', '\t'], " ")).collect()
}

#[test]
fn a_person_sees_the_fleet_and_the_reason_of_an_alarm() {
    let Some(browser) = Browser::start() else { return };
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    browser.open(&api.url("/"));
    eventually("what to do without readings", || browser.text().contains("cargo run --release -p sender"));
    screenshot(&browser, "empty");

    for turbine in ["WT-01", "WT-02", "WT-10"] {
        send(&api, turbine, 30, false);
    }
    eventually("three turbines", || rows(&browser).len() == 3);
    assert!(rows(&browser).iter().all(|row| row.contains("normal")), "{:?}", rows(&browser));
    assert_eq!(browser.run("return document.getElementById('connection').innerText"), "Live");

    send(&api, "WT-10", 20, true);
    eventually("the turbine in alarm comes first", || {
        rows(&browser)[0].contains("WT-10") && rows(&browser)[0].contains("alarm")
    });
    screenshot(&browser, "fleet");
    browser.run("const filter = document.getElementById('filter'); filter.value = 'wt-0'; filter.dispatchEvent(new Event('input'))");
    assert_eq!(rows(&browser).len(), 2);

    browser.open(&api.url("/#/turbines/WT-10"));
    let reason = "return document.querySelector('.why strong')?.innerText";
    eventually("the sensor behind the alarm", || browser.run(reason) == "sound_volume");
    eventually("a chart of the surprisal and one a sensor", || {
        browser.run("return document.querySelectorAll('.chart svg').length") == 4
    });
    assert!(browser.run("return document.querySelectorAll('.chart .alarm').length").as_u64() >= Some(4));
    screenshot(&browser, "turbine");
    browser.look(1280, 900, true);
    screenshot(&browser, "turbine-dark");
    browser.look(390, 844, false);
    eventually("nothing is wider than a telephone", || {
        browser.run("return document.documentElement.scrollWidth <= innerWidth") == true
    });
    screenshot(&browser, "turbine-telephone");
    browser.look(1280, 900, false);

    browser.run("[...document.querySelectorAll('button')].find((button) => button.innerText === '24 h').click()");
    eventually("the range is in the link", || {
        browser.run("return location.hash").as_str().unwrap().ends_with("?range=24h")
    });
    browser.back();
    eventually("back to the range before", || browser.run("return location.hash") == "#/turbines/WT-10");
    browser.open(&api.url("/#/alarms"));
    eventually("the list of alarms", || browser.text().contains("running") && browser.text().contains("sound_volume"));
    screenshot(&browser, "alarms");
    browser.open(&api.url("/#/model"));
    eventually("the model's version", || {
        browser.text().contains(api.get("/model/info").json()["model_version"].as_str().unwrap())
    });
    screenshot(&browser, "model");

    assert_eq!(browser.console(), [] as [String; 0]);
    let elsewhere: Vec<String> = browser.requests().into_iter().filter(|url| !url.starts_with(&api.url("/"))).collect();
    assert_eq!(elsewhere, [] as [String; 0]);
}

#[test]
fn the_model_view_shows_how_the_readings_drift() {
    let Some(browser) = Browser::start() else { return };
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    browser.open(&api.url("/#/model"));
    let caption = |feature: &str| {
        let captions =
            browser.run("return [...document.querySelectorAll('#drift figcaption')].map((one) => one.innerText)");
        let captions: Vec<String> =
            captions.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect();
        captions.into_iter().find(|caption| caption.starts_with(feature)).unwrap_or_default()
    };
    eventually("a model without readings", || caption("temperature (°C)").ends_with("no readings yet"));
    let readings: Vec<Value> = Simulator::new(Profile::Stream, 0.05, 1)
        .unwrap()
        .take(1_000)
        .map(|Simulated { values: [temperature, humidity, sound_volume], .. }| {
            json!({"temperature": temperature, "humidity": humidity, "sound_volume": sound_volume})
        })
        .collect();
    assert_eq!(api.post("/predict/batch", json!({ "readings": readings }).to_string()).status, 200);
    eventually("drift of two features", || {
        caption("temperature (°C)").ends_with("no drift")
            && caption("humidity (%)").contains("drifting since ")
            && caption("sound_volume").contains("drifting since ")
    });
    let drift = api.get("/drift").json();
    let psi = drift["features"][2]["psi"].as_f64().unwrap();
    assert!(caption("sound_volume").contains(&format!("PSI {psi:.2}")), "{}", caption("sound_volume"));
    let expected = format!("expected {:.1} %", 100.0 * drift["expected_rate"].as_f64().unwrap());
    assert!(browser.text().contains(&expected), "{expected}: {}", browser.text());
    assert_eq!(browser.run("return document.querySelectorAll('#drift svg .training').length"), 3);
    assert!(browser.run("return document.querySelectorAll('#drift svg .column').length").as_u64() > Some(40));
    let show = || browser.run("document.getElementById('drift').scrollIntoView()");
    show();
    screenshot(&browser, "drift");
    browser.look(1280, 900, true);
    show();
    screenshot(&browser, "drift-dark");
    browser.look(390, 844, false);
    eventually("nothing is wider than a telephone", || {
        browser.run("return document.documentElement.scrollWidth <= innerWidth") == true
    });
    show();
    screenshot(&browser, "drift-telephone");
    assert_eq!(browser.console(), [] as [String; 0]);
}

#[test]
fn the_page_goes_on_by_itself_after_the_service_was_killed() {
    let Some(browser) = Browser::start() else { return };
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let port = api.address().rsplit_once(':').unwrap().1.to_owned();
    send(&api, "WT-01", 30, false);
    browser.open(&api.url("/"));
    eventually("the turbine", || rows(&browser).len() == 1);
    api.signal("KILL");
    api.wait();
    let banner = "return document.getElementById('banner').innerText";
    eventually("the page says so", || {
        browser.run(banner).as_str().is_some_and(|text| text.starts_with("No connection to the service since"))
    });
    screenshot(&browser, "lost");
    let api = Api::start_on(port.parse().unwrap(), folder.path(), &[], &[]);
    send(&api, "WT-02", 30, false);
    eventually("both turbines, without a reload", || rows(&browser).len() == 2);
    assert_eq!(browser.run("return document.getElementById('banner').hidden"), true);
}

#[test]
fn the_page_asks_for_the_key() {
    let Some(browser) = Browser::start() else { return };
    let folder = folder_with_model();
    let api = Api::start_with(folder.path(), &[], &[("API_KEY", "a-key-of-sixteen-or-more")]);
    browser.open(&api.url("/"));
    let asked = "return document.activeElement?.id === 'key'";
    eventually("the key is asked for", || browser.run(asked) == true);
    browser.run(
        "document.getElementById('key').value = 'a-key-of-sixteen-or-more'; document.querySelector('form').requestSubmit()",
    );
    eventually("the page of a service without readings", || browser.text().contains("No reading yet"));
}

/// Presses the button of that name in the dialog.
fn press_in_dialog(browser: &Browser, label: &str) {
    browser.run(&format!(
        "[...document.querySelectorAll('dialog button')].find((button) => button.innerText === {label:?}).click()"
    ));
}

fn open_dialog(browser: &Browser) {
    browser.run("document.querySelector('[data-alarm]').focus()");
    browser.press('\u{E007}');
    eventually("the dialog opens by the keyboard", || {
        browser.run("return Boolean(document.querySelector('dialog[open]'))") == true
    });
}

fn dialog_closes(browser: &Browser, why: &str) {
    eventually(why, || browser.run("return document.querySelector('dialog')") == Value::Null);
}

fn set(browser: &Browser, id: &str, value: &str) {
    browser.run(&format!("document.getElementById({id:?}).value = {value:?}"));
}

#[test]
fn a_person_handles_an_alarm() {
    let Some(browser) = Browser::start() else { return };
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    send_alarm(&api, "WT-10");
    let alarm = || api.get("/alarms").json()["alarms"][0].clone();
    browser.open(&api.url("/#/alarms"));
    eventually("the alarm", || browser.run("return document.querySelectorAll('[data-alarm]').length") == 1);

    open_dialog(&browser);
    assert_eq!(browser.run("return document.activeElement.id"), "handling-by", "the name comes first");
    press_in_dialog(&browser, "Acknowledge");
    assert_eq!(browser.run("return document.querySelector('dialog').open"), true, "without a name nothing is done");
    browser.press('\u{E00C}');
    dialog_closes(&browser, "Escape closes the dialog");
    let focused = "return document.activeElement.dataset.alarm ?? null";
    eventually("the button has the focus again", || browser.run(focused) == alarm()["id"]);

    open_dialog(&browser);
    set(&browser, "handling-by", "Ann");
    set(&browser, "handling-comment", "bearing,\n\"hot\"");
    screenshot(&browser, "dialog");
    press_in_dialog(&browser, "Acknowledge");
    dialog_closes(&browser, "acknowledged");
    eventually("who acknowledged it, and what they say", || {
        let text = browser.text();
        text.contains("acknowledged by Ann, ") && text.contains("bearing, \"hot\" (Ann, ")
    });
    assert_eq!(
        (&alarm()["acknowledged_by"], &alarm()["comments"][0]["text"]),
        (&json!("Ann"), &json!("bearing, \"hot\""))
    );

    open_dialog(&browser);
    assert_eq!(browser.run("return document.getElementById('handling-by').value"), "Ann", "the name is remembered");
    press_in_dialog(&browser, "Snooze 8 h");
    dialog_closes(&browser, "snoozed");
    eventually("until when it is snoozed", || browser.text().contains("snoozed by Ann until "));
    let until: Timestamp = alarm()["snoozed_until"].as_str().unwrap().parse().unwrap();
    let hours = until.duration_since(Timestamp::now()).as_secs_f64() / 3600.0;
    assert!(hours > 7.9 && hours <= 8.01, "{hours}");

    // Somebody else does something: the page sees it.
    let path = format!("/alarms/{}/actions", alarm()["id"].as_str().unwrap());
    let marked = api.post(&path, json!({"action": "false_alarm", "by": "Bob"}).to_string());
    assert_eq!(marked.status, 200, "{}", marked.body);
    eventually("what somebody else says", || browser.text().contains("false alarm, says Bob, "));
    screenshot(&browser, "alarms-handled");
    browser.look(390, 844, true);
    screenshot(&browser, "alarms-handled-telephone");
    browser.look(1280, 900, false);

    browser.open(&api.url("/#/"));
    eventually("the fleet says so too", || rows(&browser)[0].contains("alarm, acknowledged, snoozed, marked false"));
    browser.open(&api.url("/#/turbines/WT-10"));
    eventually("the turbine says so too", || browser.text().contains("acknowledged by Ann, "));
    open_dialog(&browser);
    set(&browser, "handling-comment", "looked at it");
    press_in_dialog(&browser, "Only comment");
    dialog_closes(&browser, "commented");
    eventually("the last comment", || {
        let text = browser.text();
        text.contains("looked at it (Ann, ") && text.contains("and 1 earlier comment")
    });
    screenshot(&browser, "turbine-handled");
    assert_eq!(browser.console(), [] as [String; 0]);

    open_dialog(&browser);
    api.limit_files(Some(1));
    press_in_dialog(&browser, "Take acknowledgement back");
    let problem = "return document.querySelector('dialog .problem').innerText";
    eventually("what went wrong, in words", || {
        browser.run(problem).as_str().is_some_and(|text| text.starts_with("Not done: nothing was done with the alarm"))
    });
    screenshot(&browser, "dialog-refused");
    api.limit_files(None);
    eventually("done after all", || {
        browser.run("return document.querySelector('dialog')") == Value::Null || {
            press_in_dialog(&browser, "Take acknowledgement back");
            false
        }
    });
    eventually("no longer acknowledged", || !browser.text().contains("acknowledged by Ann, "));
}

/// What axe-core finds on the page as it is shown: rule and element of each serious fault.
fn serious_faults(browser: &Browser, axe: &str) -> Vec<String> {
    let run = "return axe.run(document, {resultTypes: ['violations']}).then((found) => found.violations
        .filter((fault) => ['serious', 'critical'].includes(fault.impact))
        .flatMap((fault) => fault.nodes.map((node) => `${fault.id}: ${node.html}: ${node.failureSummary}`)))";
    let found = browser.run(&format!("{axe};\n{run}"));
    found.as_array().unwrap().iter().map(|fault| fault.as_str().unwrap().to_owned()).collect()
}

/// `AXE` names the file `axe.min.js` of the npm package `axe-core`, version 4.
#[test]
fn no_view_has_a_serious_accessibility_fault() {
    let Some(path) = std::env::var_os("AXE") else {
        not_run("axe-core over the page: AXE is not set to the path of axe.min.js (npm install axe-core@4)");
        return;
    };
    let axe = std::fs::read_to_string(path).unwrap();
    let Some(browser) = Browser::start() else { return };
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    browser.open(&api.url("/"));
    eventually("what to do without readings", || browser.text().contains("cargo run --release -p sender"));
    let mut faults = Vec::new();
    let mut look = |view: &str| {
        for (width, dark) in [(1280, false), (1280, true), (390, false), (390, true)] {
            browser.look(width, 900, dark);
            let found = serious_faults(&browser, &axe);
            faults.extend(found.into_iter().map(|fault| format!("{view}, {width} wide, dark: {dark}: {fault}")));
        }
        browser.look(1280, 900, false);
    };
    look("no readings");
    send(&api, "WT-01", 30, false);
    send_alarm(&api, "WT-02");
    let path = format!("/alarms/{}/actions", api.get("/alarms").json()["alarms"][0]["id"].as_str().unwrap());
    for action in ["acknowledge", "false_alarm"] {
        let answer = api.post(&path, json!({"action": action, "by": "Ann", "comment": "hot"}).to_string());
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    eventually("two turbines", || rows(&browser).len() == 2);
    look("fleet");
    for (view, hash, shown) in [
        ("turbine", "#/turbines/WT-02", "acknowledged by Ann"),
        ("alarms", "#/alarms", "acknowledged by Ann"),
        ("model", "#/model", "Features in training"),
    ] {
        browser.open(&api.url(&format!("/{hash}")));
        eventually(view, || browser.text().contains(shown));
        if view == "turbine" {
            eventually("charts", || browser.run("return document.querySelectorAll('.chart svg').length") == 4);
        }
        look(view);
    }
    browser.open(&api.url("/#/alarms"));
    eventually("the alarm", || browser.text().contains("acknowledged by Ann"));
    open_dialog(&browser);
    look("dialog");
    drop(api);
    let banner = "return document.getElementById('banner').hidden";
    eventually("the connection is lost", || browser.run(banner) == false);
    look("connection lost");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn an_alarm_is_handled_with_the_key() {
    let Some(browser) = Browser::start() else { return };
    let folder = folder_with_model();
    let open = Api::start(folder.path(), &[]);
    send_alarm(&open, "WT-10");
    assert_eq!(open.terminate().code(), Some(0));
    let key = "a-key-of-sixteen-or-more";
    let api = Api::start(folder.path(), &["--api-key", key]);
    browser.open(&api.url("/#/alarms"));
    eventually("the key is asked for", || browser.run("return document.activeElement?.id === 'key'") == true);
    set(&browser, "key", key);
    browser.run("document.querySelector('form').requestSubmit()");
    eventually("the alarm", || browser.run("return document.querySelectorAll('[data-alarm]').length") == 1);
    browser.look(390, 844, true);
    open_dialog(&browser);
    screenshot(&browser, "dialog-telephone-dark");
    set(&browser, "handling-by", "Ann");
    press_in_dialog(&browser, "False alarm");
    dialog_closes(&browser, "marked as false");
    eventually("who says so", || browser.text().contains("false alarm, says Ann, "));
}
