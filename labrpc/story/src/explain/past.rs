//! What led to an event: its causal past.

use std::collections::{BTreeSet, VecDeque};

use crate::{Event, Field, Kind, Role, Story};

/// The most events that are told.
const EVENTS_MAX: usize = 16;
/// What happens on one server within this time, in microseconds, belongs to one step.
pub(super) const STEP: u64 = 200;

/// What can have caused an event.
pub(super) struct Past<'a> {
    story: &'a Story,
    sendings: Vec<usize>,
}

impl<'a> Past<'a> {
    pub(super) fn new(story: &'a Story) -> Past<'a> {
        Past { story, sendings: story.sendings() }
    }

    /// The events of the clash and the nearest of those that led to them, in order of time.
    pub(super) fn of(&self, clash: &[usize]) -> BTreeSet<usize> {
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
            // A server's thread has failed: it follows from what the server has got and shown last.
            Kind::Say => {
                let step = self.step_before(place);
                if step.is_empty() { self.last_of_server(place) } else { step }
            }
            Kind::Crash | Kind::Cut | Kind::Heal | Kind::Call => Vec::new(),
            Kind::Role | Kind::Commit => {
                let replies = self.replies_behind(place);
                if replies.is_empty() { self.step_before(place) } else { replies }
            }
            _ => self.step_before(place),
        }
    }

    /// The last arrival and the last change on the same lane, however long ago.
    fn last_of_server(&self, place: usize) -> Vec<usize> {
        let arrival = self.before(place, |earlier| earlier.k == Kind::Recv);
        arrival.into_iter().chain(self.before(place, |earlier| earlier.d.is_some())).collect()
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
