//! What a server has shown of its state, and what an event changes of it.

use std::collections::BTreeMap;

use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::is_default;

/// What a server does in a term.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// It follows.
    #[default]
    #[serde(rename = "f")]
    Follower,
    /// It asks for votes.
    #[serde(rename = "c")]
    Candidate,
    /// It leads.
    #[serde(rename = "l")]
    Leader,
}

/// A position in a log: index and term, as an array.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position(
    /// The index, counted from 1; 0 before the first entry.
    pub u64,
    /// The term.
    pub u64,
);

/// A log entry: its term and its command in short, as an array.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoryEntry(
    /// The term.
    pub u64,
    /// The command, in a few letters.
    pub String,
);

/// A server's state, as far as it has shown itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Whether it is up.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub up: bool,
    /// Whether its threads are stopped.
    #[serde(default, skip_serializing_if = "is_default")]
    pub paused: bool,
    /// Its role.
    pub role: Role,
    /// Its term.
    pub term: u64,
    /// The lane of the server that it has voted for in this term; `null` for none.
    pub vote: Option<String>,
    /// The position before the first entry of the log.
    #[serde(default, skip_serializing_if = "is_default")]
    pub base: Position,
    /// The entries after the base.
    pub log: Vec<StoryEntry>,
    /// The index through which it knows entries to be committed.
    pub commit: u64,
    /// The index through which its service has applied.
    pub applied: u64,
    /// What is on its disk, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<DiskMarks>,
    /// The service's pairs of keys that are shown.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kv: BTreeMap<String, String>,
}

/// What is on a disk, in short.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskMarks {
    /// The saved term.
    pub term: u64,
    /// The saved vote.
    pub vote: Option<String>,
    /// The last entry of the saved log.
    pub last: Position,
    /// The base of the saved log.
    #[serde(default, skip_serializing_if = "is_default")]
    pub base: Position,
}

/// What an event changed on its server. What it did not change is missing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Delta {
    /// The new role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The new term.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term: Option<u64>,
    /// The new vote; `Some(None)`, which is `null`, for none.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "nullable")]
    pub vote: Option<Option<String>>,
    /// The new index of commitment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<u64>,
    /// The new index of applying.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<u64>,
    /// The disk's new content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<DiskMarks>,
    /// The new base of the log. With `log`, the log starts afresh after it; without, its front is cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Position>,
    /// The change of the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogDelta>,
    /// The changed pairs of the service.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kv: BTreeMap<String, String>,
}

/// A change of a log, as an array: the entries through an index are kept, the rest dropped, and these added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogDelta {
    /// The last index that is kept.
    pub keep: u64,
    /// The entries that follow.
    pub add: Vec<StoryEntry>,
}

impl Serialize for LogDelta {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut array = serializer.serialize_seq(Some(1 + self.add.len()))?;
        array.serialize_element(&self.keep)?;
        self.add.iter().try_for_each(|entry| array.serialize_element(entry))?;
        array.end()
    }
}

impl<'de> Deserialize<'de> for LogDelta {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<LogDelta, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Part {
            Keep(u64),
            Add(StoryEntry),
        }
        let mut change = LogDelta::default();
        for part in Vec::<Part>::deserialize(deserializer)? {
            match part {
                Part::Keep(keep) => change.keep = keep,
                Part::Add(entry) => change.add.push(entry),
            }
        }
        Ok(change)
    }
}

/// A value that may be left out, and may be `null`.
mod nullable {
    use super::*;

    pub(super) fn serialize<S: Serializer>(value: &Option<Option<String>>, serializer: S) -> Result<S::Ok, S::Error> {
        value.clone().flatten().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
        Option::deserialize(deserializer).map(Some)
    }
}

fn yes() -> bool {
    true
}

fn is_true(value: &bool) -> bool {
    *value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written is read again, with the difference between a vote for nobody and no news of the vote.
    #[test]
    fn deltas_round_trip() {
        let log = Some(LogDelta { keep: 2, add: vec![StoryEntry(1, "x".into()), StoryEntry(3, String::new())] });
        for vote in [None, Some(None), Some(Some("2".to_string()))] {
            let delta = Delta { vote, log: log.clone(), base: Some(Position(4, 1)), ..Delta::default() };
            let text = serde_json::to_string(&delta).expect("it can be written");
            assert_eq!(serde_json::from_str::<Delta>(&text).expect("it can be read"), delta, "{text}");
        }
        let text = serde_json::to_string(&Delta { vote: Some(None), log, ..Delta::default() }).expect("it is plain");
        assert_eq!(text, r#"{"vote":null,"log":[2,[1,"x"],[3,""]]}"#);
    }
}
