//! A cluster under test: boots, crashes, cuts, and visits.
//!
//! Layered like the labs: what [`Cluster`] can do grows with what its servers can.
//!
//! | servers | file | adds |
//! |---|---|---|
//! | any | `mod`, `links` | boot, crash, cut, visit |
//! | [`Elect`] | `elect` | who leads, in which term |
//! | [`Replicate`](labrpc::Replicate) | `replicate` | agreement, and what every server applied |
//! | [`Compact`](labrpc::Compact) | `compact` | a service that takes snapshots |
//!
//! **Invariant.** The harness never steps into a server from outside. It visits by a task of the
//! server's node: else it might hold a lock that a crash cannot release.

mod applied_logs;
mod compact;
mod elect;
mod links;
mod replicate;

use std::sync::Arc;

use labrpc::channel::{self, Receiver, Sender};
use labrpc::network::{Link, Network, Port, Service};
use labrpc::sim::{self, NodeId, Stamp, mix};
use labrpc::sync::Mutex;
use labrpc::time::Instant;
use labrpc::{ApplyMsg, Elect, PeerId, Persister, thread};

use applied_logs::AppliedLog;
pub use applied_logs::AppliedLogs;
pub use compact::SNAPSHOT_INTERVAL;
pub use replicate::number;

use crate::observer::Observer;
use crate::world::{SERVER_LABEL, World, hash_of};

/// What a server is booted with.
pub struct Boot {
    /// Its place in the cluster.
    pub me: PeerId,
    /// Its ways to all servers, itself included, in order.
    pub links: Vec<Link>,
    /// Its disk.
    pub persister: Arc<Persister>,
    /// Where it sends what is committed.
    pub apply_ch: Sender<ApplyMsg>,
    /// The other end of `apply_ch`, for a service that boots with the server.
    pub apply_rx: Receiver<ApplyMsg>,
    /// Where its time-outs' chance comes from.
    pub election_seed: u64,
    /// When it boots.
    pub now: Instant,
    /// Where what it hands over is noted.
    applied_log: AppliedLog,
}

impl Boot {
    /// How many servers the cluster has.
    pub fn cluster_size(&self) -> usize {
        self.links.len()
    }
}

/// A server that has booted, and what it answers.
pub struct Booted<R> {
    /// What the test talks to.
    pub server: Arc<R>,
    /// Its answers to other servers.
    pub raft: Arc<dyn Service>,
    /// Its answers to clerks, if it has any.
    pub kv: Option<Arc<dyn Service>>,
}

impl<R: Service> Booted<R> {
    /// A server that talks to other servers only.
    pub fn raft(server: R) -> Booted<R> {
        let server = Arc::new(server);
        Booted { raft: server.clone(), server, kv: None }
    }
}

type BootFn<R> = Arc<dyn Fn(Boot) -> Booted<R> + Send + Sync>;

/// A cluster of servers. Clones are the same one.
pub struct Cluster<R: Elect> {
    inner: Arc<Inner<R>>,
}

struct Inner<R: Elect> {
    world: World,
    network: Network,
    size: usize,
    slots: Mutex<Vec<Slot<R>>>,
    applied_logs: AppliedLogs,
    observer: Option<Observer>,
    next_clerk: Mutex<usize>,
    boot: BootFn<R>,
}

struct Slot<R> {
    server: Option<Arc<R>>,
    node: Option<NodeId>,
    persister: Arc<Persister>,
    is_connected: bool,
    is_paused: bool,
    visits: Stamp,
}

impl<R: Elect> Clone for Cluster<R> {
    fn clone(&self) -> Self {
        Cluster { inner: self.inner.clone() }
    }
}

/// Ends of the network beyond the servers': more clerks than any test has.
const CLERKS_MAX: usize = 160;

impl<R: Elect> Cluster<R> {
    /// Boots so many servers, all connected.
    pub fn new(world: &World, size: usize, boot: impl Fn(Boot) -> Booted<R> + Send + Sync + 'static) -> Cluster<R> {
        let cluster = Cluster::with_scripted_peers(world, size, |_| true, boot);
        cluster.servers().for_each(|server| cluster.start(server));
        cluster
    }

    /// Sets up so many servers and boots none. Those that are not real, a script will play.
    pub(crate) fn with_scripted_peers(
        world: &World,
        size: usize,
        is_real: impl Fn(PeerId) -> bool,
        boot: impl Fn(Boot) -> Booted<R> + Send + Sync + 'static,
    ) -> Cluster<R> {
        let slot = |server| Slot {
            server: None,
            node: None,
            persister: Arc::new(Persister::new(server)),
            is_connected: true,
            is_paused: false,
            visits: Stamp::default(),
        };
        let network = world.network(size + CLERKS_MAX);
        let is_whole = (0..size).all(&is_real);
        // Only in virtual time is the moment of each event known.
        let codec = world.codec().filter(|_| world.is_simulated());
        let observer = codec.map(|codec| Observer::new(world.reporter(), codec, size, is_real));
        if let Some(observer) = &observer {
            network.set_tap(Arc::new(observer.clone()));
        }
        let inner = Inner {
            world: world.clone(),
            network,
            size,
            slots: Mutex::new((0..size).map(slot).collect()),
            applied_logs: AppliedLogs::new(world.reporter(), size, is_whole),
            observer,
            next_clerk: Mutex::new(size),
            boot: Arc::new(boot),
        };
        Cluster { inner: Arc::new(inner) }
    }

    /// The world that the cluster lives in.
    pub fn world(&self) -> &World {
        &self.inner.world
    }

    /// The network between its servers.
    pub fn network(&self) -> &Network {
        &self.inner.network
    }

    /// How many servers it has.
    pub fn size(&self) -> usize {
        self.inner.size
    }

    /// All servers.
    pub fn servers(&self) -> impl Iterator<Item = PeerId> + use<R> {
        0..self.inner.size
    }

    /// The server that is `steps` further on, around the circle.
    pub fn after(&self, server: PeerId, steps: usize) -> PeerId {
        (server + steps) % self.size()
    }

    /// Who watches it, in virtual time.
    pub fn observer(&self) -> Option<&Observer> {
        self.inner.observer.as_ref()
    }

    /// Gives a server that is down another disk.
    pub(crate) fn set_persister(&self, server: PeerId, persister: Persister) {
        self.inner.slots.lock()[server].persister = Arc::new(persister);
    }

    /// A server's disk.
    pub fn persister(&self, server: PeerId) -> Arc<Persister> {
        self.inner.slots.lock()[server].persister.clone()
    }

    /// Boots a server that is down, from its disk and in tasks of its own. A crash may hit the
    /// boot as well.
    pub fn start(&self, server: PeerId) {
        assert!(!self.is_up(server), "server {server} is up already");
        let now = Instant::now();
        let boot_seed = self.world().seed_of(mix(hash_of("boot"), server as u64), millis(now));
        let links = self.servers().map(|to| self.network().link(server, to, Port::Raft)).collect();
        // Without a buffer: the server waits until the service receives.
        let (apply_ch, from_server) = channel::bounded(0);
        let (to_service, apply_rx) = channel::bounded(0);
        let persister = self.persister(server);
        let applied_log = self.inner.applied_logs.open_log(server, self.inner.observer.clone());
        let gate_log = applied_log.clone();
        let boot = Boot {
            me: server,
            links,
            persister: persister.clone(),
            apply_ch,
            apply_rx,
            election_seed: boot_seed,
            now,
            applied_log,
        };
        let node = self.world().is_simulated().then(|| sim::new_node(format!("{SERVER_LABEL}{server}")));
        self.network().plug(server, node);
        if let (Some(observer), Some(node)) = (&self.inner.observer, node) {
            persister.set_tap(Arc::new(observer.clone()));
            observer.booted(server, node, persister.image().as_ref());
        }
        // The network alone: a task of the server must not keep the cluster alive.
        let (network, boot_fn) = (self.network().clone(), self.inner.boot.clone());
        let booted = run_in(node, "boot", mix(hash_of("boot of"), boot_seed), move || {
            let thread = thread::Builder::new().name("gate".into());
            thread
                .spawn(move || pass_on(&gate_log, &from_server, &to_service))
                .expect("a thread between server and service");
            let booted = boot_fn(boot);
            network.add_service(server, Port::Raft, booted.raft);
            if let Some(kv) = booted.kv {
                network.add_service(server, Port::Kv, kv);
            }
            booted.server
        });
        let slot = &mut self.inner.slots.lock()[server];
        (slot.server, slot.node, slot.is_paused) = (booted, node, false);
    }

    /// Crashes a server: in a simulation its threads unwind where they stand; on real threads it
    /// is cut off and shut down. Whatever it saved stays.
    pub fn crash(&self, server: PeerId) {
        let (running, node) = {
            let slot = &mut self.inner.slots.lock()[server];
            (slot.server.take(), slot.node.take())
        };
        self.network().unplug(server);
        if let Some(node) = node {
            sim::kill(node);
            self.inner.observer.iter().for_each(|observer| observer.crashed(server));
        } else if let Some(running) = running {
            // Its threads may still be at a save: what they write goes to a disk that nobody reads.
            let survivor = Arc::new(self.persister(server).copy());
            self.inner.slots.lock()[server].persister = survivor;
            running.shutdown();
        }
    }

    /// Stops a server's threads where they stand, or lets them go on.
    pub fn set_paused(&self, server: PeerId, is_paused: bool) {
        let node = {
            let slot = &mut self.inner.slots.lock()[server];
            if slot.is_paused == is_paused {
                return;
            }
            slot.is_paused = is_paused;
            slot.node
        };
        let Some(node) = node.filter(|node| sim::is_alive(*node)) else { return };
        self.inner.observer.iter().for_each(|observer| observer.paused(server, is_paused));
        sim::set_paused(node, is_paused);
    }

    /// Crashes a server if it is up, and boots it.
    pub fn restart(&self, server: PeerId) {
        if self.is_up(server) {
            self.crash(server);
        }
        self.start(server);
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

    /// Lets `look` look at a server, in a task of its node. `None` if it is down or paused, or
    /// crashes meanwhile.
    pub fn visit<T: Send + 'static>(&self, server: PeerId, look: impl FnOnce(&R) -> T + Send + 'static) -> Option<T> {
        if !self.is_up(server) {
            return None;
        }
        let now = Instant::now();
        let (running, node, lineage) = {
            let slot = &mut self.inner.slots.lock()[server];
            if slot.is_paused {
                return None;
            }
            let stamp = slot.visits.next(now.as_nanos());
            (slot.server.clone()?, slot.node, mix(mix(hash_of("visit"), server as u64), stamp))
        };
        run_in(node, "visit", lineage, move || look(&running))
    }
}

/// Stands between a server and its service: all that is handed over passes through, and is noted.
fn pass_on(applied_log: &AppliedLog, from: &Receiver<ApplyMsg>, to: &Sender<ApplyMsg>) {
    for message in from.iter() {
        applied_log.applied(&message);
        if to.send(message).is_err() {
            return; // The service is gone.
        }
    }
}

/// Runs `body` in a node and waits for its result; `None` if a crash comes first.
fn run_in<T: Send + 'static>(
    node: Option<NodeId>,
    name: &'static str,
    lineage: u64,
    body: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let Some(node) = node else { return Some(body()) };
    let (done, result) = channel::bounded(1);
    sim::spawn_named(node, name, lineage, move || drop(done.send(body())));
    result.recv().ok()
}

fn millis(at: Instant) -> u64 {
    at.as_nanos() / 1_000_000
}

impl<R: Elect> Drop for Inner<R> {
    fn drop(&mut self) {
        if !self.world.is_simulated() {
            self.slots.lock().iter().filter_map(|slot| slot.server.as_ref()).for_each(|server| server.shutdown());
        }
        self.network.close();
    }
}
