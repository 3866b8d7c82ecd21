//! What a server is booted with, and what it returns.

use std::any::Any;
use std::sync::Arc;

use labrpc::channel::{Receiver, Sender};
use labrpc::network::{Link, Service};
use labrpc::sim::tape;
use labrpc::time::Instant;
use labrpc::{ApplyMsg, Elect, PeerId, Persister};

use super::applied_logs::AppliedLog;
use crate::taped::Taped;

/// What a server is booted with.
pub struct Boot {
    /// Its place in the cluster.
    pub me: PeerId,
    /// Its links to all servers, itself included, in order.
    pub links: Vec<Link>,
    /// Its disk.
    pub persister: Arc<Persister>,
    /// Where it sends what is committed.
    pub apply_ch: Sender<ApplyMsg>,
    /// The other end of `apply_ch`, for a service that boots with the server.
    pub apply_rx: Receiver<ApplyMsg>,
    /// The seed of its election timeouts.
    pub election_seed: u64,
    /// When it boots.
    pub now: Instant,
    /// Records what it applies.
    pub(super) applied_log: AppliedLog,
}

impl Boot {
    /// The number of servers in the cluster.
    pub fn cluster_size(&self) -> usize {
        self.links.len()
    }
}

/// A server that has booted, and the services that answer for it.
pub struct Booted<R> {
    /// The server itself, for the test.
    pub server: Arc<R>,
    /// Answers other servers.
    pub raft: Arc<dyn Service>,
    /// Answers clerks, if the server has any.
    pub kv: Option<Arc<dyn Service>>,
}

impl<R: Service> Booted<R> {
    /// A server that answers other servers only.
    pub fn raft(server: R) -> Booted<R> {
        let server = Arc::new(server);
        Booted { raft: server.clone(), server, kv: None }
    }
}

/// A running server of a type that is known elsewhere.
#[derive(Clone)]
pub(super) struct Running {
    pub(super) elect: Arc<dyn Elect>,
    /// The same server, to be downcast.
    pub(super) typed: Arc<dyn Any + Send + Sync>,
}

impl Running {
    /// The server, which is of this type.
    pub(super) fn typed<R: Elect>(&self) -> &Taped<R> {
        self.typed.downcast_ref().expect("every server of a `Cluster<R>` is an `R`")
    }
}

/// A [`Booted`] of a type that is known elsewhere.
pub(super) struct UntypedBooted {
    pub(super) running: Running,
    pub(super) raft: Arc<dyn Service>,
    pub(super) kv: Option<Arc<dyn Service>>,
}

impl UntypedBooted {
    /// What `boot` returns, or the players of a tape.
    pub(super) fn boot<R: Elect>(boot: impl FnOnce() -> Booted<R>) -> UntypedBooted {
        let mut booted = None;
        let write = |has_clerks: &bool| vec![u8::from(*has_clerks)];
        let has_clerks = tape::enter(
            write,
            |bytes| Some(*bytes.first()? == 1),
            || {
                booted = Some(boot());
                booted.as_ref().is_some_and(|booted| booted.kv.is_some())
            },
        );
        let (server, raft, kv) = match booted {
            Some(Booted { server, raft, kv }) => (Taped::real(server), Taped::real(raft), kv.map(Taped::real)),
            None => (Taped::player(), Taped::player(), has_clerks.then(Taped::player)),
        };
        UntypedBooted::new(Arc::new(server), raft, kv)
    }

    fn new<R: Elect>(server: Arc<Taped<R>>, raft: Taped<dyn Service>, kv: Option<Taped<dyn Service>>) -> UntypedBooted {
        let kv = kv.map(|kv| Arc::new(kv) as Arc<dyn Service>);
        UntypedBooted { running: Running { elect: server.clone(), typed: server }, raft: Arc::new(raft), kv }
    }
}
