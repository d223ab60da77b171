#![allow(clippy::unwrap_used)]

use super::*;

const CSV: &str = "\
timestamp,power,wind,fault
2020-09-01T00:00:00Z, 1.5 ,3,0
2020-09-01 00:10:00,2,4,1
2020-09-01T00:20:00Z,,4,0
2020-09-01T00:30:00Z,2,n/a,0
2020-09-01T00:40:00Z,2,inf,0
2020-09-01T00:50:00Z,2,5,maybe
yesterday,2,6,0
2020-09-01T01:10:00Z,2
2020-09-01T01:20:00Z,-1e3,6,TRUE
";

fn columns(features: Option<&[&str]>, label: bool, timestamp: bool) -> Columns {
    Columns {
        features: features.map(|names| FeatureSet::from_names(names.iter().copied()).unwrap()),
        label: label.then(|| "fault".to_owned()),
        timestamp: timestamp.then(|| "timestamp".to_owned()),
    }
}

#[test]
fn unusable_rows_are_counted_by_their_first_unusable_column() {
    let (dataset, skipped) = Dataset::from_csv(CSV.as_bytes(), &columns(None, true, true)).unwrap();
    assert_eq!(dataset.features().names().collect::<Vec<_>>(), ["power", "wind"]);
    assert_eq!(dataset.readings(), [1.5, 3.0, 2.0, 4.0, -1000.0, 6.0]);
    assert_eq!(dataset.labels(), Some([false, true, true].as_slice()));
    assert_eq!(skipped.to_string(), "power: 1, wind: 3, fault: 1, timestamp: 1");
    assert_eq!(skipped.total(), 6);
}

#[test]
fn other_columns_do_not_make_a_row_unusable() {
    let (dataset, skipped) = Dataset::from_csv(CSV.as_bytes(), &columns(Some(&["power"]), false, false)).unwrap();
    assert_eq!((dataset.len(), skipped.total(), dataset.labels()), (8, 1, None));
    assert_eq!(dataset.column(0).next(), Some(1.5));
}

#[test]
fn times_are_read_with_and_without_a_zone() {
    let rows: Vec<CsvRow> =
        CsvRows::new(CSV.as_bytes(), &columns(None, true, true)).unwrap().map(Result::unwrap).collect();
    let times: Vec<String> = rows.iter().map(|row| row.timestamp.unwrap().to_string()).collect();
    assert_eq!(times, ["2020-09-01T00:00:00Z", "2020-09-01T00:10:00Z", "2020-09-01T01:20:00Z"]);
}

#[test]
fn invalid_columns_are_refused_by_name() {
    let error = |csv: &str, columns: Columns| Dataset::from_csv(csv.as_bytes(), &columns).unwrap_err().to_string();
    assert_eq!(
        error(CSV, columns(Some(&["power", "rpm"]), false, false)),
        "there is no column \"rpm\"; the columns are timestamp, power, wind, fault"
    );
    assert!(
        error(CSV, columns(Some(&["power", "fault"]), true, false))
            .contains("\"fault\" is selected as a feature and as the label")
    );
    assert!(error("a,b,a\n1,2,3\n", columns(Some(&["a"]), false, false)).contains("column \"a\" occurs twice"));
    assert!(error("a,a\n1,2\n", columns(None, false, false)).contains("feature \"a\" occurs twice"));
    assert_eq!(
        error("a,fault\n1,0\n2,2.5\n", columns(Some(&["a"]), true, false)),
        "column \"fault\" contains 2.5, which is not a label; select a column of 0 and 1, or no label"
    );
    assert!(error("a,b\n1,x\n2,y\n", columns(None, false, false)).contains("(skipped rows by column: b: 2)"));
    assert!(error("a,b\n", columns(None, false, false)).contains("(skipped rows by column: none)"));
    assert!(error("", columns(None, false, false)).contains("0 features"));
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
