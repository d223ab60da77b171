//! The live page in a real browser. With `SCREENSHOTS=folder` it also saves what it looks like.

#![allow(clippy::unwrap_used)]

use e2e::{Api, Browser, eventually, folder_with_model};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::path::Path;
use turbine_core::simulation::{Profile, Simulated, Simulator};

/// The last `count` readings of a turbine, half a second apart, up to now; with a fault its sound volume is three times as
/// high.
fn send(api: &Api, turbine: &str, count: i64, fault: bool) {
    let now = Timestamp::now();
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
        caption("temperature (°C)").ends_with("as in training")
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
