//! Who watches a cluster: every message, save, hand-over and fault, judged as it happens.
//!
//! Taps on the network and on the disks, and calls from the harness, become [`Event`]s. Each is
//! added to what is [`ObservedState`] of the servers and then shown to every oracle; the first that finds
//! a rule broken ends the run.
//!
//! A reply proves that its request was handled at some moment between arrival and reply, and no
//! more: the scheduler may let others go first at any point. So what a reply claims is held against
//! everything that the disk held in that time, and what must be prompt is given [`SLACK`].
//!
//! **Invariant.** An oracle never calls into a server, and nothing here takes a turn from anyone.

mod event;
mod leaderships;
mod observed;
mod tally;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use labrpc::network::{Message, Passage, Port, Tap};
use labrpc::persister::DiskTap;
use labrpc::sim::NodeId;
use labrpc::time::Instant;
use labrpc::{ApplyMsg, Bytes, Image, Index, LogPosition, NotLeader, PeerId, Save};

pub use event::{DiskChange, Envelope, Event, EventKind, Payload};
pub use leaderships::Campaign;
use leaderships::Leaderships;
use observed::Written;
pub use observed::{DiskState, ObservedState, PendingRequest, SLACK, ServerState};
use tally::Counter;
pub use tally::Tally;

use crate::codec::Codec;
use crate::oracle::{self, Oracle};
use crate::recording::Recording;
use crate::violation::{EventId, Violation};
use crate::world::World;

/// Watches a cluster. Clones watch the same one.
#[derive(Clone)]
pub struct Observer {
    world: World,
    codec: &'static dyn Codec,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    observed: ObservedState,
    /// How many events there were.
    happened: usize,
    /// All of them, once somebody has asked for that.
    recording: Option<Recording>,
    tally: Counter,
    oracles: Vec<Box<dyn Oracle>>,
    /// The letters that may still arrive or be answered, by number.
    envelopes: BTreeMap<u64, Arc<Envelope>>,
    is_over: bool,
}

/// No message is on its way, or in a server's hands, for longer than this.
const LETTER_AGE_MAX: Duration = Duration::from_secs(10);

impl Observer {
    /// Watches so many servers, of which these are real.
    pub(crate) fn new(
        world: &World,
        codec: &'static dyn Codec,
        size: usize,
        real: impl Fn(PeerId) -> bool,
    ) -> Observer {
        let server = |server| ServerState { is_real: real(server), ..ServerState::default() };
        let servers: Vec<ServerState> = (0..size).map(server).collect();
        let observed = ObservedState {
            has_disks: codec.has_disk(),
            timing: codec.timing(),
            is_whole: servers.iter().all(|server| server.is_real),
            leaderships: Leaderships::default(),
            servers,
        };
        let oracles = oracle::all(codec);
        let inner = Inner {
            observed,
            happened: 0,
            recording: None,
            tally: Counter::default(),
            oracles,
            envelopes: BTreeMap::new(),
            is_over: false,
        };
        Observer { world: world.clone(), codec, inner: Arc::new(Mutex::new(inner)) }
    }

    /// A server boots in a node, from what its disk holds.
    pub(crate) fn booted(&self, server: PeerId, node: NodeId, image: Option<&Image>) {
        let at = Instant::now();
        self.happened(at, |inner, id| {
            let state = &mut inner.observed.servers[server];
            state.incarnation += 1;
            (state.booted, state.node, state.is_paused, state.resumed_at) = (Some(id), Some(node), false, None);
            state.pending.clear();
            state.disk = DiskState::default();
            if let Some(image) = image.filter(|_| self.codec.has_disk()) {
                let whole = Save {
                    head: image.head.clone(),
                    append: image.entries.iter().cloned().collect(),
                    snapshot: Some(image.snapshot.clone()),
                    ..Save::default()
                };
                // What cannot be read is a disk that was never written to: a save is read when it is made.
                if let Ok(written) = Written::read(&whole, self.codec) {
                    state.disk.apply(&whole, written);
                }
            }
            EventKind::Booted(server)
        });
    }

    /// A server crashes.
    pub(crate) fn crashed(&self, server: PeerId) {
        self.happened(Instant::now(), |_, _| EventKind::Crashed(server));
    }

    /// A server's threads stop, or go on.
    pub(crate) fn paused(&self, server: PeerId, is_paused: bool) {
        let at = Instant::now();
        self.happened(at, |inner, _| {
            let state = &mut inner.observed.servers[server];
            (state.is_paused, state.resumed_at) = (is_paused, Some(at));
            EventKind::Paused(server, is_paused)
        });
    }

    /// A server handed something over.
    pub(crate) fn applied(&self, server: PeerId, message: &ApplyMsg) {
        self.happened(Instant::now(), |_, _| EventKind::Applied(server, message.clone()));
    }

    /// A server was asked to take a command.
    pub(crate) fn started(&self, server: PeerId, command: &Bytes, outcome: Result<LogPosition, NotLeader>) {
        self.happened(Instant::now(), |_, _| EventKind::Started(server, command.clone(), outcome));
    }

    /// A server has taken its service's snapshot.
    pub(crate) fn compacted(&self, server: PeerId, through: Index) {
        self.happened(Instant::now(), |_, _| EventKind::Compacted(server, through));
    }

    /// Keeps all events from now on, for [`events`](Observer::events): a run has many thousand. If
    /// the run fails, the last of them are printed.
    pub fn record(&self) {
        let recording = self.lock().recording.get_or_insert_default().clone();
        self.world.exchange().show(recording);
    }

    /// All that has happened since [`record`](Observer::record).
    pub fn events(&self) -> Vec<Event> {
        self.lock().recording.as_ref().map(Recording::events).unwrap_or_default()
    }

    /// What has happened so far, in numbers.
    pub fn tally(&self) -> Tally {
        self.lock().tally.read()
    }

    /// Looks at what is known now.
    pub fn look<R>(&self, look: impl FnOnce(&ObservedState) -> R) -> R {
        look(&self.lock().observed)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn happened(&self, at: Instant, kind: impl FnOnce(&mut Inner, EventId) -> EventKind) {
        let violation = self.lock().happened(at, kind);
        if let Some(violation) = violation {
            self.world.report_violation(violation);
        }
    }

    /// Reads a message; `answered` is the request that it answers, if it is a reply.
    fn read(&self, message: &Message, answered: Option<&Envelope>) -> Payload {
        let (codec, bytes) = (self.codec, &message.bytes);
        let read = match (message.port, message.answers) {
            (Port::Raft, None) => codec.read_request(bytes).ok().map(Payload::Request),
            (Port::Raft, Some(_)) => {
                let request = answered.and_then(Envelope::request);
                request.and_then(|request| codec.read_reply(request, bytes).ok()).map(Payload::Reply)
            }
            (Port::Kv, _) if !codec.has_clerks() => None,
            (Port::Kv, None) => codec.read_command(bytes).ok().map(Payload::ClerkRequest),
            (Port::Kv, Some(_)) => codec.read_answer(bytes).ok().map(Payload::ClerkAnswer),
        };
        read.unwrap_or(Payload::Unreadable)
    }
}

impl Inner {
    fn happened(&mut self, at: Instant, kind: impl FnOnce(&mut Inner, EventId) -> EventKind) -> Option<Violation> {
        if self.is_over {
            return None;
        }
        let id = EventId { event: self.happened, at };
        self.happened += 1;
        let event = Event { id, kind: kind(self, id) };
        let majority = self.observed.majority();
        self.observed.leaderships.see(&event, majority);
        let violation = self.oracles.iter_mut().find_map(|oracle| oracle.see(&event, &self.observed).err());
        self.is_over = violation.is_some();
        self.observed.forget(&event);
        self.tally.count(&event);
        self.recording.iter().for_each(|recording| recording.push(event.clone()));
        violation
    }

    fn envelope(&self, number: u64) -> Option<Arc<Envelope>> {
        self.envelopes.get(&number).cloned()
    }
}

impl ObservedState {
    fn arrived(&mut self, envelope: &Arc<Envelope>, id: EventId) {
        let Some(server) = self.servers.get_mut(envelope.to) else { return };
        if server.is_real && envelope.answers.is_none() {
            let pending = PendingRequest::new(envelope.clone(), id, &server.disk);
            server.pending.push(pending);
        }
    }

    /// What an event has used up: a request that is answered, once per copy.
    fn forget(&mut self, event: &Event) {
        let EventKind::Sent(envelope) = &event.kind else { return };
        let (Some(answered), Some(server)) = (&envelope.answers, self.servers.get_mut(envelope.from)) else { return };
        if let Some(place) = server.pending.iter().position(|pending| pending.envelope.number == answered.number) {
            server.pending.remove(place);
        }
    }
}

impl Tap for Observer {
    fn message(&self, at: Instant, message: &Message, passage: Passage) {
        self.happened(at, |inner, id| {
            if passage == Passage::Sent {
                let answers = message.answers.and_then(|number| inner.envelope(number));
                let payload = self.read(message, answers.as_deref());
                let envelope = Arc::new(Envelope {
                    number: message.number,
                    answers,
                    from: message.from,
                    to: message.to,
                    sent: id,
                    bytes_len: message.bytes.len(),
                    payload,
                });
                while inner.envelopes.first_key_value().is_some_and(|(_, oldest)| at - oldest.sent.at > LETTER_AGE_MAX)
                {
                    inner.envelopes.pop_first();
                }
                inner.envelopes.insert(envelope.number, envelope.clone());
                return EventKind::Sent(envelope);
            }
            let envelope = inner.envelope(message.number).unwrap_or_else(|| Arc::new(Envelope::forgotten(message, id)));
            match passage {
                Passage::Lost(why) => EventKind::Lost(envelope, why),
                Passage::Arrived { copy } => {
                    inner.observed.arrived(&envelope, id);
                    EventKind::Arrived(envelope, copy)
                }
                Passage::Sent => unreachable!("handled above"),
            }
        });
    }

    fn cut(&self, at: Instant, from: PeerId, to: PeerId, is_cut: bool) {
        self.happened(at, |_, _| EventKind::Cut(from, to, is_cut));
    }
}

impl Envelope {
    /// One that was on its way for so long that nothing is known of it any more.
    fn forgotten(message: &Message, id: EventId) -> Envelope {
        let Message { number, from, to, .. } = *message;
        Envelope {
            number,
            answers: None,
            from,
            to,
            sent: id,
            bytes_len: message.bytes.len(),
            payload: Payload::Unreadable,
        }
    }
}

impl DiskTap for Observer {
    fn saved(&self, at: Instant, server: PeerId, save: &Save, _: &Image, took: Duration) {
        if !self.codec.has_disk() {
            return;
        }
        let written = match Written::read(save, self.codec) {
            Ok(written) => written,
            Err(error) => {
                return self.world.fail(format!(
                    "the tests cannot read what server {server} has saved: {error}\n\
                     Look at: a save holds labrpc's `Head` and `Entry`, each written with `wire::encode`"
                ));
            }
        };
        self.happened(at, |inner, _| {
            let state = &mut inner.observed.servers[server];
            let change = state.disk.apply(save, written);
            state.note_save(at, took);
            state.pending.iter_mut().for_each(|pending| pending.look_at(&state.disk));
            EventKind::Saved(server, Arc::new(change))
        });
    }
}

#[cfg(test)]
mod tests {
    use labrpc::sim::Keep;
    use labrpc::wire::{self, WireError};
    use labrpc::{Ballot, Head, Timing};
    use labrpc::{Persister, sim};

    use super::*;
    use crate::codec::TIMING;
    use crate::runner::run_simulated;
    use crate::token::Token;

    /// A lab whose heads are only a number, the term.
    struct TermsOnly;

    impl Codec for TermsOnly {
        fn timing(&self) -> Timing {
            TIMING
        }
        fn has_disk(&self) -> bool {
            true
        }
        fn read_head(&self, bytes: &[u8]) -> Result<Head, WireError> {
            let ballot = Ballot { term: wire::decode(bytes)?, voted_for: None };
            Ok(Head { ballot, base: LogPosition::ZERO })
        }
    }

    fn save(head: &'static [u8]) -> Option<String> {
        let token = Token { test: "save".into(), seed: 1, kept: None };
        let body = move |world: &World| {
            let observer = world.observer(1, |_| true).expect("time is virtual");
            observer.booted(0, sim::new_node("server 0"), None);
            let disk = Persister::new(0);
            disk.set_tap(Arc::new(observer));
            disk.save(Save { head: head.into(), ..Save::default() });
        };
        run_simulated(&token, Keep::All, false, Some(&TermsOnly), &body).0.err().map(|broken| broken.failure.message)
    }

    /// What cannot be read back is said so, and not taken for an empty disk.
    #[test]
    fn unreadable_saves_are_named() {
        let term: &'static [u8] = wire::encode(&7_u64).leak();
        assert_eq!(save(term), None);
        let message = save(&term[..term.len() - 1]).expect("that is no term");
        assert!(message.starts_with("server 0 has saved what nobody can read back"), "{message}");
    }
}
