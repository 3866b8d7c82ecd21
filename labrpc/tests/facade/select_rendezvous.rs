//! `select!` on channels of capacity 0.

use labrpc::channel::{self, Receiver, Sender};
use labrpc::{select, thread};

use crate::worlds::{SHORT, everywhere};

/// A `select!` meets a plain send, and a plain receive.
#[test]
fn a_select_meets_a_plain_end() {
    everywhere(|| {
        let (sender, receiver) = channel::bounded(0);
        let sending = thread::spawn({
            let sender = sender.clone();
            move || sender.send(1)
        });
        select! { recv(receiver) -> message => assert_eq!(message, Ok(1)) }
        sending.join().unwrap().unwrap();
        let receiving = thread::spawn(move || receiver.recv());
        select! { send(sender, 2) -> sent => sent.unwrap() }
        assert_eq!(receiving.join().unwrap(), Ok(2));
    });
}

/// Two `select!`s meet, and each of them carries out one arm only.
#[test]
fn two_selects_meet_in_one_arm() {
    everywhere(|| {
        let (left, from_left) = channel::bounded::<u32>(0);
        let (right, from_right) = channel::bounded::<u32>(0);
        let sending = thread::spawn(move || {
            let mut sent = [0, 0];
            for n in 0..20 {
                select! {
                    send(left, n) -> result => { result.unwrap(); sent[0] += 1 }
                    send(right, n) -> result => { result.unwrap(); sent[1] += 1 }
                }
            }
            sent
        });
        let mut received = [Vec::new(), Vec::new()];
        loop {
            select! {
                recv(from_left) -> message => match message {
                    Ok(n) => received[0].push(n),
                    Err(_) => break,
                },
                recv(from_right) -> message => match message {
                    Ok(n) => received[1].push(n),
                    Err(_) => break,
                },
            }
        }
        let sent = sending.join().unwrap();
        assert_eq!(received.each_ref().map(Vec::len), sent);
        let mut all = received.concat();
        all.sort();
        assert_eq!(all, (0..20).collect::<Vec<_>>());
    });
}

/// A `select!` that could both send and receive on one channel does not meet itself.
#[test]
fn a_select_does_not_meet_itself() {
    everywhere(|| {
        let (sender, receiver) = channel::bounded(0);
        let is_met = select! {
            send(sender, 1) -> _ => true,
            recv(receiver) -> _ => true,
            default(SHORT) => false,
        };
        assert!(!is_met);
        let swap = |sender: Sender<u32>, receiver: Receiver<u32>, own: u32| {
            select! {
                send(sender, own) -> sent => sent.map(|()| None).unwrap(),
                recv(receiver) -> message => Some(message.unwrap()),
            }
        };
        let another = thread::spawn({
            let (sender, receiver) = (sender.clone(), receiver.clone());
            move || swap(sender, receiver, 1)
        });
        let (one, other) = (swap(sender, receiver, 2), another.join().unwrap());
        assert!([(None, Some(2)), (Some(1), None)].contains(&(one, other)), "{one:?} {other:?}");
    });
}
