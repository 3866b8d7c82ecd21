//! A server's threads are few (the tests' contract).

use labrpc::sim;

use super::Oracle;
use crate::rule::life::BOUNDED;
use crate::verdict::Verdict;
use crate::watch::{Event, Known, What};

/// Counts a server's threads whenever it sends something.
pub(super) struct Life;

/// Its own threads (ticker, applier, service, watcher, …), and the harness's beside them.
const OWN_THREADS_MAX: usize = 16;

impl Oracle for Life {
    fn see(&mut self, event: &Event, known: &Known) -> Result<(), Verdict> {
        let What::Sent(letter) = &event.what else { return Ok(()) };
        let Some(server) = known.servers.get(letter.from).filter(|server| server.is_real) else { return Ok(()) };
        let Some(node) = server.node() else { return Ok(()) };
        // A message that arrives is a thread until it is taken in: as many as there are on their way.
        let threads = sim::tasks_in(node);
        let hands = server.pending.len();
        if threads <= OWN_THREADS_MAX + 2 * hands {
            return Ok(());
        }
        let what = format!("server {} has {threads} threads, with {hands} requests in its hands", letter.from);
        Err(Verdict::new(&BOUNDED, what).with(event.moment, "threads are started, and do not end"))
    }
}
