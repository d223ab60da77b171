//! Models on the live page in a real browser. With `SCREENSHOTS=folder` it also saves what it looks like.

#![allow(clippy::unwrap_used)]

use e2e::{Api, Browser, NORMAL, eventually, folder_with_model, model_file, train_worse_model};
use serde_json::Value;
use std::path::Path;

fn screenshot(browser: &Browser, name: &str) {
    if let Some(folder) = std::env::var_os("SCREENSHOTS") {
        browser.screenshot(&Path::new(&folder).join(format!("{name}.png")));
    }
}

/// What the table of models says, a row a file.
fn rows(browser: &Browser) -> Vec<String> {
    let rows = browser.run("return [...document.querySelectorAll('.models tbody tr')].map((row) => row.innerText)");
    rows.as_array().unwrap().iter().map(|row| row.as_str().unwrap().replace(['\n', '\t'], " ")).collect()
}

fn row(browser: &Browser, file: &str) -> String {
    rows(browser).into_iter().find(|row| row.starts_with(file)).unwrap_or_default()
}

/// Presses the button of a file or, without a file, of the dialog.
fn press(browser: &Browser, label: &str, file: &str) {
    let (scope, name) = match file {
        "" => ("dialog", label.to_owned()),
        _ => ("main", format!("{label}: {file}")),
    };
    let script = format!(
        "const button = [...document.querySelectorAll('{scope} button')].find((button) => \
         (button.getAttribute('aria-label') ?? button.innerText) === '{name}'); button?.click(); return Boolean(button)"
    );
    eventually(&format!("the button {name}"), || browser.run(&script) == true);
}

fn dialog(browser: &Browser) -> Value {
    browser.run("return document.querySelector('dialog[open]')?.innerText ?? null")
}

#[test]
fn a_person_compares_promotes_and_rolls_back_a_model() {
    let Some(browser) = Browser::start() else { return };
    let folder = folder_with_model();
    std::fs::write(folder.path().join("models/candidate.json"), model_file(43)).unwrap();
    std::fs::write(folder.path().join("models/damaged.json"), "garbage").unwrap();
    let api = Api::start(folder.path(), &["--rollback-if", "alarm_rate > 5x"]);
    let version = || api.get("/model/info").json()["model_version"].as_str().unwrap().to_owned();
    let first = version();
    browser.open(&api.url("/#/model"));
    eventually("the three files", || rows(&browser).len() == 3);
    assert!(row(&browser, "turbine_iforest.json").contains("in service"), "{:?}", rows(&browser));
    assert!(row(&browser, "candidate.json").contains("available"), "{:?}", rows(&browser));
    assert!(row(&browser, "damaged.json").contains("not whole JSON"), "{:?}", rows(&browser));
    assert!(browser.text().contains("golden readings score just as they did in training"));
    screenshot(&browser, "models");

    press(&browser, "Shadow", "candidate.json");
    assert!(dialog(&browser).as_str().unwrap().contains("scores the same readings"));
    press(&browser, "Cancel", "");
    assert_eq!(dialog(&browser), Value::Null);
    assert_eq!(api.get("/models").json()["shadow"], Value::Null, "cancelled");
    press(&browser, "Shadow", "candidate.json");
    press(&browser, "Shadow", "");
    eventually("the shadow is shown", || row(&browser, "candidate.json").contains("shadow"));
    for _ in 0..20 {
        assert_eq!(api.post("/predict", NORMAL).status, 200);
    }
    eventually("the comparison", || browser.text().contains("of 20 readings"));
    assert_eq!(dialog(&browser), Value::Null);
    screenshot(&browser, "models-shadow");
    browser.look(1280, 900, true);
    screenshot(&browser, "models-shadow-dark");
    browser.look(390, 844, false);
    eventually("nothing is wider than a telephone", || {
        browser.run("return document.documentElement.scrollWidth <= innerWidth") == true
    });
    screenshot(&browser, "models-shadow-telephone");
    press(&browser, "Promote", "candidate.json");
    screenshot(&browser, "models-dialog-telephone");
    browser.look(1280, 900, false);
    screenshot(&browser, "models-dialog");
    assert!(dialog(&browser).as_str().unwrap().contains(&first));
    press(&browser, "Promote", "");
    eventually("the candidate is in service", || version() != first);
    let second = version();
    eventually("the page shows it", || row(&browser, "turbine_iforest.json").contains(&second));
    eventually("the trial", || browser.text().contains("is on trial until"));
    screenshot(&browser, "models-trial");

    press(&browser, "Roll back", "turbine_iforest.previous.json");
    press(&browser, "Roll back", "");
    eventually("the first model is back", || version() == first);
    eventually("the page shows that", || row(&browser, "turbine_iforest.rolled-back.json").contains(&second));

    // What goes wrong is said in the dialog.
    press(&browser, "Promote", "candidate.json");
    std::fs::write(folder.path().join("models/candidate.json"), "garbage").unwrap();
    press(&browser, "Promote", "");
    eventually("the refusal", || dialog(&browser).as_str().is_some_and(|text| text.contains("not whole JSON")));
    press(&browser, "Cancel", "");
    let refusal = |line: &String| line.contains("/model/promote") && line.contains("422");
    let unexpected: Vec<String> = browser.console().into_iter().filter(|line| !refusal(line)).collect();
    assert_eq!(unexpected, [] as [String; 0]);
}

#[test]
fn a_person_sees_that_a_model_was_taken_back() {
    let Some(browser) = Browser::start() else { return };
    let folder = folder_with_model();
    train_worse_model(folder.path());
    let api = Api::start(folder.path(), &["--rollback-if", "anomaly_rate > 5x"]);
    browser.open(&api.url("/#/model"));
    press(&browser, "Promote", "worse.json");
    press(&browser, "Promote", "");
    eventually("the trial", || browser.text().contains("is on trial until"));
    for _ in 0..60 {
        assert_eq!(api.post("/predict", NORMAL).status, 200);
    }
    let notice = "return document.querySelector('.notice[role=alert]')?.innerText ?? ''";
    let said = || browser.run(notice).as_str().unwrap_or_default().to_owned();
    eventually("the page says so", || said().contains("was taken back by the rule anomaly_rate > 5x"));
    screenshot(&browser, "models-taken-back");
    assert!(row(&browser, "turbine_iforest.rolled-back.json").contains("rolled back"), "{:?}", rows(&browser));
    assert_eq!(api.post("/model/reload", "").status, 200);
    eventually("confirmed", || said().is_empty());
    assert_eq!(browser.console(), [] as [String; 0]);
}
