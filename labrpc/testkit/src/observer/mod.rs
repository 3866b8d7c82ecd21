//! Observes a cluster: decodes what happens into events, adds it to the observed state, and shows
//! it to the oracles.
//!
//! Taps on the network and on the disks, and calls from the harness, become [`Event`]s. Each event
//! is added to the [`ObservedState`] and then shown to every oracle. The first oracle that finds a
//! rule broken ends the run.
//!
//! **Invariant.** Nothing here calls into a server or takes a turn from a task.

mod envelopes;
#[cfg(test)]
mod sentence_tests;
mod tally;
mod taps;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use labrpc::kv::Op;
use labrpc::sim::{self, NodeId};
use labrpc::time::Instant;
use labrpc::{ApplyMsg, Bytes, Image, Index, LogPosition, NotLeader, PeerId};

use envelopes::Envelopes;
use tally::Counter;
pub use tally::Tally;

use crate::contract::{Contract, MessageKind};
use crate::event::{Event, EventId, EventKind};
use crate::observed::ObservedState;
use crate::oracle::{self, Oracle};
use crate::recording::Recording;
use crate::report::Reporter;
use crate::rule::life::CODEC;
use crate::story::ClusterRecord;
use crate::violation::Violation;

/// Observes a cluster. Clones observe the same one.
#[derive(Clone)]
pub struct Observer {
    reporter: Reporter,
    contract: &'static Contract,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    observed: ObservedState,
    /// How many events there were.
    events_count: usize,
    /// How many calls of `start` there were.
    starts_count: u64,
    /// All events, if [`Observer::record`] was called.
    recording: Option<Recording>,
    /// Where the events are kept for the story of the run, if one is told.
    story: Option<ClusterRecord>,
    /// The last events, for a failure, if it was not.
    recent: Recording,
    tally: Counter,
    oracles: Vec<Box<dyn Oracle>>,
    /// The messages that may still arrive or be answered.
    envelopes: Envelopes,
    /// The kinds of messages of which one was sent, so that the codec is known to fit.
    probed: Vec<MessageKind>,
    /// What the codec has lost of the message that is sent now.
    misfit: Option<String>,
    /// Whether a rule was broken: nothing is checked after that.
    is_over: bool,
}

impl Observer {
    /// The observer of `size` servers, of which those are under test for which `is_real` returns true.
    pub(crate) fn new(
        reporter: &Reporter,
        contract: &'static Contract,
        size: usize,
        is_real: impl Fn(PeerId) -> bool,
    ) -> Observer {
        let observed = ObservedState::new(contract, size, is_real);
        let real = || observed.servers.iter().map(|server| server.is_real).collect();
        let story = reporter.story().map(|story| story.cluster(real()));
        let inner = Inner {
            observed,
            events_count: 0,
            starts_count: 0,
            recording: None,
            story,
            recent: Recording::of_the_last(),
            tally: Counter::default(),
            oracles: oracle::all(contract),
            envelopes: Envelopes::default(),
            probed: Vec::new(),
            misfit: None,
            is_over: false,
        };
        reporter.exchange().show(inner.recent.clone(), inner.real_servers());
        Observer { reporter: reporter.clone(), contract, inner: Arc::new(Mutex::new(inner)) }
    }

    /// Notes that a server boots in a node, from the image on its disk.
    pub(crate) fn booted(&self, server: PeerId, node: NodeId, image: Option<&Image>) {
        self.happened(Instant::now(), |inner, id| {
            inner.observed.boot(server, node, id, image, self.contract);
            EventKind::Booted(server)
        });
    }

    /// Notes that a server that is down gets another disk.
    pub(crate) fn replaced_disk(&self, server: PeerId) {
        self.lock().observed.replace_disk(server);
    }

    /// Notes that a server crashes.
    pub(crate) fn crashed(&self, server: PeerId) {
        self.happened(Instant::now(), |_, _| EventKind::Crashed(server));
    }

    /// Notes that a server was paused or resumed.
    pub(crate) fn paused(&self, server: PeerId, is_paused: bool) {
        let at = Instant::now();
        self.happened(at, |inner, _| {
            inner.observed.set_paused(server, is_paused, at);
            EventKind::Paused(server, is_paused)
        });
    }

    /// Notes that a test shuts a server down.
    pub(crate) fn shut_down(&self, server: PeerId) {
        let at = Instant::now();
        self.happened(at, |inner, _| {
            inner.observed.set_paused(server, true, at);
            EventKind::ShutDown(server)
        });
    }

    /// Notes that a server's service received an apply message.
    pub(crate) fn applied(&self, server: PeerId, message: &ApplyMsg) {
        self.happened(Instant::now(), |_, _| EventKind::Applied(server, copy_of(message)));
    }

    /// Notes that `start` is called on a server. The result is for [`returned_from_start`](Observer::returned_from_start).
    pub(crate) fn calls_start(&self, server: PeerId) -> u64 {
        sim::as_harness(|| {
            let mut inner = self.lock();
            inner.starts_count += 1;
            let number = inner.starts_count;
            inner.observed.offer(server, number);
            number
        })
    }

    /// Notes that a call of `start` returns, and what it returns.
    pub(crate) fn returned_from_start(
        &self,
        server: PeerId,
        number: u64,
        command: &Bytes,
        outcome: Result<LogPosition, NotLeader>,
    ) {
        self.started(server, command, outcome);
        self.lock().observed.end_offer(server, number);
    }

    /// Notes that `start` was called on a server, and what it returned.
    pub(crate) fn started(&self, server: PeerId, command: &Bytes, outcome: Result<LogPosition, NotLeader>) {
        self.happened(Instant::now(), |_, _| EventKind::Started(server, command.clone(), outcome));
    }

    /// Notes that a service has given its server a snapshot.
    pub(crate) fn compacted(&self, server: PeerId, through: Index) {
        self.happened(Instant::now(), |_, _| EventKind::Compacted(server, through));
    }

    /// Notes that a caller asks a clerk for an operation. `end` is the clerk's end of the network.
    pub fn called(&self, end: PeerId, op: &Op) {
        self.happened(Instant::now(), |_, _| EventKind::Called(end, Box::new(op.clone())));
    }

    /// Notes that a clerk returns from its operation, with this result.
    pub fn returned(&self, end: PeerId, value: &str) {
        self.happened(Instant::now(), |_, _| EventKind::Returned(end, value.into()));
    }

    /// Notes for the story of the run that a clerk is asked for an operation. No oracle sees it.
    pub(crate) fn tell_called(&self, end: PeerId, op: impl FnOnce() -> Op) {
        self.tell(|| EventKind::Called(end, Box::new(op())));
    }

    /// Notes for the story of the run that a clerk returns from its operation, with this result. No oracle sees it.
    pub(crate) fn tell_returned(&self, end: PeerId, value: &str) {
        self.tell(|| EventKind::Returned(end, value.into()));
    }

    /// Unlike what [`happened`](Observer::happened), this takes no turn and has no number of its own.
    fn tell(&self, kind: impl FnOnce() -> EventKind) {
        let at = sim::now().unwrap_or_default();
        sim::as_harness(|| {
            let inner = self.lock();
            let Some(story) = &inner.story else { return };
            story.tell(Event { id: EventId { event: inner.events_count, at }, kind: kind() });
        });
    }

    /// Looks for what is overdue, though nothing has happened.
    pub(crate) fn waited(&self) {
        self.happened(Instant::now(), |_, _| EventKind::Waited);
    }

    /// Keeps all events from now on, for [`events`](Observer::events). Without this call they are
    /// dropped, but for the last of them, since a run has many thousands. If the run fails, the last ones are printed.
    pub fn record(&self) {
        let mut inner = self.lock();
        let real = inner.real_servers();
        let recording = inner.recording.get_or_insert_default().clone();
        self.reporter.exchange().show(recording, real);
    }

    /// All events since [`record`](Observer::record).
    pub fn events(&self) -> Vec<Event> {
        self.lock().recording.as_ref().map(Recording::events).unwrap_or_default()
    }

    /// The events since [`record`](Observer::record), without the first `count`.
    pub(crate) fn events_from(&self, count: usize) -> Vec<Event> {
        self.lock().recording.as_ref().map(|recording| recording.events_from(count)).unwrap_or_default()
    }

    /// Counts of what has happened so far.
    pub fn tally(&self) -> Tally {
        self.lock().tally.read()
    }

    /// Reads the observed state.
    pub fn look<R>(&self, look: impl FnOnce(&ObservedState) -> R) -> R {
        look(&self.lock().observed)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn happened(&self, at: Instant, kind: impl FnOnce(&mut Inner, EventId) -> EventKind) {
        // Its time is not that of the server whose task has called this.
        let violation = sim::as_harness(|| self.lock().happened(at, kind));
        if let Some(violation) = violation {
            self.reporter.violation(violation);
        }
    }
}

/// A copy that shares no bytes with the server, so that its memory is its own.
pub(crate) fn copy_of(message: &ApplyMsg) -> ApplyMsg {
    let copy = |bytes: &Bytes| Bytes::from(bytes.to_vec());
    match message {
        ApplyMsg::Command { at, command } => ApplyMsg::Command { at: *at, command: copy(command) },
        ApplyMsg::Snapshot { through, snapshot } => ApplyMsg::Snapshot { through: *through, snapshot: copy(snapshot) },
    }
}

impl Inner {
    /// The servers under test.
    fn real_servers(&self) -> Vec<PeerId> {
        let servers = self.observed.servers.iter().enumerate();
        servers.filter(|(_, server)| server.is_real).map(|(server, _)| server).collect()
    }

    /// Notes an event; `kind` updates the observed state and says what happened.
    fn happened(&mut self, at: Instant, kind: impl FnOnce(&mut Inner, EventId) -> EventKind) -> Option<Violation> {
        if self.is_over {
            return None;
        }
        let id = EventId { event: self.events_count, at };
        self.events_count += 1;
        let event = Event { id, kind: kind(self, id) };
        self.check(event)
    }

    fn check(&mut self, event: Event) -> Option<Violation> {
        if !matches!(event.kind, EventKind::Waited) {
            log::debug!(target: "world", "{}", event.kind);
        }
        self.observed.before_check(&event);
        // A codec that does not fit makes any other finding worthless.
        let misfit = self.misfit.take().map(|misfit| Violation::new(&CODEC, misfit));
        let broken = || self.oracles.iter_mut().find_map(|oracle| oracle.check(&event, &self.observed).err());
        let violation = misfit.or_else(broken);
        self.is_over = violation.is_some();
        self.observed.after_check(&event);
        self.tally.count(&event);
        self.story.iter().for_each(|story| story.push(&event, &self.observed));
        self.recording.as_ref().unwrap_or(&self.recent).push(event);
        violation
    }
}
