#![allow(clippy::unwrap_used)]
use super::*;
use crate::source::{FileId, Head};

fn reading(i: u64) -> Outgoing {
    Outgoing { json: format!("{{\"a\":{i}}}"), values: vec![0.1 + i as f64], ..Outgoing::default() }
}

fn numbers(readings: &[Outgoing]) -> Vec<u64> {
    readings.iter().map(|reading| reading.json[5..reading.json.len() - 1].parse().unwrap()).collect()
}

#[test]
fn what_is_not_answered_comes_again_in_order_whatever_byte_the_file_ends_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.spool");
    {
        let mut spool = Spool::open(&path).unwrap();
        spool.append(&[reading(0), reading(1), reading(2)]).unwrap();
        assert_eq!(spool.take(2).unwrap(), (0, vec![reading(0), reading(1)]));
        spool.append(&[reading(3)]).unwrap();
        spool.answered(0..2).unwrap();
        assert_eq!(numbers(&spool.take(9).unwrap().1), [2, 3]);
        // A later one is answered first: it will come again.
        spool.answered(3..4).unwrap();
        assert_eq!((spool.pending(), spool.waiting()), (2, 0));
    }
    let whole = std::fs::read(&path).unwrap();
    let ends: Vec<usize> = (0..whole.len()).filter(|&i| whole[i] == b'\n').map(|i| i + 1).collect();
    for cut in 0..=whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let mut spool = Spool::open(&path).unwrap();
        let lines = ends.iter().filter(|&&end| end <= cut).count();
        // Header, three readings, a reading, two answered.
        let (from, to) = [(0, 0), (0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (2, 4)][lines];
        assert_eq!(numbers(&spool.take(9).unwrap().1), (from..to).collect::<Vec<u64>>(), "cut at {cut}");
        spool.append(&[reading(7)]).unwrap();
        assert_eq!(numbers(&spool.take(9).unwrap().1), [7], "cut at {cut}");
    }
}

#[test]
fn an_answered_spool_stays_small_and_keeps_the_position() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.spool");
    let mut spool = Spool::open(&path).unwrap();
    let file = FileId::of(&std::fs::metadata(&path).unwrap());
    let mut expected = 0;
    for i in 0..20_000 {
        let position = Some(Position { file, readings: i + 1, bytes: 0, head: Head::default() });
        let values = vec![0.5; 20];
        spool.append(&[Outgoing { position, values, ..reading(i) }]).unwrap();
        if i % 10 == 9 {
            let (first, readings) = spool.take(10).unwrap();
            assert_eq!(numbers(&readings), (expected..expected + 10).collect::<Vec<_>>());
            expected += 10;
            // The last ones stay in flight.
            spool.answered(first.saturating_sub(10)..first).unwrap();
        }
    }
    assert!(std::fs::metadata(&path).unwrap().len() < 2 * COMPACT_FROM);
    drop(spool);
    let mut spool = Spool::open(&path).unwrap();
    assert_eq!(spool.position().map(|position| position.readings), Some(20_000));
    assert_eq!(numbers(&spool.take(99).unwrap().1), (19_990..20_000).collect::<Vec<_>>());
    let first = spool.appended - 10;
    spool.answered(first..first + 10).unwrap();
    spool.remove().unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn no_other_file_is_touched_and_no_two_senders_share_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    for text in
        ["a,b\n1,2\n", "a,b", "{\"turbine_spool\":1}\n{\"reading\":{}}\n", "{\"turbine_spool\":1}\n{\"answered\":1}\n"]
    {
        std::fs::write(&path, text).unwrap();
        let error = Spool::open(&path).unwrap_err().to_string();
        assert!(error.contains("a.csv") && (error.contains("is no spool") || error.contains("damaged")), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
    let path = folder.path().join("a.spool");
    let _held = Spool::open(&path).unwrap();
    assert!(Spool::open(&path).unwrap_err().to_string().contains("another sender uses it"));
}

#[test]
fn a_reading_that_was_not_written_is_not_passed_over_by_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.spool");
    let mut spool = Spool::open(&path).unwrap();
    let file = FileId::of(&std::fs::metadata(&path).unwrap());
    let at =
        |i| Outgoing { position: Some(Position { file, readings: i, bytes: 0, head: Head::default() }), ..reading(i) };
    spool.append(&[at(1)]).unwrap();
    // A handle that cannot be written to.
    let len = spool.file.len();
    let writable = std::mem::replace(&mut spool.file, Appender::new(File::open(&path).unwrap(), len));
    spool.append(&[at(2)]).unwrap_err();
    assert_eq!((spool.position().unwrap().readings, spool.pending()), (1, 1));
    spool.file = writable;
    spool.append(&[at(3)]).unwrap();
    drop(spool);
    let mut spool = Spool::open(&path).unwrap();
    assert_eq!(numbers(&spool.take(9).unwrap().1), [1, 3]);
}

#[test]
fn a_position_of_another_version_says_nothing_and_keeps_no_reading_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.spool");
    let earlier = r#"{"file":7,"readings":3,"bytes":40}"#;
    let mut of_earlier = serde_json::to_value(Entry::Reading(reading(2))).unwrap();
    of_earlier["reading"]["position"] = serde_json::from_str(earlier).unwrap();
    std::fs::write(&path, format!("{HEADER}{{\"position\":{earlier}}}\n{of_earlier}\n")).unwrap();
    let mut spool = Spool::open(&path).unwrap();
    assert_eq!((spool.position(), numbers(&spool.take(9).unwrap().1)), (None, vec![2]));
    let file = FileId::of(&std::fs::metadata(&path).unwrap());
    let position = Some(Position { file, head: Head::default(), readings: 4, bytes: 50 });
    spool.append(&[Outgoing { position, ..reading(3) }]).unwrap();
    drop(spool);
    assert_eq!(Spool::open(&path).unwrap().position(), position);
}

#[test]
fn a_spool_that_cannot_be_compacted_goes_on_and_is_compacted_later() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.spool");
    let in_the_way = sibling(&path, "new");
    std::fs::create_dir(&in_the_way).unwrap();
    let mut spool = Spool::open(&path).unwrap();
    let mut sent = 0;
    let mut send_until = |spool: &mut Spool, is_enough: &dyn Fn(&Spool) -> bool| {
        while !is_enough(spool) {
            spool.append(&[Outgoing { values: vec![0.5; 2_000], ..reading(sent) }]).unwrap();
            let (first, readings) = spool.take(1).unwrap();
            assert_eq!(numbers(&readings), [sent]);
            spool.answered(first..first + 1).unwrap();
            sent += 1;
        }
    };
    send_until(&mut spool, &|spool| spool.compact_from > COMPACT_FROM);
    std::fs::remove_dir(&in_the_way).unwrap();
    let next = spool.compact_from;
    assert!(spool.file.len() >= COMPACT_FROM && next == 2 * spool.file.len());
    send_until(&mut spool, &|spool| spool.file.len() < COMPACT_FROM);
    assert_eq!((spool.compact_from, spool.file.len()), (COMPACT_FROM, HEADER.len() as u64));
    send_until(&mut spool, &|spool| spool.file.len() > 10_000);
    drop(spool);
    assert_eq!(Spool::open(&path).unwrap().pending(), 0);
}
