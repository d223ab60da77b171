#![allow(clippy::unwrap_used)]

use super::*;
use crate::reading::TurbineId;
use jiff::Timestamp;

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn row(turbine: Option<&str>, event: AlarmEvent) -> AlarmRow {
    let turbine_id = turbine.map(|name| name.parse::<TurbineId>().unwrap());
    AlarmRow { id: AlarmId { turbine_id, raised: time("2026-01-31T12:00:00.25Z") }, event }
}

fn changed(cleared: Option<&str>) -> AlarmEvent {
    AlarmEvent::Changed(AlarmState {
        cleared: cleared.map(time),
        peak: 0.1 + 0.2,
        peaked: time("2026-01-31T12:10:00Z"),
        model_version: "m0123456789ab".into(),
        why: r#"[{"feature":"oil, \"hot\" side"}]"#.to_owned(),
    })
}

fn handled(kind: ActionKind, comment: Option<&str>) -> AlarmEvent {
    let (by, at) = ("Jörg, \"night\" shift".parse().unwrap(), time("2026-01-31T13:00:00Z"));
    AlarmEvent::Handled(AlarmAction { kind, by, at, comment: comment.map(|text| text.parse().unwrap()) })
}

#[test]
fn a_row_reads_back_and_stands_under_its_header() {
    let header = AlarmFormat::WithActions.header();
    assert_eq!(
        String::from_utf8(header).unwrap(),
        "id,event,turbine_id,raised,cleared,peak,peaked,model_version,why,at,by,until,comment\n"
    );
    let snoozed = ActionKind::Snoozed { until: time("2026-02-01T00:00:00Z") };
    let cases = [
        (
            row(None, changed(None)),
            "-@2026-01-31T12:00:00.25Z,raised,,2026-01-31T12:00:00.25Z,,0.30000000000000004,2026-01-31T12:10:00Z,\
             m0123456789ab,\"[{\"\"feature\"\":\"\"oil, \\\"\"hot\\\"\" side\"\"}]\",,,,\n",
        ),
        (
            row(Some("T1"), changed(Some("2026-01-31T14:00:00Z"))),
            "T1@2026-01-31T12:00:00.25Z,cleared,T1,2026-01-31T12:00:00.25Z,2026-01-31T14:00:00Z,0.30000000000000004,\
             2026-01-31T12:10:00Z,m0123456789ab,\"[{\"\"feature\"\":\"\"oil, \\\"\"hot\\\"\" side\"\"}]\",,,,\n",
        ),
        (
            row(Some("T1"), handled(snoozed, Some("until the morning"))),
            "T1@2026-01-31T12:00:00.25Z,snoozed,T1,2026-01-31T12:00:00.25Z,,,,,,2026-01-31T13:00:00Z,\
             \"Jörg, \"\"night\"\" shift\",2026-02-01T00:00:00Z,until the morning\n",
        ),
    ];
    for (row, line) in cases {
        assert_eq!(String::from_utf8(row.to_line()).unwrap(), line);
        assert_eq!(AlarmRow::parse(line.as_bytes(), AlarmFormat::WithActions), Some(row));
        assert_eq!(AlarmRow::parse(line.as_bytes(), AlarmFormat::WithoutActions), None);
    }
}

#[test]
fn each_action_reads_back_and_one_that_lacks_something_is_no_row() {
    use ActionKind::{Acknowledged, Commented, MarkedFalse, Unacknowledged, UnmarkedFalse};
    let read = |line: &[u8]| AlarmRow::parse(line, AlarmFormat::WithActions);
    for kind in [Acknowledged, Unacknowledged, MarkedFalse, UnmarkedFalse] {
        for comment in [None, Some("a, \"b\"")] {
            let row = row(Some("T1"), handled(kind, comment));
            assert_eq!(read(&row.to_line()), Some(row));
        }
    }
    let silent = row(Some("T1"), handled(Commented, None));
    assert_eq!(read(&silent.to_line()), None, "a comment without text");
    let whole = "T1@2026-01-31T12:00:00Z,snoozed,T1,2026-01-31T12:00:00Z,,,,,,2026-01-31T13:00:00Z,A,\
                 2026-02-01T00:00:00Z,\n";
    assert!(read(whole.as_bytes()).is_some());
    for (part, with) in [
        ("snoozed", "acknowledged"),
        ("snoozed", "raised"),
        ("snoozed", "slept on"),
        (",2026-02-01T00:00:00Z,", ",,"),
        (",A,", ",,"),
        (",2026-01-31T13:00:00Z,", ",,"),
        (",T1,", ",T2,"),
        (",,,,,,", ",2026-02-01T00:00:00Z,,,,,"),
    ] {
        let damaged = whole.replacen(part, with, 1);
        assert_ne!(damaged, whole);
        assert_eq!(read(damaged.as_bytes()), None, "{damaged}");
    }
}

fn read(text: &[u8]) -> (Vec<AlarmRow>, u64, u64) {
    let Opened::Rows(mut rows) = AlarmRows::open(text).unwrap() else { panic!("it is a file of alarms") };
    let found = rows.by_ref().map(|row| row.unwrap()).collect();
    (found, rows.whole(), rows.end())
}

#[test]
fn a_file_is_read_up_to_its_last_whole_row_wherever_it_is_torn() {
    let rows = [row(Some("T1"), changed(None)), row(Some("T1"), handled(ActionKind::Acknowledged, Some("on it")))];
    let header = AlarmFormat::WithActions.header();
    let text = [header.clone(), rows[0].to_line(), rows[1].to_line()].concat();
    let ends = [header.len(), header.len() + rows[0].to_line().len(), text.len()];
    for length in 0..=text.len() {
        if length < header.len() {
            assert!(matches!(AlarmRows::open(&text[..length]).unwrap(), Opened::Unfinished), "{length} bytes");
            continue;
        }
        let whole = ends.iter().rposition(|end| *end <= length).unwrap();
        let expected = (rows[..whole].to_vec(), ends[whole] as u64, length as u64);
        assert_eq!(read(&text[..length]), expected, "{length} bytes");
    }
    assert!(matches!(AlarmRows::open(&b"a,b\n1,2\n"[..]).unwrap(), Opened::Foreign));
}

#[test]
fn a_file_from_before_actions_is_read() {
    let rows = [row(None, changed(None)), row(None, changed(Some("2026-01-31T14:00:00Z")))];
    let old = |row: &AlarmRow| {
        let line = String::from_utf8(row.to_line()).unwrap();
        format!("{}\n", line.trim_end().strip_suffix(AlarmFormat::WithoutActions.missing_cells()).unwrap())
    };
    let header = String::from_utf8(AlarmFormat::WithoutActions.header()).unwrap();
    let text = format!("{header}{}no row\n{}", old(&rows[0]), old(&rows[1]));
    assert_eq!(read(text.as_bytes()).0, rows);
}

#[test]
fn an_alarm_is_false_as_long_as_nobody_takes_that_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alarms.csv");
    assert_eq!(alarm_episodes(&path).unwrap(), []);
    let cleared = "2026-01-31T14:00:00Z";
    let rows = [
        row(Some("T1"), changed(None)),
        row(Some("T2"), changed(None)),
        row(None, changed(None)),
        row(Some("T1"), handled(ActionKind::MarkedFalse, None)),
        row(Some("T2"), handled(ActionKind::MarkedFalse, None)),
        row(Some("T1"), changed(Some(cleared))),
        row(Some("T2"), handled(ActionKind::UnmarkedFalse, None)),
        row(Some("T1"), handled(ActionKind::Unacknowledged, None)),
    ];
    let lines = rows.iter().flat_map(AlarmRow::to_line);
    std::fs::write(&path, AlarmFormat::WithActions.header().into_iter().chain(lines).collect::<Vec<u8>>()).unwrap();
    let found = alarm_episodes(&path).unwrap();
    let said: Vec<_> =
        found.iter().map(|it| (TurbineId::name(it.turbine_id.as_ref()), it.cleared, it.is_false)).collect();
    assert_eq!(said, [("-", None, false), ("T1", Some(time(cleared)), true), ("T2", None, false)]);
    std::fs::write(&path, "a,b\n").unwrap();
    assert!(alarm_episodes(&path).unwrap_err().to_string().contains("alarms.csv is no file of alarms"));
}
