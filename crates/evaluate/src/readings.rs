//! A CSV of what the model made of each reading.

use crate::recording::Recording;
use crate::replay::Judged;
use std::io::Write;

const HEADER: [&str; 7] =
    ["timestamp", "turbine", "label", "anomaly_score", "surprisal", "smoothed_surprisal", "in_alarm"];

/// Writes one row a reading, in the order of the file. A number is the shortest text that reads back as the same number; a
/// surprisal that is not known is an empty cell.
///
/// # Errors
/// If it cannot be written.
pub fn write(recording: &Recording, judged: &[Vec<Judged>], out: impl Write) -> csv::Result<()> {
    let mut csv = csv::WriterBuilder::new().has_headers(false).from_writer(out);
    csv.write_record(HEADER)?;
    let mut places: Vec<(usize, usize, usize)> = Vec::with_capacity(recording.len());
    for (t, turbine) in recording.turbines.iter().enumerate() {
        places.extend(turbine.rows.iter().enumerate().map(|(i, &row)| (row, t, i)));
    }
    places.sort_unstable();
    for (_, t, i) in places {
        let (turbine, judged) = (&recording.turbines[t], &judged[t][i]);
        csv.serialize((
            turbine.times[i].to_string(),
            &turbine.name,
            u8::from(turbine.labels[i]),
            judged.anomaly_score,
            judged.surprisal,
            judged.smoothed_surprisal,
            u8::from(judged.in_alarm),
        ))?;
    }
    Ok(csv.flush()?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::recording::Turbine;
    use jiff::Timestamp;

    #[test]
    fn rows_are_in_the_order_of_the_file_and_numbers_read_back() {
        let turbine = |name: &str, seconds: &[i64], rows: &[usize]| Turbine {
            name: name.to_owned(),
            times: seconds.iter().map(|&second| Timestamp::from_second(second).unwrap()).collect(),
            labels: seconds.iter().map(|second| second % 2 == 1).collect(),
            rows: rows.to_vec(),
            readings: vec![0.0; seconds.len()],
        };
        let recording = Recording {
            n_features: 1,
            turbines: vec![turbine("A", &[0, 3], &[2, 1]), turbine("B", &[1], &[0])],
            left_out: Default::default(),
            out_of_order: 1,
        };
        let judged = |score, surprisal: Option<f64>, in_alarm| Judged {
            anomaly_score: score,
            surprisal,
            smoothed_surprisal: surprisal.map(|surprisal| surprisal / 3.0),
            in_alarm,
            restarted: false,
        };
        let judged =
            [vec![judged(0.1 + 0.2, Some(1.0), false), judged(1e-9, Some(2.0), true)], vec![judged(0.5, None, false)]];
        let mut out = Vec::new();
        write(&recording, &judged, &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "timestamp,turbine,label,anomaly_score,surprisal,smoothed_surprisal,in_alarm\n\
             1970-01-01T00:00:01Z,B,1,0.5,,,0\n\
             1970-01-01T00:00:03Z,A,1,1e-9,2.0,0.6666666666666666,1\n\
             1970-01-01T00:00:00Z,A,0,0.30000000000000004,1.0,0.3333333333333333,0\n"
        );
    }
}
