//! Why a run failed, on one screen: the events that led to the clash, in plain sentences, and what the servers held.

use std::collections::{BTreeSet, VecDeque};

use crate::words::{self, seconds};
use crate::{Event, Field, Kind, Role, State, Story};

/// The most events that are told.
const EVENTS_MAX: usize = 16;
/// The states of more servers would fill the screen.
const SERVERS_MAX: usize = 5;
/// What happens on one server within this time, in microseconds, belongs to one step.
const STEP: u64 = 200;

/// The events that led to the clash, and the states of the servers involved before and after; empty for a run that has
/// no clash.
pub fn explanation(story: &Story) -> String {
    let clash: Vec<usize> = story.clash.iter().map(|step| step.e).filter(|place| *place < story.events.len()).collect();
    let Some(last) = clash.last() else { return String::new() };
    let past = Past::new(story).of(&clash);
    let mut text = format!("What led to it, of {} events:\n", story.events.len());
    let mut told = past.iter().peekable();
    while let Some(place) = told.next() {
        let event = &story.events[*place];
        let mut to: Vec<&str> = event.to.as_deref().into_iter().collect();
        // A request to several servers is one sentence.
        while let Some(next) = told.peek().map(|next| &story.events[**next])
            && event.k == Kind::Send
            && is_same_message(event, next)
            && !clash.contains(*told.peek().expect("it was looked at"))
        {
            to.extend(next.to.as_deref());
            told.next();
        }
        text += &format!("  {:>10}  {}\n", seconds(event.t), sentence(story, event, &to));
        let notes = story.clash.iter().filter(|step| step.e == *place);
        notes.for_each(|step| text += &format!("  {:>10}  ↑ {}\n", "", step.note));
    }
    text + &states(story, &clash, *last)
}

fn is_same_message(one: &Event, next: &Event) -> bool {
    next.k == Kind::Send && next.at == one.at && next.msg == one.msg && next.f == one.f && next.t - one.t < STEP
}

/// The servers of the clash: what they held before its first event, and after its last.
fn states(story: &Story, clash: &[usize], last: usize) -> String {
    let first = clash.iter().min().copied().unwrap_or(last);
    let (before, after) = (story.states_after(first), story.states_after(last + 1));
    let mut lanes: BTreeSet<&String> = clash.iter().filter_map(|place| story.events[*place].at.as_ref()).collect();
    if lanes.is_empty() {
        lanes = story.under_test().take(SERVERS_MAX).collect();
    }
    let mut text = String::new();
    for lane in lanes {
        let (Some(before), Some(after)) = (before.get(lane), after.get(lane)) else { continue };
        text += &format!("  {}\n", story.name_of(lane));
        text += &line("in memory", &memory(before), &memory(after));
        if let (Some(held), Some(holds)) = (&before.disk, &after.disk) {
            let saved = line("on disk", &words::disk(held), &words::disk(holds));
            text += &format!("{}{}\n", saved.trim_end(), unsaved(after));
        }
    }
    match text.is_empty() {
        true => text,
        false => format!("What the servers have shown, before and after:\n{text}"),
    }
}

fn memory(state: &State) -> String {
    words::state(state)
}

/// A line with the state, and what has changed in it.
fn line(what: &str, before: &str, after: &str) -> String {
    if before == after {
        return format!("    {what:<9}  {before}\n");
    }
    let (old, new) = (before.split(", ").collect::<Vec<_>>(), after.split(", ").collect::<Vec<_>>());
    let is_comparable = old.len() == new.len();
    let parts = new.iter().zip(&old).map(|(new, old)| match new == old {
        true => new.to_string(),
        false => format!("{old} ⇒ {new}"),
    });
    match is_comparable {
        true => format!("    {what:<9}  {}\n", parts.collect::<Vec<_>>().join(", ")),
        false => format!("    {what:<9}  {before}\n    {:<9}  ⇒ {after}\n", ""),
    }
}

/// What a server has shown and has not on its disk.
fn unsaved(state: &State) -> String {
    let Some(disk) = &state.disk else { return String::new() };
    let vote = |vote: &Option<String>| vote.as_ref().map_or("no vote".into(), |vote| format!("a vote for {vote}"));
    match () {
        () if state.term > disk.term => format!("   ≠ term {} in memory", state.term),
        () if state.term == disk.term && state.vote != disk.vote => format!("   ≠ {} in memory", vote(&state.vote)),
        () => String::new(),
    }
}

/// An event as a sentence with its subject.
fn sentence(story: &Story, event: &Event, to: &[&str]) -> String {
    let sent = event.m.and_then(|m| story.sendings().get(m).copied()).map(|place| &story.events[place]);
    let words = words::event(event, sent);
    let Some(at) = &event.at else { return words };
    let who = story.name_of(at);
    match event.k {
        Kind::Send => {
            let whom: Vec<&str> = to.iter().map(|lane| story.name_of(lane)).collect();
            format!("{who} to {}: {words}", list(&whom))
        }
        Kind::Recv => {
            let from = event.from.as_deref().map_or("", |lane| story.name_of(lane));
            format!("{who} {words} from {from}")
        }
        Kind::Role | Kind::Append | Kind::Commit => format!("{who}: {words}"),
        _ => format!("{who} {words}"),
    }
}

/// `server 0, 1 and 3`.
fn list(names: &[&str]) -> String {
    let numbers: Option<Vec<&str>> = names.iter().map(|name| name.strip_prefix("server ")).collect();
    let (names, prefix) = match &numbers {
        Some(numbers) if numbers.len() > 1 => (&numbers[..], "servers "),
        _ => (names, ""),
    };
    match names {
        [] => String::new(),
        [one] => format!("{prefix}{one}"),
        [first @ .., last] => format!("{prefix}{} and {last}", first.join(", ")),
    }
}

/// What can have caused an event.
struct Past<'a> {
    story: &'a Story,
    sendings: Vec<usize>,
}

impl<'a> Past<'a> {
    fn new(story: &'a Story) -> Past<'a> {
        Past { story, sendings: story.sendings() }
    }

    /// The events of the clash and the nearest of those that led to them, in order of time.
    fn of(&self, clash: &[usize]) -> BTreeSet<usize> {
        let mut told: BTreeSet<usize> = clash.iter().copied().collect();
        told.extend(self.faults(clash));
        let mut next: VecDeque<usize> = clash.iter().rev().copied().collect();
        let mut seen = told.clone();
        while let Some(place) = next.pop_front()
            && told.len() < EVENTS_MAX
        {
            for cause in self.causes(place) {
                if seen.insert(cause) {
                    next.push_back(cause);
                    if self.is_worth_telling(cause) {
                        told.insert(cause);
                    }
                }
            }
        }
        told
    }

    /// A message is told once: when it leaves, unless the clash is about its arrival.
    fn is_worth_telling(&self, place: usize) -> bool {
        self.story.events[place].k != Kind::Recv
    }

    /// Crashes, boots and saves of the clash's servers between its first event and its last.
    fn faults(&self, clash: &[usize]) -> Vec<usize> {
        const FAULTS_MAX: usize = 6;
        let events = &self.story.events;
        let lanes: BTreeSet<&String> = clash.iter().filter_map(|place| events[*place].at.as_ref()).collect();
        let (Some(first), Some(last)) = (clash.iter().min(), clash.iter().max()) else { return Vec::new() };
        let is_told = |place: &usize| {
            let event = &events[*place];
            matches!(event.k, Kind::Crash | Kind::Restart | Kind::Pause | Kind::Resume)
                && event.at.as_ref().is_some_and(|at| lanes.contains(at))
        };
        (*first..*last).rev().filter(is_told).take(FAULTS_MAX).collect()
    }

    /// The events that an event follows from directly.
    fn causes(&self, place: usize) -> Vec<usize> {
        let event = &self.story.events[place];
        let sending = |m: Option<usize>| m.and_then(|m| self.sendings.get(m)).copied();
        match event.k {
            Kind::Recv => sending(event.m).into_iter().collect(),
            Kind::Send => {
                let request = sending(event.re).and_then(|asked| self.arrival(asked, place));
                request.into_iter().chain(self.step_before(place)).collect()
            }
            Kind::Restart => self.before(place, |earlier| earlier.k == Kind::Crash).into_iter().collect(),
            // A check of the test has failed: it follows from what it has seen last.
            Kind::Say if event.at.is_none() => self.seen_before(place),
            Kind::Crash | Kind::Cut | Kind::Heal | Kind::Call => Vec::new(),
            Kind::Role | Kind::Commit => {
                let replies = self.replies_behind(place);
                if replies.is_empty() { self.step_before(place) } else { replies }
            }
            _ => self.step_before(place),
        }
    }

    /// The last arrival before a check of the test, and the last change that each server under test has shown.
    fn seen_before(&self, place: usize) -> Vec<usize> {
        let events = &self.story.events;
        let arrival = (0..place).rev().find(|earlier| events[*earlier].k == Kind::Recv);
        let changes = self.story.under_test().filter_map(|lane| {
            (0..place).rev().find(|earlier| events[*earlier].d.is_some() && events[*earlier].at.as_ref() == Some(lane))
        });
        arrival.into_iter().chain(changes).collect()
    }

    /// The replies that a new leader, or a newly committed index, was made from.
    fn replies_behind(&self, place: usize) -> Vec<usize> {
        let Some(delta) = &self.story.events[place].d else { return Vec::new() };
        let term = self.story.events[place].at.as_ref().and_then(|lane| {
            let states = self.story.states_after(place + 1);
            states.get(lane).map(|state| state.term)
        });
        let counts = |sent: &Event| {
            let number = |name: &str| {
                sent.f.get(name).and_then(|field| if let Field::Number(n) = field { Some(*n) } else { None })
            };
            number("term") == term
                && match (delta.role, delta.commit) {
                    (Some(Role::Leader), _) => sent.f.get("granted") == Some(&Field::Truth(true)),
                    (_, Some(commit)) => number("through").is_some_and(|through| through >= commit),
                    _ => false,
                }
        };
        let is_reply = |earlier: &usize| {
            let event = &self.story.events[*earlier];
            let is_mine = event.k == Kind::Recv && event.at == self.story.events[place].at;
            is_mine && event.m.and_then(|m| self.sendings.get(m)).is_some_and(|sent| counts(&self.story.events[*sent]))
        };
        // One of each voter, or follower, the first that said so.
        let mut sources = BTreeSet::new();
        (0..place).filter(is_reply).filter(|reply| sources.insert(&self.story.events[*reply].from)).collect()
    }

    /// What happened on the same lane in the same step: changes, saves, and what arrived.
    fn step_before(&self, place: usize) -> Vec<usize> {
        let events = &self.story.events;
        let event = &events[place];
        let earlier = (0..place).rev().take_while(|earlier| event.t - events[*earlier].t <= STEP);
        let mine = earlier.filter(|earlier| events[*earlier].at == event.at && event.at.is_some());
        let mut causes = Vec::new();
        for earlier in mine {
            match events[earlier].k {
                Kind::Recv | Kind::Restart | Kind::Call => {
                    causes.push(earlier);
                    break;
                }
                Kind::Role | Kind::Append | Kind::Commit | Kind::Save | Kind::Apply | Kind::Snap => {
                    causes.push(earlier);
                }
                _ => {}
            }
        }
        causes
    }

    /// The arrival of a message before an event.
    fn arrival(&self, sent: usize, before: usize) -> Option<usize> {
        let m = self.story.events[sent].m;
        let arrived = |place: &usize| self.story.events[*place].k == Kind::Recv && self.story.events[*place].m == m;
        (sent..before).find(arrived)
    }

    fn before(&self, place: usize, is_it: impl Fn(&Event) -> bool) -> Option<usize> {
        let at = &self.story.events[place].at;
        (0..place).rev().find(|earlier| self.story.events[*earlier].at == *at && is_it(&self.story.events[*earlier]))
    }
}
