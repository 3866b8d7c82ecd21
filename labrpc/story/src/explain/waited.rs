//! A wait that was too long: the last good state, what was waited for, and what kept it from happening.

use super::messages::{Messages, is_of_leader, number};
use super::{answers, elections, list, replication, sentence};
use crate::words::{self, at, seconds};
use crate::{Awaited, ClashStep, Event, Kind, Position, Story, Waited};

/// The note of the last good event.
const LAST_GOOD: &str = "the last good state";
/// The most crashes, cuts and the like that are told.
const FAULTS_MAX: usize = 4;

pub(super) fn text(story: &Story, waited: &Waited) -> String {
    let messages = Messages::new(story);
    let kept = match &waited.awaited {
        Awaited::Leader => elections::text(&messages, waited),
        Awaited::Applied { index, .. } => replication::text(&messages, waited, *index, None),
        Awaited::CatchUp { at, index } => replication::text(&messages, waited, Some(*index), Some(at)),
        Awaited::Answer { client } => answers::of_clients(&messages, waited, client.as_deref()),
        Awaited::Reply { at, e } => answers::of_server(&messages, waited, at, *e),
        Awaited::Message { at, .. } => answers::sent(&messages, waited, at),
        Awaited::Return { at, .. } => answers::of_server(&messages, waited, at, None),
    };
    let is_told = |step: &&ClashStep| ![LAST_GOOD, &story.meta.verdict].contains(&step.note.as_str());
    let notes: String = story.clash.iter().filter(is_told).map(|step| note(story, step)).collect();
    format!(
        "The last good state:\n{}What was waited for:\n{}What kept it from happening, as far as the events show it:\n{kept}{}{notes}",
        good_state(story, waited),
        wish(story, waited),
        if notes.is_empty() { "" } else { "Marked events:\n" },
    )
}

fn timed(t: u64, text: &str) -> String {
    format!("  {:>10}  {text}\n", seconds(t))
}

fn note(story: &Story, step: &ClashStep) -> String {
    let event = story.events.get(step.e);
    event.map(|event| timed(event.t, &format!("event {}: {}", step.e, step.note))).unwrap_or_default()
}

/// The event up to which all was well, if there is one.
pub(super) fn last_good(story: &Story, waited: &Waited) -> Option<usize> {
    let last =
        |is_it: &dyn Fn(&Event) -> bool| story.events.iter().rposition(|event| event.t <= waited.until && is_it(event));
    let is_on = |event: &Event, lane: &str| event.at.as_deref() == Some(lane);
    match &waited.awaited {
        Awaited::Leader => story.events.iter().rposition(|event| {
            event.t <= waited.since && is_of_leader(event) && is_under_test(story, event.at.as_deref())
        }),
        Awaited::Applied { index: None, .. } => last(&|event| event.k == Kind::Apply && event.t <= waited.since),
        Awaited::Applied { .. } => last(&|event| matches!(event.k, Kind::Apply | Kind::Commit)),
        Awaited::CatchUp { at, .. } => last(&|event| event.k == Kind::Apply && is_on(event, at)),
        Awaited::Answer { client: Some(client) } => last(&|event| event.k == Kind::Ret && is_on(event, client)),
        Awaited::Answer { client: None } => last(&|event| event.k == Kind::Ret),
        Awaited::Reply { at, .. } | Awaited::Return { at, .. } | Awaited::Message { at, .. } => {
            last(&|event| event.t <= waited.since && event.k == Kind::Send && is_on(event, at))
        }
    }
}

pub(super) fn is_under_test(story: &Story, lane: Option<&str>) -> bool {
    story.under_test().any(|id| Some(id.as_str()) == lane)
}

/// The server that led last by then, if one did: its lane, its term, and the place of its last message as the leader.
pub(super) fn leader_at(story: &Story, until: u64) -> Option<(&str, u64, usize)> {
    let is_it = |(_, event): &(usize, &Event)| event.t <= until && is_of_leader(event);
    let led = story.events.iter().enumerate().filter(is_it);
    let led = led.filter_map(|(place, event)| Some((event.at.as_deref()?, number(event, "term")?, place)));
    led.max_by_key(|(_, term, place)| (*term, *place))
}

fn good_state(story: &Story, waited: &Waited) -> String {
    let good = last_good(story, waited);
    let until = good.map_or(waited.since, |place| story.events[place].t);
    let mut text = match leader_at(story, until) {
        Some((lane, term, place)) => {
            let states = story.states_after(place + 1);
            let committed = states.get(lane).map(|state| {
                let entry = state.commit.checked_sub(state.base.0 + 1).and_then(|nth| state.log.get(nth as usize));
                entry.map_or(state.commit.to_string(), |entry| at(Position(state.commit, entry.0)))
            });
            let committed = committed.filter(|committed| committed != "0");
            let committed = committed.map_or(String::new(), |through| format!(", and had committed through {through}"));
            let led = format!("until then {} led term {term}{committed}", story.name_of(lane));
            timed(story.events[place].t, &led)
        }
        None => timed(until, "until then no server has led"),
    };
    if let Some(place) = good.filter(|place| !is_of_leader(&story.events[*place])) {
        text += &timed(until, &with_sender(story, &story.events[place]));
    }
    let faults = story.events.iter().filter(|event| {
        matches!(event.k, Kind::Crash | Kind::Restart | Kind::Cut | Kind::Heal | Kind::Pause | Kind::Resume)
            && (until..=waited.until).contains(&event.t)
    });
    let faults: Vec<&Event> = faults.collect();
    let left_out = faults.len().saturating_sub(FAULTS_MAX);
    if left_out > 0 {
        text += &format!("  {:>10}  … {left_out} earlier faults\n", "");
    }
    faults[left_out..].iter().for_each(|event| text += &timed(event.t, &sentence(story, event, &[])));
    text
}

/// An event as a sentence, with its receiver if it is a message.
pub(super) fn with_sender(story: &Story, event: &Event) -> String {
    sentence(story, event, &event.to.as_deref().into_iter().collect::<Vec<_>>())
}

/// What was waited for, since when and until when.
fn wish(story: &Story, waited: &Waited) -> String {
    let Waited { since, until, among, .. } = waited;
    let names: Vec<&str> = among.iter().map(|lane| story.name_of(lane)).collect();
    let (whom, was_up) = match names.len() {
        0 => (String::new(), String::new()),
        1 => (format!(" among {}", list(&names)), ", which was up".to_string()),
        _ => (format!(" among {}", list(&names)), ", which were up and could reach one another".to_string()),
    };
    let (what, missing) = match &waited.awaited {
        Awaited::Leader => (format!("a leader{whom}{was_up}"), "there was none".to_string()),
        Awaited::Applied { index: Some(index), servers } => {
            (format!("entry {index} applied on {servers} servers{}", up(&names)), applied_on(story, waited, *index))
        }
        Awaited::Applied { index: None, servers } => {
            (format!("a command applied on {servers} servers{}", up(&names)), "it was not".to_string())
        }
        Awaited::CatchUp { at, index } => {
            let applied = story.states_after(story.events.len()).get(at).map_or(0, |state| state.applied);
            let at = story.name_of(at);
            (format!("{at} applies everything through entry {index}"), format!("it had applied through {applied}"))
        }
        Awaited::Answer { client: Some(client) } => {
            (format!("an answer for {}{}", story.name_of(client), up(&names)), "there was none".into())
        }
        Awaited::Answer { client: None } => {
            (format!("the answers for all clients{}", up(&names)), "some were missing".into())
        }
        Awaited::Reply { at, e } => {
            let asked = e.and_then(|e| story.events.get(e)).map(|event| {
                let sent = event.m.and_then(|m| story.sendings().get(m).copied()).map(|place| &story.events[place]);
                let from = event.from.as_deref().map_or("a client", |lane| story.name_of(lane));
                format!(" to {} of {from}", sent.map(words::message).unwrap_or_default())
            });
            let at = story.name_of(at);
            (format!("the answer of {at}{}", asked.unwrap_or_default()), "it had not answered".into())
        }
        Awaited::Message { at, message } => {
            (format!("{} sends {message}", story.name_of(at)), "it had not".to_string())
        }
        Awaited::Return { at, method } => {
            (format!("`{method}` of {} returns", story.name_of(at)), "it had not".to_string())
        }
    };
    timed(*since, &format!("from then on: {what}")) + &timed(*until, &missing)
}

fn up(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => format!("; {one} was up and connected"),
        _ => format!("; {} were up and could reach one another", list(names)),
    }
}

fn applied_on(story: &Story, waited: &Waited, index: u64) -> String {
    let states = story.states_after(story.events.partition_point(|event| event.t <= waited.until));
    let have: Vec<&str> = story
        .under_test()
        .filter(|lane| states.get(*lane).is_some_and(|state| state.applied >= index))
        .map(|lane| story.name_of(lane))
        .collect();
    match have.is_empty() {
        true => "no server had applied it".into(),
        false => format!("only {} had applied it", list(&have)),
    }
}

impl Story {
    /// Marks the last event with the verdict, if it is not marked.
    pub fn mark_end(&mut self) {
        let Some(e) = self.events.len().checked_sub(1) else { return };
        if self.clash.last().is_none_or(|step| step.e != e) {
            self.clash.push(ClashStep { e, note: self.meta.verdict.clone() });
        }
    }

    /// Marks the last good event and the last event as the clash of a wait that was too long, if nothing is marked.
    pub fn mark_wait(&mut self) {
        let is_marked = |clash: &[ClashStep]| clash.len() > 1;
        let Some(waited) = self.waited.clone().filter(|_| !is_marked(&self.clash)) else { return };
        let Some(end) = self.events.len().checked_sub(1) else { return };
        let good = last_good(self, &waited).filter(|good| *good < end);
        let key = match &waited.awaited {
            Awaited::Applied { index: Some(index), .. } => replication::taken(self, &waited, *index),
            Awaited::Reply { e, .. } => *e,
            Awaited::Answer { client } => answers::first_open(self, client.as_deref()),
            _ => None,
        };
        let mut clash: Vec<ClashStep> = Vec::new();
        clash.extend(good.map(|e| ClashStep { e, note: LAST_GOOD.into() }));
        let what = match waited.awaited {
            Awaited::Applied { .. } => "the leader takes the command that is waited for",
            Awaited::Answer { .. } => "this operation has no answer",
            _ => "this request is not answered",
        };
        clash.extend(key.map(|e| ClashStep { e, note: what.into() }));
        clash.push(ClashStep { e: end, note: self.meta.verdict.clone() });
        clash.sort_by_key(|step| step.e);
        clash.dedup_by_key(|step| step.e);
        self.clash = clash;
    }
}
