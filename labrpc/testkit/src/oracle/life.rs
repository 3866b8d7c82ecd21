//! A server's threads are few (the tests' contract).

use std::time::Duration;

use labrpc::{PeerId, sim};
use rustc_hash::FxHashMap;

use super::Oracle;
use crate::rule::life::BOUNDED;
use crate::verdict::{Moment, Verdict};
use crate::watch::{Event, Known, What};

/// Counts a server's threads whenever it sends something.
#[derive(Default)]
pub(super) struct Life {
    /// Since when a server has had too many.
    crowded: FxHashMap<PeerId, Moment>,
}

/// Its own threads (ticker, applier, service, watcher, …), and the harness's beside them.
const OWN_THREADS_MAX: usize = 16;
/// Messages that arrive at once are threads at once; they are taken in within this.
const BURST: Duration = Duration::from_secs(1);

impl Oracle for Life {
    fn see(&mut self, event: &Event, known: &Known) -> Result<(), Verdict> {
        if let What::Booted(server) | What::Paused(server, _) = event.what {
            self.crowded.remove(&server);
        }
        let What::Sent(letter) = &event.what else { return Ok(()) };
        let Some(server) = known.servers.get(letter.from).filter(|server| server.is_real) else { return Ok(()) };
        let Some(node) = server.node() else { return Ok(()) };
        let (threads, hands) = (sim::tasks_in(node), server.pending.len());
        if threads <= OWN_THREADS_MAX + 2 * hands {
            self.crowded.remove(&letter.from);
            return Ok(());
        }
        let since = *self.crowded.entry(letter.from).or_insert(event.moment);
        if event.at() - since.at <= BURST {
            return Ok(());
        }
        let what = format!("server {} has {threads} threads, with {hands} requests in its hands", letter.from);
        Err(Verdict::new(&BOUNDED, what)
            .with(since, format!("server {} has more than {OWN_THREADS_MAX} threads of its own", letter.from))
            .with(event.moment, "they have not ended since"))
    }
}
