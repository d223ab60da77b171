#![allow(clippy::unwrap_used)]

use super::*;

fn fit(cells: &[&str]) -> TimeFit {
    let mut fit = TimeFit::default();
    cells.iter().for_each(|cell| fit.add(cell));
    fit
}

fn read(format: &str, zone_name: &str, cells: &[&str]) -> Vec<Option<String>> {
    let mut times = Times::new(format.parse().unwrap(), zone(zone_name).unwrap());
    cells.iter().map(|cell| times.read(cell).map(|time| time.to_string())).collect()
}

#[test]
fn the_format_follows_from_the_cells() {
    // (cells, format)
    let cases: [(&[&str], Option<&str>); 14] = [
        (&["2025-03-28T20:00:00Z"], Some("yyyy-mm-dd")),
        (&["2025-03-28 20:00", "", "2025-03-28 20:10"], Some("yyyy-mm-dd")),
        (&["2025/03/28 20:00:00.5"], Some("yyyy-mm-dd")),
        (&["2025-03-28"], Some("yyyy-mm-dd")),
        (&["28.03.2025 20:00:00"], Some("dd.mm.yyyy")),
        (&["01.02.2025 20:00"], Some("dd.mm.yyyy")),
        (&["01/02/2025 20:00", "13/02/2025 20:00"], Some("dd.mm.yyyy")),
        (&["01/02/2025 20:00", "02/13/2025 8:00 PM"], Some("mm/dd/yyyy")),
        (&["01/02/2025 20:00"], None),
        (&["1743192000", "1743192600"], Some("epoch-s")),
        (&["1743192000000"], Some("epoch-ms")),
        (&["1743192000000000"], Some("epoch-us")),
        (&["20:00:00", "20:10:00"], None),
        (&["12", "14.5", "-3"], None),
    ];
    for (cells, expected) in cases {
        let format = fit(cells).format().map(|format| format.to_string());
        assert_eq!(format.as_deref(), expected, "{cells:?}");
    }
    assert!(fit(&["01/02/2025", "03/04/2025"]).is_ambiguous());
    assert!(!fit(&["01/02/2025", "13/04/2025"]).is_ambiguous());
    assert!(fit(&["28.03.2025"]).is_date_alone() && !fit(&["28.03.2025 1:00"]).is_date_alone());
    assert!(fit(&["8:00", "20:00:30"]).is_clock_alone());
    assert!(fit(&["2025-03-28 20:00+01:00"]).has_offsets() && !fit(&["2025-03-28 20:00"]).has_offsets());
}

#[test]
fn times_are_read_in_their_format_and_zone() {
    let utc = |format, cell, expected: &str| {
        assert_eq!(read(format, "UTC", &[cell]), [Some(expected.to_owned())], "{cell}");
    };
    utc("yyyy-mm-dd", "2025-03-28 20:00", "2025-03-28T20:00:00Z");
    utc("yyyy-mm-dd", "2025-03-28T20:00:00.25+01:00", "2025-03-28T19:00:00.25Z");
    utc("yyyy-mm-dd", "2025-03-28 20:00:00 UTC", "2025-03-28T20:00:00Z");
    utc("yyyy-mm-dd", "2025-03-28 24:00", "2025-03-29T00:00:00Z");
    utc("dd.mm.yyyy", "28.3.2025 8:05:09,5", "2025-03-28T08:05:09.5Z");
    utc("mm/dd/yyyy", "3/28/2025 12:30 AM", "2025-03-28T00:30:00Z");
    utc("epoch-ms", "1743192000123", "2025-03-28T20:00:00.123Z");
    utc("epoch-s", "1743192000,5", "2025-03-28T20:00:00.5Z");
    utc("%d.%m.%y %H:%M", "28.03.25 20:00", "2025-03-28T20:00:00Z");
    utc("%Y%m%d", "20250328", "2025-03-28T00:00:00Z");
    let none =
        read("dd.mm.yyyy", "UTC", &["2025-03-28", "31.02.2025", "28.03.2025 25:00", "28.03.2025x", "28.03.25", ""]);
    assert!(none.iter().all(Option::is_none), "{none:?}");
    // Berlin is one hour ahead of UTC in winter and two in summer.
    let berlin = read("dd.mm.yyyy", "Europe/Berlin", &["28.01.2025 20:00", "28.07.2025 20:00"]);
    assert_eq!(berlin, ["2025-01-28T19:00:00Z", "2025-07-28T18:00:00Z"].map(|time| Some(time.to_owned())));
    assert!(zone("Europe/Nowhere").is_none());
}

#[test]
fn the_hour_that_comes_twice_stays_in_order() {
    // On 26 October 2025, 3:00 becomes 2:00 in Berlin.
    let cells = ["26.10.2025 02:00", "26.10.2025 02:30", "26.10.2025 02:00", "26.10.2025 02:30", "26.10.2025 03:00"];
    let hours = ["00:00", "00:30", "01:00", "01:30", "02:00"].map(|hour| Some(format!("2025-10-26T{hour}:00Z")));
    assert_eq!(read("dd.mm.yyyy", "Europe/Berlin", &cells), hours);
}

#[test]
fn formats_are_named_and_others_refused() {
    for name in
        ["yyyy-mm-dd", "dd.mm.yyyy", "mm/dd/yyyy", "epoch-s", "epoch-ms", "epoch-us", "epoch-ns", "%H:%M %d.%m.%Y"]
    {
        assert_eq!(name.parse::<TimeFormat>().unwrap().to_string(), name);
    }
    assert_eq!("DD/MM/YYYY".parse::<TimeFormat>().unwrap(), TimeFormat::DAY_FIRST);
    let error = "yesterday".parse::<TimeFormat>().unwrap_err().to_string();
    assert!(error.contains("\"yesterday\"") && error.contains("dd.mm.yyyy"), "{error}");
}

#[test]
fn a_time_alone_is_read_unless_it_is_ambiguous() {
    let alone = |text| read_alone(text, &TimeZone::UTC).map(|time| time.to_string());
    for (text, expected) in [
        ("2025-03-28", "2025-03-28T00:00:00Z"),
        ("2025-03-28 20:00", "2025-03-28T20:00:00Z"),
        ("2025-03-28t20:00:00z", "2025-03-28T20:00:00Z"),
        ("2025.03.28 20:00", "2025-03-28T20:00:00Z"),
        ("28.03.2025 20:00:00", "2025-03-28T20:00:00Z"),
        ("1.2.2025", "2025-02-01T00:00:00Z"),
    ] {
        assert_eq!(alone(text).as_deref(), Some(expected), "{text}");
    }
    for text in ["01/02/2025", "28/03/2025", "now", "", "20:00", "-001-01-01", "2025-03"] {
        assert_eq!(alone(text), None, "{text}");
    }
    assert_eq!(read_epoch(1_743_192_000.0).unwrap().to_string(), "2025-03-28T20:00:00Z");
    for number in [1.0, f64::NAN, -1e9, f64::INFINITY, 5e10] {
        assert_eq!(read_epoch(number), None, "{number}");
    }
}
