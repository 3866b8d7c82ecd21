//! Clients are told what was done, once it was done (§8).

use labrpc::kv::{Command, Op};
use labrpc::{ApplyMsg, Index, PeerId};
use rustc_hash::FxHashMap;

use super::model::{StoreModel, ValueHash};
use crate::event::{Envelope, Event, EventId, EventKind, Payload};
use crate::observed::ObservedState;
use crate::rule::service::{EARNED, EXACTLY_ONCE, REPLICAS};
use crate::violation::Violation;

/// Holds each answer against the model.
#[derive(Default)]
pub(super) struct EarnedAnswers {
    /// How far each server has come, in its present life.
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
                Payload::ClerkAnswer(Ok(value)) => self.told(envelope, value, event.id, model),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn told(&self, envelope: &Envelope, value: &str, id: EventId, model: &StoreModel) -> Result<(), Violation> {
        let Some(asked) = &envelope.answers else { return Ok(()) };
        let Payload::ClerkRequest(Command { client, sequence, op }) = &asked.payload else { return Ok(()) };
        let server = envelope.from;
        let applied = self.applied.get(&server).copied().unwrap_or_default();
        let violation = |rule, what: String, note: String| {
            Err(Violation::new(rule, what)
                .with(asked.sent, format!("client {client} asks server {server}, as its operation {sequence}"))
                .with(id, note))
        };
        let Some(first) = model.first_place(*client, *sequence).filter(|first| *first <= applied) else {
            return violation(
                &EARNED,
                format!(
                    "server {server} told client {client} that operation {sequence} is done, but has not applied it"
                ),
                format!(
                    "it says that this is done; it has applied entries through {applied}, and the operation is not among them"
                ),
            );
        };
        let Op::Get { key } = op else { return Ok(()) };
        let print = ValueHash::of(value);
        if model.held(key, print, first, applied) {
            return Ok(());
        }
        let right = model.value(key, first);
        let note = format!(
            "it is told {} bytes for key {key:?}; after entry {first}, where its operation stands, there are {}",
            value.len(),
            right.bytes_len
        );
        if model.held(key, print, 0, model.last()) {
            let what = format!(
                "server {server} told client {client} what key {key:?} held at another time than its operation {sequence}"
            );
            return violation(&EARNED, what, note);
        }
        let is_doubled = model.would_hold_unfiltered(key, print) || value.len() > model.value(key, applied).bytes_len;
        let rule = if is_doubled { &EXACTLY_ONCE } else { &REPLICAS };
        let why = if is_doubled { "a write took effect twice" } else { "a write is missing" };
        violation(
            rule,
            format!("server {server} told client {client} a value of key {key:?} that it never had: {why}"),
            note,
        )
    }
}
