//! Builds a story event by event.

use std::collections::BTreeMap;

use story::{
    ClashStep, Delta, DiskMarks, Event, Field, Kind, Lane, LogDelta, Meta, Position, Role, State, Story, StoryEntry,
    VERSION,
};

/// A story in the making. Time moves only by [`Builder::wait`].
pub struct Builder {
    story: Story,
    now: u64,
    messages: Vec<(String, String)>,
}

impl Builder {
    /// Begins a story of `servers` servers and `clients` clients, all in their first state.
    pub fn new(lab: &str, test: &str, servers: usize, clients: usize) -> Builder {
        let server = |n: usize| Lane { id: n.to_string(), name: format!("server {n}"), scripted: false };
        let client = |n: usize| Lane { id: letter(n), name: format!("client {n}"), scripted: false };
        let meta = Meta {
            lab: lab.to_string(),
            package: "lab2c-persist".to_string(),
            test: test.to_string(),
            token: "2c-7-abcd".to_string(),
            replay: "cargo lab replay 2c-7-abcd".to_string(),
            trace: "0f3a".to_string(),
            sources: "77e1".to_string(),
            ..Meta::default()
        };
        let state = State { up: true, disk: Some(DiskMarks::default()), ..State::default() };
        let story = Story {
            v: VERSION,
            meta,
            servers: (0..servers).map(server).collect(),
            clients: (0..clients).map(client).collect(),
            init: (0..servers).map(|n| (n.to_string(), state.clone())).collect(),
            ..Story::default()
        };
        Builder { story, now: 1_000_000, messages: Vec::new() }
    }

    /// Lets time pass.
    pub fn wait(&mut self, micros: u64) -> &mut Builder {
        self.now += micros;
        self
    }

    /// The current time.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// The number of the next event.
    pub fn next(&self) -> usize {
        self.story.events.len()
    }

    /// Adds an event of a lane, and gives it for further changes.
    pub fn event(&mut self, kind: Kind, at: &str) -> &mut Event {
        self.story.events.push(Event { t: self.now, k: kind, at: Some(at.to_string()), ..Event::default() });
        self.story.events.last_mut().expect("one was pushed")
    }

    /// A message leaves. Gives its number.
    pub fn send(&mut self, from: &str, to: &str, name: &str, fields: &[(&str, Field)]) -> usize {
        let number = self.messages.len();
        self.messages.push((from.to_string(), to.to_string()));
        let event = self.event(Kind::Send, from);
        event.to = Some(to.to_string());
        event.m = Some(number);
        event.msg = Some(name.to_string());
        event.f = fields.iter().map(|(key, value)| (key.to_string(), value.clone())).collect();
        number
    }

    /// A message arrives after some time.
    pub fn receive(&mut self, number: usize, micros: u64) -> &mut Event {
        let (from, to) = self.messages[number].clone();
        self.now += micros;
        let event = self.event(Kind::Recv, &to);
        event.from = Some(from);
        event.m = Some(number);
        event
    }

    /// A server's role, term and vote change.
    pub fn role(&mut self, at: &str, role: Role, term: u64, vote: Option<&str>) {
        let vote = Some(vote.map(str::to_string));
        self.event(Kind::Role, at).d = Some(Delta { role: Some(role), term: Some(term), vote, ..Delta::default() });
    }

    /// A server writes its disk.
    pub fn save(&mut self, at: &str, term: u64, vote: Option<&str>, last: Position) {
        let disk = Some(DiskMarks { term, vote: vote.map(str::to_string), last, base: Position::default() });
        self.event(Kind::Save, at).d = Some(Delta { disk, ..Delta::default() });
    }

    /// Entries of a term are added after an index.
    pub fn append(&mut self, at: &str, keep: u64, term: u64, commands: &[&str]) {
        let add = commands.iter().map(|command| StoryEntry(term, command.to_string())).collect();
        let log = Some(LogDelta { keep, add });
        self.event(Kind::Append, at).d = Some(Delta { log, ..Delta::default() });
    }

    /// Entries through an index are known to be committed, and are applied.
    pub fn commit_and_apply(&mut self, at: &str, index: u64, pairs: &[(&str, &str)]) {
        self.event(Kind::Commit, at).d = Some(Delta { commit: Some(index), ..Delta::default() });
        let kv = pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        self.event(Kind::Apply, at).d = Some(Delta { applied: Some(index), kv, ..Delta::default() });
    }

    /// The server's code logs a line.
    pub fn log(&mut self, at: &str, line: &str) {
        self.event(Kind::Log, at).say = Some(line.to_string());
    }

    /// Links are cut or healed in both directions.
    pub fn links(&mut self, kind: Kind, one: &str, others: &[&str]) {
        let event = self.event(kind, one);
        event.at = None;
        for other in others {
            event.links.push((one.to_string(), other.to_string()));
            event.links.push((other.to_string(), one.to_string()));
        }
    }

    /// A client begins an operation.
    pub fn call(&mut self, at: &str, number: usize, fields: &[(&str, &str)]) {
        let event = self.event(Kind::Call, at);
        event.op = Some(number);
        event.f = fields.iter().map(|(key, value)| (key.to_string(), text(value))).collect();
    }

    /// A client's operation returns, with a value if it is a get.
    pub fn ret(&mut self, at: &str, number: usize, value: Option<&str>) {
        let event = self.event(Kind::Ret, at);
        event.op = Some(number);
        event.f = value.map(|value| BTreeMap::from([("value".to_string(), text(value))])).unwrap_or_default();
    }

    /// The next event is a step of the clash.
    pub fn clash(&mut self, note: &str) {
        let step = ClashStep { e: self.next(), note: note.to_string() };
        self.story.clash.push(step);
    }

    /// Takes the story, to fill in the rest by hand.
    pub fn finish(self) -> Story {
        self.story
    }
}

/// A field of text.
pub fn text(value: &str) -> Field {
    Field::Text(value.to_string())
}

/// A field of a number.
pub fn number(value: u64) -> Field {
    Field::Number(value)
}

fn letter(n: usize) -> String {
    char::from(b'a' + n as u8).to_string()
}
