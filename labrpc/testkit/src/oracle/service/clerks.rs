//! A clerk does one operation at a time, under a number of its own, and returns the answer to it (§8).

use labrpc::PeerId;
use labrpc::kv::{ClientId, Command, Op};
use rustc_hash::FxHashMap;

use crate::event::{Envelope, Event, EventId, EventKind, Payload};
use crate::event_line::Operation;
use crate::observed::ObservedState;
use crate::rule::service::{CLERK_RETURNS, NUMBERED};
use crate::violation::Violation;

/// Follows each clerk from the call of an operation to its return.
#[derive(Default)]
pub(super) struct HonestClerks {
    /// By the clerk's end of the network.
    clerks: FxHashMap<PeerId, ObservedClerk>,
    /// The clerk that uses each client's id, and its first request.
    owners: FxHashMap<ClientId, (PeerId, EventId)>,
}

#[derive(Default)]
struct ObservedClerk {
    /// The operation that it does, if the harness has said so.
    called: Option<Called>,
    /// The latest number that it used, the operation, and its first request.
    latest: Option<(u64, Op, EventId)>,
}

/// An operation that a caller waits for.
struct Called {
    op: Op,
    id: EventId,
    /// The client and the number under which it was first sent, and when.
    sent: Option<(ClientId, u64, EventId)>,
    /// The results that have arrived.
    results: Vec<(String, EventId)>,
    /// An answer has arrived to a request that is too old to be known.
    is_unsure: bool,
}

impl HonestClerks {
    pub(super) fn check(&mut self, event: &Event, observed: &ObservedState) -> Result<(), Violation> {
        match &event.kind {
            EventKind::Called(end, op) => {
                let op = Op::clone(op);
                let called = Called { op, id: event.id, sent: None, results: Vec::new(), is_unsure: false };
                self.clerks.entry(*end).or_default().called = Some(called);
                Ok(())
            }
            EventKind::Sent(envelope) => match &envelope.payload {
                Payload::ClerkRequest(command) if self.is_clerk(envelope.from, observed) => {
                    self.asks(envelope.from, command, event.id)
                }
                _ => Ok(()),
            },
            EventKind::Arrived(envelope, _) => {
                self.is_told(envelope, event.id);
                Ok(())
            }
            EventKind::Returned(end, value) => self.returns(*end, value, event.id),
            _ => Ok(()),
        }
    }

    /// Whether a real clerk is at this end of the network. A script may play clients and send anything,
    /// unless it plays the servers.
    fn is_clerk(&self, end: PeerId, observed: &ObservedState) -> bool {
        self.clerks.contains_key(&end) || observed.servers.iter().all(|server| !server.is_real)
    }

    /// A clerk sends a request.
    fn asks(&mut self, end: PeerId, command: &Command, id: EventId) -> Result<(), Violation> {
        let Command { client, sequence, op } = command;
        let (owner, first) = *self.owners.entry(*client).or_insert((end, id));
        if owner != end {
            let what = format!("two clerks call themselves client {client}");
            return Err(Violation::new(&NUMBERED, what)
                .with(first, format!("one of them sends an operation of client {client}"))
                .with(id, "and so does another one"));
        }
        let clerk = self.clerks.entry(end).or_default();
        let sends = format!("it sends operation {sequence}: {}", Operation(op));
        if let Some((number, earlier, since)) = &clerk.latest {
            let before = format!("client {client} sends operation {number}: {}", Operation(earlier));
            if sequence < number {
                let what = format!("client {client} went back from operation {number} to operation {sequence}");
                return Err(Violation::new(&NUMBERED, what).with(*since, before).with(id, sends));
            }
            if sequence == number && op != earlier {
                let what = format!("client {client} sent two different operations with number {number}");
                return Err(Violation::new(&NUMBERED, what).with(*since, before).with(id, sends));
            }
        }
        let is_new = clerk.latest.as_ref().is_none_or(|(number, _, _)| sequence > number);
        if let Some(called) = &mut clerk.called {
            called.is_sent(command, is_new, id, clerk.latest.as_ref().map(|(_, _, since)| *since))?;
        }
        if is_new {
            clerk.latest = Some((*sequence, op.clone(), id));
        }
        Ok(())
    }

    /// A server's answer reaches a clerk.
    fn is_told(&mut self, envelope: &Envelope, id: EventId) {
        let Some(called) = self.clerks.get_mut(&envelope.to).and_then(|clerk| clerk.called.as_mut()) else { return };
        match (&envelope.payload, envelope.answers.as_ref().map(|request| &request.payload)) {
            (Payload::ClerkAnswer(Ok(value)), Some(Payload::ClerkRequest(asked))) => {
                let number = (asked.client, asked.sequence);
                if called.sent.is_some_and(|(client, sequence, _)| (client, sequence) == number) {
                    called.results.push((value.clone(), id));
                }
            }
            (Payload::ClerkAnswer(Err(_)), _) => {}
            _ => called.is_unsure = true,
        }
    }

    /// A clerk returns to its caller.
    fn returns(&mut self, end: PeerId, value: &str, id: EventId) -> Result<(), Violation> {
        let Some(called) = self.clerks.get_mut(&end).and_then(|clerk| clerk.called.take()) else { return Ok(()) };
        if called.is_unsure {
            return Ok(());
        }
        let does = format!("a clerk is called: {}", Operation(&called.op));
        let returns = |value: &str| format!("it returns {} bytes", value.len());
        let Some((latest, told)) = called.results.last() else {
            let what = "a clerk returned although no server had said that its operation is done";
            return Err(Violation::new(&CLERK_RETURNS, what).with(called.id, does).with(id, returns(value)));
        };
        let is_get = matches!(called.op, Op::Get { .. });
        if !is_get || called.results.iter().any(|(result, _)| result == value) {
            return Ok(());
        }
        Err(Violation::new(&CLERK_RETURNS, "a clerk returned another value than it was told")
            .with(called.id, does)
            .with(*told, format!("a server answers with {} bytes", latest.len()))
            .with(id, returns(value)))
    }
}

impl Called {
    /// The clerk sends a request for the operation that it was called for.
    fn is_sent(
        &mut self,
        command: &Command,
        is_new: bool,
        id: EventId,
        latest: Option<EventId>,
    ) -> Result<(), Violation> {
        let Command { client, sequence, op } = command;
        let does = format!("a clerk is called: {}", Operation(&self.op));
        let sends = format!("client {client} sends operation {sequence}: {}", Operation(op));
        match self.sent {
            Some((_, number, first)) if is_new => {
                let what = format!("client {client} repeated its operation {number} as operation {sequence}");
                Err(Violation::new(&NUMBERED, what)
                    .with(first, format!("client {client} first sends it as operation {number}"))
                    .with(id, sends))
            }
            None if !is_new && *op == self.op => {
                let what = format!("client {client} used the number {sequence} again for its next operation");
                let violation = Violation::new(&NUMBERED, what).with(self.id, does).with(id, sends);
                Err(match latest {
                    Some(latest) => violation.with(latest, format!("its last operation has number {sequence}")),
                    None => violation,
                })
            }
            _ if *op != self.op => {
                let what = format!("client {client} asked for something else than its caller");
                Err(Violation::new(&CLERK_RETURNS, what).with(self.id, does).with(id, sends))
            }
            sent => {
                self.sent = sent.or(Some((*client, *sequence, id)));
                Ok(())
            }
        }
    }
}
