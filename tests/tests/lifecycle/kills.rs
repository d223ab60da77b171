//! A service that is killed while models change.

use crate::{PREVIOUS, ROLLED_BACK, done, folder_with_candidate, version, version_of};
use e2e::{Api, LogFile, MODEL_PATH};
use std::time::Duration;
use turbine_core::model::Model;

#[test]
fn a_service_killed_at_any_moment_of_a_promotion_has_a_whole_model() {
    let kills = std::env::var("LIFECYCLE_KILLS").unwrap_or_else(|_| "20".to_owned());
    let kills: u64 = kills.parse().unwrap_or_else(|_| panic!("LIFECYCLE_KILLS is a number, not {kills:?}"));
    let folder = folder_with_candidate();
    let known = [MODEL_PATH, "models/candidate.json"].map(|file| version_of(folder.path(), file));
    let mut changes = 0;
    for kill in 0..kills {
        let api = Api::start(folder.path(), &[]);
        let started = version(&api);
        assert!(known.contains(&started), "{started}");
        std::thread::scope(|scope| {
            let cycle = scope.spawn(|| {
                let mut changes = 0;
                loop {
                    for (path, body) in [("/model/promote", r#"{"file": "candidate.json"}"#), ("/model/rollback", "")] {
                        match ureq::post(api.url(path)).send(body) {
                            Ok(_) => changes += 1,
                            // There is nothing to go back to if it was killed between the two files.
                            Err(ureq::Error::StatusCode(409)) => {}
                            Err(ureq::Error::StatusCode(status)) => panic!("{path} answered {status}"),
                            Err(_) => return changes,
                        }
                    }
                }
            });
            // From the first promotion on, later by a few milliseconds each time.
            std::thread::sleep(Duration::from_millis(kill * 7 % 90));
            api.signal("KILL");
            changes += cycle.join().unwrap();
        });
        api.wait();
        for (file, is_needed) in [(MODEL_PATH, true), (PREVIOUS, false), (ROLLED_BACK, false)] {
            let path = folder.path().join(file);
            if is_needed || path.exists() {
                let version = Model::load(&path).unwrap_or_else(|error| panic!("{file} after kill {kill}: {error}"));
                assert!(known.contains(&version.version().to_string()), "{file}");
            }
        }
    }
    println!("{kills} kills, {changes} promotions and rollbacks");
    assert!(changes > 0, "no promotion was ever done");
    let api = Api::start(folder.path(), &[]);
    done(&api, "/model/promote", r#"{"file": "candidate.json"}"#);
    assert_eq!(version(&api), known[1]);
    assert_eq!(LogFile::rows_of_set(&api.log()).len(), 0);
}
