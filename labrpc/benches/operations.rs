//! What do single operations cost, inside and outside of a simulation, compared to the originals?
//!
//! Each row repeats its operation 100,000 times: a row of 1 ms is 10 ns for each. The aims: a switch
//! takes less than 100 ns; outside of a simulation a lock costs the same as parking_lot's.

use std::hint::black_box;
use std::time::Duration;

use divan::Bencher;
use divan::counter::ItemsCount;
use labrpc::sim::{self, Settings};
use labrpc::sync::Mutex;
use labrpc::{channel, thread};

/// Enough to outweigh the start of a run.
const MANY: u32 = 100_000;

fn main() {
    divan::main();
}

/// Times a body that repeats an operation `MANY` times.
fn many(bencher: Bencher, body: impl Fn() + Sync) {
    bencher.counter(ItemsCount::new(MANY)).bench(body);
}

/// The same inside a simulation.
fn many_simulated(bencher: Bencher, body: impl Fn() + Sync) {
    many(bencher, || sim::run(Settings::default(), &body).0.expect("the run succeeds"));
}

/// Two tasks yield to one another.
#[divan::bench]
fn switch(bencher: Bencher) {
    many_simulated(bencher, || {
        let yields = || {
            for _ in 0..MANY / 2 {
                thread::yield_now();
            }
        };
        let other = thread::spawn(yields);
        yields();
        other.join().expect("it only yields");
    });
}

/// A task sleeps, and nothing else happens: one timer is set and goes off.
#[divan::bench]
fn sleep(bencher: Bencher) {
    many_simulated(bencher, || {
        for _ in 0..MANY {
            thread::sleep(Duration::from_millis(1));
        }
    });
}

/// Tasks are started and joined, one after another.
#[divan::bench]
fn spawn_and_join(bencher: Bencher) {
    many_simulated(bencher, || {
        for _ in 0..MANY {
            thread::spawn(|| ()).join().expect("it returns at once");
        }
    });
}

/// An uncontended lock.
#[divan::bench_group]
mod lock {
    use super::*;

    #[divan::bench]
    fn in_simulation(bencher: Bencher) {
        many_simulated(bencher, || {
            let count = Mutex::new(0);
            for _ in 0..MANY {
                *black_box(&count).lock() += 1;
            }
        });
    }

    #[divan::bench]
    fn outside(bencher: Bencher) {
        let count = Mutex::new(0);
        many(bencher, || {
            for _ in 0..MANY {
                *black_box(&count).lock() += 1;
            }
        });
    }

    #[divan::bench]
    fn parking_lot(bencher: Bencher) {
        let count = parking_lot::Mutex::new(0);
        many(bencher, || {
            for _ in 0..MANY {
                *black_box(&count).lock() += 1;
            }
        });
    }
}

/// A message is sent and received.
#[divan::bench_group]
mod message {
    use super::*;

    /// To another task and back: two switches.
    #[divan::bench]
    fn ping_pong_in_simulation(bencher: Bencher) {
        many_simulated(bencher, || {
            let (ping, pings) = channel::unbounded();
            let (pong, pongs) = channel::unbounded();
            thread::spawn(move || pings.iter().try_for_each(|ball: u32| pong.send(ball)));
            for ball in 0..MANY {
                ping.send(ball).expect("the other task runs until the end");
                pongs.recv().expect("the other task runs until the end");
            }
        });
    }

    #[divan::bench]
    fn in_simulation(bencher: Bencher) {
        many_simulated(bencher, || {
            let (sender, receiver) = channel::unbounded();
            for message in 0..MANY {
                sender.send(message).expect("the receiver is here");
                black_box(receiver.try_recv()).expect("it was just sent");
            }
        });
    }

    #[divan::bench]
    fn outside(bencher: Bencher) {
        let (sender, receiver) = channel::unbounded();
        many(bencher, || {
            for message in 0..MANY {
                sender.send(message).expect("the receiver is here");
                black_box(receiver.try_recv()).expect("it was just sent");
            }
        });
    }

    #[divan::bench]
    fn crossbeam(bencher: Bencher) {
        let (sender, receiver) = crossbeam_channel::unbounded();
        many(bencher, || {
            for message in 0..MANY {
                sender.send(message).expect("the receiver is here");
                black_box(receiver.try_recv()).expect("it was just sent");
            }
        });
    }
}
