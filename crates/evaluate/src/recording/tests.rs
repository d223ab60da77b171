use super::*;
use turbine_core::dataset::{Request, Source};
use turbine_core::feature::{Feature, FeatureSet, Range};

fn features() -> FeatureSet {
    let b = Feature { range: Some(Range { min: 0.0, max: 10.0 }), ..Feature::unbounded("b") };
    FeatureSet::new(vec![Feature::unbounded("a"), b]).unwrap()
}

fn request() -> Request {
    Request {
        features: Some(features()),
        label: Some("fault".to_owned()),
        timestamp: Some("t".to_owned()),
        turbine: Some("id".to_owned()),
        ..Request::default()
    }
}

fn read(csv: &str, request: Request) -> anyhow::Result<Recording> {
    Recording::read(Table::open(Source::bytes("r.csv", csv.as_bytes()), request)?)
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn turbines_are_parted_and_rows_left_out_are_counted() {
    let csv = "t,id,b,a,fault\n\
        1970-01-01T00:00:01Z,W1,1,10,0\n\
        1970-01-01T00:00:01Z,W2,2,20,1\n\
        1970-01-01T00:00:02Z,W1,,30,0\n\
        1970-01-01T00:00:02Z,W2,11,40,1\n\
        1970-01-01T00:00:03Z,,5,50,0\n\
        then,W1,5,60,0\n\
        1970-01-01T00:00:04Z,W1,7,70,true\n";
    let recording = read(csv, request()).unwrap();
    let turbine = |name: &str, times: &[i64], readings: &[f64], labels: &[bool], rows: &[usize]| Turbine {
        name: name.to_owned(),
        times: times.iter().map(|&second| at(second)).collect(),
        readings: readings.to_vec(),
        labels: labels.to_vec(),
        rows: rows.to_vec(),
    };
    assert_eq!(
        recording.turbines,
        [
            turbine("W1", &[1, 4], &[10.0, 1.0, 70.0, 7.0], &[false, true], &[0, 2]),
            turbine("W2", &[1], &[20.0, 2.0], &[true], &[1]),
        ]
    );
    assert_eq!(recording.left_out.to_string(), "b: 1, b out of range: 1, id: 1, t: 1");
    assert_eq!((recording.len(), recording.n_faults(), recording.left_out.total()), (3, 2, 4));
    let normal = recording.normal();
    assert_eq!(normal.turbines, [turbine("W1", &[1], &[10.0, 1.0], &[false], &[0])]);
}

#[test]
fn rows_are_put_in_the_order_of_time_and_keep_their_place_in_the_file() {
    let csv = "t,b,a,fault\n\
        1970-01-01T00:00:09Z,1,1,0\n\
        1970-01-01T00:00:02Z,2,2,1\n\
        1970-01-01T00:00:02Z,3,3,0\n\
        1970-01-01T00:00:12Z,4,4,0\n";
    let recording = read(csv, Request { turbine: None, ..request() }).unwrap();
    assert_eq!(recording.out_of_order, 2);
    let turbine = &recording.turbines[0];
    assert_eq!(turbine.times, [2, 2, 9, 12].map(at));
    assert_eq!((&turbine.rows[..], &turbine.readings[..2]), (&[1, 2, 0, 3][..], &[2.0, 2.0][..]));
    // Intervals 0, 7 and 3: without the 0 the lower middle one is 3.
    assert_eq!(recording.typical_interval(), Some(3.0));
}

#[test]
fn what_gives_no_recording_is_named() {
    let csv = "t,id,b,a,fault\n1970-01-01T00:00:01Z,W1,,10,0\n";
    let some = |name: &str| Some(name.to_owned());
    // (request, what the error must say)
    let cases = [
        (request(), "left out: b: 1"),
        (Request { label: some("broken"), ..request() }, "no column \"broken\"; the columns are t, id, b, a, fault"),
        (Request { timestamp: some("when"), ..request() }, "no column \"when\""),
        (Request { timestamp: None, ..request() }, "no column of times was found; name it with --timestamp"),
        (Request { turbine: some("name"), ..request() }, "no column \"name\""),
        (Request { turbine: some("fault"), ..request() }, "column \"fault\" is selected as the turbine and"),
        (Request { label: some("a"), ..request() }, "as a feature and as the label"),
    ];
    for (request, expected) in cases {
        let error = read(csv, request).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
