//! Trains on a Parquet file.

#![cfg(feature = "parquet")]
#![allow(clippy::unwrap_used)]

use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use turbine_core::model::Model;

const ROWS: usize = 300;

/// Times, two sensors of which the second has a gap every hundredth row, and a state in words.
fn write(path: &Path, time: &str, unit: i64, compression: Compression) {
    let schema = format!(
        "message plant {{ REQUIRED INT64 time ({time}); REQUIRED DOUBLE a; OPTIONAL DOUBLE b; REQUIRED BYTE_ARRAY state (UTF8); }}"
    );
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let properties = Arc::new(WriterProperties::builder().set_compression(compression).build());
    let mut file = SerializedFileWriter::new(File::create(path).unwrap(), schema, properties).unwrap();
    let mut group = file.next_row_group().unwrap();
    let noise = |i: usize| ((i * 7_919) % 1_009) as f64 / 1_009.0;

    let mut column = group.next_column().unwrap().unwrap();
    let times: Vec<i64> = (0..ROWS as i64).map(|i| (1_743_192_000 + 600 * i) * unit).collect();
    column.typed::<Int64Type>().write_batch(&times, None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let values: Vec<f64> = (0..ROWS).map(noise).collect();
    column.typed::<DoubleType>().write_batch(&values, None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let present: Vec<i16> = (0..ROWS).map(|i| i16::from(i % 100 != 0)).collect();
    let values: Vec<f64> = (0..ROWS).filter(|i| i % 100 != 0).map(|i| 2.0 * noise(i) + noise(3 * i)).collect();
    column.typed::<DoubleType>().write_batch(&values, Some(&present), None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&vec![ByteArray::from("run"); ROWS], None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    file.close().unwrap();
}

#[test]
fn parquet_files_are_read() {
    let cases = [
        ("TIMESTAMP(MILLIS, true)", 1_000, Compression::SNAPPY, " from column"),
        ("TIMESTAMP(MICROS, false)", 1_000_000, Compression::UNCOMPRESSED, " in UTC from column"),
        ("TIMESTAMP(NANOS, true)", 1_000_000_000, Compression::GZIP(Default::default()), " from column"),
    ];
    for (time, unit, compression, zone) in cases {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("d.parquet"), time, unit, compression);
        let output = Command::new(env!("CARGO_BIN_EXE_train"))
            .args(["--data", "d.parquet", "--n-estimators", "10", "--model", "m.json"])
            .current_dir(folder.path())
            .env_remove("OUTPUTS_DIR")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{time}: {}", String::from_utf8_lossy(&output.stderr));
        for expected in [
            &format!("read as: Parquet, times yyyy-mm-dd{zone} \"time\""),
            "columns read (2): a, b",
            "text (run)",
            "297 readings of d.parquet",
            "(b: 3)",
            "typical interval: 600 s",
        ] {
            assert!(text.contains(expected), "{time}: no {expected:?} in {text}");
        }
        assert_eq!(Model::load(&folder.path().join("m.json")).unwrap().features().len(), 2);
    }
}
