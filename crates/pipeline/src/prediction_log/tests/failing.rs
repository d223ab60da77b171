use super::*;

#[test]
fn a_write_that_fails_at_any_byte_leaves_nothing() {
    for room in 0..line("b").len() as u64 {
        let mut bench = Bench::at(Place::new(LogSync::Write));
        bench.append(&["a"]).unwrap();
        bench.disk.set(Faults { room: Some(room), ..Faults::default() });
        let fault = bench.append(&["b"]).unwrap_err().to_string();
        assert!(fault.contains("cannot write to ") && fault.contains("make room on the file system of "), "{fault}");
        assert_eq!(bench.place.text(), HEADER.to_owned() + &line("a"));
        bench.log.maintain().unwrap_err();
        assert_eq!(bench.place.text(), HEADER.to_owned() + &line("a"));
        bench.disk.set(Faults::default());
        bench.log.maintain().unwrap();
        bench.append(&["c"]).unwrap();
        assert_eq!(bench.place.ids(), ["a", "c"]);
    }
}

#[test]
fn what_cannot_be_cut_off_at_once_is_cut_off_before_the_next_batch() {
    for room in 0..line("b").len() as u64 {
        let mut bench = Bench::at(Place::new(LogSync::Write));
        bench.append(&["a"]).unwrap();
        bench.disk.set(Faults { room: Some(room), cut_fails: true, ..Faults::default() });
        bench.append(&["b"]).unwrap_err();
        let torn = HEADER.to_owned() + &line("a") + &line("b")[..room as usize];
        assert_eq!(bench.place.text(), torn);
        if room > 0 {
            // There is room again, but nothing is written behind the torn row.
            bench.disk.set(Faults { cut_fails: true, ..Faults::default() });
            let fault = bench.append(&["c"]).unwrap_err().to_string();
            assert!(fault.contains("cannot cut off half a batch from "), "{fault}");
            assert_eq!(bench.place.text(), torn);
        }
        bench.disk.set(Faults::default());
        bench.append(&["d"]).unwrap();
        assert_eq!(bench.place.ids(), ["a", "d"]);
    }
}

#[test]
fn rows_that_did_not_reach_the_disk_are_taken_back() {
    let mut bench = Bench::at(Place::new(LogSync::Fsync));
    bench.append(&["a"]).unwrap();
    bench.disk.set(Faults { sync_fails: true, ..Faults::default() });
    let fault = bench.append(&["b"]).unwrap_err().to_string();
    assert!(fault.contains("cannot sync ") && fault.contains("check the disk of "), "{fault}");
    assert_eq!(bench.place.text(), HEADER.to_owned() + &line("a"));
    // There is room for a probe, but it does not reach the disk either.
    bench.log.maintain().unwrap_err();
    bench.disk.set(Faults::default());
    bench.log.maintain().unwrap();
    bench.append(&["c"]).unwrap();
    assert_eq!(bench.place.ids(), ["a", "c"]);
}

#[test]
fn a_disk_without_room_for_as_much_again_has_not_recovered() {
    let mut bench = Bench::at(Place::new(LogSync::Write));
    let rows = ["a"; 100];
    bench.disk.set(Faults { room: Some(10), ..Faults::default() });
    bench.append(&rows).unwrap_err();
    // 100 rows of 60 bytes and more are 6,000 bytes; 4,096 would be too small a probe.
    bench.disk.set(Faults { room: Some(5_000), ..Faults::default() });
    bench.log.maintain().unwrap_err();
    bench.disk.set(Faults { room: Some(100 * line("a").len() as u64), ..Faults::default() });
    bench.log.maintain().unwrap();
    bench.append(&rows).unwrap();
    assert_eq!(bench.place.ids().len(), 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_full_disk_refuses_rows_at_once_and_recovers_without_a_request() {
    for sync in [LogSync::Write, LogSync::Fsync] {
        let place = Place::new(sync);
        let disk = Arc::new(FaultyDisk::default());
        let log = place.open_on(&disk);
        // Some rows are taken, the rest refused.
        disk.set(Faults { room: Some(100 * line("t0.0").len() as u64), ..Faults::default() });
        let mut answered: Vec<String> = load(&log, "t", 8, 100).await.into_keys().collect();
        assert!(!answered.is_empty() && answered.len() <= 100);
        let problem = log.commits.status().refusal.unwrap().to_string();
        assert!(log.telemetry.failures.get() > 0, "{problem}");
        assert!(problem.contains("logs/log.csv: ") && problem.contains("make room"), "{problem}");
        let refusal = log.append(&[record("refused")]).await.unwrap_err();
        assert!(matches!(&refusal, CommitError::Unavailable(why) if why.contains("make room")), "{refusal}");
        disk.set(Faults::default());
        until("it recovers", || log.accepting()).await;
        log.append(&[record("after")]).await.unwrap();
        answered.push("after".to_owned());
        log.close().await.unwrap();
        assert_eq!(counts(place.ids()), counts(answered), "{sync:?}");
    }
}

#[tokio::test]
async fn rows_that_were_answered_before_they_were_written_wait_for_the_disk() {
    let place = Place::new(LogSync::None);
    let disk = Arc::new(FaultyDisk::default());
    let log = place.open_on(&disk);
    disk.set(Faults { room: Some(10), ..Faults::default() });
    log.append(&[record("a")]).await.unwrap();
    log.append(&[record("b")]).await.unwrap();
    until("writing fails", || !log.accepting()).await;
    assert!(matches!(log.append(&[record("c")]).await, Err(CommitError::Unavailable(_))));
    assert_eq!(log.queued_rows(), 2);
    disk.set(Faults::default());
    until("they are written", || log.telemetry.rows.get() == 2).await;
    log.append(&[record("d")]).await.unwrap();
    log.close().await.unwrap();
    assert_eq!(place.ids(), ["a", "b", "d"]);
}

#[tokio::test]
async fn closing_says_that_answered_rows_are_lost() {
    let place = Place::new(LogSync::None);
    let disk = Arc::new(FaultyDisk::default());
    let log = place.open_on(&disk);
    disk.set(Faults { room: Some(10), ..Faults::default() });
    log.append(&[record("a")]).await.unwrap();
    let error = log.close().await.unwrap_err();
    assert!(matches!(&error, CommitError::Unavailable(why) if why.contains("make room")), "{error}");
    assert_eq!(place.text(), HEADER);
}

#[tokio::test]
async fn a_disk_that_hangs_holds_up_no_other_thread() {
    let place = Place::new(LogSync::Write);
    let disk = Arc::new(FaultyDisk::default());
    let log = place.open_on(&disk);
    disk.set(Faults { hangs: true, ..Faults::default() });
    let stuck = std::thread::spawn({
        let log = log.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        move || runtime.block_on(log.append(&[record("stuck")]))
    });
    until("the write hangs", || log.queued_rows() == 1).await;
    // Appends wait and can be given up; other tasks run.
    let waiting = log.append_within(Duration::from_millis(20), &[record("waiting")]).await;
    assert_eq!(waiting, Err(CommitError::TimedOut(Duration::from_millis(20))));
    until("rows are refused at once", || !log.accepting()).await;
    let refusal = log.append(&[record("late")]).await.unwrap_err();
    assert!(matches!(refusal, CommitError::Stalled { .. }), "{refusal}");
    disk.set(Faults::default());
    stuck.join().unwrap().unwrap();
    until("it accepts rows again", || log.accepting()).await;
    log.append(&[record("after")]).await.unwrap();
    log.close().await.unwrap();
    let logged = counts(place.ids());
    assert!(
        !logged.contains_key("waiting") && !logged.contains_key("late") && logged.values().all(|n| *n == 1),
        "{logged:?}"
    );
    assert!(logged.contains_key("stuck") && logged.contains_key("after"), "{logged:?}");
}
