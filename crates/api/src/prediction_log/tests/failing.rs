use super::*;

#[test]
fn a_write_that_fails_at_any_byte_leaves_nothing() {
    for room in 0..line("b").len() as u64 {
        let Bench { place, disk, mut writer } = Bench::at(Place::new(LogSync::Write));
        writer.commit(line("a").as_bytes()).unwrap();
        disk.set(Faults { room: Some(room), ..Faults::default() });
        let fault = writer.commit(line("b").as_bytes()).unwrap_err().to_string();
        assert!(fault.contains("cannot write to ") && fault.contains("make room on the file system of "), "{fault}");
        assert_eq!(place.text(), HEADER.to_owned() + &line("a"));
        assert!(writer.is_resting());
        writer.maintain().unwrap_err();
        assert_eq!(place.text(), HEADER.to_owned() + &line("a"));
        disk.set(Faults::default());
        writer.maintain().unwrap();
        assert!(!writer.is_resting());
        writer.commit(line("c").as_bytes()).unwrap();
        assert_eq!(place.ids(), ["a", "c"]);
    }
}

#[test]
fn what_cannot_be_cut_off_at_once_is_cut_off_before_the_next_batch() {
    for room in 0..line("b").len() as u64 {
        let Bench { place, disk, mut writer } = Bench::at(Place::new(LogSync::Write));
        writer.commit(line("a").as_bytes()).unwrap();
        disk.set(Faults { room: Some(room), cut_fails: true, ..Faults::default() });
        writer.commit(line("b").as_bytes()).unwrap_err();
        let torn = HEADER.to_owned() + &line("a") + &line("b")[..room as usize];
        assert_eq!(place.text(), torn);
        if room > 0 {
            // There is room again, but nothing is written behind the torn row.
            disk.set(Faults { cut_fails: true, ..Faults::default() });
            let fault = writer.commit(line("c").as_bytes()).unwrap_err().to_string();
            assert!(fault.contains("cannot cut off half a batch from "), "{fault}");
            assert_eq!(place.text(), torn);
        }
        disk.set(Faults::default());
        writer.commit(line("d").as_bytes()).unwrap();
        assert_eq!(place.ids(), ["a", "d"]);
    }
}

#[test]
fn rows_that_did_not_reach_the_disk_are_taken_back() {
    let Bench { place, disk, mut writer } = Bench::at(Place::new(LogSync::Fsync));
    writer.commit(line("a").as_bytes()).unwrap();
    disk.set(Faults { sync_fails: true, ..Faults::default() });
    let fault = writer.commit(line("b").as_bytes()).unwrap_err().to_string();
    assert!(fault.contains("cannot sync ") && fault.contains("check the disk of "), "{fault}");
    assert_eq!(place.text(), HEADER.to_owned() + &line("a"));
    // There is room for a probe, but it does not reach the disk either.
    writer.maintain().unwrap_err();
    disk.set(Faults::default());
    writer.maintain().unwrap();
    writer.commit(line("c").as_bytes()).unwrap();
    assert_eq!(place.ids(), ["a", "c"]);
}

#[test]
fn a_disk_without_room_for_as_much_again_has_not_recovered() {
    let Bench { place, disk, mut writer } = Bench::at(Place::new(LogSync::Write));
    let rows = line("a").repeat(100);
    disk.set(Faults { room: Some(10), ..Faults::default() });
    writer.commit(rows.as_bytes()).unwrap_err();
    // 100 rows of 60 bytes and more are 6,000 bytes; 4,096 would be too small a probe.
    disk.set(Faults { room: Some(5_000), ..Faults::default() });
    writer.maintain().unwrap_err();
    disk.set(Faults { room: Some(rows.len() as u64), ..Faults::default() });
    writer.maintain().unwrap();
    writer.commit(rows.as_bytes()).unwrap();
    assert_eq!(place.ids().len(), 100);
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
        let status = log.status();
        let problem = status.problem.unwrap();
        assert!(!status.accepting && status.failures > 0, "{problem}");
        assert!(problem.contains("logs/log.csv: ") && problem.contains("make room"), "{problem}");
        let refusal = log.append(&[record("refused")]).await.unwrap_err();
        assert!(matches!(&refusal, AppendError::Unavailable(why) if why.contains("make room")), "{refusal}");
        disk.set(Faults::default());
        until("it recovers", || log.status().accepting).await;
        assert_eq!(log.status().problem, None);
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
    until("writing fails", || !log.status().accepting).await;
    assert!(matches!(log.append(&[record("c")]).await, Err(AppendError::Unavailable(_))));
    assert_eq!(log.status().queued_rows, 2);
    disk.set(Faults::default());
    until("they are written", || log.status().rows == 2).await;
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
    assert!(matches!(&error, AppendError::Unavailable(why) if why.contains("make room")), "{error}");
    assert_eq!(place.text(), HEADER);
}

#[tokio::test]
async fn a_disk_that_hangs_holds_up_no_other_thread() {
    let place = Place::new(LogSync::Write);
    let disk = Arc::new(FaultyDisk::default());
    let log = place.open_on(&disk);
    // Enough rows one by one for the next to be written without a look around for others.
    for i in 0..5 {
        log.append(&[record(&format!("r{i}"))]).await.unwrap();
    }
    disk.set(Faults { hangs: true, ..Faults::default() });
    let stuck = std::thread::spawn({
        let log = log.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        move || runtime.block_on(log.append(&[record("stuck")]))
    });
    until("the write hangs", || log.queue.is_writing()).await;
    // Appends wait and can be given up; other tasks run.
    let waiting = tokio::time::timeout(Duration::from_millis(20), log.append(&[record("waiting")])).await;
    assert!(waiting.is_err());
    until("rows are refused at once", || !log.status().accepting).await;
    let refusal = log.append(&[record("late")]).await.unwrap_err();
    assert!(matches!(&refusal, AppendError::Unavailable(why) if why.contains("has not returned for ")), "{refusal}");
    disk.set(Faults::default());
    stuck.join().unwrap().unwrap();
    until("it accepts rows again", || log.status().accepting).await;
    log.append(&[record("after")]).await.unwrap();
    log.close().await.unwrap();
    let logged = counts(place.ids());
    assert!(!logged.contains_key("late") && logged.values().all(|n| *n == 1), "{logged:?}");
    assert!(logged.contains_key("stuck") && logged.contains_key("after"), "{logged:?}");
}
