#![allow(clippy::unwrap_used)]

use super::*;

const CSV: &str = "\
timestamp,power,wind,fault
2020-09-01T00:00:00Z, 1.5 ,3,0
2020-09-01 00:10:00,2,4,1
2020-09-01T00:20:00Z,,4,0
2020-09-01T00:30:00Z,2,n/a,0
2020-09-01T00:40:00Z,2,inf,0
2020-09-01T00:50:00Z,2,5,
yesterday,2,6,0
2020-09-01T01:10:00Z,2
2020-09-01T01:20:00Z,-1e3,6,TRUE
";

fn request(features: Option<&[&str]>, label: bool, timestamp: bool) -> Request {
    Request {
        features: features.map(|names| FeatureSet::from_names(names.iter().copied()).unwrap()),
        label: label.then(|| "fault".to_owned()),
        timestamp: timestamp.then(|| "timestamp".to_owned()),
        ..Request::default()
    }
}

fn table(text: &str, request: Request) -> Result<Table, DatasetError> {
    Table::open(Source::bytes("plant.csv", text.as_bytes()), request)
}

fn read(text: &str, request: Request) -> Result<(Dataset, SkippedRows), DatasetError> {
    Dataset::from_reader(text.as_bytes(), request)
}

#[test]
fn unusable_rows_are_counted_by_their_first_unusable_column() {
    let (dataset, skipped) = read(CSV, request(None, true, true)).unwrap();
    assert_eq!(dataset.features().names().collect::<Vec<_>>(), ["power", "wind"]);
    assert_eq!(dataset.readings(), [1.5, 3.0, 2.0, 4.0, -1000.0, 6.0]);
    assert_eq!(dataset.labels(), Some([false, true, true].as_slice()));
    assert_eq!(skipped.to_string(), "power: 1, wind: 3, fault: 1, timestamp: 1");
    assert_eq!(skipped.total(), 6);
}

#[test]
fn other_columns_do_not_make_a_row_unusable() {
    let (dataset, skipped) = read(CSV, request(Some(&["power"]), false, false)).unwrap();
    assert_eq!((dataset.len(), skipped.total(), dataset.labels()), (8, 1, None));
    assert_eq!(dataset.column(0).next(), Some(1.5));
}

#[test]
fn times_are_read_with_and_without_a_zone() {
    let rows = table(CSV, request(None, true, true)).unwrap().rows().unwrap();
    let times: Vec<String> = rows.map(|row| row.unwrap().timestamp.unwrap().to_string()).collect();
    assert_eq!(times, ["2020-09-01T00:00:00Z", "2020-09-01T00:10:00Z", "2020-09-01T01:20:00Z"]);
}

#[test]
fn invalid_columns_are_refused_by_name() {
    let error = |csv: &str, request: Request| read(csv, request).unwrap_err().to_string();
    assert_eq!(
        error(CSV, request(Some(&["power", "rpm"]), false, false)),
        "there is no column \"rpm\"; the columns are timestamp, power, wind, fault"
    );
    assert!(
        error(CSV, request(Some(&["power", "fault"]), true, false))
            .contains("\"fault\" is selected as a feature and as the label")
    );
    assert!(error("a,b,a\n1,2,3\n", request(Some(&["a"]), false, false)).contains("column \"a\" occurs twice"));
    assert!(error("a,a\n1,2\n", request(None, false, false)).contains("its name occurs twice"));
    assert_eq!(
        error("a,fault\n1,0\n2,2.5\n", request(Some(&["a"]), true, false)),
        "column \"fault\" contains \"2.5\", which say neither normal nor fault: name each that marks a fault with --fault VALUE"
    );
    assert!(
        error("a,b\n1,x\n2,y\n", request(Some(&["a", "b"]), false, false)).contains("(skipped rows by column: b: 2)")
    );
    assert!(error("a,b\n", request(Some(&["a"]), false, false)).contains("(skipped rows by column: none)"));
    assert!(error("", request(None, false, false)).contains("is empty; a header"));
    assert!(error("1,2\n3,4\n", request(None, false, false)).contains("has no header: its first line is \"1,2\""));
}

#[test]
fn columns_without_a_use_are_left_out_and_named() {
    let mut text = "when;state;flat;gap;power;hour;kwh;fault;power\n".to_owned();
    for i in 0..200 {
        let power = i * 7_919 % 97;
        text += &format!("{:02}.03.2025 {:02}:00;run;3;;{power};{};{};0;1\n", 1 + i / 24, i % 24, i % 24, i * 5);
    }
    let all = Request { finds_times: true, label: Some("fault".to_owned()), ..Request::default() };
    let error = table(&text, all.clone()).unwrap().choose().unwrap_err().to_string();
    assert!(error.contains("no column is left") && error.contains("power: its name occurs twice"), "{error}");
    let mut table = table(&text.replacen(";power\n", ";wind\n", 1).replace("0;1\n", "0;1.5\n"), all).unwrap();
    assert_eq!(table.time().unwrap().name, "when");
    let choice = table.choose().unwrap();
    assert_eq!(choice.features.names().collect::<Vec<_>>(), ["power"]);
    let left_out: Vec<String> = choice.left_out.iter().map(|it| format!("{}: {}", it.column, it.why)).collect();
    assert_eq!(
        left_out,
        [
            "state: text (run)",
            "flat: constant, always 3",
            "gap: empty",
            "hour: clock-like: it rises from 0 to 23 again and again",
            "kwh: counter-like: it only rises",
            "wind: constant, always 1.5",
        ]
    );
    assert_eq!(Dataset::read(table).unwrap().0.len(), 200);
}

#[test]
fn values_out_of_a_range_and_missing_ones_are_skipped() {
    let text = "a,b\n1,5\n200,6\n3,-9999\n4,N/A\n5,7\n";
    let request = Request {
        features: Some(FeatureSet::from_names(["a", "b"]).unwrap()),
        ranges: vec![("a".to_owned(), crate::feature::Range { min: 0.0, max: 100.0 })],
        missing: vec!["-9999".to_owned()],
        ..Request::default()
    };
    let mut table = table(text, request).unwrap();
    assert!(table.choose().unwrap().sentinels.is_empty());
    let (dataset, skipped) = Dataset::read(table).unwrap();
    assert_eq!(dataset.readings(), [1.0, 5.0, 5.0, 7.0]);
    assert_eq!(skipped.to_string(), "a out of range: 1, b: 2");
    assert_eq!(dataset.features()[0].range.unwrap().max, 100.0);
}

#[test]
fn labels_in_other_words_need_the_value_of_a_fault() {
    let text = "a,state\n1,run\n2,stop\n3,run\n4,trip\n";
    let with = |faults: &[&str]| Request {
        features: Some(FeatureSet::from_names(["a"]).unwrap()),
        label: Some("state".to_owned()),
        faults: faults.iter().map(|&fault| fault.to_owned()).collect(),
        ..Request::default()
    };
    let (dataset, _) = read(text, with(&["stop", "TRIP"])).unwrap();
    assert_eq!(dataset.labels(), Some([false, true, false, true].as_slice()));
    let error = read(text, with(&[])).unwrap_err().to_string();
    assert_eq!(
        error,
        "column \"state\" contains \"run\", \"stop\", \"trip\", which say neither normal nor fault: name each that marks a fault with --fault VALUE"
    );
    let error = read(text, with(&["halt"])).unwrap_err().to_string();
    assert_eq!(
        error,
        "no row has the value \"halt\" of --fault in the column \"state\", whose values are \"run\", \"stop\", \"trip\"; correct it, or leave it out if this recording has no such fault"
    );
}

#[test]
fn a_fleet_is_told_apart_by_its_column() {
    let text = "t,id,a\n2025-03-28,W2,1\n2025-03-28,W1,2\n2025-03-29,W2,3\n2025-03-29,,4\n";
    let turbine = Some("id".to_owned());
    let (dataset, skipped) = read(text, Request { turbine, ..request(Some(&["a"]), false, false) }).unwrap();
    assert_eq!(dataset.turbines(), Some([0, 1, 0].as_slice()));
    assert_eq!(dataset.by_turbine(), [vec![0, 2], vec![1]]);
    assert_eq!(dataset.select(&[1, 2]).turbines(), Some([1, 0].as_slice()));
    assert_eq!(skipped.to_string(), "id: 1");
}

#[test]
fn a_split_is_70_10_20_and_keeps_every_reading() {
    let n = 1_003;
    let values: Vec<f64> = (0..n).map(f64::from).collect();
    let labels = values.iter().map(|value| *value < 50.0).collect();
    let dataset = Dataset::new(FeatureSet::from_names(["x"]).unwrap(), values.clone(), Some(labels));
    let Splits { train, val, test } = dataset.split(42);
    // 1,003 · 0.7 = 702.1, 1,003 · 0.1 = 100.3; the rest is 1,003 − 702 − 100 = 201.
    assert_eq!((train.len(), val.len(), test.len()), (702, 100, 201));
    let mut all: Vec<f64> = [&train, &val, &test].iter().flat_map(|part| part.column(0)).collect();
    assert!(!train.readings().is_sorted());
    all.sort_by(f64::total_cmp);
    assert_eq!(all, values);
    for part in [&train, &val, &test] {
        assert!(part.column(0).zip(part.labels().unwrap()).all(|(value, &label)| label == (value < 50.0)));
    }
    assert_eq!(dataset.split(42), dataset.split(42));
    assert_ne!(dataset.split(42).train, dataset.split(43).train);
}

#[test]
fn a_fault_whose_rows_all_lack_values_has_occurred() {
    let request = Request { faults: vec!["7".to_owned()], ..request(Some(&["a"]), true, false) };
    let (dataset, skipped) = read("a,fault\n1,0\n,7\n2,0\n", request).unwrap();
    assert_eq!((dataset.labels(), skipped.to_string().as_str()), (Some(&[false, false][..]), "a: 1"));
}

#[test]
fn an_encoding_is_settled_once_a_letter_shows_it() {
    let settled = |text: &[u8]| {
        let table = Table::open(Source::bytes("rows", text.to_vec()), request(Some(&["a"]), false, false)).unwrap();
        table.settled().encoding
    };
    assert_eq!(settled(b"a\n1\n"), None);
    assert_eq!(settled(b"a,\xb0C\n1,2\n"), Some(Encoding::Windows1252));
}
