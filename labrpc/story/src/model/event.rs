//! Something that happened.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Delta, Position, is_default};

/// Something that happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When, in microseconds of virtual time.
    pub t: u64,
    /// What kind of event it is.
    pub k: Kind,
    /// The lane that it happened on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// What it changed there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub d: Option<Delta>,
    /// Of a message that leaves: the receiver's lane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Of a message that arrives: the sender's lane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The number of the message, from 0 in order of sending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub m: Option<usize>,
    /// Of a reply that leaves: the number of the request that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub re: Option<usize>,
    /// Of a message that leaves: what it is, such as `RequestVote`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msg: Option<String>,
    /// Of a message that leaves, a call or a return: its fields, as values for readers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub f: BTreeMap<String, Field>,
    /// Of a message that leaves and does not arrive: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<String>,
    /// Of a message that arrives once more.
    #[serde(default, skip_serializing_if = "is_default")]
    pub dup: bool,
    /// Of a cut or healed link: each direction, from one lane to another.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<(String, String)>,
    /// Of a call or a return: the operation's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<usize>,
    /// Words for events that have no other shape, and log lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub say: Option<String>,
    /// Of a message that leaves: its number in the network; of a crash: its number among the crashes. `--flip` counts by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// What `--flip` can make of the event: `lose`, `late`, `deliver`, `no-crash`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flips: Vec<String>,
}

/// What kind of event it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A message leaves.
    Send,
    /// A message arrives.
    Recv,
    /// A server's role, term or vote has become visible.
    Role,
    /// A leader takes a command into its log, or a follower entries.
    Append,
    /// A disk is written.
    Save,
    /// A server knows more entries to be committed.
    Commit,
    /// A service receives an entry or a snapshot.
    Apply,
    /// A log is cut behind a snapshot.
    Snap,
    /// A server crashes.
    Crash,
    /// A server boots.
    Restart,
    /// A server's threads are stopped.
    Pause,
    /// They go on.
    Resume,
    /// A link is cut, in the directions of `links`.
    Cut,
    /// A link works again.
    Heal,
    /// A client begins an operation.
    Call,
    /// It returns.
    Ret,
    /// A line that the server's code has logged.
    Log,
    /// Anything else, in words.
    #[default]
    Say,
}

/// A value of a message's field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Field {
    /// Yes or no.
    Truth(bool),
    /// A number.
    Number(u64),
    /// A position in a log.
    Position(Position),
    /// Words.
    Text(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fields keep their kinds.
    #[test]
    fn fields_round_trip() {
        let fields =
            [Field::Truth(true), Field::Number(7), Field::Position(Position(4, 2)), Field::Text("7".to_string())];
        let text = serde_json::to_string(&fields).expect("it is plain");
        assert_eq!(text, r#"[true,7,[4,2],"7"]"#);
        assert_eq!(serde_json::from_str::<Vec<Field>>(&text).expect("it can be read"), fields);
    }
}
