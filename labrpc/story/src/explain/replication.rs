//! What kept an entry from being applied: what the leader sent each follower, what these answered, and how far each
//! server knew entries to be committed.

use std::collections::{BTreeMap, BTreeSet};

use super::elections::{self, campaigns_in};
use super::list;
use super::messages::{Messages, Outcome, count, is, is_of_leader, line, number};
use super::waited::{is_under_test, leader_at};
use crate::words::{at, seconds};
use crate::{Field, Kind, State, Story, Waited};

/// The leader whose entry is waited for, and what is asked.
struct Replication<'a> {
    messages: &'a Messages<'a>,
    leader: &'a str,
    term: u64,
    index: Option<u64>,
    time: (u64, u64),
    states: BTreeMap<String, State>,
}

/// What became of a leader's messages to one server.
#[derive(Default)]
struct Sent {
    count: usize,
    with_entries: usize,
    snapshots: usize,
    last: Option<u64>,
    lost: usize,
    unanswered: usize,
    /// The index from which entries were asked for, at each refusal.
    refused: Vec<Option<u64>>,
    /// The highest index that it agreed through, and when that was first heard.
    agreed: Option<(u64, u64)>,
}

/// Why the entry at `index`, or any, was not applied everywhere, or at the server `at`.
pub(super) fn text(messages: &Messages, waited: &Waited, index: Option<u64>, at: Option<&str>) -> String {
    let story = messages.story;
    let led =
        leader_at(story, waited.until).filter(|(_, _, place)| at.is_some() || story.events[*place].t >= waited.since);
    let Some((leader, term, last)) = led else {
        let campaigns = campaigns_in(messages, waited);
        return format!("  no server led in this time; {campaigns}\n{}", elections::text(messages, waited));
    };
    let states = story.states_after(story.events.partition_point(|event| event.t <= waited.until));
    let time = (
        taken(story, waited, index.unwrap_or(u64::MAX)).map_or(waited.since, |e| story.events[e].t.min(waited.since)),
        waited.until,
    );
    let replication = Replication { messages, leader, term, index, time, states };
    let mut text = replication.of_leader(story.events[last].t);
    let others = story.servers.iter().map(|lane| lane.id.as_str()).filter(|lane| *lane != leader);
    for lane in others.filter(|lane| at.is_none_or(|at| at == *lane || at == leader)) {
        text += &line(story.name_of(lane), &replication.of_follower(lane));
    }
    text + &replication.conclusion(at)
}

/// The event in which the entry at `index` was taken by the leader of that time.
pub(super) fn taken(story: &Story, waited: &Waited, index: u64) -> Option<usize> {
    let (leader, ..) = leader_at(story, waited.until)?;
    story.events.iter().rposition(|event| {
        let adds = event.d.as_ref().and_then(|delta| delta.log.as_ref());
        event.k == Kind::Append
            && event.t <= waited.until
            && event.at.as_deref() == Some(leader)
            && adds.is_some_and(|log| log.keep < index && index <= log.keep + log.add.len() as u64)
    })
}

impl Replication<'_> {
    fn name<'s>(&'s self, lane: &'s str) -> &'s str {
        self.messages.story.name_of(lane)
    }

    fn of_leader(&self, last: u64) -> String {
        let state = self.states.get(self.leader).cloned().unwrap_or_default();
        let log = at(state.last());
        let told = format!(
            "led term {}, until {} at least: its log ended at {log}, committed through {}, applied through {}",
            self.term,
            seconds(last),
            state.commit,
            state.applied
        );
        line(self.name(self.leader), &told)
    }

    fn of_follower(&self, lane: &str) -> String {
        let sent = self.sent_to(lane);
        let mut parts = Vec::new();
        match sent.last {
            None => parts.push(format!("the leader sent it nothing since {}", seconds(self.time.0))),
            Some(last) => {
                let mut what = vec![format!("{} with entries", sent.with_entries)];
                if sent.snapshots > 0 {
                    what.push(count(sent.snapshots, "snapshot"));
                }
                parts.push(format!(
                    "the leader sent it {} ({}), the last at {}",
                    count(sent.count, "message"),
                    what.join(", "),
                    seconds(last)
                ));
            }
        }
        let mut add = |count: usize, what: &str| {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        };
        add(sent.lost, "lost, or their replies");
        add(sent.unanswered, "without an answer");
        if let [.., last] = &sent.refused[..] {
            let same = sent.refused.iter().all(|from| from == last);
            let from = last.map(|from| {
                format!(", retry from {from}{}", if same && sent.refused.len() > 1 { " each time" } else { " at last" })
            });
            parts.push(format!("{} refused{}", sent.refused.len(), from.unwrap_or_default()));
        }
        if let Some((through, t)) = sent.agreed {
            parts.push(format!("agreed through {through} at {}", seconds(t)));
        }
        if let Some(state) = self.states.get(lane).filter(|_| is_under_test(self.messages.story, Some(lane))) {
            parts.push(format!(
                "it knew entries to be committed through {}, and applied through {}",
                state.commit, state.applied
            ));
        }
        parts.join("; ")
    }

    fn sent_to(&self, lane: &str) -> Sent {
        let mut sent = Sent::default();
        for place in self.messages.on(self.leader, Kind::Send, self.time) {
            let event = self.messages.event(place);
            let is_it =
                is_of_leader(event) && event.to.as_deref() == Some(lane) && number(event, "term") == Some(self.term);
            if !is_it {
                continue;
            }
            sent.count += 1;
            sent.last = Some(event.t);
            sent.with_entries += usize::from(number(event, "n").is_some_and(|count| count > 0));
            sent.snapshots += usize::from(event.msg.as_deref() == Some("InstallSnapshot"));
            match self.messages.outcome(place) {
                Outcome::Lost | Outcome::ReplyLost => sent.lost += 1,
                Outcome::Unanswered(_) | Outcome::OnItsWay => sent.unanswered += 1,
                Outcome::Answered(reply, heard) => {
                    let reply = self.messages.event(reply);
                    match number(reply, "through").filter(|_| is(reply, "ok")) {
                        Some(through) if sent.agreed.is_none_or(|(known, _)| known < through) => {
                            sent.agreed = Some((through, self.messages.event(heard).t));
                        }
                        Some(_) => {}
                        None => sent.refused.push(number(reply, "hint")),
                    }
                }
            }
        }
        sent
    }

    /// What follows from all of it, if that is certain.
    fn conclusion(&self, at: Option<&str>) -> String {
        let story = self.messages.story;
        let Some(index) = self.index else { return String::new() };
        let Some(state) = self.states.get(self.leader).filter(|state| index <= state.last().0) else {
            return format!("  {} did not hold entry {index}\n", self.name(self.leader));
        };
        let others = story.servers.iter().map(|lane| lane.id.as_str()).filter(|lane| *lane != self.leader);
        let agreed: BTreeMap<&str, u64> = others
            .filter_map(|lane| {
                self.sent_to(lane).agreed.filter(|(through, _)| *through >= index).map(|(_, t)| (lane, t))
            })
            .collect();
        let holders: BTreeSet<&str> = agreed.keys().copied().chain([self.leader]).collect();
        let names: Vec<&str> = holders.iter().map(|lane| self.name(lane)).collect();
        let size = story.servers.len();
        let majority = size / 2 + 1;
        if state.commit < index && holders.len() < majority {
            return format!(
                "  entry {index} was on {}, which is no majority of {size}, as far as the leader was told\n",
                list(&names)
            );
        }
        if state.commit < index {
            let mut heard: Vec<u64> = agreed.values().copied().collect();
            heard.sort_unstable();
            let when = majority.checked_sub(2).and_then(|nth| heard.get(nth)).copied();
            let when = when.map_or(String::new(), |t| format!(" since {}", seconds(t)));
            let own = self.own_term(index, state);
            return format!(
                "  entry {index} was on {}, a majority of {size}{when}, but no message of the leader calls it committed{own}\n",
                list(&names)
            );
        }
        let late = story.under_test().filter(|lane| at.is_none_or(|at| at == lane.as_str()));
        let late = late.filter(|lane| {
            self.states.get(*lane).is_some_and(|state| state.up && state.commit >= index && state.applied < index)
        });
        let late: Vec<&str> = late.map(|lane| self.name(lane)).collect();
        match late.is_empty() {
            true => String::new(),
            false => format!("  {} knew entry {index} to be committed and had not applied it\n", list(&late)),
        }
    }

    /// Whether the entry is of an earlier term, which explains that it is not committed.
    fn own_term(&self, index: u64, state: &State) -> String {
        let entry = index.checked_sub(state.base.0 + 1).and_then(|nth| state.log.get(nth as usize));
        match entry {
            Some(entry) if entry.0 < self.term => format!(" (it is of term {}, an earlier one: §5.4.2)", entry.0),
            _ => String::new(),
        }
    }
}

/// The entry that a server took for the request that arrived at an event, if that is certain: its index.
pub(super) fn taken_for(messages: &Messages, arrival: usize, request: &crate::Event) -> Option<u64> {
    let text = |name: &str| match request.f.get(name) {
        Some(Field::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    let (key, value) = (text("key")?, text("val").unwrap_or_default());
    let label = match text("op")? {
        "get" => format!("get {key}"),
        "put" => format!("{key}={value}"),
        _ => format!("{key}+={value}"),
    };
    let event = messages.event(arrival);
    let time = (event.t, event.t + super::STEP);
    let added = messages.on(event.at.as_deref()?, Kind::Append, time).filter(|place| *place > arrival);
    added.filter_map(|place| messages.event(place).d.as_ref()?.log.as_ref()).find_map(|log| match &log.add[..] {
        [one] if one.1 == label => Some(log.keep + 1),
        _ => None,
    })
}
