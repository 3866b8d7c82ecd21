//! A cluster under test.
//!
//! Layered like the labs: each trait of the servers adds functions to their cluster.
//!
//! | servers | file | adds |
//! |---|---|---|
//! | any | `lifecycle`, `links` | boots, crashes and pauses; cut links |
//! | [`Elect`] | `elect` | who leads, in which term |
//! | [`Replicate`](labrpc::Replicate) | `replicate`, `agreement`, `applied_logs` | agreement on commands, and what every server applied |
//! | [`Compact`](labrpc::Compact) | `compact` | a service that takes snapshots |
//!
//! [`Cluster`] knows the type of its servers. [`UntypedCluster`] does not, and has most of the
//! functions.
//!
//! **Invariant.** The harness never calls a server directly. It *visits* the server, which means that
//! it calls the server in a task of the server's node: otherwise it might hold a lock that a crash
//! cannot release.

mod agreement;
mod applied_logs;
mod boot;
mod compact;
mod elect;
mod lifecycle;
mod links;
mod replicate;
mod untyped;

use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use labrpc::{Elect, PeerId};

pub use applied_logs::AppliedLogs;
pub use boot::{Boot, Booted};
pub use compact::SNAPSHOT_INTERVAL;
pub use replicate::number;
pub use untyped::UntypedCluster;

use boot::UntypedBooted;
use untyped::Gate;

use crate::rule::Rule;
use crate::taped::Taped;
use crate::world::World;

/// A cluster of servers of type `R`. Clones are the same cluster.
pub struct Cluster<R: Elect> {
    untyped: UntypedCluster,
    servers: PhantomData<fn() -> R>,
}

impl<R: Elect> Clone for Cluster<R> {
    fn clone(&self) -> Self {
        Cluster { untyped: self.untyped.clone(), servers: PhantomData }
    }
}

impl<R: Elect> Deref for Cluster<R> {
    type Target = UntypedCluster;

    fn deref(&self) -> &UntypedCluster {
        &self.untyped
    }
}

impl<R: Elect> Cluster<R> {
    /// Starts `size` connected servers.
    pub fn new(world: &World, size: usize, boot: impl Fn(Boot) -> Booted<R> + Send + Sync + 'static) -> Cluster<R> {
        let cluster = Cluster::with_scripted_peers(world, size, |_| true, boot);
        cluster.servers().for_each(|server| cluster.start(server));
        cluster
    }

    /// Sets up `size` servers and boots none. A script plays those that are not real.
    pub(crate) fn with_scripted_peers(
        world: &World,
        size: usize,
        is_real: impl Fn(PeerId) -> bool,
        boot: impl Fn(Boot) -> Booted<R> + Send + Sync + 'static,
    ) -> Cluster<R> {
        let boot = Arc::new(move |start, gate: Gate| {
            UntypedBooted::boot(|| {
                gate();
                boot(start)
            })
        });
        Cluster { untyped: UntypedCluster::new(world, size, &is_real, boot), servers: PhantomData }
    }

    /// As [`visit`](Cluster::visit), for a method that returns at once. If it does not, that breaks `rule`; `what` names the
    /// method.
    #[track_caller]
    pub(crate) fn visit_typed_promptly<T: Send + 'static>(
        &self,
        server: PeerId,
        what: &str,
        rule: &'static Rule,
        look: impl FnOnce(&Taped<R>) -> T + Send + 'static,
    ) -> Option<T> {
        self.visit_promptly(server, what, rule, move |running| look(running.typed()))
    }

    /// Calls `look` with a server, in a task of its node. `None` if the server is down or paused, or
    /// crashes meanwhile.
    pub fn visit<T: Send + 'static>(
        &self,
        server: PeerId,
        look: impl FnOnce(&Taped<R>) -> T + Send + 'static,
    ) -> Option<T> {
        self.visit_untyped(server, move |running| look(running.typed()))
    }
}

#[cfg(test)]
mod tests;
