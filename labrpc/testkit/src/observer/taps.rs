//! Messages and saves become events.

use std::sync::Arc;
use std::time::Duration;

use labrpc::network::{LockedSend, Message, Passage, Port, Tap};
use labrpc::persister::DiskTap;
use labrpc::time::Instant;
use labrpc::{Image, PeerId, Save, sim};

use super::{Inner, Observer};
use crate::contract::Contract;
use crate::event::{Envelope, EventId, EventKind, Payload};
use crate::observed::DecodedSave;
use crate::rule::life::UNLOCKED;
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
                let change = inner.observed.save(server, at, took, save, decoded);
                EventKind::Saved(server, Arc::new(change))
            }),
            Err(error) => self.reporter.failure(format!(
                "the tests cannot decode what server {server} has saved: {error}\n\
                 Look at: a save holds labrpc's `Head` and `Entry`, each written with `wire::encode`"
            )),
        }
    }
}

impl Inner {
    /// Decodes a message that is sent, and keeps it until it can no longer arrive or be answered.
    fn sent(&mut self, contract: &Contract, message: &Message, id: EventId) -> Arc<Envelope> {
        let answers = message.answers.and_then(|number| self.envelopes.get(number).cloned());
        let payload = decode(contract, message, answers.as_deref());
        let envelope = Arc::new(envelope(message, answers, id, payload));
        self.envelopes.insert(envelope.clone(), id.at);
        envelope
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
fn decode(contract: &Contract, message: &Message, answered: Option<&Envelope>) -> Payload {
    let bytes = &message.bytes;
    let decoded = match (message.port, message.answers) {
        (Port::Raft, None) => contract.codec.read_request(bytes).ok().map(Payload::Request),
        (Port::Raft, Some(_)) => {
            let request = answered.and_then(Envelope::request);
            request.and_then(|request| contract.codec.read_reply(request, bytes).ok()).map(Payload::Reply)
        }
        (Port::Kv, _) if !contract.has_clerks => None,
        (Port::Kv, None) => contract.codec.read_command(bytes).ok().map(Payload::ClerkRequest),
        (Port::Kv, Some(_)) => contract.codec.read_answer(bytes).ok().map(Payload::ClerkAnswer),
    };
    decoded.unwrap_or(Payload::Unreadable)
}
