//! The data of a story. As JSON, names are short and what is missing is left out.

use std::collections::BTreeMap;

use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The version of the data that this crate writes and reads.
pub const VERSION: u32 = 1;

/// A run, or the part of it that is told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Story {
    /// The version of this data: [`VERSION`].
    pub v: u32,
    /// What the story is about.
    pub meta: Meta,
    /// The servers, in the order of their numbers.
    pub servers: Vec<Lane>,
    /// The clients, in the order of their ends of the network.
    pub clients: Vec<Lane>,
    /// The state of each server before the first event, by lane.
    pub init: BTreeMap<String, State>,
    /// What happened, in order. An event's number is its place here.
    pub events: Vec<Event>,
    /// The events that contradict one another, in order of time.
    pub clash: Vec<ClashStep>,
    /// Of a service's history, the operations that no order explains.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub witness: Vec<Marked>,
    /// How likely the failure is from each moment on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curve: Option<Curve>,
    /// The nearest run that passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twin: Option<Twin>,
}

/// What a story is about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// The lab: `2C`.
    pub lab: String,
    /// The package of the lab: `lab2c-persist`.
    pub package: String,
    /// The test: `figure_8_2c`.
    pub test: String,
    /// A short heading.
    pub title: String,
    /// The run's token.
    pub token: String,
    /// The command that makes the run again.
    pub replay: String,
    /// What happened, in a sentence; of a run that passed, that it did.
    pub verdict: String,
    /// Whether the run failed.
    pub failed: bool,
    /// What ended the run, in a word: `rule`, `panic`, `deadlock`, …; empty if it passed.
    pub cause: String,
    /// The rule that was broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleText>,
    /// One sentence more, such as why no order explains a history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What to ask oneself; `code` is in backticks.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hint: String,
    /// Where to look: functions and files.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub file: String,
    /// The whole report, as it is printed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub report: String,
    /// A key whose value each server shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<String>,
    /// The events in the story.
    pub shown: usize,
    /// The events of the run.
    pub total: usize,
    /// The run's trace, in hexadecimal: equal runs have equal traces.
    pub trace: String,
    /// A hash of the sources that the run was made with, in hexadecimal.
    pub sources: String,
}

/// A rule of the paper.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleText {
    /// Its name: `vote-once`.
    pub name: String,
    /// Where the paper states it: `Figure 2, RequestVote rule 2; §5.2`.
    #[serde(rename = "where")]
    pub place: String,
    /// The rule, in a sentence.
    pub text: String,
}

/// A lane of the picture: a server or a client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// A short name without spaces: `0` for a server, `a` for a client.
    pub id: String,
    /// The name for readers: `server 0`, `client 7`.
    pub name: String,
    /// Whether a script plays it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub scripted: bool,
}

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

/// One of the events that contradict one another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClashStep {
    /// The event's number.
    pub e: usize,
    /// What it shows.
    pub note: String,
}

/// An operation of a history, and its part in the failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marked {
    /// The operation's number.
    pub op: usize,
    /// `missed` (its effect was not seen), `wrong` (its result fits nowhere) or `near`.
    #[serde(rename = "as")]
    pub part: String,
}

/// How likely the failure is, if chance decides anew from a moment on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// The runs that were made at each point.
    pub runs: u64,
    /// The points, in order of time.
    pub points: Vec<CurvePoint>,
}

/// One point of a [`Curve`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Until when the run was kept, in microseconds of virtual time.
    pub t: u64,
    /// In how many of the runs the same rule was broken.
    pub broken: u64,
}

/// The nearest run that passes: one decision less.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Twin {
    /// Its token.
    pub token: String,
    /// The decision that it leaves out, in words.
    pub without: String,
    /// The first event of the failing run that differs.
    pub parts: usize,
    /// What happens in the passing run from there on, in order.
    pub events: Vec<Event>,
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

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
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
