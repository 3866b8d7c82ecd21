//! What became of each message.

use crate::{Event, Field, Kind, Story};

/// The events of a story by message.
pub(super) struct Messages<'a> {
    pub(super) story: &'a Story,
    /// Where each message leaves.
    sendings: Vec<usize>,
    /// Where each message arrives first.
    arrivals: Vec<Option<usize>>,
    /// Where the first reply to each message leaves.
    replies: Vec<Option<usize>>,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was lost.
    Lost,
    /// It was still on its way, or its reply was.
    OnItsWay,
    /// It arrived there, and was not answered.
    Unanswered(usize),
    /// It was answered, and the reply was lost.
    ReplyLost,
    /// The reply left at the first event, and arrived at the second.
    Answered(usize, usize),
}

impl<'a> Messages<'a> {
    pub(super) fn new(story: &'a Story) -> Messages<'a> {
        let sendings = story.sendings();
        let mut arrivals = vec![None; sendings.len()];
        let mut replies = vec![None; sendings.len()];
        for (place, event) in story.events.iter().enumerate() {
            let slot = match event.k {
                Kind::Recv => event.m.and_then(|m| arrivals.get_mut(m)),
                Kind::Send => event.re.and_then(|m| replies.get_mut(m)),
                _ => None,
            };
            if let Some(slot) = slot.filter(|slot| slot.is_none()) {
                *slot = Some(place);
            }
        }
        Messages { story, sendings, arrivals, replies }
    }

    pub(super) fn event(&self, place: usize) -> &'a Event {
        &self.story.events[place]
    }

    /// The sending of the message of an event.
    pub(super) fn sending(&self, place: usize) -> Option<&'a Event> {
        self.event(place).m.and_then(|m| self.sendings.get(m)).map(|place| self.event(*place))
    }

    /// What became of the request that leaves at an event.
    pub(super) fn outcome(&self, place: usize) -> Outcome {
        let request = self.event(place);
        let of = |event: &Event, of: &[Option<usize>]| event.m.and_then(|m| of.get(m).copied()).flatten();
        let arrival = of(request, &self.arrivals);
        let Some(arrival) = arrival else {
            return if request.lost.is_some() { Outcome::Lost } else { Outcome::OnItsWay };
        };
        let Some(reply) = of(request, &self.replies) else { return Outcome::Unanswered(arrival) };
        match of(self.event(reply), &self.arrivals) {
            Some(answered) => Outcome::Answered(reply, answered),
            None if self.event(reply).lost.is_some() => Outcome::ReplyLost,
            None => Outcome::OnItsWay,
        }
    }

    /// The events of a kind on a lane, in this time, both ends included.
    pub(super) fn on(&self, lane: &str, k: Kind, (since, until): (u64, u64)) -> impl Iterator<Item = usize> {
        let events = self.story.events.iter().enumerate();
        let is_it = move |event: &Event| {
            event.k == k && (since..=until).contains(&event.t) && event.at.as_deref() == Some(lane)
        };
        events.filter(move |(_, event)| is_it(event)).map(|(place, _)| place)
    }
}

/// A number in a message.
pub(super) fn number(event: &Event, name: &str) -> Option<u64> {
    match event.f.get(name) {
        Some(Field::Number(number)) => Some(*number),
        _ => None,
    }
}

/// Whether a field of a message is true.
pub(super) fn is(event: &Event, name: &str) -> bool {
    event.f.get(name) == Some(&Field::Truth(true))
}

/// Whether a message is one that only a leader sends.
pub(super) fn is_of_leader(event: &Event) -> bool {
    event.k == Kind::Send && matches!(event.msg.as_deref(), Some("AppendEntries" | "InstallSnapshot"))
}

/// `once`, `twice`, `3 times`.
pub(super) fn times(count: usize) -> String {
    match count {
        1 => "once".into(),
        2 => "twice".into(),
        count => format!("{count} times"),
    }
}

/// `1 vote`, `3 votes`.
pub(super) fn count(count: usize, what: &str) -> String {
    match (count, what.strip_suffix('y')) {
        (1, _) => format!("1 {what}"),
        (_, Some(stem)) if !what.ends_with("ey") => format!("{count} {stem}ies"),
        _ => format!("{count} {what}s"),
    }
}

/// A paragraph with its heading, and lines that begin with a lane.
pub(super) fn line(name: &str, text: &str) -> String {
    format!("  {name:<9}  {text}\n")
}
