//! What do single operations cost, inside a simulation and outside, beside what they stand in for?
//!
//! Each row repeats its operation many times, so that `item/s` and the time divided by the items
//! tell what one of them costs: a row of 1 ms is 10 ns for each of 100,000. The aims: a switch under
//! 100 ns; outside of a simulation a lock costs what parking_lot's does.

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

/// Times something that is done many times.
fn many(bencher: Bencher, body: impl Fn() + Sync) {
    bencher.counter(ItemsCount::new(MANY)).bench(body);
}

/// Times something that is done many times inside a simulation.
fn many_simulated(bencher: Bencher, body: impl Fn() + Sync) {
    many(bencher, || sim::run(Settings::default(), &body).0.expect("nothing fails"));
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

/// A task sleeps, and nothing else happens: a timer is set and rings.
#[divan::bench]
fn sleep(bencher: Bencher) {
    many_simulated(bencher, || {
        for _ in 0..MANY {
            thread::sleep(Duration::from_millis(1));
        }
    });
}

/// Tasks are started and waited for, one after another.
#[divan::bench]
fn spawn_and_join(bencher: Bencher) {
    many_simulated(bencher, || {
        for _ in 0..MANY {
            thread::spawn(|| ()).join().expect("it returns at once");
        }
    });
}

/// A lock that nobody else wants.
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

    /// To another task and back again: two switches.
    #[divan::bench]
    fn ping_pong_in_simulation(bencher: Bencher) {
        many_simulated(bencher, || {
            let (ping, pings) = channel::unbounded();
            let (pong, pongs) = channel::unbounded();
            thread::spawn(move || pings.iter().try_for_each(|ball: u32| pong.send(ball)));
            for ball in 0..MANY {
                ping.send(ball).expect("the other task plays until the end");
                pongs.recv().expect("the other task plays until the end");
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
