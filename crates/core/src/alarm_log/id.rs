//! What an alarm is called.

use crate::reading::TurbineId;
use jiff::Timestamp;

/// Identifies an alarm; as text `{turbine}@{raised}`, with `-` for readings that name no turbine.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AlarmId {
    /// The turbine; `None` for readings that name none.
    pub turbine_id: Option<TurbineId>,
    /// The time of the reading that raised the alarm; UTC.
    pub raised: Timestamp,
}

/// A text is not the id of any alarm.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the id of an alarm, which looks like WT-01@2026-01-31T12:00:00Z")]
pub struct AlarmIdError(pub String);

impl std::fmt::Display for AlarmId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", TurbineId::name(self.turbine_id.as_ref()), self.raised)
    }
}

impl std::str::FromStr for AlarmId {
    type Err = AlarmIdError;

    fn from_str(text: &str) -> Result<Self, AlarmIdError> {
        let parse = || {
            // No turbine has the sign in its name.
            let (name, raised) = text.split_once('@')?;
            let turbine_id = if name == TurbineId::NAMELESS { None } else { Some(name.parse().ok()?) };
            Some(AlarmId { turbine_id, raised: raised.parse().ok()? })
        };
        parse().ok_or_else(|| AlarmIdError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_is_written() {
        for text in ["WT-01@2026-01-31T12:00:00.25Z", "-@1969-12-31T23:59:59Z"] {
            assert_eq!(text.parse::<AlarmId>().unwrap().to_string(), text);
        }
        let zoned: AlarmId = "T1@2026-01-31T13:00:00+01:00".parse().unwrap();
        assert_eq!(zoned.to_string(), "T1@2026-01-31T12:00:00Z");
        for bad in ["", "T1", "T1@", "@2026-01-31T12:00:00Z", "T1@yesterday", "T 1@2026-01-31T12:00:00Z"] {
            assert!(bad.parse::<AlarmId>().unwrap_err().to_string().contains("WT-01@"), "{bad}");
        }
    }
}
