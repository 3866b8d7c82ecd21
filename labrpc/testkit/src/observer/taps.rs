//! Messages and saves become events.

use std::sync::Arc;
use std::time::Duration;

use labrpc::network::{LockedSend, Message, Passage, Port, Tap};
use labrpc::persister::DiskTap;
use labrpc::time::Instant;
use labrpc::wire::WireError;
use labrpc::{Image, PeerId, Save, sim};

use super::{Inner, Observer};
use crate::contract::{Contract, MessageKind, Track};
use crate::event::{Envelope, EventId, EventKind, Payload};
use crate::observed::DecodedSave;
use crate::rule::life::{CODEC, UNLOCKED};
use crate::violation::Violation;

impl Tap for Observer {
    fn message(&self, at: Instant, message: &Message, passage: Passage) {
        self.happened(at, |inner, id| match passage {
            Passage::Sent => EventKind::Sent(inner.sent(self.contract, message, id)),
            Passage::Lost(why) => EventKind::Lost(inner.envelope_of(message, id), why),
            Passage::Arrived { copy } => {
                let envelope = inner.envelope_of(message, id);
                inner.observed.arrive(&envelope, id);
                EventKind::Arrived(envelope, copy)
            }
        });
    }

    fn handles(&self, message: &Message) {
        self.lock().story.iter().for_each(|story| story.handles(message.number));
    }

    fn locked_send(&self, at: Instant, send: LockedSend) {
        let LockedSend { from, to, place, locks } = send;
        // A service may hold its own lock while it calls its server, which sends then.
        let Some(lock) = locks.iter().rfind(|lock| package_of(lock.taken.file()) == package_of(place.file())) else {
            return;
        };
        let violation = {
            let inner = self.lock();
            let is_under_test = inner.observed.servers.get(from).is_some_and(|server| server.is_real);
            (is_under_test && !inner.is_over).then(|| {
                let what = format!("server {from} holds a lock while it sends a request to server {to}");
                let id = EventId { event: inner.events_count, at };
                let note = format!("it sends at {place}, under the lock that it took at {}", lock.taken);
                Violation::new(&UNLOCKED, what).with(id, note)
            })
        };
        if let Some(violation) = violation {
            self.reporter.violation(violation);
        }
    }

    fn cut(&self, at: Instant, from: PeerId, to: PeerId, is_cut: bool) {
        self.happened(at, |_, _| EventKind::Cut(from, to, is_cut));
    }
}

impl DiskTap for Observer {
    fn saved(&self, at: Instant, server: PeerId, save: &Save, _: &Image, took: Duration) {
        if !self.contract.has_disk {
            return;
        }
        match sim::as_harness(|| DecodedSave::read(save, self.contract)) {
            Ok(decoded) => self.happened(at, |inner, _| {
                if inner.is_first(MessageKind::Save) {
                    inner.misfit = self.contract.misfit_of_save(&decoded.head, &decoded.entries);
                }
                let change = inner.observed.save(server, at, took, save, decoded);
                EventKind::Saved(server, Arc::new(change))
            }),
            // The tape says no more.
            Err(_) if sim::has_failed() => {}
            Err(error) => {
                let what = format!("the tests cannot decode what server {server} has saved: {error}");
                match self.contract.track {
                    Track::Open => self.reporter.violation(Violation::new(&CODEC, what)),
                    Track::Guided => self.reporter.failure(format!(
                        "{what}\nLook at: a save holds labrpc's `Head` and `Entry`, each written with `wire::encode`"
                    )),
                }
            }
        }
    }
}

impl Inner {
    /// Decodes a message that is sent, and keeps it until it can no longer arrive or be answered.
    fn sent(&mut self, contract: &Contract, message: &Message, id: EventId) -> Arc<Envelope> {
        let answers = message.answers.and_then(|number| self.envelopes.get(number).cloned());
        let is_under_test = message.port == Port::Kv || self.observed.is_real(message.from);
        let payload = decode(contract, message, answers.as_deref()).unwrap_or_else(|error| {
            if is_under_test && contract.is_codec_checked() {
                let what = format!("the codec cannot read what server {} sends: {error}", message.from);
                self.misfit = Some(what);
            }
            Payload::Unreadable
        });
        let answered = answers.as_deref().and_then(Envelope::request);
        let kind = MessageKind::of(&payload, answered).filter(|_| is_under_test);
        if kind.is_some_and(|kind| self.is_first(kind)) {
            self.misfit = contract.misfit_of(&payload, answered);
        }
        let envelope = Arc::new(envelope(message, answers, id, payload));
        self.envelopes.insert(envelope.clone(), id.at);
        envelope
    }

    /// Whether this is the first message of its kind. The next one is not.
    fn is_first(&mut self, kind: MessageKind) -> bool {
        let is_first = !self.probed.contains(&kind);
        if is_first {
            self.probed.push(kind);
        }
        is_first
    }

    /// The envelope of a message that was sent before; an unreadable one if that is too long ago.
    fn envelope_of(&self, message: &Message, id: EventId) -> Arc<Envelope> {
        let known = self.envelopes.get(message.number).cloned();
        known.unwrap_or_else(|| Arc::new(envelope(message, None, id, Payload::Unreadable)))
    }
}

/// The folder of the package that a source file belongs to.
pub(super) fn package_of(file: &str) -> &str {
    ["/src/", "/tests/"].iter().find_map(|part| file.split_once(part)).map_or(file, |(package, _)| package)
}

fn envelope(message: &Message, answers: Option<Arc<Envelope>>, sent: EventId, payload: Payload) -> Envelope {
    let Message { number, from, to, .. } = *message;
    Envelope { number, answers, from, to, sent, payload }
}

/// Decodes a message; `answered` is the request that it answers, if it is a reply.
fn decode(contract: &Contract, message: &Message, answered: Option<&Envelope>) -> Result<Payload, WireError> {
    let bytes = &message.bytes;
    match (message.port, message.answers) {
        (Port::Raft, None) => contract.codec().read_request(bytes).map(Payload::Request),
        (Port::Raft, Some(_)) => match answered.and_then(Envelope::request) {
            Some(request) => contract.codec().read_reply(request, bytes).map(Payload::Reply),
            None => Ok(Payload::Unreadable),
        },
        (Port::Kv, _) if !contract.has_clerks => Ok(Payload::Unreadable),
        (Port::Kv, None) => contract.codec().read_command(bytes).map(Payload::ClerkRequest),
        (Port::Kv, Some(_)) => contract.codec().read_answer(bytes).map(Payload::ClerkAnswer),
    }
}
