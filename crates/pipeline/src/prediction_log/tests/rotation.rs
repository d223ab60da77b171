use super::*;
use std::num::{NonZeroU64, NonZeroUsize};
use turbine_core::prediction::{LogFile, log_files};

/// A place whose files hold two rows each.
fn two_rows_a_file() -> Place {
    let mut place = Place::new(LogSync::Write);
    place.config.max_bytes = NonZeroU64::new((HEADER.len() + 2 * line("a").len()) as u64);
    place
}

async fn append(log: &SharedLog, ids: &[&str]) {
    for id in ids {
        log.append(&[record(id)]).await.unwrap();
    }
}

fn names(place: &Place) -> Vec<String> {
    let files = log_files(place.path()).unwrap();
    files.iter().map(|file| file.path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

#[tokio::test]
async fn files_stay_within_their_size_and_the_sequence_survives_a_restart() {
    let place = two_rows_a_file();
    let log = place.open();
    append(&log, &["a", "b", "c", "d", "e"]).await;
    assert_eq!(log.telemetry.rotations.get(), 2);
    log.close().await.unwrap();
    let log = place.open();
    append(&log, &["f", "g"]).await;
    assert_eq!(names(&place), ["log.000001.csv", "log.000002.csv", "log.000003.csv", "log.csv"]);
    assert_eq!(place.ids(), ["a", "b", "c", "d", "e", "f", "g"]);
    for LogFile { path: file, .. } in log_files(place.path()).unwrap() {
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.starts_with(HEADER) && text.len() as u64 <= place.config.max_bytes.unwrap().get());
    }
}

#[tokio::test]
async fn rows_that_belong_together_may_outgrow_a_file() {
    let place = two_rows_a_file();
    let log = place.open();
    let rows: Vec<_> = ["a", "b", "c"].map(record).into();
    log.append(&rows).await.unwrap();
    append(&log, &["d"]).await;
    assert_eq!(names(&place), ["log.000001.csv", "log.csv"]);
    assert_eq!(place.ids(), ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn the_oldest_parts_go_first() {
    let mut place = two_rows_a_file();
    place.config.keep = NonZeroUsize::new(2);
    let log = place.open();
    append(&log, &["a", "b", "c", "d", "e", "f", "g"]).await;
    assert_eq!(names(&place), ["log.000002.csv", "log.000003.csv", "log.csv"]);
    assert_eq!(place.ids(), ["c", "d", "e", "f", "g"]);
}

#[tokio::test]
async fn a_file_with_rows_is_rotated_when_it_is_old() {
    let mut place = Place::new(LogSync::Fsync);
    place.config.max_age = Some(Duration::from_millis(1));
    let log = place.open();
    append(&log, &["a"]).await;
    until("it is rotated", || log.telemetry.rotations.get() == 1).await;
    append(&log, &["b"]).await;
    until("it is rotated again", || log.telemetry.rotations.get() == 2).await;
    log.close().await.unwrap();
    // Empty files were not rotated meanwhile.
    assert_eq!(names(&place), ["log.000001.csv", "log.000002.csv", "log.csv"]);
    assert_eq!(place.ids(), ["a", "b"]);
}

#[tokio::test]
async fn a_crash_in_the_middle_of_a_rotation_is_harmless() {
    for left_behind in [None, Some(""), Some("timest"), Some(HEADER)] {
        let place = two_rows_a_file();
        let log = place.open();
        append(&log, &["a", "b"]).await;
        log.close().await.unwrap();
        std::fs::rename(place.path(), place.beside("log.000001.csv")).unwrap();
        if let Some(text) = left_behind {
            std::fs::write(place.beside("log.new"), text).unwrap();
        }
        let log = place.open();
        append(&log, &["c", "d", "e"]).await;
        assert_eq!(names(&place), ["log.000001.csv", "log.000002.csv", "log.csv"]);
        assert_eq!(place.ids(), ["a", "b", "c", "d", "e"]);
    }
}

#[tokio::test]
async fn a_log_that_cannot_be_rotated_is_written_on() {
    let place = two_rows_a_file();
    let log = place.open();
    // The new file cannot be created where a folder stands.
    std::fs::create_dir(place.beside("log.new")).unwrap();
    append(&log, &["a", "b", "c"]).await;
    assert!(log.accepting());
    let problem = log.telemetry.problem().unwrap();
    assert!(problem.starts_with("the prediction log is written, but not rotated as asked: cannot "), "{problem}");
    std::fs::remove_dir(place.beside("log.new")).unwrap();
    // A rotation that failed is tried again with the first batch after a while.
    let mut rows = 3;
    let started = Instant::now();
    while log.telemetry.rotations.get() == 0 {
        log.append(&[record(&format!("r{rows}"))]).await.unwrap();
        rows += 1;
        assert!(started.elapsed() < PATIENCE, "it is never rotated");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(log.telemetry.problem(), None);
    assert_eq!(place.ids().len(), rows);
}
