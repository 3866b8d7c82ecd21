//! Clients get the results of their own operations, after these were applied (§8).

use labrpc::kv::{Command, Op};
use labrpc::{ApplyMsg, Index, PeerId};
use rustc_hash::FxHashMap;

use super::model::{StoreModel, ValueHash};
use crate::event::{Envelope, Event, EventId, EventKind, Payload};
use crate::observed::ObservedState;
use crate::rule::service::{EARNED, EXACTLY_ONCE, REPLICAS};
use crate::violation::Violation;

/// Compares each answer with the model.
#[derive(Default)]
pub(super) struct EarnedAnswers {
    /// How far each server has applied since it booted.
    applied: FxHashMap<PeerId, Index>,
}

impl EarnedAnswers {
    pub(super) fn check(
        &mut self,
        event: &Event,
        observed: &ObservedState,
        model: &StoreModel,
    ) -> Result<(), Violation> {
        match &event.kind {
            EventKind::Applied(server, message) => {
                let index = match message {
                    ApplyMsg::Command { at, .. } => at.index,
                    ApplyMsg::Snapshot { through, .. } => through.index,
                };
                let applied = self.applied.entry(*server).or_default();
                *applied = (*applied).max(index);
                Ok(())
            }
            EventKind::Booted(server) => {
                self.applied.remove(server);
                Ok(())
            }
            EventKind::Sent(envelope) if observed.is_real(envelope.from) => match &envelope.payload {
                Payload::ClerkAnswer(Ok(value)) => self.answers(envelope, value, event.id, model),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// A server answers a client with a value.
    fn answers(&self, envelope: &Envelope, value: &str, id: EventId, model: &StoreModel) -> Result<(), Violation> {
        let Some(asked) = &envelope.answers else { return Ok(()) };
        let Payload::ClerkRequest(Command { client, sequence, op }) = &asked.payload else { return Ok(()) };
        let server = envelope.from;
        let applied = self.applied.get(&server).copied().unwrap_or_default();
        let violation = |rule, what: String, note: String| {
            Err(Violation::new(rule, what)
                .with(asked.sent, format!("client {client} sends server {server} its operation {sequence}"))
                .with(id, note))
        };
        let Some(first) = model.first_place(*client, *sequence).filter(|first| *first <= applied) else {
            return violation(
                &EARNED,
                format!("server {server} answered client {client}'s operation {sequence} before it had applied it"),
                format!(
                    "server {server} answers; it has applied entries through {applied}, and the operation is not among them"
                ),
            );
        };
        let Op::Get { key } = op else { return Ok(()) };
        let hash = ValueHash::of(value);
        if model.held(key, hash, first, applied) {
            return Ok(());
        }
        let right = model.value(key, first);
        let note = format!(
            "the answer has {} bytes for key {key:?}; after entry {first}, the operation's own, the value has {}",
            value.len(),
            right.bytes_len
        );
        if model.held(key, hash, 0, model.last()) {
            let what = format!(
                "server {server} answered client {client}'s operation {sequence} with a value that key {key:?} had at another time"
            );
            return violation(&EARNED, what, note);
        }
        let is_duplicated =
            model.would_hold_with_duplicates(key, hash) || value.len() > model.value(key, applied).bytes_len;
        let rule = if is_duplicated { &EXACTLY_ONCE } else { &REPLICAS };
        let why = if is_duplicated { "as if a write had taken effect twice" } else { "as if a write were missing" };
        violation(
            rule,
            format!("server {server} answered client {client} with a value that key {key:?} never had, {why}"),
            note,
        )
    }
}
