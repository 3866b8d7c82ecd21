//! A crash may happen between any two operations, and never leaves the simulation in disorder.

use std::sync::Arc;
use std::time::Duration;

use labrpc::channel;
use labrpc::sim::{self, NodeId, Preemption, Settings};
use labrpc::sync::{Condvar, Mutex, RwLock};
use labrpc::thread;
use labrpc::time::Instant;

use crate::worlds::{Drops, POLICIES};

/// The virtual time of one operation, so that a crash is tried between any two of them.
const STEP: Duration = Duration::from_nanos(100);
/// About as many operations as the server below makes.
const STEPS: u32 = 60;

/// What the two servers share.
#[derive(Default)]
struct Shared {
    state: Mutex<u32>,
    changed: Condvar,
    table: RwLock<u32>,
}

/// A server that does one of everything: locks, waits, sends, receives, spawns and joins.
fn serve(node: NodeId, drops: &Drops, shared: &Arc<Shared>) {
    let (counted, shared) = (drops.counted(), Arc::clone(shared));
    let drops = drops.clone();
    sim::spawn_in(node, "main", move || {
        let _counted = counted;
        let (work, worker) = channel::bounded(1);
        let (hand, other_hand) = channel::bounded(0);
        let counted = drops.counted();
        let sharing = Arc::clone(&shared);
        let child = thread::spawn(move || {
            let _counted = counted;
            for item in worker {
                *sharing.state.lock() += item;
                sharing.changed.notify_all();
                *sharing.table.write() += 1;
            }
            hand.send(()).unwrap();
        });
        for item in 1..=5 {
            work.send(item).unwrap();
            let mut state = shared.state.lock();
            let value = *state;
            if value.is_multiple_of(2) {
                shared.changed.wait_for(&mut state, STEP * 5);
            }
            drop(state);
            drop(shared.table.read());
        }
        drop(work);
        other_hand.recv().unwrap();
        child.join().unwrap();
    });
}

/// Whenever the crash comes, everything that the server owned is dropped, every lock is free, and
/// another server that uses the same locks goes on.
#[test]
fn after_a_crash_at_any_time_locks_are_free_and_others_go_on() {
    for preemption in POLICIES {
        let settings = Settings { preemption, ..Settings::default() };
        let (result, _) = sim::run(settings, || {
            for step in 0..STEPS {
                crash_after(STEP * step);
            }
        });
        result.unwrap_or_else(|failure| panic!("{preemption:?}: {failure}"));
    }
}

fn crash_after(patience: Duration) {
    let (victims, survivors) = (Drops::default(), Drops::default());
    let shared = Arc::new(Shared::default());
    let (victim, survivor) = (sim::new_node("victim"), sim::new_node("survivor"));
    serve(victim, &victims, &shared);
    serve(survivor, &survivors, &shared);
    sim::at(Instant::now() + patience, move || sim::kill(victim));
    thread::sleep(STEP * STEPS * 10);
    assert!(!sim::is_alive(victim));
    assert_eq!(victims.count(), victims.made(), "the victim is gone");
    assert_eq!((survivors.count(), survivors.made()), (2, 2), "the survivor has finished its work");
    assert!(shared.state.try_lock().is_some() && shared.table.try_write().is_some());
}

/// The sweep above is useful only if the server still works at most of the tried times.
#[test]
fn the_sweep_covers_the_servers_life() {
    let settings = Settings { preemption: Preemption::None, ..Settings::default() };
    let (result, _) = sim::run(settings, || {
        let (drops, shared) = (Drops::default(), Arc::new(Shared::default()));
        let began = Instant::now();
        serve(sim::new_node("server"), &drops, &shared);
        while drops.count() < 2 {
            thread::sleep(STEP);
        }
        began.elapsed()
    });
    let lived = result.unwrap();
    assert!(lived > STEP * STEPS / 2 && lived < STEP * STEPS * 2, "it ran for {lived:?}");
}
