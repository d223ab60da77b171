//! The subjects of the cluster: where readings come in, and where what is said of them goes.

/// The stream of readings.
pub const INPUT: &str = "IN";

/// The stream of records, alarms, events, rejected readings and checkpoints.
pub const OUTPUT: &str = "OUT";

/// What senders publish to: `readings.<turbine>`.
pub const READINGS: &str = "readings.*";

/// Where workers tell that they are alive.
pub const HEARTBEATS: &str = "score.hb";

/// The kinds of messages in the stream [`OUTPUT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A record with the state of its turbine.
    Record,
    /// An alarm that was raised or cleared.
    Alarm,
    /// Another event.
    Event,
    /// A reading with faults.
    Rejected,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 4] = [Kind::Record, Kind::Alarm, Kind::Event, Kind::Rejected];

    /// The first token of its subjects.
    pub fn token(self) -> &'static str {
        match self {
            Kind::Record => "out",
            Kind::Alarm => "alarms",
            Kind::Event => "events",
            Kind::Rejected => "rejected",
        }
    }

    /// Its subjects, of all turbines.
    pub fn subjects(self) -> String {
        format!("{}.*.*", self.token())
    }

    /// The subject of a turbine, whose id may be any token.
    pub fn of(self, partition: u32, turbine: &str) -> String {
        format!("{}.{partition}.{turbine}", self.token())
    }
}

/// The subjects of the stream [`OUTPUT`].
pub fn of_output() -> Vec<String> {
    let kinds = Kind::ALL.into_iter().map(Kind::subjects);
    kinds.chain(["ckpt.*".to_owned()]).collect()
}

/// The records of all turbines of a partition.
pub fn records(partition: u32) -> String {
    Kind::Record.of(partition, "*")
}

/// The readings of a partition.
pub fn inputs(partition: u32) -> String {
    format!("in.{partition}.*")
}

/// The checkpoint of a partition.
pub fn checkpoint(partition: u32) -> String {
    format!("ckpt.{partition}")
}

/// How the stream [`INPUT`] moves a turbine's readings into its partition.
pub fn partitioned(partitions: u32) -> String {
    format!("in.{{{{partition({partitions},1)}}}}.{{{{wildcard(1)}}}}")
}

/// The number of partitions of a transform that [`partitioned`] wrote.
pub fn partitions_of(destination: &str) -> Option<u32> {
    let (_, rest) = destination.split_once("{{partition(")?;
    let partitions = rest.split_once(',')?.0.trim().parse().ok()?;
    (destination == partitioned(partitions)).then_some(partitions)
}

/// The turbine of a subject, its third token.
pub fn turbine(subject: &str) -> Option<&str> {
    subject.splitn(3, '.').nth(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_name_partition_and_turbine() {
        assert_eq!(Kind::Alarm.of(3, "WT-1"), "alarms.3.WT-1");
        assert_eq!(turbine("in.3.WT-1"), Some("WT-1"));
        assert_eq!(turbine("ckpt.3"), None);
        assert_eq!(of_output(), ["out.*.*", "alarms.*.*", "events.*.*", "rejected.*.*", "ckpt.*"]);
    }

    #[test]
    fn a_transform_tells_the_number_of_partitions() {
        assert_eq!(partitioned(16), "in.{{partition(16,1)}}.{{wildcard(1)}}");
        assert_eq!(partitions_of(&partitioned(16)), Some(16));
        for foreign in ["in.{{partition(16,1,2)}}.{{wildcard(1)}}", "in.1.{{wildcard(1)}}", "in.{{partition(x,1)}}"] {
            assert_eq!(partitions_of(foreign), None, "{foreign}");
        }
    }
}
