//! Servers that replicate commands (lab 2B).

use labrpc::channel::Receiver;
use labrpc::{ApplyMsg, Bytes, Index, LogPosition, NotLeader, PeerId, Replicate, thread};

use super::Cluster;
use super::applied_logs::AppliedLog;
use super::boot::{Boot, Booted};
use crate::rule::replication::START_AT_ONCE;
use crate::world::World;

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
    /// Starts `size` servers, each with a service that takes what the server applies and does nothing with it.
    pub fn replicating(
        world: &World,
        size: usize,
        boot: impl Fn(Boot) -> Booted<R> + Send + Sync + 'static,
    ) -> Cluster<R> {
        Cluster::with_service(world, size, boot, |_, apply_rx, _| apply_rx.iter().for_each(drop))
    }

    /// Starts `size` servers, each with a service in a thread of its own, which receives what the
    /// server applies, and a log to record it in.
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

    /// Offers a command to one server. `None` if it is down or does not lead.
    ///
    /// # Panics
    ///
    /// When `start` does not return.
    #[track_caller]
    pub fn start_command(&self, server: PeerId, command: Bytes) -> Option<LogPosition> {
        self.start_command_at(server, command)?.ok()
    }

    /// Offers a command to every server, so that the leader takes it.
    pub fn start_everywhere(&self, command: &Bytes) {
        for server in self.servers() {
            self.start_command(server, command.clone());
        }
    }

    /// Offers a command to one server, and returns what `start` returned; `None` if the server is down.
    #[track_caller]
    pub(crate) fn start_command_at(&self, server: PeerId, command: Bytes) -> Option<Result<LogPosition, NotLeader>> {
        let (observer, offered) = (self.observer().cloned(), command.clone());
        self.visit_typed_promptly(server, "start", &START_AT_ONCE, move |raft| {
            let number = observer.as_ref().map(|observer| observer.calls_start(server));
            let outcome = raft.start(command);
            if let (Some(observer), Some(number)) = (&observer, number) {
                observer.returned_from_start(server, number, &offered, outcome);
            }
            outcome
        })
    }

    /// Waits until at least `servers` servers have applied a command, and returns its index. Offers
    /// the command again if the leader that took it is lost.
    ///
    /// # Panics
    ///
    /// When there is no agreement within ten seconds.
    #[track_caller]
    pub fn one(&self, command: &Bytes, servers: usize) -> Index {
        self.agree(command, servers, true, &|server, command| self.start_command(server, command))
    }

    /// As [`one`](Cluster::one), but offers the command only once: in a healthy cluster no leader is lost.
    ///
    /// # Panics
    ///
    /// As [`one`](Cluster::one) does, and when a command that was taken is not applied within two seconds.
    #[track_caller]
    pub fn one_at_once(&self, command: &Bytes, servers: usize) -> Index {
        self.agree(command, servers, false, &|server, command| self.start_command(server, command))
    }
}
