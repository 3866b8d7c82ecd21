//! Channels, without `select!`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

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

/// When the last sender is gone, receivers get what is left, and then an error.
#[test]
fn senders_that_are_gone_disconnect() {
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
fn receivers_that_are_gone_disconnect() {
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

/// Whoever waits learns at once that the other side is gone.
#[test]
fn a_disconnection_wakes_those_who_wait() {
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

/// Messages that nobody can receive any more are dropped with the last receiver, not later.
#[test]
fn unreceived_messages_are_dropped() {
    everywhere(|| {
        let (sender, receiver) = channel::unbounded();
        let message = Arc::new(());
        (0..3).for_each(|_| sender.send(Arc::clone(&message)).unwrap());
        drop(receiver);
        assert_eq!(Arc::strong_count(&message), 1);
    });
}

/// A message may itself hold ends of the channel that it is in: dropping it blocks nobody.
#[test]
fn a_message_may_hold_its_own_channel() {
    struct Envelope(#[expect(dead_code, reason = "it is there to be dropped")] channel::Sender<Envelope>);
    everywhere(|| {
        let (sender, receiver) = channel::unbounded();
        sender.send(Envelope(sender.clone())).unwrap();
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

/// What a channel says about itself.
#[test]
fn channels_know_their_size() {
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

/// With a capacity of 0 a send returns only after a receiver has come for the message.
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
        assert!(has_come.load(Ordering::SeqCst), "the send returned while nobody was there");
        assert_eq!(receiving.join().unwrap(), Ok(7));
    });
}

/// Without another hand there is no rendezvous, and whoever gives up keeps the message.
#[test]
fn a_rendezvous_needs_two() {
    everywhere(|| {
        let (sender, receiver) = channel::bounded(0);
        assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(sender.send_timeout(2, SHORT), Err(SendTimeoutError::Timeout(2)));
        assert_eq!(receiver.recv_timeout(SHORT), Err(RecvTimeoutError::Timeout));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty), "what was given up is not left behind");
        assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)), "nor is the hand that was held out");
    });
}

/// Whoever tries, without waiting, meets one who waits.
#[test]
fn a_rendezvous_can_be_tried() {
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

/// With many at both ends every message arrives once.
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

/// Receivers that wait get their messages in turn; so do senders that wait for room.
#[test]
fn those_who_wait_are_served_in_turn() {
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
            // The one that has found the channel empty at first is one message ahead.
            taken.iter().for_each(|count| assert!((9..=11).contains(count), "{taken:?}"));
        }
    });
}

/// `after` delivers its time once, `tick` again and again, `never` not at all.
#[test]
fn timers_deliver_the_time() {
    everywhere(|| {
        let before = Instant::now();
        let after = channel::after(SHORT);
        let clone = after.clone();
        assert_eq!(after.try_recv(), Err(TryRecvError::Empty));
        assert!(after.recv().unwrap() >= before + SHORT);
        assert!(before.elapsed() >= SHORT);
        assert_eq!(clone.recv_timeout(SHORT), Err(RecvTimeoutError::Timeout), "clones share one message");

        let tick = channel::tick(SHORT);
        let times: Vec<Instant> = tick.iter().take(3).collect();
        assert!(times[1] >= times[0] + SHORT && times[2] >= times[1] + SHORT, "{times:?}");

        assert_eq!(channel::never::<u32>().recv_timeout(SHORT), Err(RecvTimeoutError::Timeout));
        assert_eq!(channel::never::<u32>().try_recv(), Err(TryRecvError::Empty));
    });
}

/// In a simulation a timer is due exactly when it says.
#[test]
fn simulated_timers_are_exact() {
    calmly(|| {
        let start = Instant::now();
        assert_eq!(channel::after(Duration::from_secs(100)).recv().unwrap() - start, Duration::from_secs(100));
        let (_sender, receiver) = channel::unbounded::<u32>();
        let before = Instant::now();
        assert!(receiver.recv_deadline(before + Duration::from_secs(100)).is_err());
        assert!(before.elapsed() < Duration::from_secs(100) + Duration::from_micros(1));
    });
}

/// Two who wait for one timer: one of them gets its message, and the other goes on waiting.
#[test]
fn a_timer_shared_by_two_serves_one() {
    calmly(|| {
        let after = channel::after(SHORT);
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let after = after.clone();
                thread::spawn(move || after.recv_timeout(2 * SHORT).is_ok())
            })
            .collect();
        let served = waiting.into_iter().map(|thread| thread.join().unwrap());
        assert_eq!(served.filter(|is_served| *is_served).count(), 1);
    });
}

/// A channel that leaks out of its simulation is refused outside, in words; dropping it is not.
#[test]
fn a_channel_that_leaks_is_refused() {
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

/// A channel of the real world does not stop the simulated one: waiting for it is refused.
#[test]
fn a_real_channel_is_refused_where_it_would_wait() {
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
