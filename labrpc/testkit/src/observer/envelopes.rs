//! The messages that may still arrive or be answered.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use labrpc::time::Instant;

use crate::event::Envelope;

/// No message travels, or waits for its answer, longer than this.
const AGE_MAX: Duration = Duration::from_secs(10);

/// Messages by number. The network numbers them one after another, so they are in a row.
#[derive(Default)]
pub(super) struct Envelopes {
    first: u64,
    envelopes: VecDeque<Option<Arc<Envelope>>>,
}

impl Envelopes {
    /// The message with this number, unless it is too old.
    pub(super) fn get(&self, number: u64) -> Option<&Arc<Envelope>> {
        let slot = number.checked_sub(self.first)?;
        self.envelopes.get(slot as usize)?.as_ref()
    }

    /// Adds a message that is sent now, and forgets those that are too old.
    ///
    /// A message may leave after the one with the next number, and long after it if its sender is paused.
    pub(super) fn insert(&mut self, envelope: Arc<Envelope>, now: Instant) {
        while let Some(oldest) = self.envelopes.iter().position(Option::is_some)
            && self.envelopes[oldest].as_ref().is_some_and(|oldest| now - oldest.sent.at > AGE_MAX)
        {
            self.envelopes.drain(..=oldest);
            self.first += oldest as u64 + 1;
        }
        while envelope.number < self.first {
            self.envelopes.push_front(None);
            self.first -= 1;
        }
        let slot = (envelope.number - self.first) as usize;
        if slot >= self.envelopes.len() {
            self.envelopes.resize(slot + 1, None);
        }
        self.envelopes[slot] = Some(envelope);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EventId, Payload};

    fn sent(envelopes: &mut Envelopes, number: u64, at_s: u64) {
        let at = Instant::ZERO + Duration::from_secs(at_s);
        let id = EventId { event: 0, at };
        let envelope = Envelope { number, answers: None, from: 0, to: 1, sent: id, payload: Payload::Unreadable };
        envelopes.insert(Arc::new(envelope), at);
    }

    /// Messages are found by number, in whatever order they leave, until they are too old.
    #[test]
    fn messages_are_found_until_they_are_too_old() {
        let mut envelopes = Envelopes::default();
        let known =
            |envelopes: &Envelopes| (0..9).filter(|number| envelopes.get(*number).is_some()).collect::<Vec<_>>();
        for (number, at_s) in [(1, 0), (0, 1), (2, 2), (4, 3)] {
            sent(&mut envelopes, number, at_s);
        }
        assert_eq!(known(&envelopes), [0, 1, 2, 4]);
        sent(&mut envelopes, 5, 12);
        assert_eq!(known(&envelopes), [2, 4, 5]);
        sent(&mut envelopes, 3, 30);
        assert_eq!(known(&envelopes), [3]);
        sent(&mut envelopes, 1, 30);
        assert_eq!(known(&envelopes), [1, 3]);
    }
}
