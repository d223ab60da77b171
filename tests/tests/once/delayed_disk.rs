//! A disk whose syncs stall at random for longer than a request may take: the service answers 503, the row is logged all the
//! same, and the client sends the reading again. Each reading is logged once.
//!
//! `DISK_DELAY_MS` sets the stall, 520 ms if it is not set; the request timeout is 10/13 of it, as 2 s is of 2.6 s.

use e2e::{
    Address, Api, Delivered, Form, LogFile, SlowDisk, Stamped, Summary, assert_state_survives, deliver, eventually,
    folder_with_model, run,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// One sync in so many stalls.
const EVERY: u32 = 7;

/// How long a sync stalls.
fn stall() -> Duration {
    let text = std::env::var("DISK_DELAY_MS").unwrap_or_else(|_| "520".to_owned());
    Duration::from_millis(text.parse().unwrap_or_else(|_| panic!("DISK_DELAY_MS is a number, not {text:?}")))
}

/// The service on a slow disk.
struct Stalling {
    disk: SlowDisk,
    args: Vec<String>,
}

impl Stalling {
    fn new(every: u32, stall: Duration, seed: u64) -> Self {
        let timeout = format!("{}ms", (stall * 10 / 13).as_millis());
        let args = ["--log-sync", "fsync", "--request-timeout", &timeout, "--max-body-bytes", "4MiB"];
        Stalling { disk: SlowDisk::new(every, stall, seed), args: args.map(str::to_owned).to_vec() }
    }

    fn args(&self) -> Vec<&str> {
        self.args.iter().map(String::as_str).collect()
    }

    fn start(&self, folder: &Path) -> Api {
        Api::start_with(folder, &self.args(), &self.disk.env())
    }

    /// Asserts what must hold after every storm. The restarts are not delayed.
    fn check(&self, api: Api, folder: &Path, delivered: &Delivered, readings: &[Stamped]) {
        println!(
            "{} readings: {} refused as unknown, {} refused, {} unanswered, {} duplicates, {} syncs stalled",
            readings.len(),
            delivered.unknown,
            delivered.refused,
            delivered.unanswered,
            delivered.duplicates,
            self.disk.delays()
        );
        assert!(self.disk.delays() > 0, "no sync stalled");
        assert_eq!(delivered.verdicts.len(), readings.len());
        delivered.assert_logged_once(folder);
        assert_state_survives(api, folder, &self.args());
        delivered.assert_logged_once(folder);
    }
}

/// Runs a storm for each of these at the same time: they mostly wait. Each gets a seed.
fn for_each<T: Send>(cases: impl IntoIterator<Item = T>, storm: impl Fn(T, u64) + Sync) {
    let storm = &storm;
    std::thread::scope(|scope| {
        for (case, seed) in cases.into_iter().zip(1..) {
            scope.spawn(move || storm(case, seed));
        }
    });
}

fn stream(readings: usize, turbines: usize) -> Vec<Stamped> {
    (0..readings).map(|i| Stamped::nth(i, turbines)).collect()
}

#[test]
fn sixty_readings_sent_until_answered_are_sixty_rows() {
    let folder = folder_with_model();
    let stalling = Stalling::new(EVERY, stall(), 1);
    let api = stalling.start(folder.path());
    let readings = stream(60, 7);
    let delivered = deliver(&Address::of(&api), Form::Single, &readings, 1, false);
    assert!(delivered.unknown > 0 && delivered.duplicates > 0, "{delivered:?}");
    stalling.check(api, folder.path(), &delivered, &readings);
}

#[test]
fn batches_sent_until_answered_are_logged_once() {
    let folder = folder_with_model();
    // A large batch takes a while to score on a busy machine: the timeout is the default. Every sync stalls, because there are few.
    let stalling = Stalling::new(1, Duration::from_millis(2_600), 3);
    let api = stalling.start(folder.path());
    let readings = stream(30_000, 1_000);
    let delivered = deliver(&Address::of(&api), Form::Batch(10_000), &readings, 2, false);
    assert!(delivered.unknown > 0 && delivered.duplicates > 0, "{} {}", delivered.unknown, delivered.duplicates);
    stalling.check(api, folder.path(), &delivered, &readings);
}

#[test]
fn lines_sent_until_answered_are_logged_once() {
    let folder = folder_with_model();
    let stalling = Stalling::new(EVERY, stall(), 3);
    let api = stalling.start(folder.path());
    let readings = stream(6_000, 100);
    let delivered = deliver(&Address::of(&api), Form::Lines(500), &readings, 2, false);
    stalling.check(api, folder.path(), &delivered, &readings);
}

#[test]
fn readings_are_logged_once_although_the_service_is_killed_between() {
    for_each([Form::Single, Form::Batch(40), Form::Lines(40)], |form, seed| {
        let folder = folder_with_model();
        let stalling = Stalling::new(EVERY, stall(), seed);
        let mut api = stalling.start(folder.path());
        let address = Address::of(&api);
        let readings = stream(if form == Form::Single { 120 } else { 1_600 }, 11);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (done, mut kills) = (AtomicBool::new(false), 0);
        let (delivered, api) = std::thread::scope(|scope| {
            let client = scope.spawn(|| {
                let delivered = deliver(&address, form, &readings, 4, false);
                done.store(true, Ordering::Relaxed);
                delivered
            });
            while !done.load(Ordering::Relaxed) && !client.is_finished() {
                std::thread::sleep(Duration::from_millis(100 + u64::from(rng.next_u32() % 900)));
                api.signal("KILL");
                api.wait();
                api = stalling.start(folder.path());
                address.change(&api);
                kills += 1;
            }
            (client.join().unwrap(), api)
        });
        println!("{form:?}: killed {kills} times");
        assert!(kills > 1, "{form:?}");
        stalling.check(api, folder.path(), &delivered, &readings);
    });
}

#[test]
fn readings_are_logged_once_although_the_disk_is_full_between() {
    for_each([Form::Single, Form::Batch(40), Form::Lines(40)], |form, seed| {
        let folder = folder_with_model();
        let stalling = Stalling::new(EVERY, stall(), seed);
        let api = stalling.start(folder.path());
        let address = Address::of(&api);
        let readings = stream(if form == Form::Single { 160 } else { 2_000 }, 11);
        // In the middle of some row.
        api.limit_files(Some(api.log_len() + 1_234));
        let delivered = std::thread::scope(|scope| {
            let client = scope.spawn(|| deliver(&address, form, &readings, 4, false));
            for _ in 0..3 {
                eventually("rows are refused or all are logged", || {
                    client.is_finished() || api.get("/health").json()["reasons"].to_string().contains("File too large")
                });
                api.limit_files(Some(api.log_len() + 4_321));
                std::thread::sleep(Duration::from_millis(300));
            }
            api.limit_files(None);
            client.join().unwrap()
        });
        assert!(delivered.refused > 0, "{form:?}: nothing was refused");
        eventually("healthy", || api.get("/health").json()["status"] == "healthy");
        stalling.check(api, folder.path(), &delivered, &readings);
    });
}

#[test]
fn readings_are_logged_once_although_clients_hang_up() {
    for_each([Form::Single, Form::Batch(20), Form::Lines(20)], |form, seed| {
        let folder = folder_with_model();
        let stalling = Stalling::new(EVERY, stall(), seed);
        let api = stalling.start(folder.path());
        let readings = stream(if form == Form::Single { 60 } else { 1_200 }, 11);
        let delivered = deliver(&Address::of(&api), form, &readings, 4, true);
        assert!(delivered.duplicates > 0, "{form:?}: no request that was hung up on was handled");
        stalling.check(api, folder.path(), &delivered, &readings);
    });
}

#[test]
fn what_the_sender_sends_and_retries_is_logged_once() {
    for_each([&["--concurrency", "2"][..], &["--batch", "15"], &["--ndjson"]], |way, seed| {
        let folder = folder_with_model();
        let stalling = Stalling::new(EVERY - 2, stall(), seed);
        let api = stalling.start(folder.path());
        let url = api.url("/predict");
        let args = ["--api-url", &url, "--count", "60", "--interval", "0", "--turbines", "3", "--retries", "30"];
        let sender = run("sender", folder.path(), &[&args, way].concat(), &[]);
        assert_eq!(sender.code, Some(0), "{way:?}: {}{}", sender.stdout, sender.stderr);
        let summary = Summary::of(&sender);
        assert_eq!((summary.count("sent"), summary.count("unsent")), (60, 0), "{way:?}: {summary:?}");
        let rows = LogFile::read(&api.log()).rows;
        let mut once: Vec<String> = rows.iter().map(|row| format!("{:?} {}", row.values, row.turbine_id)).collect();
        once.sort();
        once.dedup();
        assert_eq!((rows.len(), once.len()), (60, 60), "{way:?}: rows, and different ones");
        assert_state_survives(api, folder.path(), &stalling.args());
    });
}
