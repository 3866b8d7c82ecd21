//! Clients are told what was done, once it was done (§8).

use labrpc::face::{KvOp, KvReply, KvRequest};
use labrpc::{ApplyMsg, Index, PeerId};
use rustc_hash::FxHashMap;

use super::model::{Model, Print};
use crate::rule::service::{EARNED, EXACTLY_ONCE, REPLICAS};
use crate::verdict::{Moment, Verdict};
use crate::watch::{Event, Known, Letter, Said, What};

/// Holds each answer against the model.
#[derive(Default)]
pub(super) struct Answers {
    /// How far each server has come, in its present life.
    applied: FxHashMap<PeerId, Index>,
}

impl Answers {
    pub(super) fn see(&mut self, event: &Event, known: &Known, model: &Model) -> Result<(), Verdict> {
        match &event.what {
            What::Applied(server, message) => {
                let index = match message {
                    ApplyMsg::Command { at, .. } => at.index,
                    ApplyMsg::Snapshot { through, .. } => through.index,
                };
                let applied = self.applied.entry(*server).or_default();
                *applied = (*applied).max(index);
                Ok(())
            }
            What::Booted(server) => {
                self.applied.remove(server);
                Ok(())
            }
            What::Sent(letter) if known.is_real(letter.from) => match &letter.said {
                Said::Tell(KvReply::Done(value)) => self.told(letter, value, event.moment, model),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn told(&self, letter: &Letter, value: &str, moment: Moment, model: &Model) -> Result<(), Verdict> {
        let Some(asked) = &letter.answers else { return Ok(()) };
        let Said::Ask(KvRequest { client, sequence, op }) = &asked.said else { return Ok(()) };
        let server = letter.from;
        let applied = self.applied.get(&server).copied().unwrap_or_default();
        let verdict = |rule, what: String, note: String| {
            Err(Verdict::new(rule, what)
                .with(asked.sent, format!("client {client} asks server {server}, as its operation {sequence}"))
                .with(moment, note))
        };
        let Some(first) = model.first_place(*client, *sequence).filter(|first| *first <= applied) else {
            return verdict(
                &EARNED,
                format!(
                    "server {server} told client {client} that operation {sequence} is done, but has not applied it"
                ),
                format!(
                    "it says that this is done; it has applied entries through {applied}, and the operation is not among them"
                ),
            );
        };
        let KvOp::Get { key } = op else { return Ok(()) };
        let print = Print::of(value);
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
            return verdict(&EARNED, what, note);
        }
        let is_doubled = model.would_hold_unfiltered(key, print) || value.len() > model.value(key, applied).bytes_len;
        let rule = if is_doubled { &EXACTLY_ONCE } else { &REPLICAS };
        let why = if is_doubled { "a write took effect twice" } else { "a write is missing" };
        verdict(
            rule,
            format!("server {server} told client {client} a value of key {key:?} that it never had: {why}"),
            note,
        )
    }
}
