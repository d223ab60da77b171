#![allow(clippy::unwrap_used)]
//! The file of alarms on a disk that fails.

use super::file::{AlarmsFile, MAX_WAITING_BYTES};
use super::*;
use std::fs::File;
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use turbine_core::alarm_log::{ActionKind, AlarmEvent, AlarmFormat, AlarmRow};

/// A disk with room for so many bytes. With the last of them gone, nothing is synchronised any more.
struct SmallDisk(AtomicUsize);

impl Disk for SmallDisk {
    fn write(&self, mut file: &File, bytes: &[u8]) -> io::Result<usize> {
        let room = self.0.load(Ordering::Relaxed);
        if room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let written = file.write(&bytes[..bytes.len().min(room)])?;
        self.0.fetch_sub(written, Ordering::Relaxed);
        Ok(written)
    }

    fn sync(&self, _: &File) -> io::Result<()> {
        if self.0.load(Ordering::Relaxed) > 0 { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }
}

fn alarm(second: i64) -> Alarm {
    let raised = jiff::Timestamp::from_second(second).unwrap();
    let id = AlarmId { turbine_id: None, raised }.to_string();
    Alarm {
        id,
        turbine_id: None,
        raised,
        cleared: None,
        peak: 2.5,
        peaked: raised,
        model_version: "m0123456789ab".into(),
        why: Vec::new(),
        handling: Arc::default(),
    }
}

fn changed(found: Found) -> Alarm {
    match found {
        Found::Changed(alarm) => alarm,
        Found::Handled(id, action) => panic!("{id}: {action:?}"),
    }
}

#[test]
fn at_whatever_byte_the_disk_is_full_each_row_is_written_once() {
    let whole = AlarmFormat::WithActions.header().len() + 2 * alarm(1).row().to_line().len();
    for room in 0..whole {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alarms.csv");
        let disk = Arc::new(SmallDisk(AtomicUsize::new(room)));
        let problem = AlarmsProblem::default();
        let open = |found: &mut Vec<Alarm>| {
            let disk = Arc::clone(&disk) as Arc<dyn Disk>;
            AlarmsFile::open(LogName::new(&path), true, disk, problem.clone(), |row| found.push(changed(row))).unwrap()
        };
        let mut file = open(&mut Vec::new());
        for second in [1, 2] {
            file.add(&alarm(second));
            file.flush();
        }
        assert!(!file.is_settled() && problem.get().is_some_and(|it| it.contains("make room")), "room for {room}");
        disk.0.store(usize::MAX, Ordering::Relaxed);
        file.flush();
        assert!(file.is_settled() && problem.get().is_none(), "room for {room}");
        let mut found = Vec::new();
        assert_eq!(open(&mut found).rows(), 2);
        assert_eq!(found, [alarm(1), alarm(2)], "room for {room}");
    }
}

fn acknowledgement(by: &str) -> AlarmAction {
    let (by, at) = (by.parse().unwrap(), jiff::Timestamp::from_second(10).unwrap());
    AlarmAction { kind: ActionKind::Acknowledged, by, at, comment: None }
}

#[test]
fn an_action_is_in_the_file_when_it_is_answered_or_leaves_no_trace() {
    let id = alarm(1).alarm_id();
    let row = |by: &str| AlarmRow { id: id.clone(), event: AlarmEvent::Handled(acknowledgement(by)) }.to_line();
    let before = [AlarmFormat::WithActions.header(), alarm(1).row().to_line()].concat();
    // With as much room as the row has bytes it is written and cannot be synchronised.
    for sync in [false, true] {
        for room in 0..=row("Ann").len() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("alarms.csv");
            let disk = Arc::new(SmallDisk(AtomicUsize::new(usize::MAX)));
            let name = LogName::new(&path);
            let shared = Arc::clone(&disk) as Arc<dyn Disk>;
            let mut file = AlarmsFile::open(name, sync, shared, AlarmsProblem::default(), |_| {}).unwrap();
            file.add(&alarm(1));
            file.flush();
            disk.0.store(room, Ordering::Relaxed);
            let refused = file.write_action(&id, &acknowledgement("Ann")).unwrap_err();
            assert!(refused.to_string().contains("make room"), "{refused}");
            assert_eq!(std::fs::read(&path).unwrap(), before, "room for {room}");
            disk.0.store(usize::MAX, Ordering::Relaxed);
            file.write_action(&id, &acknowledgement("Bob")).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), [before.clone(), row("Bob")].concat(), "room for {room}");
            assert_eq!(file.rows(), 1, "a snapshot vouches for rows that the log implies");
        }
    }
}

#[test]
fn an_action_comes_behind_the_rows_that_wait() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alarms.csv");
    let disk: Arc<dyn Disk> = Arc::new(crate::prediction_log::RealDisk);
    let mut file = AlarmsFile::open(LogName::new(&path), false, disk, AlarmsProblem::default(), |_| {}).unwrap();
    file.add(&alarm(1));
    file.write_action(&alarm(1).alarm_id(), &acknowledgement("Ann")).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let events: Vec<&str> = text.lines().filter_map(|line| line.split(',').nth(1)).collect();
    assert_eq!(events, ["event", "raised", "acknowledged"]);
}

#[test]
fn a_file_without_actions_gets_the_columns_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let (path, log) = (folder.path().join("alarms.csv"), folder.path().join("log.csv"));
    let old = |alarm: &Alarm| {
        let row = String::from_utf8(alarm.row().to_line()).unwrap();
        format!("{}\n", row.strip_suffix(",,,,\n").unwrap())
    };
    let header = String::from_utf8(AlarmFormat::WithoutActions.header()).unwrap();
    let whole = format!("{header}{}no row\n{}", old(&alarm(1)), old(&alarm(2)));
    let expected = [
        AlarmFormat::WithActions.header(),
        alarm(1).row().to_line(),
        b"no row,,,,\n".to_vec(),
        alarm(2).row().to_line(),
    ];
    for torn in ["", "-@1970-01-01T00:00:03Z,rai", "\n", "no row\n"] {
        std::fs::write(&path, format!("{whole}{torn}")).unwrap();
        for _ in 0..2 {
            let disk: Arc<dyn Disk> = Arc::new(crate::prediction_log::RealDisk);
            let found = FoundAlarms::open(&log, false, disk, AlarmsProblem::default()).unwrap();
            assert_eq!((found.rows(), found.open.len()), (2, 2), "{torn:?}");
            assert_eq!(std::fs::read(&path).unwrap(), expected.concat(), "{torn:?}");
        }
    }
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["alarms.csv"], "nothing is set aside");
}

#[test]
fn rows_that_wait_are_bounded_and_those_left_out_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.csv");
    let disk = Arc::new(SmallDisk(AtomicUsize::new(0)));
    let problem = AlarmsProblem::default();
    let open = || FoundAlarms::open(&log, true, Arc::clone(&disk) as Arc<dyn Disk>, problem.clone()).unwrap();
    let mut file = open().file;
    let fit = MAX_WAITING_BYTES / alarm(1_000_000).row().to_line().len();
    let raised = fit as i64 + 5;
    for second in 1_000_000..1_000_000 + raised {
        file.add(&alarm(second));
    }
    file.flush();
    let said = problem.get().unwrap();
    assert!(said.contains(&format!("{fit} rows wait")) && said.contains("; 5 rows are left out"), "{said}");
    // With room again, those that waited are written and no later one: the rows stay in the order of the log.
    disk.0.store(usize::MAX, Ordering::Relaxed);
    file.flush();
    file.add(&alarm(9_000_000));
    file.flush();
    let said = problem.get().unwrap();
    assert!(said.contains("incomplete: 6 rows are left out until the service is restarted"), "{said}");
    assert!(!file.is_settled(), "a snapshot would vouch for rows that are not there");
    let rows = |found: &FoundAlarms| found.keys.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>();
    let first = rows(&open());
    assert_eq!((first.len(), first[fit - 1].clone()), (fit, alarm(1_000_000 + fit as i64 - 1).id));
}

#[test]
fn a_file_that_was_deleted_is_begun_again_and_its_rows_are_still_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alarms.csv");
    let disk: Arc<dyn Disk> = Arc::new(crate::prediction_log::RealDisk);
    let name = LogName::new(&path);
    let mut file = AlarmsFile::open(name, false, disk, AlarmsProblem::default(), |_| {}).unwrap();
    file.add(&alarm(1));
    file.flush();
    std::fs::remove_file(&path).unwrap();
    file.add(&alarm(2));
    file.flush();
    // A snapshot that says 2 does not fit the file, so a start reads the log and adds the first row again.
    assert_eq!((file.rows(), std::fs::read_to_string(&path).unwrap().lines().count()), (2, 2));
}

#[test]
fn a_file_of_other_columns_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("alarms.csv"), "a,b\n1,2\n").unwrap();
    let disk: Arc<dyn Disk> = Arc::new(crate::prediction_log::RealDisk);
    let found = FoundAlarms::open(&folder.path().join("log.csv"), false, disk, AlarmsProblem::default()).unwrap();
    assert_eq!(found.rows(), 0);
    assert_eq!(std::fs::read(folder.path().join("alarms.set-aside-1.csv")).unwrap(), b"a,b\n1,2\n");
}
