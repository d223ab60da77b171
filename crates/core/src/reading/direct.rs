//! The common reading, parsed without an intermediate form: all features in range, and at most a time and a turbine.
//!
//! Half the time of [`RawReading`](super::RawReading), which knows every other reading and every fault by its field.

use super::raw::{self, Key};
use super::{Fault, Reading, TurbineId};
use crate::feature::FeatureSet;
use crate::sensors::SensorSet;
use jiff::Timestamp;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use std::fmt;

/// The reading, if it is a common one.
pub(super) fn reading(text: &[u8], features: &FeatureSet) -> Option<Reading> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let reading = Direct(features).deserialize(&mut json).ok()?;
    json.end().is_ok().then_some(reading)
}

struct Direct<'a>(&'a FeatureSet);

impl<'de> DeserializeSeed<'de> for Direct<'_> {
    type Value = Reading;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Reading, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Direct<'_> {
    type Value = Reading;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a common reading")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Reading, A::Error> {
        let features = self.0;
        let uncommon = || A::Error::custom("an uncommon reading");
        let mut values = vec![f64::NAN; features.len()];
        let mut timestamp: Option<Timestamp> = None;
        let mut turbine_id: Option<TurbineId> = None;
        // Most senders keep to the features' order.
        let (mut expected, mut found) = (0, 0);
        while let Some(Key(key)) = map.next_key()? {
            let in_order = features.iter().nth(expected).is_some_and(|feature| feature.name == key);
            let place = if in_order { Some(expected) } else { features.names().position(|name| name == key) };
            match (place, &*key) {
                // NaN stands for a value that has not come; JSON has no NaN.
                (Some(place), _) if values[place].is_nan() => {
                    values[place] = map.next_value()?;
                    (expected, found) = (place + 1, found + 1);
                }
                (None, "timestamp") if timestamp.is_none() => {
                    timestamp = Some(raw::time(map.next_value()?).ok_or_else(uncommon)?);
                }
                (None, "turbine_id") if turbine_id.is_none() => {
                    turbine_id = Some(map.next_value::<&str>()?.parse().map_err(|_| uncommon())?);
                }
                _ => return Err(uncommon()),
            }
        }
        let usable = features.iter().zip(&values).all(|(feature, &value)| Fault::of_number(feature, value).is_none());
        if found < features.len() || !usable {
            return Err(uncommon());
        }
        Ok(Reading { values, absent: SensorSet::default(), timestamp, turbine_id })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::reading::RawReading;
    use proptest::prelude::*;
    use proptest::sample::select;

    fn slow(text: &str) -> Option<Reading> {
        RawReading::from_json(text.as_bytes()).ok()?.check(&FeatureSet::turbine()).ok()
    }

    fn fast(text: &str) -> Option<Reading> {
        reading(text.as_bytes(), &FeatureSet::turbine())
    }

    #[test]
    fn common_readings_are_parsed_directly() {
        for text in [
            r#"{"temperature":25.1,"humidity":60,"sound_volume":0.51}"#,
            r#" {"turbine_id":"WT-1","timestamp":"2026-01-31T12:00:00+01:00","sound_volume":1e-3,"humidity":60,"temperature":-0} "#,
        ] {
            assert!(fast(text).is_some(), "{text}");
            assert_eq!(fast(text), slow(text), "{text}");
        }
    }

    #[test]
    fn uncommon_readings_are_left_to_the_raw_reading() {
        for text in [
            r#"{"temperature":25.1,"humidity":60,"sound_volume":0.51,"temperature":26}"#,
            r#"{"temperature":25.1,"humidity":60,"sound_volume":0.51,"extra":[1]}"#,
            r#"{"temperature":25.1,"humidity":60,"sound_volume":0.51,"timestamp":null}"#,
            r#"{"temp\u0065rature":25.1,"humidity":60,"sound_volume":0.51,"turbine_id":"\u0041"}"#,
        ] {
            assert!(slow(text).is_some() && fast(text).is_none_or(|reading| Some(reading) == slow(text)), "{text}");
        }
    }

    fn field() -> impl Strategy<Value = String> {
        const KEYS: [&str; 7] =
            ["temperature", "humidity", "sound_volume", "timestamp", "turbine_id", "extra", "humid\\u0069ty"];
        const VALUES: [&str; 20] = [
            "25.1",
            "60",
            "-0",
            "0.1e1",
            "1e999",
            "123456789012345678901234567890",
            "130",
            "-60",
            "null",
            "true",
            "NaN",
            "\"7\"",
            "{}",
            "\"2026-01-31T12:00:00Z\"",
            "\"2026-01-31 12:00:00.5+01:00\"",
            "\"2026-01-31\"",
            "\"WT-1\"",
            "\"\\u0041\"",
            "\"no name\"",
            "",
        ];
        (select(&KEYS[..]), select(&VALUES[..])).prop_map(|(key, value)| format!("\"{key}\":{value}"))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_parsed_directly_is_what_the_raw_reading_says(
            fields in proptest::collection::vec(field(), 0..6),
            complete in any::<bool>(),
            end in select(&["}", "} ", "}}", "", "]"][..]),
        ) {
            let mut fields = fields;
            if complete {
                fields.extend(["\"temperature\":20", "\"humidity\":50.5", "\"sound_volume\":1"].map(str::to_owned));
            }
            let text = format!("{{{}{end}", fields.join(","));
            if let Some(reading) = fast(&text) {
                prop_assert_eq!(Some(reading), slow(&text), "{}", text);
            }
        }
    }
}
