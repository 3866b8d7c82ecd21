//! A story as a whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Event, State, Thread, Waited, is_default};

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
    /// What the run waited for, if it failed because something did not happen in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited: Option<Waited>,
    /// The threads that the run failed for: one that panicked or does not end first, or those that wait for one another.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub threads: Vec<Thread>,
    /// What the test is about and did not happen, if it failed for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
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
    /// The events that a reader is shown: without heartbeats, log lines, and what comes again and again.
    #[serde(default)]
    pub news: usize,
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
    /// The point at which the failure has become much likelier than it was at the one before; `None` if there is no such
    /// point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jump: Option<usize>,
}

impl Curve {
    /// The curve of these points, with its jump: the steepest rise, if a quarter of the runs or more make it.
    pub fn new(runs: u64, points: Vec<CurvePoint>) -> Curve {
        let rise = |nth: &usize| points[*nth].broken.saturating_sub(points[nth - 1].broken);
        let steepest = (1..points.len()).max_by_key(|nth| (rise(nth), std::cmp::Reverse(*nth)));
        let jump = steepest.filter(|nth| rise(nth) * 4 >= runs);
        Curve { runs, points, jump }
    }
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
