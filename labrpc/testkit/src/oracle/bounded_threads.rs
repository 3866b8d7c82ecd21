//! A server has few threads.

use std::time::Duration;

use labrpc::PeerId;
use labrpc::time::Instant;
use rustc_hash::FxHashMap;

use super::interface::Oracle;
use crate::contract::Track;
use crate::event::{Event, EventId, EventKind};
use crate::observed::ObservedState;
use crate::rule::life::BOUNDED;
use crate::violation::Violation;

/// Counts a server's threads when it sends a message: now and then, and at each message while there are too many.
pub(super) struct BoundedThreads {
    track: Track,
    /// When a server's threads were last counted.
    counted: FxHashMap<PeerId, Instant>,
    /// When a server was first seen with too many threads.
    crowded: FxHashMap<PeerId, EventId>,
}

impl BoundedThreads {
    pub(super) fn new(track: Track) -> BoundedThreads {
        BoundedThreads { track, counted: FxHashMap::default(), crowded: FxHashMap::default() }
    }
}

/// The server's own threads (ticker, applier, service, watcher, …) and the harness's.
const OWN_THREADS_MAX: usize = 16;
/// Messages that arrive together have a thread each; they are handled within this time.
const BURST: Duration = Duration::from_secs(1);
/// Counting looks at every thread there is, so it is not done more often than this.
const COUNT_INTERVAL: Duration = Duration::from_millis(10);

impl Oracle for BoundedThreads {
    fn check(&mut self, event: &Event, observed: &ObservedState) -> Result<(), Violation> {
        if let EventKind::Booted(server) | EventKind::Paused(server, _) = event.kind {
            self.crowded.remove(&server);
        }
        let EventKind::Sent(envelope) = &event.kind else { return Ok(()) };
        let Some(server) = observed.servers.get(envelope.from).filter(|server| server.is_real) else { return Ok(()) };
        let Some(node) = server.node() else { return Ok(()) };
        let counted = self.counted.entry(envelope.from).or_default();
        if event.at() - *counted < COUNT_INTERVAL && !self.crowded.contains_key(&envelope.from) {
            return Ok(());
        }
        *counted = event.at();
        let (threads, pending) = (self.track.threads_in(node), server.pending_count());
        if threads <= OWN_THREADS_MAX + 2 * pending {
            self.crowded.remove(&envelope.from);
            return Ok(());
        }
        let since = *self.crowded.entry(envelope.from).or_insert(event.id);
        if event.at() - since.at <= BURST {
            return Ok(());
        }
        let what = format!("server {} has {threads} threads while it handles {pending} requests", envelope.from);
        Err(Violation::new(&BOUNDED, what)
            .with(
                since,
                format!(
                    "server {} has more than {OWN_THREADS_MAX} threads besides those that handle requests",
                    envelope.from
                ),
            )
            .with(event.id, "it still has"))
    }
}
