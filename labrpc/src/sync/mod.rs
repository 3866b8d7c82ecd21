//! Locks and condition variables, in the shape of parking_lot's.
//!
//! Outside of a simulation they *are* parking_lot's, on OS threads. Inside one a task that has to
//! wait gives its turn up, so that the world goes on; a crash of its node unwinds it there, and
//! whatever it held is let go. Which of the two it is, is decided at each call, so a lock that was
//! made in a simulation can still be read after its end.
//!
//! As in parking_lot no lock is ever poisoned, and a guard stays with the thread that took it.
//!
//! | in a simulation | who comes next |
//! |---|---|
//! | [`Mutex`] | Whoever asks while it is free; but a waiter that was woken in vain is not passed over a second time. |
//! | [`RwLock`] | Writers before newly come readers; when a writer is done, all readers that wait before the next writer. |
//! | [`Condvar`] | The one that has waited longest. |
//!
//! Not made on purpose: mapped guards, upgradable reads, locking with a time-out. A lock must not
//! be shared between a simulation and OS threads *while* the simulation runs: a task would wait
//! for a thread that its world knows nothing of, which is reported as a deadlock. Nor should the
//! nodes of a simulation share one without need: a paused node keeps what it holds, and its place
//! in line.

mod condvar;
mod mutex;
mod rwlock;
pub(crate) mod waiting;

pub use condvar::{Condvar, WaitTimeoutResult};
pub use mutex::{Mutex, MutexGuard};
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
