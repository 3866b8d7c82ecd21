//! Timer channels: `after`, `tick` and `never`.

use std::time::Duration;

use labrpc::channel::{self, RecvTimeoutError, TryRecvError};
use labrpc::thread;
use labrpc::time::Instant;

use crate::worlds::{SHORT, calmly, everywhere};

/// `after` delivers its time once, `tick` repeatedly, `never` not at all.
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

/// Of two threads that wait for one timer, one gets its message, and the other goes on waiting.
#[test]
fn a_shared_timer_serves_one_thread() {
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
