//! Turns what was recorded into the events of a story.

mod service;
mod told;

use std::collections::BTreeMap;
use std::sync::Arc;

use labrpc::kv::Command;
use labrpc::network::Lost;
use labrpc::time::Instant;
use labrpc::{ApplyMsg, PeerId};
use rustc_hash::FxHashMap;
use story::{Delta, Event, Field, Kind, Lane, State};

pub(super) use told::Told;

use super::record::{Happened, KeptLine};
use super::shown::{News, ShownServer};
use super::store::ShownStore;
use super::words::{client_lane, lane, message, operation, reason, short};
use crate::contract::Contract;
use crate::event::{self, Envelope, EventKind};
use crate::violation::Violation;
use crate::world::SERVER_LABEL;

/// What `--flip` can make of an event.
pub(super) const LOSE: &str = "lose";
pub(super) const LATE: &str = "late";
pub(super) const DELIVER: &str = "deliver";
pub(super) const NO_CRASH: &str = "no-crash";

/// Tells a run, event by event.
pub(super) struct Teller {
    contract: &'static Contract,
    real: Vec<bool>,
    servers: Vec<ShownServer>,
    stores: Vec<ShownStore>,
    /// The ends of the network that are no servers, in the order in which they came up.
    clients: Vec<PeerId>,
    events: Vec<Event>,
    /// The sending of each message, by its number in the network: its number and event in the story.
    sent: FxHashMap<u64, (usize, usize)>,
    messages_count: usize,
    /// Whether the only server is a service over a scripted Raft.
    has_service: bool,
    /// The requests to a service over a scripted Raft that are not answered, by number: each one's message in the story.
    requests: FxHashMap<u64, (usize, Command)>,
    /// The event of the story for each event of the run.
    told: FxHashMap<usize, usize>,
    /// The operation that is going on at each end.
    calls: FxHashMap<PeerId, usize>,
    calls_count: usize,
    /// How many crashes there were, those that the token has prevented too.
    crashes_count: u64,
    spared: Vec<u64>,
}

impl Teller {
    /// `spared` are the numbers of the crashes that the run's token has prevented.
    pub(super) fn new(contract: &'static Contract, real: Vec<bool>, spared: Vec<u64>) -> Teller {
        Teller {
            crashes_count: 0,
            spared,
            contract,
            servers: (0..real.len()).map(|me| ShownServer::new(me, contract)).collect(),
            stores: real.iter().map(|_| ShownStore::default()).collect(),
            real,
            clients: Vec::new(),
            events: Vec::new(),
            sent: FxHashMap::default(),
            messages_count: 0,
            has_service: false,
            requests: FxHashMap::default(),
            told: FxHashMap::default(),
            calls: FxHashMap::default(),
            calls_count: 0,
        }
    }

    pub(super) fn tell(&mut self, happened: &Happened, lines: &str) {
        match happened {
            Happened::Logged(line) => self.logged(line, &lines[line.text.clone()]),
            Happened::Booted(event, disk) => {
                let server = disk.0;
                self.stores[server] = ShownStore::default();
                let delta = self.servers[server].boots(disk.1.as_ref());
                self.told_of(event, Event { k: Kind::Restart, d: Some(delta), ..self.at(event, server) });
            }
            Happened::Event(event) => self.event(event),
        }
    }

    /// Says something in words at the end, on the lane of a node if it is a server's.
    pub(super) fn say(&mut self, at: Instant, node: &str, say: String) {
        let at = Event { t: micros(at), at: self.lane_of_node(node), k: Kind::Say, say: Some(say), ..Event::default() };
        self.events.push(at);
    }

    /// What a violation says of events that are not told, such as a wait of the test, is said on a server's lane.
    pub(super) fn say_what_is_missing(&mut self, violation: &Violation, server: PeerId) {
        for (id, note) in &violation.clash {
            if !self.told.contains_key(&id.event) {
                self.say(id.at, &format!("{SERVER_LABEL}{server}"), note.clone());
                self.told.insert(id.event, self.events.len() - 1);
            }
        }
    }

    pub(super) fn end(self) -> Told {
        let scripted = |server: usize| !self.real[server];
        let server = |id: usize| Lane { id: lane(id), name: format!("server {id}"), scripted: scripted(id) };
        let servers: Vec<Lane> = (0..self.real.len()).map(server).collect();
        let client =
            |nth: usize| Lane { id: client_lane(nth), name: format!("client {}", client_lane(nth)), scripted: false };
        // A script's servers have no boot: they are there from the beginning.
        let state = |id: usize| State { up: scripted(id), ..State::default() };
        Told {
            init: servers.iter().enumerate().map(|(id, lane)| (lane.id.clone(), state(id))).collect(),
            clients: (0..self.clients.len()).map(client).collect(),
            servers,
            events: self.events,
            places: self.told,
            sent: self.sent,
            ends: self.clients,
        }
    }

    fn event(&mut self, event: &event::Event) {
        match &event.kind {
            EventKind::Sent(envelope) => self.sends(event, envelope),
            EventKind::Arrived(envelope, copy) => self.arrives(event, envelope, *copy > 0),
            EventKind::Lost(envelope, why) => self.is_lost(event, envelope, *why),
            EventKind::Saved(server, change) => {
                let delta = self.servers[*server].saves(change);
                self.changed(event, *server, Kind::Save, delta);
            }
            EventKind::Applied(server, message) => {
                let pairs = self.stores[*server].applies(message, self.contract);
                let delta = self.servers[*server].applies(message, pairs);
                let what = match message {
                    ApplyMsg::Command { at, .. } => format!("{}:{}", at.index, at.term),
                    ApplyMsg::Snapshot { through, .. } => {
                        format!("a snapshot through {}:{}", through.index, through.term)
                    }
                };
                let applied = Event { k: Kind::Apply, d: Some(delta), say: Some(what), ..self.at(event, *server) };
                self.told_of(event, applied);
            }
            EventKind::Started(server, command, outcome) => {
                let news = match outcome {
                    Ok(at) => self.servers[*server].takes(*at, command),
                    Err(_) => self.servers[*server].refuses(),
                };
                self.news(event, *server, news);
            }
            EventKind::Compacted(server, through) => {
                let delta = self.servers[*server].cuts(*through);
                let say = Some(format!("its service's snapshot goes through index {through}"));
                let cut = Event { k: Kind::Snap, d: Some(delta), say, ..self.at(event, *server) };
                self.told_of(event, cut);
            }
            EventKind::Booted(_) | EventKind::Waited => {}
            EventKind::Service(server, step) => self.service(event, *server, step),
            EventKind::Crashed(server) => {
                self.servers[*server].crashes();
                let is_spared = |number: &u64| self.spared.contains(number);
                self.crashes_count = (self.crashes_count + 1..).find(|number| !is_spared(number)).unwrap_or_default();
                let (number, flips) = (Some(self.crashes_count), vec![NO_CRASH.into()]);
                self.told_of(event, Event { k: Kind::Crash, number, flips, ..self.at(event, *server) });
            }
            EventKind::Paused(server, is_paused) => {
                let k = if *is_paused { Kind::Pause } else { Kind::Resume };
                self.told_of(event, Event { k, ..self.at(event, *server) });
            }
            EventKind::ShutDown(server) => {
                let say = Some("is shut down by the test".into());
                self.told_of(event, Event { k: Kind::Say, say, ..self.at(event, *server) });
            }
            EventKind::Cut(from, to, is_cut) => self.link(event, (*from, *to), *is_cut),
            EventKind::Called(end, op) => {
                let number = self.calls_count;
                self.calls_count += 1;
                self.calls.insert(*end, number);
                let at = self.lane(*end);
                let call = Event { k: Kind::Call, op: Some(number), f: operation(op), ..self.on(event, at) };
                self.told_of(event, call);
            }
            EventKind::Returned(end, value) => {
                let at = self.lane(*end);
                let op = self.calls.remove(end);
                let f = BTreeMap::from([("value".to_string(), Field::Text(short(value)))]);
                self.told_of(event, Event { k: Kind::Ret, op, f, ..self.on(event, at) });
            }
        }
    }

    fn arrives(&mut self, event: &event::Event, envelope: &Envelope, dup: bool) {
        let Some((m, _)) = self.sent.get(&envelope.number).copied() else { return };
        let from = Some(self.lane(envelope.from));
        let to = self.lane(envelope.to);
        let arrival = Event { k: Kind::Recv, m: Some(m), from, dup, ..self.on(event, to) };
        self.told_of(event, arrival);
    }

    fn is_lost(&mut self, event: &event::Event, envelope: &Envelope, why: Lost) {
        let Some((_, place)) = self.sent.get(&envelope.number).copied() else { return };
        self.events[place].lost = Some(reason(why).into());
        // What another fault has prevented cannot be delivered.
        let flip = (why == Lost::Dropped).then(|| DELIVER.to_string());
        self.events[place].flips = flip.into_iter().collect();
        self.told.insert(event.id.event, place);
    }

    fn sends(&mut self, event: &event::Event, envelope: &Arc<Envelope>) {
        if let Some(server) = self.servers.get_mut(envelope.from) {
            let news = match (envelope.request(), envelope.reply()) {
                (Some(request), _) => server.asks(request),
                (_, Some((request, reply))) => server.replies(request, reply),
                _ => News::new(),
            };
            self.news(event, envelope.from, news);
        }
        let m = self.messages_count;
        self.messages_count += 1;
        self.sent.insert(envelope.number, (m, self.events.len()));
        let (msg, f) = message(envelope);
        let (from, to) = (self.lane(envelope.from), Some(self.lane(envelope.to)));
        let asked = envelope.answers.as_ref().and_then(|asked| self.sent.get(&asked.number));
        let re = asked.map(|(asked, _)| *asked);
        let (number, flips) = (Some(envelope.number), vec![LOSE.into(), LATE.into()]);
        let sent = Event {
            k: Kind::Send,
            number,
            flips,
            re,
            to,
            m: Some(m),
            msg: Some(msg.into()),
            f,
            ..self.on(event, from)
        };
        self.told_of(event, sent);
    }

    /// Links that are cut, or healed, at the same moment are one event.
    fn link(&mut self, event: &event::Event, (from, to): (PeerId, PeerId), is_cut: bool) {
        let k = if is_cut { Kind::Cut } else { Kind::Heal };
        let link = (self.lane(from), self.lane(to));
        let t = micros(event.at());
        match self.events.last_mut() {
            Some(last) if last.k == k && last.t == t => last.links.push(link),
            _ => self.events.push(Event { t, k, links: vec![link], ..Event::default() }),
        }
        self.told.insert(event.id.event, self.events.len() - 1);
    }

    fn logged(&mut self, line: &KeptLine, text: &str) {
        let say = Some(format!("{} {text}", line.level));
        let at = self.lane_of_code(&line.node);
        self.events.push(Event { t: micros(line.at), k: Kind::Log, at, say, ..Event::default() });
    }

    fn news(&mut self, event: &event::Event, server: PeerId, news: News) {
        news.into_iter().for_each(|(kind, delta)| self.changed(event, server, kind, delta));
    }

    fn changed(&mut self, event: &event::Event, server: PeerId, k: Kind, delta: Delta) {
        let d = (delta != Delta::default()).then_some(delta);
        self.told_of(event, Event { k, d, ..self.at(event, server) });
    }

    fn told_of(&mut self, event: &event::Event, told: Event) {
        self.events.push(told);
        self.told.insert(event.id.event, self.events.len() - 1);
    }

    fn at(&self, event: &event::Event, server: PeerId) -> Event {
        self.on(event, lane(server))
    }

    fn on(&self, event: &event::Event, lane: String) -> Event {
        Event { t: micros(event.at()), at: Some(lane), ..Event::default() }
    }

    /// The lane of an end of the network.
    fn lane(&mut self, end: PeerId) -> String {
        if end < self.servers.len() {
            return lane(end);
        }
        let known = self.clients.iter().position(|client| *client == end);
        let nth = known.unwrap_or_else(|| {
            self.clients.push(end);
            self.clients.len() - 1
        });
        client_lane(nth)
    }

    fn lane_of_node(&self, node: &str) -> Option<String> {
        let server: PeerId = node.strip_prefix(SERVER_LABEL)?.parse().ok()?;
        (server < self.servers.len()).then(|| lane(server))
    }
}

fn micros(at: Instant) -> u64 {
    at.as_nanos() / 1_000
}
