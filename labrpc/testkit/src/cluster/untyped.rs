//! A cluster whose servers' type does not matter.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use labrpc::network::Network;
use labrpc::sim::{self, NodeId, Stamp, mix};
use labrpc::sync::Mutex;
use labrpc::time::Instant;
use labrpc::{PeerId, Persister};

use super::applied_logs::AppliedLogs;
use super::boot::{Boot, Running, UntypedBooted};
use crate::observer::Observer;
use crate::rule::Rule;
use crate::script::about;
use crate::task::with_result;
use crate::waited::{Awaited, Wait, waited_for};
use crate::world::{World, hash_of};

/// A cluster whose servers' type does not matter: all that needs no more than [`Elect`](labrpc::Elect) of a
/// server. Clones are the same cluster.
///
/// Most of the harness is written for this type, so that it is compiled once and not in every lab.
#[derive(Clone)]
pub struct UntypedCluster {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) world: World,
    pub(super) network: Network,
    pub(super) size: usize,
    pub(super) slots: Mutex<Vec<ServerSlot>>,
    pub(super) applied_logs: AppliedLogs,
    pub(super) observer: Option<Observer>,
    pub(super) next_clerk: Mutex<usize>,
    pub(super) boot: BootFn,
    /// The servers whose latest crash did not happen, because the run's token says so. The standard library's lock:
    /// taking it is no operation of the simulation.
    pub(super) spared: std::sync::Mutex<BTreeSet<PeerId>>,
}

/// Boots a server, after its gate.
pub(super) type BootFn = Arc<dyn Fn(Boot, Gate) -> UntypedBooted + Send + Sync>;

/// Starts the thread between a server and its service.
pub(super) type Gate = Box<dyn FnOnce() + Send>;

/// One server's place in the cluster.
pub(super) struct ServerSlot {
    pub(super) server: Option<Running>,
    pub(super) node: Option<NodeId>,
    pub(super) persister: Arc<Persister>,
    pub(super) is_connected: bool,
    pub(super) is_paused: bool,
    visits: Stamp,
}

/// The name of a task in which the harness calls a server.
const VISIT: &str = "visit";
/// A method that waits for no message returns much sooner, even while the disk is slow.
const PATIENCE: Duration = Duration::from_secs(5);

/// Ends of the network for clerks and scripted clients, to begin with; clerks add more.
const CLIENT_ENDS: usize = 160;

impl UntypedCluster {
    /// Sets up `size` servers and boots none. A script plays those that are not real.
    pub(super) fn new(world: &World, size: usize, is_real: &dyn Fn(PeerId) -> bool, boot: BootFn) -> UntypedCluster {
        let slot = |server| ServerSlot {
            server: None,
            node: None,
            persister: Arc::new(Persister::new(server)),
            is_connected: true,
            is_paused: false,
            visits: Stamp::default(),
        };
        let network = world.network(size + CLIENT_ENDS);
        // The time of each event is known in virtual time only.
        let contract = world.contract().filter(|_| world.is_simulated());
        let observer = contract.map(|contract| Observer::new(world.reporter(), contract, size, is_real));
        if let Some(observer) = &observer {
            network.set_tap(Arc::new(observer.clone()));
        }
        let inner = Inner {
            world: world.clone(),
            network,
            size,
            slots: Mutex::new((0..size).map(slot).collect()),
            applied_logs: AppliedLogs::new(world.reporter(), size, (0..size).all(is_real)),
            observer,
            next_clerk: Mutex::new(size),
            boot,
            spared: std::sync::Mutex::default(),
        };
        UntypedCluster { inner: Arc::new(inner) }
    }

    /// The world that the cluster lives in.
    pub fn world(&self) -> &World {
        &self.inner.world
    }

    /// The network between the servers.
    pub fn network(&self) -> &Network {
        &self.inner.network
    }

    /// The number of servers.
    pub fn size(&self) -> usize {
        self.inner.size
    }

    /// All servers.
    pub fn servers(&self) -> impl Iterator<Item = PeerId> + use<> {
        0..self.inner.size
    }

    /// The server that comes `steps` after `server`; after the last one comes the first.
    pub fn after(&self, server: PeerId, steps: usize) -> PeerId {
        (server + steps) % self.size()
    }

    /// The cluster's observer. `None` on real threads, or if the lab registered no contract.
    pub fn observer(&self) -> Option<&Observer> {
        self.inner.observer.as_ref()
    }

    /// Looks for what the servers should have done by now, in case nothing happens any more.
    pub(crate) fn look_for_overdue(&self) {
        self.inner.observer.iter().for_each(Observer::waited);
    }

    /// What the servers applied.
    pub fn applied_logs(&self) -> &AppliedLogs {
        &self.inner.applied_logs
    }

    /// A server's disk.
    pub fn persister(&self, server: PeerId) -> Arc<Persister> {
        self.inner.slots.lock()[server].persister.clone()
    }

    /// Gives a server that is down another disk.
    pub(crate) fn set_persister(&self, server: PeerId, persister: Persister) {
        self.inner.slots.lock()[server].persister = Arc::new(persister);
        self.observer().into_iter().for_each(|observer| observer.replaced_disk(server));
    }

    /// Whether a server is up. One that crashed by itself, at a save, is not.
    pub fn is_up(&self, server: PeerId) -> bool {
        let slot = &mut self.inner.slots.lock()[server];
        if slot.node.is_some_and(|node| !sim::is_alive(node)) {
            (slot.server, slot.node) = (None, None);
            self.network().unplug(server);
        }
        slot.server.is_some()
    }

    /// Calls `look` with a server, in a task of its node. `None` if the server is down or paused, or
    /// crashes meanwhile.
    pub(super) fn visit_untyped<T: Send + 'static>(
        &self,
        server: PeerId,
        look: impl FnOnce(&Running) -> T + Send + 'static,
    ) -> Option<T> {
        let (running, node, lineage) = self.next_visit(server)?;
        run_in(node, VISIT, lineage, move || look(&running))
    }

    /// As [`visit_untyped`](UntypedCluster::visit_untyped), for a method that returns at once.
    ///
    /// # Panics
    ///
    /// When it does not return within seconds, which breaks `rule`. `what` names the method.
    #[track_caller]
    pub(super) fn visit_promptly<T: Send + 'static>(
        &self,
        server: PeerId,
        what: &str,
        rule: &'static Rule,
        look: impl FnOnce(&Running) -> T + Send + 'static,
    ) -> Option<T> {
        let (running, node, lineage) = self.next_visit(server)?;
        let is_paused = || self.inner.slots.lock()[server].is_paused;
        run_promptly(node, &Call { server, what, rule, task: VISIT, lineage }, is_paused, move || look(&running))
    }

    /// The server to visit, its node, and the name of the visit.
    fn next_visit(&self, server: PeerId) -> Option<(Running, Option<NodeId>, u64)> {
        if !self.is_up(server) {
            return None;
        }
        let now = Instant::now();
        let slot = &mut self.inner.slots.lock()[server];
        if slot.is_paused {
            return None;
        }
        let stamp = slot.visits.next(now.as_nanos());
        Some((slot.server.clone()?, slot.node, mix(mix(hash_of("visit"), server as u64), stamp)))
    }
}

/// Runs `body` in a node and waits for its result; `None` if a crash comes first.
pub(super) fn run_in<T: Send + 'static>(
    node: Option<NodeId>,
    name: &'static str,
    lineage: u64,
    body: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let Some(node) = node else { return Some(body()) };
    let (task, result) = with_result(body);
    sim::spawn_named(node, name, lineage, task);
    result.wait()
}

/// A call of a server's code that returns at once.
pub(super) struct Call<'a> {
    /// Whose code.
    pub(super) server: PeerId,
    /// What is called, as the student knows it.
    pub(super) what: &'a str,
    /// The rule that is broken if it does not return.
    pub(super) rule: &'static Rule,
    /// The name of the task that calls it.
    pub(super) task: &'static str,
    /// What distinguishes the task from others.
    pub(super) lineage: u64,
}

/// As [`run_in`], for a body that returns at once.
///
/// # Panics
///
/// When it does not return within seconds, though the server is not paused.
#[track_caller]
pub(super) fn run_promptly<T: Send + 'static>(
    node: Option<NodeId>,
    call: &Call<'_>,
    is_paused: impl Fn() -> bool,
    body: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let Some(node) = node else { return Some(body()) };
    let (task, result) = with_result(body);
    sim::spawn_named(node, call.task, call.lineage, task);
    loop {
        match result.wait_within(PATIENCE) {
            None if sim::is_alive(node) && !is_paused() => {
                let Call { server, what, rule, task, .. } = call;
                about(rule);
                waited_for(Wait::new(Awaited::Return(*server, (*what).into()), PATIENCE));
                let waiting = sim::describe_waiting(node, task);
                panic!("`{what}` of server {server} has not returned after {PATIENCE:?}{waiting}");
            }
            None if sim::is_alive(node) => {} // It is paused.
            returned => return returned,
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if !self.world.is_simulated() {
            let slots = self.slots.lock();
            slots.iter().filter_map(|slot| slot.server.as_ref()).for_each(|running| running.elect.shutdown());
        }
        if !std::thread::panicking() {
            self.observer.iter().for_each(Observer::waited); // The last chance to notice what is overdue.
        }
        self.network.close();
    }
}
