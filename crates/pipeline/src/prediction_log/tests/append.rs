use super::*;
use std::num::NonZeroU64;

#[tokio::test]
async fn an_answered_row_is_in_the_file() {
    for sync in [LogSync::Write, LogSync::Fsync] {
        let place = Place::new(sync);
        let log = place.open();
        log.append(&[record("a")]).await.unwrap();
        assert_eq!(place.text(), HEADER.to_owned() + &line("a"));
        log.append(&[record("b"), record("c")]).await.unwrap();
        assert_eq!(place.text(), HEADER.to_owned() + &line("a") + &line("b") + &line("c"));
        let LogTelemetry { rows, batches, bytes, write_seconds, sync_seconds, .. } = &log.telemetry;
        assert_eq!((rows.get(), batches.get(), bytes.get()), (3, 2, 3 * line("a").len() as u64));
        assert_eq!((log.accepting(), log.telemetry.problem(), log.queued_rows()), (true, None, 0));
        assert_eq!(write_seconds.get_sample_count(), 2);
        assert_eq!(sync_seconds.get_sample_count(), if sync == LogSync::Fsync { 2 } else { 0 });
    }
}

#[tokio::test]
async fn without_sync_rows_are_written_soon_and_on_close() {
    let place = Place::new(LogSync::None);
    let log = place.open();
    log.append(&[record("a")]).await.unwrap();
    until("the row is written", || place.text() == HEADER.to_owned() + &line("a")).await;
    log.append(&[record("b")]).await.unwrap();
    log.close().await.unwrap();
    assert_eq!(place.ids(), ["a", "b"]);

    let log = place.open();
    log.append(&[record("c")]).await.unwrap();
    drop(log);
    until("the row is written although nobody closed the log", || place.ids() == ["a", "b", "c"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn many_tasks_append_every_row_once_and_whole() {
    for (sync, rows) in [(LogSync::None, 2000), (LogSync::Write, 2000), (LogSync::Fsync, 50)] {
        let mut place = Place::new(sync);
        place.config.max_bytes = NonZeroU64::new(50_000);
        let log = place.open();
        let answered = load(&log, "t", 32, rows).await;
        log.close().await.unwrap();
        assert_eq!(answered.len(), 32 * rows, "{sync:?}");
        let logged = place.ids();
        let mut next = HashMap::new();
        for id in &logged {
            // Each task's rows stand in the order in which it appended them.
            let (task, row) = id.split_once('.').unwrap();
            let expected = next.entry(task).or_insert(0);
            assert_eq!(row.parse::<usize>().unwrap(), *expected, "{sync:?} {task}");
            *expected += 1;
        }
        assert_eq!(logged.len(), 32 * rows, "{sync:?}");
        let LogTelemetry { rows: written, batches, rotations, .. } = &log.telemetry;
        assert_eq!(written.get(), 32 * rows as u64);
        assert!(batches.get() <= written.get() && rotations.get() > 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_that_are_given_up_leave_whole_rows_or_none() {
    let place = Place::new(LogSync::Fsync);
    let log = place.open();
    let appenders: Vec<_> = (0..200)
        .map(|i| {
            let log = log.clone();
            tokio::spawn(async move {
                let append = async { log.append(&[record(&format!("r{i}"))]).await.unwrap() };
                let limit = Duration::from_micros(i * 10);
                tokio::time::timeout(limit, append).await.ok().map(|()| format!("r{i}"))
            })
        })
        .collect();
    let mut answered = Vec::new();
    for appender in appenders {
        answered.extend(appender.await.unwrap());
    }
    log.append(&[record("last")]).await.unwrap();
    log.close().await.unwrap();
    let logged = counts(place.ids());
    assert!(logged.values().all(|n| *n == 1));
    assert!(answered.iter().all(|id| logged.contains_key(id)));
    assert!(logged.contains_key("last"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn the_queue_is_bounded() {
    let mut place = Place::new(LogSync::Write);
    // Room for two rows to wait, not for three.
    place.max_queue_bytes = 2 * line("a").len() + 1;
    let disk = Arc::new(FaultyDisk::default());
    let log = place.open_on(&disk);
    disk.set(Faults { hangs: true, ..Faults::default() });
    let append = |id: &'static str| {
        let log = log.clone();
        tokio::spawn(async move { log.append(&[record(id)]).await })
    };
    // The first is being written, the next two wait.
    let first = append("a");
    until("it is being written", || log.queued_rows() == 1).await;
    let waiting = [append("b"), append("c")];
    until("two wait", || log.queued_rows() == 3).await;
    let queued_bytes = 2 * line("a").len();
    assert_eq!(log.append(&[record("d")]).await, Err(CommitError::Full { queued_bytes }));
    disk.set(Faults::default());
    for waiting in waiting {
        waiting.await.unwrap().unwrap();
    }
    first.await.unwrap().unwrap();
    log.append(&[record("e")]).await.unwrap();
    let logged = counts(place.ids());
    assert!(logged.len() == 4 && !logged.contains_key("d"), "{logged:?}");
}

#[tokio::test]
async fn more_rows_than_may_wait_are_taken_when_none_does() {
    let mut place = Place::new(LogSync::Write);
    place.max_queue_bytes = 1;
    let log = place.open();
    log.append(&[record("a"), record("b")]).await.unwrap();
    assert_eq!(place.ids(), ["a", "b"]);
}

#[tokio::test]
async fn a_closed_log_refuses_rows_and_closing_twice_is_harmless() {
    let place = Place::new(LogSync::Write);
    let log = place.open();
    log.close().await.unwrap();
    assert_eq!(log.append(&[record("a")]).await, Err(CommitError::Closed));
    log.close().await.unwrap();
    assert_eq!(log.commits.status().refusal, Some(CommitError::Closed));
    assert_eq!(place.text(), HEADER);
}
