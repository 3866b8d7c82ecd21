//! Channels, without `select!`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use labrpc::channel::{self, RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError};
use labrpc::time::Instant;
use labrpc::{sync::Mutex, thread};

use crate::worlds::{LONG, SHORT, calmly, everywhere, failing, panic_of};

/// Messages arrive in the order in which they were sent, through every kind of channel.
#[test]
fn messages_arrive_in_order() {
    everywhere(|| {
        let channels = [channel::unbounded(), channel::bounded(0), channel::bounded(1), channel::bounded(7)];
        for (sender, receiver) in channels {
            let sending = thread::spawn(move || (0..20).for_each(|n| sender.send(n).unwrap()));
            assert_eq!(receiver.iter().collect::<Vec<u32>>(), (0..20).collect::<Vec<_>>());
            sending.join().unwrap();
        }
    });
}

/// When the last sender is gone, receivers get the remaining messages, and then an error.
#[test]
fn dropping_the_last_sender_disconnects_receivers() {
    everywhere(|| {
        let (sender, receiver) = channel::unbounded();
        let another = sender.clone();
        sender.send(1).unwrap();
        another.send(2).unwrap();
        drop(sender);
        assert_eq!(receiver.recv(), Ok(1));
        drop(another);
        assert_eq!(receiver.try_recv(), Ok(2));
        assert_eq!(receiver.recv(), Err(RecvError));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
        assert_eq!(receiver.recv_timeout(LONG), Err(RecvTimeoutError::Disconnected));
    });
}

/// When the last receiver is gone, senders get an error with their message in it.
#[test]
fn dropping_the_last_receiver_disconnects_senders() {
    everywhere(|| {
        let (sender, receiver) = channel::bounded(1);
        let another = receiver.clone();
        drop(receiver);
        assert_eq!(sender.send(1), Ok(()));
        drop(another);
        assert_eq!(sender.send(2), Err(SendError(2)));
        assert_eq!(sender.try_send(3), Err(TrySendError::Disconnected(3)));
        assert_eq!(sender.send_timeout(4, LONG), Err(SendTimeoutError::Disconnected(4)));
    });
}

/// Threads that wait are woken when the other side is gone.
#[test]
fn a_disconnection_wakes_waiting_threads() {
    everywhere(|| {
        for capacity in [0, 1] {
            let (sender, receiver) = channel::bounded::<u32>(capacity);
            let receiving: Vec<_> = (0..2)
                .map(|_| {
                    let receiver = receiver.clone();
                    thread::spawn(move || receiver.recv())
                })
                .collect();
            drop(sender);
            receiving.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap(), Err(RecvError)));

            let (sender, receiver) = channel::bounded(capacity);
            (0..capacity).for_each(|_| sender.send(0).unwrap());
            let sending: Vec<_> = (1..3)
                .map(|n| {
                    let sender = sender.clone();
                    thread::spawn(move || sender.send(n))
                })
                .collect();
            drop(receiver);
            let results: Vec<_> = sending.into_iter().map(|thread| thread.join().unwrap()).collect();
            assert_eq!(results, [Err(SendError(1)), Err(SendError(2))]);
        }
    });
}

/// Messages that were not received are dropped with the last receiver, not later.
#[test]
fn unreceived_messages_are_dropped_with_the_last_receiver() {
    everywhere(|| {
        let (sender, receiver) = channel::unbounded();
        let message = Arc::new(());
        (0..3).for_each(|_| sender.send(Arc::clone(&message)).unwrap());
        drop(receiver);
        assert_eq!(Arc::strong_count(&message), 1);
    });
}

/// A message may hold ends of the channel that it is in: dropping it blocks no thread.
#[test]
fn a_message_may_hold_its_own_channel() {
    struct HoldsSender(#[expect(dead_code, reason = "its destructor is what matters")] channel::Sender<HoldsSender>);
    everywhere(|| {
        let (sender, receiver) = channel::unbounded();
        sender.send(HoldsSender(sender.clone())).unwrap();
        drop(sender);
        drop(receiver);
    });
}

/// A full channel makes a send wait, and a receive makes room.
#[test]
fn a_full_channel_makes_senders_wait() {
    everywhere(|| {
        let (sender, receiver) = channel::bounded(2);
        sender.send(1).unwrap();
        sender.send(2).unwrap();
        assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)));
        assert_eq!(sender.send_timeout(3, SHORT), Err(SendTimeoutError::Timeout(3)));
        assert_eq!(sender.send_deadline(3, Instant::now()), Err(SendTimeoutError::Timeout(3)));
        let sending = thread::spawn(move || sender.send(3));
        assert_eq!(receiver.recv(), Ok(1));
        sending.join().unwrap().unwrap();
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [2, 3]);
    });
}

/// A channel reports its length and its capacity.
#[test]
fn channels_report_length_and_capacity() {
    everywhere(|| {
        let (sender, receiver) = channel::bounded(2);
        assert_eq!((sender.capacity(), receiver.capacity()), (Some(2), Some(2)));
        assert!(sender.is_empty() && receiver.is_empty() && !sender.is_full() && !receiver.is_full());
        sender.send(1).unwrap();
        sender.send(2).unwrap();
        assert_eq!((sender.len(), receiver.len()), (2, 2));
        assert!(sender.is_full() && receiver.is_full() && !sender.is_empty() && !receiver.is_empty());
        let (sender, receiver) = channel::bounded::<u32>(0);
        assert!(sender.is_empty() && sender.is_full() && receiver.is_empty() && receiver.is_full());
        assert_eq!(sender.capacity(), Some(0));
        assert_eq!(channel::unbounded::<u32>().1.capacity(), None);
        let (never, after) = (channel::never::<u32>(), channel::after(LONG));
        assert_eq!((never.capacity(), never.len(), never.is_full()), (Some(0), 0, true));
        assert_eq!((after.capacity(), after.len(), after.is_full()), (Some(1), 0, false));
    });
}

/// With many senders and receivers every message arrives exactly once.
#[test]
fn many_senders_and_receivers_share_a_channel() {
    everywhere(|| {
        for (sender, receiver) in [channel::unbounded(), channel::bounded(0), channel::bounded(2)] {
            let received = Arc::new(Mutex::new(Vec::new()));
            let receiving: Vec<_> = (0..3)
                .map(|_| {
                    let (receiver, received) = (receiver.clone(), Arc::clone(&received));
                    thread::spawn(move || receiver.iter().for_each(|n| received.lock().push(n)))
                })
                .collect();
            let sending: Vec<_> = (0..3)
                .map(|lane| {
                    let sender = sender.clone();
                    thread::spawn(move || (0..10).for_each(|n| sender.send(lane * 10 + n).unwrap()))
                })
                .collect();
            drop(sender);
            sending.into_iter().chain(receiving).for_each(|thread| thread.join().unwrap());
            let mut received = std::mem::take(&mut *received.lock());
            received.sort();
            assert_eq!(received, (0..30).collect::<Vec<u32>>());
        }
    });
}

/// Waiting receivers get messages in turn, and waiting senders get room in turn.
#[test]
fn waiting_threads_are_served_in_turn() {
    calmly(|| {
        for capacity in [0, 1] {
            let (sender, receiver) = channel::bounded(capacity);
            let counts: Vec<_> = (0..3).map(|_| Arc::new(AtomicUsize::new(0))).collect();
            for count in counts.clone() {
                let receiver = receiver.clone();
                thread::spawn(move || {
                    for () in receiver {
                        count.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
            for _ in 0..30 {
                thread::sleep(SHORT);
                sender.send(()).unwrap();
            }
            thread::sleep(SHORT);
            counts.iter().for_each(|count| assert_eq!(count.load(Ordering::SeqCst), 10));

            let (sender, receiver) = channel::bounded(capacity);
            for lane in 0..3 {
                let sender = sender.clone();
                thread::spawn(move || while sender.send(lane).is_ok() {});
            }
            let mut taken = [0; 3];
            for _ in 0..30 {
                thread::sleep(SHORT);
                taken[receiver.recv().unwrap()] += 1;
            }
            // The sender that found the channel empty at first is one message ahead.
            taken.iter().for_each(|count| assert!((9..=11).contains(count), "{taken:?}"));
        }
    });
}

/// Using a channel outside of its simulation panics with a clear message. Dropping it there does not.
#[test]
fn a_simulated_channel_cannot_be_used_outside() {
    let ((sender, receiver), timer) = calmly(|| (channel::unbounded::<u32>(), channel::after(SHORT)));
    for said in [panic_of(|| sender.send(1)), panic_of(|| receiver.recv()), panic_of(|| receiver.try_recv())] {
        assert!(said.contains("used outside of it") && said.contains("facade/channel.rs"), "{said}");
    }
    let said = panic_of(|| labrpc::select! { recv(receiver) -> _ => {}, default => {} });
    assert!(said.contains("used outside of it"), "{said}");
    drop((sender.clone(), receiver.clone()));
    let failure = failing(|| sender.send(1));
    assert!(failure.message.contains("used in another"), "{failure}");
    assert!(panic_of(|| timer.recv()).contains("used outside of it"));
}

/// A real channel works inside a simulation, but panics where it would have to wait.
#[test]
fn a_real_channel_panics_where_it_would_wait() {
    let (sender, receiver) = channel::bounded(1);
    calmly(|| {
        sender.send(1).unwrap();
        assert_eq!(receiver.recv(), Ok(1));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    });
    let failure = failing(|| receiver.recv());
    assert!(failure.message.contains("make the channel inside"), "{failure}");
    sender.send(1).unwrap();
    let failure = failing(|| sender.send(2));
    assert!(failure.message.contains("make the channel inside"), "{failure}");
    let failure = failing(|| labrpc::select! { recv(receiver) -> _ => {} });
    assert!(failure.message.contains("make the channel inside"), "{failure}");
}
