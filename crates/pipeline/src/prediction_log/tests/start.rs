use super::*;

#[tokio::test]
async fn folder_and_file_are_created_and_the_log_is_continued() {
    let place = Place::new(LogSync::Write);
    for id in ["a", "b"] {
        let log = place.open();
        log.append(&[record(id)]).await.unwrap();
        log.close().await.unwrap();
    }
    assert_eq!(place.text(), HEADER.to_owned() + &line("a") + &line("b"));
}

#[tokio::test]
async fn a_second_service_is_refused_until_the_first_is_gone() {
    let place = Place::new(LogSync::Write);
    let first = place.open();
    let refusal = place.try_open().err().unwrap().to_string();
    let expected = format!("log.csv is in use by process {}, which holds", std::process::id());
    assert!(refusal.contains(&expected) && refusal.contains("log.lock; stop that service"), "{refusal}");
    first.append(&[record("a")]).await.unwrap();
    first.close().await.unwrap();
    place.open().append(&[record("b")]).await.unwrap();
    assert_eq!(place.ids(), ["a", "b"]);
}

#[tokio::test]
async fn a_tail_torn_at_any_byte_is_cut_and_kept_aside() {
    for kept in 1..line("b").len() {
        let whole = HEADER.to_owned() + &line("a");
        let place = Place::with(whole.clone() + &line("b")[..kept]);
        let log = place.open();
        assert_eq!(place.text(), whole);
        assert_eq!(std::fs::read_to_string(place.beside("log.1.torn")).unwrap(), line("b")[..kept]);
        log.append(&[record("c")]).await.unwrap();
        assert_eq!(place.ids(), ["a", "c"]);
    }
}

#[tokio::test]
async fn no_torn_end_replaces_another() {
    let place = Place::with(HEADER.to_owned() + "one");
    place.open().close().await.unwrap();
    std::fs::write(place.path(), HEADER.to_owned() + "two").unwrap();
    place.open().close().await.unwrap();
    let torn = |name| std::fs::read_to_string(place.beside(name)).unwrap();
    assert_eq!((torn("log.1.torn"), torn("log.2.torn")), ("one".to_owned(), "two".to_owned()));
    assert_eq!(place.text(), HEADER);
}

/// After a loss of power, blocks of zeros or other junk may stand where rows were being written, of any length: the
/// search for the last row goes back in windows of 64 KiB that overlap by 32 KiB.
#[tokio::test]
async fn junk_of_any_length_is_cut_off() {
    let whole = HEADER.to_owned() + &line("a") + &line("b");
    for length in [1, 32_700, 32_768, 65_400, 65_535, 65_536, 65_537, 98_304, 300_000] {
        for junk in [vec![0; length], vec![b'\n'; length], "junk\n".repeat(length).into_bytes()] {
            let place = Place::with([whole.as_bytes(), &junk].concat());
            place.open().close().await.unwrap();
            assert_eq!(place.text(), whole, "{length}");
            assert_eq!(std::fs::read(place.beside("log.1.torn")).unwrap(), junk);
        }
    }
}

#[tokio::test]
async fn an_empty_file_and_a_torn_header_are_begun_again() {
    for kept in 0..HEADER.len() {
        let place = Place::with(&HEADER[..kept]);
        place.open().append(&[record("a")]).await.unwrap();
        assert_eq!(place.text(), HEADER.to_owned() + &line("a"));
    }
}

#[tokio::test]
async fn a_log_of_other_columns_is_set_aside_whole() {
    let original =
        "timestamp,temperature,humidity,sound_volume,is_anomaly,anomaly_score\n2026-01-01T00:00:00Z,1,2,3,0,0.5\n";
    for foreign in [
        original,
        "timestamp,rpm,is_anomaly,anomaly_score,turbine_id,model_version,surprisal,smoothed_surprisal,in_alarm\n",
        "timestamp,temperature,humidity,sound_volume,is_anomaly,anomaly_score,turbine_id,model_version,surprisal,\
         smoothed_surprisal,in_alarm\n",
        "no log at all",
    ] {
        let place = Place::with(foreign);
        std::fs::write(place.beside("log.set-aside-1.csv"), "an older one").unwrap();
        place.open().append(&[record("a")]).await.unwrap();
        assert_eq!(place.text(), HEADER.to_owned() + &line("a"));
        let aside = |name| std::fs::read_to_string(place.beside(name)).unwrap();
        assert_eq!(aside("log.set-aside-1.csv"), "an older one");
        assert_eq!(aside("log.set-aside-2.csv"), foreign);
        assert_eq!(LogName::new(place.path()).parts().unwrap(), []);
    }
}

#[tokio::test]
async fn a_header_that_a_spreadsheet_quoted_is_the_same_header() {
    let quoted = "\u{feff}\"timestamp\",temperature,humidity,sound_volume,is_anomaly,anomaly_score,turbine_id,model_version,\
         surprisal,smoothed_surprisal,in_alarm,carried,missing\r\n";
    let place = Place::with(quoted.to_owned() + &line("a").replace('\n', "\r\n"));
    place.open().append(&[record("b")]).await.unwrap();
    assert_eq!(place.ids(), ["a", "b"]);
}

#[tokio::test]
async fn what_cannot_be_a_log_is_refused() {
    let place = Place::new(LogSync::Write);
    std::fs::create_dir_all(place.path()).unwrap();
    let error = place.try_open().err().unwrap().to_string();
    assert!(error.starts_with("cannot open ") && error.contains("log.csv: "), "{error}");

    let mut place = Place::new(LogSync::Write);
    place.config.path = place.folder.path().join("device.csv");
    let made = std::process::Command::new("mkfifo").arg(place.path()).status().unwrap();
    assert!(made.success());
    let error = place.try_open().err().unwrap().to_string();
    assert!(
        error.ends_with("device.csv is not a regular file; name one that is, or one that is not there yet"),
        "{error}"
    );

    let mut place = Place::new(LogSync::Write);
    std::fs::write(place.folder.path().join("file"), "").unwrap();
    place.config.path = place.folder.path().join("file/log.csv");
    let error = place.try_open().err().unwrap().to_string();
    assert!(error.starts_with("cannot create ") && error.contains("see that nothing stands in the way of "), "{error}");
}
