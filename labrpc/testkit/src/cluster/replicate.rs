//! Agreement on commands (lab 2B).

use std::time::Duration;

use labrpc::channel::Receiver;
use labrpc::time::Instant;
use labrpc::{ApplyMsg, Bytes, Index, LogPosition, NotLeader, PeerId, Replicate, Term, thread};

use super::applied_logs::AppliedLog;
use super::{AppliedLogs, Boot, Booted, Cluster};
use crate::world::World;

/// How long [`Cluster::one`] goes on offering a command.
const AGREEMENT_PATIENCE: Duration = Duration::from_secs(10);
/// How long it waits for a command that was accepted, before it offers the command anew.
const COMMIT_PATIENCE: Duration = Duration::from_secs(2);
/// How often the harness looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// Its pause when nobody leads.
const LEADERLESS_PAUSE: Duration = Duration::from_millis(50);

/// A command that is a number.
///
/// ```
/// assert_eq!(testkit::number(7), testkit::number(7));
/// assert_ne!(testkit::number(7), testkit::number(8));
/// ```
pub fn number(n: u64) -> Bytes {
    n.to_string().into_bytes().into()
}

impl<R: Replicate> Cluster<R> {
    /// Boots so many servers, each with a service that notes what it is given to apply.
    pub fn replicating(
        world: &World,
        size: usize,
        boot: impl Fn(Boot) -> Booted<R> + Send + Sync + 'static,
    ) -> Cluster<R> {
        Cluster::with_service(world, size, boot, |_, apply_rx, _| apply_rx.iter().for_each(drop))
    }

    /// Boots so many servers, each with a service, in a thread of its own, that gets what the
    /// server hands over, and a page of the ledger to note it on.
    pub(super) fn with_service(
        world: &World,
        size: usize,
        boot: impl Fn(Boot) -> Booted<R> + Send + Sync + 'static,
        service: fn(&R, &Receiver<ApplyMsg>, &AppliedLog),
    ) -> Cluster<R> {
        Cluster::new(world, size, move |start| {
            let (applied_log, apply_rx) = (start.applied_log.clone(), start.apply_rx.clone());
            let booted = boot(start);
            let raft = booted.server.clone();
            let thread = thread::Builder::new().name("service".into());
            thread.spawn(move || service(&raft, &apply_rx, &applied_log)).expect("a thread for the service");
            booted
        })
    }

    /// What the servers applied.
    pub fn applied_logs(&self) -> &AppliedLogs {
        &self.inner.applied_logs
    }

    /// Offers a command to one server. `None` if it is down or does not lead.
    pub fn start_command(&self, server: PeerId, command: Bytes) -> Option<LogPosition> {
        self.start_command_at(server, command)?.ok()
    }

    /// Offers a command to every server, so that whoever leads takes it.
    pub fn start_everywhere(&self, command: &Bytes) {
        for server in self.servers() {
            self.start_command(server, command.clone());
        }
    }

    /// Offers a command to one server, and says what it answered; `None` if it is down.
    pub(crate) fn start_command_at(&self, server: PeerId, command: Bytes) -> Option<Result<LogPosition, NotLeader>> {
        let (observer, offered) = (self.inner.observer.clone(), command.clone());
        self.visit(server, move |raft| {
            let outcome = raft.start(command);
            observer.iter().for_each(|observer| observer.started(server, &offered, outcome));
            outcome
        })
    }

    /// Lets the cluster agree on one command, on at least `servers` servers, and says at which
    /// index. Offers it again if the leader that took it is lost.
    ///
    /// # Panics
    ///
    /// When there is no agreement within ten seconds.
    #[track_caller]
    pub fn one(&self, command: &Bytes, servers: usize) -> Index {
        self.agree(command, servers, true)
    }

    /// As [`one`](Cluster::one), but the command may be offered only once: in a healthy cluster
    /// no leader is lost.
    #[track_caller]
    pub fn one_at_once(&self, command: &Bytes, servers: usize) -> Index {
        self.agree(command, servers, false)
    }

    #[track_caller]
    fn agree(&self, command: &Bytes, servers: usize, may_retry: bool) -> Index {
        let began = Instant::now();
        let mut first = 0;
        while began.elapsed() < AGREEMENT_PATIENCE {
            self.world().raise_reported();
            let Some((leader, at)) = self.offer(command, first) else {
                thread::sleep(LEADERLESS_PAUSE);
                continue;
            };
            if self.is_applied_soon(command, at, servers) {
                return at.index;
            }
            assert!(
                may_retry,
                "server {leader} took {command:?} at index {} of term {}, but it was not applied on {servers} servers \
                 within {COMMIT_PATIENCE:?}, in a cluster where nothing failed",
                at.index, at.term
            );
            first = leader + 1;
        }
        panic!(
            "no agreement on {command:?} by {servers} servers within {AGREEMENT_PATIENCE:?}; of the reachable servers \
             {:?}, {}",
            self.reachable(),
            self.who_leads()
        );
    }

    fn offer(&self, command: &Bytes, first: PeerId) -> Option<(PeerId, LogPosition)> {
        let around = (0..self.size()).map(|step| self.after(first, step));
        let mut reachable = around.filter(|&server| self.is_up(server) && self.is_connected(server));
        reachable.find_map(|server| Some((server, self.start_command(server, command.clone())?)))
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

    /// Waits until `servers` servers have applied the entry at `index`, and gives its command.
    /// `None` if a server is in a later term than `term` meanwhile: the entry may be lost.
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
            assert!(
                began.elapsed() < AGREEMENT_PATIENCE,
                "only {applied} of {servers} servers applied entry {index} within {AGREEMENT_PATIENCE:?}"
            );
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
        assert_eq!(applied, 0, "{applied} servers applied {command:?} at index {index} without a majority");
    }

    /// The largest size of any server's saved Raft state.
    pub fn raft_state_bytes_max(&self) -> usize {
        self.servers().map(|server| self.persister(server).raft_state_bytes()).max().unwrap_or_default()
    }
}
