//! Agreement on commands, whatever the type of the servers.

use std::time::Duration;

use labrpc::time::Instant;
use labrpc::{Bytes, Index, LogPosition, PeerId, Term, thread};

use super::untyped::UntypedCluster;
use crate::rule::election::LEADER_IN_TIME;
use crate::rule::replication::{CATCH_UP, COMMIT_AT_ONCE, MAJORITY_COMMIT};
use crate::script::{about, expect_rule};
use crate::waited::{Awaited, Wait, waited_for};

/// How long [`UntypedCluster::agree`] keeps offering a command.
const AGREEMENT_PATIENCE: Duration = Duration::from_secs(10);
/// How long it waits for a command that was accepted, before it offers the command again.
const COMMIT_PATIENCE: Duration = Duration::from_secs(2);
/// The time between two looks at what was applied.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// The pause when no server leads.
const LEADERLESS_PAUSE: Duration = Duration::from_millis(50);

/// Offers a command to a server. `None` if the server is down or does not lead.
pub(super) type Start<'a> = &'a dyn Fn(PeerId, Bytes) -> Option<LogPosition>;

impl UntypedCluster {
    /// Waits until `servers` servers agree on a command, and returns its index.
    #[track_caller]
    pub(super) fn agree(&self, command: &Bytes, servers: usize, may_retry: bool, start: Start) -> Index {
        let began = Instant::now();
        let mut first = 0;
        while began.elapsed() < AGREEMENT_PATIENCE {
            self.world().raise_reported();
            let Some((leader, at)) = self.offer(command, first, start) else {
                thread::sleep(LEADERLESS_PAUSE);
                continue;
            };
            if self.is_applied_soon(command, at, servers) {
                return at.index;
            }
            if !may_retry {
                about(&COMMIT_AT_ONCE);
                let awaited = Awaited::Applied(Some(at.index), servers);
                waited_for(Wait::new(awaited, COMMIT_PATIENCE).among(self.reachable()));
                panic!(
                    "server {leader} took {command:?} at index {} of term {}, but it was not applied on {servers} \
                     servers within {COMMIT_PATIENCE:?}, although nothing failed",
                    at.index, at.term
                );
            }
            first = leader + 1;
        }
        about(if self.leaders().is_empty() { &LEADER_IN_TIME } else { &CATCH_UP });
        waited_for(Wait::new(Awaited::Applied(None, servers), AGREEMENT_PATIENCE).among(self.reachable()));
        panic!(
            "{servers} servers did not agree on {command:?} within {AGREEMENT_PATIENCE:?}; of the reachable servers \
             {:?}, {}",
            self.reachable(),
            self.who_leads()
        );
    }

    /// Offers a command to the reachable servers, from `first` on, until one takes it.
    fn offer(&self, command: &Bytes, first: PeerId, start: Start) -> Option<(PeerId, LogPosition)> {
        let around = (0..self.size()).map(|step| self.after(first, step));
        let mut reachable = around.filter(|&server| self.is_up(server) && self.is_connected(server));
        reachable.find_map(|server| Some((server, start(server, command.clone())?)))
    }

    fn is_applied_soon(&self, command: &Bytes, at: LogPosition, servers: usize) -> bool {
        let began = Instant::now();
        while began.elapsed() < COMMIT_PATIENCE {
            let (applied, found) = self.applied_logs().applied_at(at.index);
            if applied >= servers && found.as_ref() == Some(command) {
                return true;
            }
            thread::sleep(LOOK_INTERVAL);
        }
        false
    }

    /// Waits until `servers` servers have applied the entry at `index`, and returns its command.
    /// `None` if a server reaches a later term than `term` meanwhile: the entry may be lost.
    ///
    /// # Panics
    ///
    /// When that takes longer than ten seconds.
    #[track_caller]
    pub fn wait_applied(&self, index: Index, servers: usize, term: Option<Term>) -> Option<Bytes> {
        let began = Instant::now();
        loop {
            self.world().raise_reported();
            let (applied, command) = self.applied_logs().applied_at(index);
            if applied >= servers {
                return command;
            }
            let is_later = |server| self.status(server).is_some_and(|status| Some(status.term) > term);
            if term.is_some() && self.servers().any(is_later) {
                return None;
            }
            let what =
                format_args!("only {applied} of {servers} servers applied entry {index} in {AGREEMENT_PATIENCE:?}");
            let is_late = began.elapsed() >= AGREEMENT_PATIENCE;
            if is_late {
                let awaited = Awaited::Applied(Some(index), servers);
                waited_for(Wait::new(awaited, AGREEMENT_PATIENCE).among(self.reachable()));
            }
            expect_rule(&CATCH_UP, !is_late, what);
            thread::sleep(LOOK_INTERVAL);
        }
    }

    /// Checks that no server has applied the entry at `index`.
    ///
    /// # Panics
    ///
    /// When one has.
    #[track_caller]
    pub fn none_applied(&self, index: Index) {
        let (applied, command) = self.applied_logs().applied_at(index);
        let what = format_args!("{applied} servers applied {command:?} at index {index} without a majority");
        expect_rule(&MAJORITY_COMMIT, applied == 0, what);
    }

    /// The largest size of any server's saved Raft state, in bytes.
    pub fn raft_state_bytes_max(&self) -> usize {
        self.servers().map(|server| self.persister(server).raft_state_bytes()).max().unwrap_or_default()
    }
}
