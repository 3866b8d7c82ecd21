//! The servers' states at any event.

use std::collections::BTreeMap;

use crate::words::is_heartbeat;
use crate::{Delta, Event, Kind, Position, State, Story};

impl State {
    /// Takes in what an event changed.
    pub fn take(&mut self, event: &Event) {
        match event.k {
            Kind::Crash => self.up = false,
            Kind::Restart => (self.up, self.paused) = (true, false),
            Kind::Pause => self.paused = true,
            Kind::Resume => self.paused = false,
            _ => {}
        }
        event.d.iter().for_each(|delta| self.change(delta));
    }

    fn change(&mut self, delta: &Delta) {
        fn set<T: Clone>(held: &mut T, new: &Option<T>) {
            new.iter().for_each(|new| held.clone_from(new));
        }
        set(&mut self.role, &delta.role);
        set(&mut self.term, &delta.term);
        set(&mut self.vote, &delta.vote);
        set(&mut self.commit, &delta.commit);
        set(&mut self.applied, &delta.applied);
        if delta.disk.is_some() {
            self.disk.clone_from(&delta.disk);
        }
        match (&delta.base, &delta.log) {
            (Some(base), Some(log)) => (self.base, self.log) = (*base, log.add.clone()),
            (Some(base), None) => {
                let front = base.0.saturating_sub(self.base.0) as usize;
                self.log.drain(..front.min(self.log.len()));
                self.base = *base;
            }
            (None, Some(log)) => {
                self.log.truncate(log.keep.saturating_sub(self.base.0) as usize);
                self.log.extend(log.add.iter().cloned());
            }
            (None, None) => {}
        }
        self.kv.extend(delta.kv.clone());
    }

    /// The position of the last entry, or the base of an empty log.
    pub fn last(&self) -> Position {
        let index = self.base.0 + self.log.len() as u64;
        self.log.last().map_or(self.base, |entry| Position(index, entry.0))
    }
}

impl Story {
    /// The state of each server after the first `events` events, by lane.
    pub fn states_after(&self, events: usize) -> BTreeMap<String, State> {
        let mut states = self.init.clone();
        for event in &self.events[..events.min(self.events.len())] {
            if let Some(state) = event.at.as_ref().and_then(|lane| states.get_mut(lane)) {
                state.take(event);
            }
        }
        states
    }

    /// The events that tell something: heartbeats, the replies to them, and log lines do not.
    pub(crate) fn news(&self) -> Vec<usize> {
        let sendings = self.sendings();
        let is_news = |(_, event): &(usize, &Event)| match event.k {
            Kind::Log => false,
            Kind::Send | Kind::Recv => {
                let sent = event.m.and_then(|m| sendings.get(m)).map(|place| &self.events[*place]);
                !sent.is_some_and(|sent| is_heartbeat(sent, &sendings, self))
            }
            _ => true,
        };
        self.events.iter().enumerate().filter(is_news).map(|(place, _)| place).collect()
    }

    /// How many events a reader is shown: those that tell something, and of what comes again and again the first round and
    /// the last.
    pub fn count_news(&self) -> usize {
        let hidden: usize = self.repeats().iter().map(|repeats| repeats.rounds * repeats.events).sum();
        self.news().len() - hidden
    }

    /// The lanes of the servers that are under test.
    pub(crate) fn under_test(&self) -> impl Iterator<Item = &String> {
        self.servers.iter().filter(|lane| !lane.scripted).map(|lane| &lane.id)
    }

    /// The name of a lane for readers.
    pub fn name_of<'a>(&'a self, lane: &'a str) -> &'a str {
        let mut lanes = self.servers.iter().chain(&self.clients);
        lanes.find(|known| known.id == lane).map_or(lane, |known| &known.name)
    }

    /// The event at which each message left, by its number.
    pub fn sendings(&self) -> Vec<usize> {
        let sends = self.events.iter().enumerate().filter(|(_, event)| event.k == Kind::Send);
        sends.map(|(place, _)| place).collect()
    }
}
