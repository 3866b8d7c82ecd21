//! Which events are shown.

use std::fmt;
use std::str::FromStr;

use crate::{Event, Kind, Story};

/// Which events are shown. The clash is always shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only events on these lanes, and messages from and to them; all if there are none.
    pub lanes: Vec<String>,
    /// Only events of these topics; all if there are none.
    pub topics: Vec<Topic>,
    /// Only events from this time on, in microseconds.
    pub from: Option<u64>,
    /// Only events until this time, in microseconds.
    pub until: Option<u64>,
}

/// A group of events that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// RequestVote, its replies, roles, terms and votes.
    Vote,
    /// AppendEntries and its replies, logs and commitment.
    Append,
    /// InstallSnapshot and its replies, and cuts of logs.
    Snapshot,
    /// What services receive.
    Apply,
    /// Saves.
    Save,
    /// Crashes, boots, pauses and links.
    Fault,
    /// Clients' requests, answers and operations.
    Client,
    /// Lines that the servers' code has logged.
    Log,
}

impl Topic {
    /// All topics, each with its name.
    pub const ALL: [(&'static str, Topic); 8] = [
        ("vote", Topic::Vote),
        ("append", Topic::Append),
        ("snapshot", Topic::Snapshot),
        ("apply", Topic::Apply),
        ("save", Topic::Save),
        ("fault", Topic::Fault),
        ("client", Topic::Client),
        ("log", Topic::Log),
    ];

    /// The topic of an event; `None` for what is told in words, which belongs to every topic. `msg` is the name of its
    /// message.
    fn of(event: &Event, msg: &str) -> Option<Topic> {
        Some(match event.k {
            Kind::Send | Kind::Recv => match msg {
                "RequestVote" | "RequestVoteReply" => Topic::Vote,
                "InstallSnapshot" | "InstallSnapshotReply" => Topic::Snapshot,
                "Request" | "Reply" => Topic::Client,
                _ => Topic::Append,
            },
            Kind::Role => Topic::Vote,
            Kind::Append | Kind::Commit => Topic::Append,
            Kind::Save => Topic::Save,
            Kind::Apply => Topic::Apply,
            Kind::Snap => Topic::Snapshot,
            Kind::Crash | Kind::Restart | Kind::Pause | Kind::Resume | Kind::Cut | Kind::Heal => Topic::Fault,
            Kind::Call | Kind::Ret => Topic::Client,
            Kind::Log => Topic::Log,
            Kind::Say => return None,
        })
    }
}

/// A word that names no topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError(String);

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = Topic::ALL.iter().map(|(name, _)| *name).collect();
        write!(f, "`{}` is no kind of event; the kinds are {}", self.0, names.join(", "))
    }
}

impl std::error::Error for FilterError {}

impl FromStr for Topic {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Topic, FilterError> {
        let known = Topic::ALL.iter().find(|(name, _)| *name == text);
        known.map(|(_, topic)| *topic).ok_or_else(|| FilterError(text.into()))
    }
}

impl Filter {
    /// The events that are shown, by number.
    pub fn shown(&self, story: &Story) -> Vec<usize> {
        let sendings = story.sendings();
        let message = |event: &Event| event.m.and_then(|m| sendings.get(m)).map(|place| &story.events[*place]);
        let is_shown = |place: usize, event: &Event| {
            let msg = message(event).and_then(|sent| sent.msg.as_deref()).unwrap_or_default();
            story.clash.iter().any(|step| step.e == place) || self.is_about(event) && self.is_of_topic(event, msg)
        };
        let places = story.events.iter().enumerate();
        places.filter(|(place, event)| is_shown(*place, event)).map(|(place, _)| place).collect()
    }

    fn is_about(&self, event: &Event) -> bool {
        let is_in_time =
            self.from.is_none_or(|from| event.t >= from) && self.until.is_none_or(|until| event.t <= until);
        let ends = [&event.at, &event.to, &event.from].into_iter().flatten();
        let links = event.links.iter().flat_map(|(from, to)| [from, to]);
        let mut ends = ends.chain(links).peekable();
        let is_on_lane = self.lanes.is_empty() || ends.peek().is_none() || ends.any(|end| self.lanes.contains(end));
        is_in_time && is_on_lane
    }

    fn is_of_topic(&self, event: &Event, msg: &str) -> bool {
        self.topics.is_empty() || Topic::of(event, msg).is_none_or(|topic| self.topics.contains(&topic))
    }
}
