//! Boots, crashes and pauses.

use std::collections::BTreeSet;
use std::sync::{Arc, MutexGuard, PoisonError};

use labrpc::channel::{self, Receiver, Sender};
use labrpc::network::Port;
use labrpc::sim::{self, NodeId, mix};
use labrpc::time::Instant;
use labrpc::{ApplyMsg, Link, PeerId, thread};

use super::applied_logs::AppliedLog;
use super::boot::Boot;
use super::untyped::{Call, UntypedCluster, run_promptly};
use crate::flip;
use crate::rule::life::{BOOTS, STUCK};
use crate::world::{SERVER_LABEL, hash_of};

impl UntypedCluster {
    /// Boots a server that is down, from its disk and in tasks of its own. A crash may hit the
    /// boot as well.
    ///
    /// # Panics
    ///
    /// When `boot` does not return.
    pub fn start(&self, server: PeerId) {
        self.start_in_node(server, |_| ());
    }

    /// As [`start`](UntypedCluster::start), for a server that may refuse to boot: a panic ends the server, and not the
    /// run.
    pub(crate) fn start_if_it_will(&self, server: PeerId) {
        self.start_in_node(server, sim::set_ends_by_panic);
    }

    fn start_in_node(&self, server: PeerId, prepare: fn(NodeId)) {
        if self.spared().remove(&server) {
            return;
        }
        assert!(!self.is_up(server), "server {server} is up already");
        let now = Instant::now();
        let boot_seed = self.world().seed_of(mix(hash_of("boot"), server as u64), millis(now));
        let node = self.world().is_simulated().then(|| sim::new_node(format!("{SERVER_LABEL}{server}")));
        node.into_iter().for_each(prepare);
        let mut links: Vec<Link> = self.servers().map(|to| self.network().link(server, to, Port::Raft)).collect();
        Link::offer(&mut links, node);
        // Without a buffer: the server waits until the service receives.
        let (apply_ch, from_server) = channel::bounded(0);
        let (to_service, apply_rx) = channel::bounded(0);
        let persister = self.persister(server);
        let mut applied_log = self.inner.applied_logs.open_log(server, self.inner.observer.clone());
        persister.offer(node);
        applied_log.offer(node);
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
        self.network().plug(server, node);
        if let (Some(observer), Some(node)) = (&self.inner.observer, node) {
            persister.set_tap(Arc::new(observer.clone()));
            observer.booted(server, node, persister.image().as_ref());
        }
        // The task gets the network only: a task of the server must not keep the cluster alive.
        let (network, boot_fn) = (self.network().clone(), self.inner.boot.clone());
        let lineage = mix(hash_of("boot of"), boot_seed);
        let call = Call { server, what: "boot", rule: &BOOTS, task: "boot", lineage };
        let booted = run_promptly(
            node,
            &call,
            || false,
            move || {
                let gate = move || {
                    let thread = thread::Builder::new().name("gate".into());
                    let gate = thread.spawn(move || pass_on(&gate_log, &from_server, &to_service));
                    drop(gate.expect("a thread between server and service"));
                };
                let booted = boot_fn(boot, Box::new(gate));
                network.add_service(server, Port::Raft, booted.raft);
                if let Some(kv) = booted.kv {
                    network.add_service(server, Port::Kv, kv);
                }
                booted.running
            },
        );
        let slot = &mut self.inner.slots.lock()[server];
        (slot.server, slot.node, slot.is_paused) = (booted, node, false);
    }

    /// Crashes a server. In a simulation its threads unwind at once; on real threads it is cut off
    /// and shut down. What it has saved stays.
    ///
    /// If the run's token says so, this crash does not happen, and the next start of the server does nothing.
    pub fn crash(&self, server: PeerId) {
        let (running, node) = {
            let slot = &mut self.inner.slots.lock()[server];
            if slot.node.is_some_and(sim::is_alive) && self.spares_next_crash(server) {
                return;
            }
            (slot.server.take(), slot.node.take())
        };
        self.network().unplug(server);
        if let Some(node) = node {
            sim::kill(node);
            self.inner.observer.iter().for_each(|observer| observer.crashed(server));
        } else if let Some(running) = running {
            // Its threads may still be saving: they write to a disk that is never read.
            let survivor = Arc::new(self.persister(server).copy());
            self.inner.slots.lock()[server].persister = survivor;
            running.elect.shutdown();
        }
    }

    /// Counts a crash of a server that is alive in a simulation. Whether it does not happen.
    fn spares_next_crash(&self, server: PeerId) -> bool {
        let is_spared = flip::is_spared(self.world().next_crash());
        let mut spared = self.spared();
        if is_spared {
            spared.insert(server)
        } else {
            spared.remove(&server)
        };
        is_spared
    }

    fn spared(&self) -> MutexGuard<'_, BTreeSet<PeerId>> {
        self.inner.spared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the test has crashed the server, so that it is down, or is up only because the run's token says so.
    pub(crate) fn is_crashed(&self, server: PeerId) -> bool {
        !self.is_up(server) || self.spared().contains(&server)
    }

    /// Shuts a server down in an orderly way. It stays in its node.
    ///
    /// # Panics
    ///
    /// When `shutdown` does not return.
    #[track_caller]
    pub fn shut_down(&self, server: PeerId) {
        self.inner.observer.iter().for_each(|observer| observer.shut_down(server));
        self.visit_promptly(server, "shutdown", &STUCK, |running| running.elect.shutdown());
    }

    /// Stops a server's threads, or lets them go on.
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
}

/// Stands between a server and its service, and records everything that the server applies.
fn pass_on(applied_log: &AppliedLog, from: &Receiver<ApplyMsg>, to: &Sender<ApplyMsg>) {
    for message in from.iter() {
        applied_log.applied(&message);
        if to.send(message).is_err() {
            return; // The service is gone.
        }
    }
}

fn millis(at: Instant) -> u64 {
    at.as_nanos() / 1_000_000
}
