//! Crashes: a thread that is killed while it waits for a channel leaves nothing behind, and no other
//! thread waits longer because of it.

use std::sync::Arc;
use std::time::Duration;

use labrpc::channel::{self, Receiver, RecvError, RecvTimeoutError, Sender, TryRecvError, TrySendError};
use labrpc::sim::{self, Settings};
use labrpc::sync::{Condvar, Mutex, RwLock};
use labrpc::time::Instant;
use labrpc::{select, thread};

use crate::worlds::{LONG, SHORT, calmly, simulated};

/// A sender that is killed while it waits takes its message with it.
#[test]
fn a_killed_rendezvous_sender_leaves_no_message() {
    simulated(|| {
        let node = sim::new_node("server 0");
        let (sender, receiver) = channel::bounded(0);
        let message = Arc::new(());
        let (killed, held) = (sender.clone(), Arc::clone(&message));
        sim::spawn_in(node, "sender", move || drop(killed.send(held)));
        thread::sleep(SHORT);
        assert_eq!(Arc::strong_count(&message), 2, "the waiting sender holds it");
        sim::kill(node);
        thread::yield_now();
        assert_eq!(Arc::strong_count(&message), 1, "it was dropped with its sender");
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(receiver.recv_timeout(SHORT), Err(RecvTimeoutError::Timeout));
        drop(sender);
        assert_eq!(receiver.recv(), Err(RecvError));
    });
}

/// A receiver that was killed while it waited gets no message, plain or in a `select!`.
#[test]
fn a_killed_rendezvous_receiver_gets_no_message() {
    simulated(|| {
        let node = sim::new_node("server 0");
        let (sender, receiver) = channel::bounded(0);
        let (plain, selecting) = (receiver.clone(), receiver.clone());
        sim::spawn_in(node, "receiver", move || assert!(plain.recv().is_err(), "it is killed while it waits"));
        sim::spawn_in(node, "select", move || select! { recv(selecting) -> _ => {} });
        thread::sleep(SHORT);
        sim::kill(node);
        thread::yield_now();
        assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)));
        let receiving = thread::spawn(move || receiver.recv());
        sender.send(2).unwrap();
        assert_eq!(receiving.join().unwrap(), Ok(2));
    });
}

/// The ends that a crash drops disconnect their channels.
#[test]
fn a_crash_disconnects_channels() {
    simulated(|| {
        let node = sim::new_node("server 0");
        let (requests, to_serve) = channel::bounded::<u32>(1);
        let (replies, to_read) = channel::unbounded::<u32>();
        sim::spawn_in(node, "server", move || {
            for request in &to_serve {
                replies.send(request).unwrap();
                thread::sleep(LONG);
            }
        });
        requests.send(1).unwrap();
        assert_eq!(to_read.recv(), Ok(1));
        requests.send(2).unwrap();
        let blocked = thread::spawn(move || requests.send(3));
        thread::sleep(SHORT);
        sim::kill(node);
        assert!(blocked.join().unwrap().is_err());
        assert_eq!(to_read.recv(), Err(RecvError));
    });
}

/// If a receiver is woken for a message, and killed before its turn, the next receiver gets the message.
#[test]
fn a_message_for_a_killed_receiver_goes_to_the_next() {
    let receivers: [fn(Receiver<u32>) -> bool; 2] =
        [|receiver| receiver.recv().is_ok(), |receiver| select! { recv(receiver) -> message => message.is_ok() }];
    for killed in receivers {
        calmly(|| {
            let node = sim::new_node("server 0");
            let (sender, receiver) = channel::unbounded();
            let first = receiver.clone();
            sim::spawn_in(node, "first in line", move || assert!(!killed(first), "it is killed while it waits"));
            thread::sleep(SHORT);
            let next = thread::spawn(move || receiver.recv_timeout(LONG));
            thread::sleep(SHORT);
            sender.send(7).unwrap(); // wakes the first
            sim::kill(node);
            assert_eq!(next.join().unwrap(), Ok(7));
            assert!(Instant::now() < Instant::ZERO + LONG);
        });
    }
}

/// If a sender is woken for free room, and killed before its turn, the next sender gets the room.
#[test]
fn room_for_a_killed_sender_goes_to_the_next() {
    let senders: [fn(Sender<u32>) -> bool; 2] =
        [|sender| sender.send(1).is_ok(), |sender| select! { send(sender, 1) -> sent => sent.is_ok() }];
    for killed in senders {
        calmly(|| {
            let node = sim::new_node("server 0");
            let (sender, receiver) = channel::bounded(1);
            sender.send(0).unwrap();
            let first = sender.clone();
            sim::spawn_in(node, "first in line", move || assert!(!killed(first), "it is killed while it waits"));
            thread::sleep(SHORT);
            let next = thread::spawn(move || sender.send_timeout(2, LONG));
            thread::sleep(SHORT);
            assert_eq!(receiver.recv(), Ok(0)); // wakes the first
            sim::kill(node);
            assert_eq!(next.join().unwrap(), Ok(()));
            assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [2]);
        });
    }
}

/// If a `select!` is woken for a waiting receiver, and killed before its turn, another `select!` meets
/// the receiver.
#[test]
fn a_receiver_announced_to_a_killed_select_meets_the_next() {
    calmly(|| {
        let node = sim::new_node("server 0");
        let (sender, receiver) = channel::bounded(0);
        let first = sender.clone();
        sim::spawn_in(node, "first in line", move || select! { send(first, 1) -> _ => {} });
        thread::sleep(SHORT);
        let next = thread::spawn(move || select! { send(sender, 2) -> sent => sent });
        thread::sleep(SHORT);
        let receiving = thread::spawn(move || receiver.recv());
        // The receiver wakes the first, and this event comes before any other task's turn.
        sim::at(Instant::now() + Duration::from_nanos(1), move || sim::kill(node));
        thread::sleep(SHORT);
        assert_eq!(receiving.join().unwrap(), Ok(2));
        next.join().unwrap().unwrap();
    });
}

/// During a crash every wait of a destructor ends at once.
#[test]
fn destructors_wait_for_nothing() {
    struct Waits(Arc<Mutex<Vec<&'static str>>>);
    impl Drop for Waits {
        fn drop(&mut self) {
            let (sender, receiver) = channel::bounded::<u32>(0);
            let (full, _kept) = channel::bounded::<u32>(1);
            full.send(1).unwrap();
            assert!(sender.send(1).is_err() && receiver.recv().is_err() && full.send(2).is_err());
            assert!(receiver.recv_timeout(LONG).is_err() && sender.send_timeout(1, LONG).is_err());
            assert!(channel::after(LONG).recv().is_err());
            select! { recv(receiver) -> message => assert!(message.is_err()) }
            select! { send(full, 3) -> sent => assert!(sent.is_err()) }
            select! { recv(receiver) -> _ => unreachable!("no thread sends"), default(LONG) => {} }
            thread::sleep(LONG);
            assert!(thread::spawn(|| 7).join().is_err());
            self.0.lock().push("ended");
        }
    }
    simulated(|| {
        let node = sim::new_node("server 0");
        let ended = Arc::new(Mutex::new(Vec::new()));
        let waits = Waits(Arc::clone(&ended));
        sim::spawn_in(node, "waits", move || {
            let _waits = waits;
            thread::sleep(LONG);
        });
        thread::sleep(SHORT);
        let before = Instant::now();
        sim::kill(node);
        assert_eq!(*ended.lock(), ["ended"]);
        assert!(before.elapsed() < SHORT);
    });
}

/// Everything that the threads of several nodes share.
struct Shared {
    mutex: Mutex<u32>,
    table: RwLock<u32>,
    changed: Condvar,
    wide: (Sender<u32>, Receiver<u32>),
    narrow: (Sender<u32>, Receiver<u32>),
    rendezvous: (Sender<u32>, Receiver<u32>),
}

/// One random step of a thread.
fn step(shared: &Shared, chance: u64) {
    let pause = Duration::from_micros(chance >> 8 & 0xff);
    let Shared { mutex, table, changed, wide, narrow, rendezvous } = shared;
    match chance % 12 {
        0 => {
            let mut guard = mutex.lock();
            thread::sleep(pause);
            *guard += 1;
        }
        1 => drop(changed.wait_for(&mut mutex.lock(), pause)),
        2 => drop(changed.notify_one()),
        3 => {
            let _guard = table.read();
            thread::sleep(pause);
        }
        4 => {
            let mut guard = table.write();
            thread::sleep(pause);
            *guard += 1;
        }
        5 => drop(wide.0.send(1)),
        6 => drop(wide.1.recv_timeout(pause)),
        7 => drop(narrow.0.send_timeout(1, pause)),
        8 => drop(narrow.1.recv_timeout(pause)),
        9 => drop(rendezvous.0.send_timeout(1, pause)),
        10 => drop(rendezvous.1.recv_timeout(pause)),
        _ => select! {
            recv(wide.1) -> _ => {}
            send(narrow.0, 2) -> _ => {}
            recv(narrow.1) -> _ => {}
            send(rendezvous.0, 2) -> _ => {}
            recv(rendezvous.1) -> _ => {}
            default(pause) => {}
        },
    }
}

/// A thread that takes `steps` random steps.
fn random_walk(shared: Arc<Shared>, mut chance: u64, steps: u32) -> impl FnOnce() {
    move || {
        for _ in 0..steps {
            // A linear congruential generator (Knuth). Its high bits are random enough for this.
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            step(&shared, chance >> 33);
        }
    }
}

/// After crashes in random states the surviving threads go on, and all locks are free in the end.
#[test]
fn survivors_of_random_crashes_go_on() {
    const STEPS: u32 = 200;
    let whole_run = |seed: u64| {
        let shared = Arc::new(Shared {
            mutex: Mutex::new(0),
            table: RwLock::new(0),
            changed: Condvar::new(),
            wide: channel::unbounded(),
            narrow: channel::bounded(1),
            rendezvous: channel::bounded(0),
        });
        let survivors: Vec<_> = (0..3)
            .map(|thread| {
                let walk = random_walk(Arc::clone(&shared), seed * 100 + thread, STEPS);
                thread::spawn(walk)
            })
            .collect();
        for victim in 0..30 {
            let node = sim::new_node(format!("victim {victim}"));
            for thread in 0..3 {
                let walk = random_walk(Arc::clone(&shared), seed * 1_000 + victim * 10 + thread, u32::MAX);
                sim::spawn_in(node, "victim", walk);
            }
            thread::sleep(Duration::from_micros(300 + victim * 17));
            sim::kill(node);
        }
        survivors.into_iter().for_each(|survivor| survivor.join().unwrap());
        thread::sleep(SHORT);
        assert!(shared.mutex.try_lock().is_some() && shared.table.try_write().is_some());
        assert_eq!(shared.rendezvous.1.try_recv(), Err(TryRecvError::Empty));
        assert!(shared.rendezvous.0.try_send(1).is_err());
    };
    for seed in 1..=20 {
        for preemption in [sim::Preemption::None, sim::Preemption::Random { one_in: 5 }] {
            let settings = Settings { seed, preemption, ..Settings::default() };
            sim::run(settings, || whole_run(seed)).0.unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
        }
    }
}
