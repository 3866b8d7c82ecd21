//! Locks and condition variables, with the API of parking_lot.
//!
//! Outside of a simulation they *are* parking_lot's, on OS threads. Inside one a task that has to wait
//! gives up its turn, so that other tasks go on. A crash of its node unwinds the task there and
//! releases the locks that it held. Each call decides at run time which of the two it is, so a lock
//! that was made in a simulation can still be read after the simulation has ended.
//!
//! As in parking_lot, locks are never poisoned, and a guard stays with the thread that took it.
//!
//! | in a simulation | which task gets it next |
//! |---|---|
//! | [`Mutex`] | Any task that asks while it is free (barging); but a waiter that lost this race once is served before newcomers. |
//! | [`RwLock`] | Writers before newly arrived readers; when a writer is done, all waiting readers before the next writer. |
//! | [`Condvar`] | The task that has waited longest. |
//!
//! Left out on purpose: mapped guards, upgradable reads, locking with a timeout. A lock must not be
//! shared between a simulation and OS threads *while* the simulation runs: a task would wait for a
//! thread that the simulation does not know, which is reported as a deadlock. The nodes of a
//! simulation should not share a lock without need either: a paused node keeps the locks that it
//! holds, and its position in the queue.

mod condvar;
mod mutex;
mod rwlock;
pub(crate) mod waiting;

pub use condvar::{Condvar, WaitTimeoutResult};
pub use mutex::{Mutex, MutexGuard};
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
