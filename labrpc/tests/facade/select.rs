//! `select!`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use labrpc::channel::{self, Receiver, RecvError, SendError};
use labrpc::time::Instant;
use labrpc::{select, thread};

use crate::worlds::{LONG, SHORT, calmly, everywhere, simulated};

/// The arm whose channel has a message is chosen.
#[test]
fn the_ready_arm_is_chosen() {
    everywhere(|| {
        let (left, from_left) = channel::unbounded();
        let (right, from_right) = channel::bounded(1);
        let pick = || {
            select! {
                recv(from_left) -> message => format!("left {}", message.unwrap()),
                recv(from_right) -> message => format!("right {}", message.unwrap()),
            }
        };
        right.send(1).unwrap();
        assert_eq!(pick(), "right 1");
        left.send(2).unwrap();
        assert_eq!(pick(), "left 2");
        let sending = thread::spawn(move || right.send("late".len()).map(|()| right));
        assert_eq!(pick(), "right 4");
        drop(sending.join().unwrap());
    });
}

/// An arm whose channel is disconnected is chosen, with an error.
#[test]
fn a_disconnected_arm_is_chosen() {
    everywhere(|| {
        let (sender, receiver) = channel::unbounded::<u32>();
        drop(sender);
        let received = select! {
            recv(receiver) -> message => message,
            recv(channel::never::<u32>()) -> _ => unreachable!("never"),
        };
        assert_eq!(received, Err(RecvError));
        let (sender, receiver) = channel::bounded(0);
        drop(receiver);
        let sent = select! { send(sender, 7) -> sent => sent };
        assert_eq!(sent, Err(SendError(7)));
    });
}

/// A send arm is chosen when there is room, and its message is made only then.
#[test]
fn a_send_arm_makes_its_message_when_it_is_chosen() {
    everywhere(|| {
        let (sender, receiver) = channel::bounded(1);
        let made = AtomicBool::new(false);
        let message = || {
            made.store(true, Ordering::SeqCst);
            1
        };
        sender.send(0).unwrap();
        let is_sent = select! {
            send(sender, message()) -> _ => true,
            default => false,
        };
        assert!(!is_sent && !made.load(Ordering::SeqCst));
        assert_eq!(receiver.recv(), Ok(0));
        let is_sent = select! {
            send(sender, message()) -> sent => sent.is_ok(),
            default => false,
        };
        assert!(is_sent && made.load(Ordering::SeqCst));
        assert_eq!(receiver.recv(), Ok(1));
    });
}

/// The send arm of a full channel waits for room.
#[test]
fn a_send_arm_waits_for_room() {
    everywhere(|| {
        let (sender, receiver) = channel::bounded(1);
        sender.send(0).unwrap();
        let receiving = thread::spawn(move || receiver.iter().collect::<Vec<u32>>());
        select! {
            send(sender, 1) -> sent => sent.unwrap(),
            recv(channel::after(LONG)) -> _ => panic!("the receiver made no room"),
        }
        drop(sender);
        assert_eq!(receiving.join().unwrap(), [0, 1]);
    });
}

/// `default` is chosen when no arm is ready, `default(patience)` when no arm was ready in that time.
#[test]
fn default_is_chosen_when_no_arm_is_ready() {
    everywhere(|| {
        let (sender, receiver) = channel::unbounded();
        let pick = || {
            select! {
                recv(receiver) -> message => message.unwrap(),
                default => "nothing",
            }
        };
        assert_eq!(pick(), "nothing");
        sender.send("something").unwrap();
        assert_eq!(pick(), "something");
        let before = Instant::now();
        let picked = select! {
            default(SHORT) => "timed out",
            recv(receiver) -> message => message.unwrap(),
        };
        assert_eq!(picked, "timed out");
        assert!(before.elapsed() >= SHORT);
        select! { default => {} }
    });
}

/// In a simulation the patience of a `default`, and the arm of a timer, are exact.
#[test]
fn simulated_patience_is_exact() {
    calmly(|| {
        let (_sender, receiver) = channel::unbounded::<u32>();
        let before = Instant::now();
        select! {
            recv(receiver) -> _ => unreachable!("no thread sends"),
            recv(channel::after(Duration::from_secs(7))) -> _ => unreachable!("too late"),
            default(Duration::from_secs(5)) => {}
        }
        let took = before.elapsed();
        assert!(took >= Duration::from_secs(5) && took < Duration::from_secs(5) + Duration::from_micros(1));
        let due = select! {
            recv(receiver) -> _ => unreachable!("no thread sends"),
            recv(channel::after(Duration::from_secs(7))) -> due => due.unwrap(),
        };
        assert!(due - before >= Duration::from_secs(12));
        assert!(due.elapsed() < Duration::from_micros(1), "woken {:?} late", due.elapsed());
    });
}

/// `break`, `continue`, `return` and `?` in an arm act on the surrounding code.
#[test]
fn control_flow_acts_on_the_surrounding_code() {
    fn first_even(receiver: &Receiver<u32>) -> Result<u32, RecvError> {
        loop {
            select! {
                recv(receiver) -> message => {
                    let number = message?;
                    if number % 2 == 0 {
                        return Ok(number);
                    }
                }
            }
        }
    }
    everywhere(|| {
        let (sender, receiver) = channel::unbounded();
        (1..=8).for_each(|n| sender.send(n).unwrap());
        let mut odd = Vec::new();
        let last = 'outer: loop {
            for _ in 0..100 {
                select! {
                    recv(receiver) -> message => match message {
                        Ok(n) if n % 2 == 0 => continue,
                        Ok(5) => break 'outer 5,
                        Ok(n) => odd.push(n),
                        Err(_) => break,
                    },
                }
            }
        };
        assert_eq!((odd, last), (vec![1, 3], 5));
        assert_eq!(first_even(&receiver), Ok(6));
        assert_eq!(first_even(&receiver), Ok(8));
        drop(sender);
        assert_eq!(first_even(&receiver), Err(RecvError));
    });
}

/// Ends may be given by value, by reference and in an `Arc`, and the arm's body may move them.
#[test]
fn ends_may_be_values_references_or_arcs() {
    everywhere(|| {
        let (sender, receiver) = channel::bounded(1);
        let (by_reference, shared) = (&sender, Arc::new(receiver.clone()));
        select! { send(by_reference, String::from("a")) -> sent => sent.unwrap() }
        let text = select! { recv(shared) -> text => text.unwrap(), recv(&receiver) -> text => text.unwrap() };
        assert_eq!(text, "a");
        let unsent = String::from("b");
        select! {
            send(sender, unsent) -> sent => drop((sent, receiver)),
            recv(receiver) -> text => drop((text, sender)),
        }
    });
}

/// Of two arms that are always ready, both are chosen sometimes.
#[test]
fn no_arm_is_starved() {
    let count = || {
        let (sender, receiver) = channel::unbounded();
        let other = receiver.clone();
        (0..100).for_each(|_| sender.send(()).unwrap());
        let mut counts = [0, 0];
        for _ in 0..100 {
            select! {
                recv(receiver) -> _ => counts[0] += 1,
                recv(other) -> _ => counts[1] += 1,
            }
        }
        assert!(counts.iter().all(|count| *count > 20), "{counts:?}");
    };
    everywhere(count);
}

/// A wake-up for one arm is passed on if another arm is chosen, so that its message does not wait.
#[test]
fn an_unused_wake_up_is_passed_on() {
    simulated(|| {
        let (a, from_a) = channel::unbounded();
        let (b, from_b) = channel::unbounded();
        let selecting = thread::spawn({
            let (from_a, from_b) = (from_a.clone(), from_b.clone());
            move || {
                select! {
                    recv(from_b) -> message => message.unwrap(),
                    recv(from_a) -> message => message.unwrap(),
                }
            }
        });
        thread::sleep(SHORT); // it waits for both, before all others
        let plain = thread::spawn(move || from_a.recv_timeout(LONG));
        thread::sleep(SHORT);
        a.send("a").unwrap(); // wakes the select!, which may find b ready as well
        b.send("b").unwrap();
        let selected = selecting.join().unwrap();
        if selected == "b" {
            let before = Instant::now();
            assert_eq!(plain.join().unwrap(), Ok("a"));
            assert!(before.elapsed() < SHORT, "the message was left waiting");
        }
    });
}
