//! Channels of capacity 0: a sender and a receiver have to meet.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use labrpc::channel::{self, RecvTimeoutError, SendTimeoutError, TryRecvError, TrySendError};
use labrpc::thread;

use crate::worlds::{SHORT, everywhere};

/// A send returns only after a receiver has taken the message.
#[test]
fn a_rendezvous_send_waits_for_the_receiver() {
    everywhere(|| {
        let (sender, receiver) = channel::bounded(0);
        let has_come = Arc::new(AtomicBool::new(false));
        let receiving = thread::spawn({
            let has_come = Arc::clone(&has_come);
            move || {
                thread::yield_now();
                has_come.store(true, Ordering::SeqCst);
                receiver.recv()
            }
        });
        sender.send(7).unwrap();
        assert!(has_come.load(Ordering::SeqCst), "the send returned before a receiver came");
        assert_eq!(receiving.join().unwrap(), Ok(7));
    });
}

/// Without a counterpart a send or receive times out, and the message stays with the sender.
#[test]
fn a_rendezvous_without_a_counterpart_times_out() {
    everywhere(|| {
        let (sender, receiver) = channel::bounded(0);
        assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(sender.send_timeout(2, SHORT), Err(SendTimeoutError::Timeout(2)));
        assert_eq!(receiver.recv_timeout(SHORT), Err(RecvTimeoutError::Timeout));
        assert_eq!(
            receiver.try_recv(),
            Err(TryRecvError::Empty),
            "the message of a send that timed out is not left behind"
        );
        assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)), "a receiver that timed out is not left behind");
    });
}

/// `try_send` and `try_recv` meet a counterpart that waits.
#[test]
fn try_operations_meet_a_waiting_counterpart() {
    everywhere(|| {
        let (sender, receiver) = channel::bounded(0);
        let receiving = thread::spawn({
            let receiver = receiver.clone();
            move || receiver.recv()
        });
        while sender.try_send(5).is_err() {
            thread::yield_now();
        }
        assert_eq!(receiving.join().unwrap(), Ok(5));
        let sending = thread::spawn(move || sender.send(6));
        let received = std::iter::from_fn(|| {
            thread::yield_now();
            Some(receiver.try_recv())
        });
        assert_eq!(received.flatten().next(), Some(6));
        sending.join().unwrap().unwrap();
    });
}
