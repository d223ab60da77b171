//! A thousand turbines at one reading a second. `FLEET_SECONDS=172800` plays two days, otherwise a few minutes: the charts of
//! the first day fill the memory that they may take, and on the second day it stays as it is.

#![allow(clippy::unwrap_used)]

use e2e::{Api, folder_with_model};
use jiff::{SignedDuration, Timestamp};
use std::fmt::Write;
use std::time::Instant;

const TURBINES: i64 = 1_000;

/// Seconds of readings in one request.
const STEP: i64 = 10;

/// The memory that compose gives the container, in kB.
const CONTAINER: u64 = 256 << 10;

/// What the page asks for.
const CALLS: [&str; 6] = [
    "/turbines?limit=1000",
    "/alarms?active=true",
    "/turbines/WT-500",
    "/turbines/WT-500/history?points=300&from=-5m",
    "/turbines/WT-500/history?points=300&from=-1h",
    "/turbines/WT-500/history?points=300",
];

/// Lines of all turbines for some seconds from `second` on. Each turbine wobbles in its own rhythm, and every hundredth has
/// ten minutes of fault each hour.
fn lines(start: Timestamp, second: i64) -> String {
    let mut text = String::new();
    for second in second..second + STEP {
        let time = start + SignedDuration::from_secs(second);
        for turbine in 0..TURBINES {
            let wobble = ((second * 7 + turbine * 3) % 11) as f64 / 10.0;
            let fault = if turbine % 100 == 0 && second % 3_600 >= 3_000 { 20.0 } else { 0.0 };
            writeln!(
                text,
                r#"{{"turbine_id":"WT-{turbine}","timestamp":"{time}","temperature":{},"humidity":{},"sound_volume":{}}}"#,
                24.5 + wobble + fault,
                58.5 + wobble,
                0.5 + wobble / 100.0,
            )
            .unwrap();
        }
    }
    text
}

#[test]
fn memory_stays_bounded_while_a_thousand_turbines_send_each_second() {
    let seconds: i64 = std::env::var("FLEET_SECONDS").map_or(300, |text| text.parse().expect("a number of seconds"));
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &["--log-max-bytes", "200MB", "--log-keep", "5"]);
    let start: Timestamp = "2026-01-31T00:00:00Z".parse().unwrap();
    let mut halfway = 0;
    for second in (0..seconds).step_by(STEP as usize) {
        let text = lines(start, second);
        let answer = api.request("POST", "/predict/batch", &[("content-type", "application/x-ndjson")], &text);
        assert_eq!(answer.body.lines().count() as i64, STEP * TURBINES);
        assert!(!answer.body.contains("\"error\""), "{}", &answer.body[..400]);
        let done = second + STEP;
        let memory = api.proc_status("VmRSS");
        assert!(memory < CONTAINER, "{memory} kB after {done} s");
        if done <= seconds / 2 {
            halfway = halfway.max(memory);
        }
        if done % (seconds / 10).max(STEP) == 0 {
            let now = start + SignedDuration::from_secs(done);
            let times = CALLS.map(|call| {
                let from = |minutes| format!("from={}", now - SignedDuration::from_mins(minutes));
                let call = call.replace("from=-5m", &from(5)).replace("from=-1h", &from(60));
                let begun = Instant::now();
                let answer = api.get(&call);
                assert_eq!(answer.status, 200, "{call}: {}", answer.body);
                begun.elapsed().as_millis()
            });
            println!("{done} s: {memory} kB; ms: {times:?}");
        }
    }
    let memory = api.proc_status("VmRSS");
    println!("first half {halfway} kB, end {memory} kB; page calls in ms: {CALLS:?}");
    if seconds >= 172_800 {
        assert!(memory < halfway + halfway / 10, "{memory} kB at the end, {halfway} kB in the first half");
    }
}
