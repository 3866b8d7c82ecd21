//! Generated histories, of correct stores and of broken ones.
//!
//! A store is simulated from a seed: clients call, each operation takes effect at some instant before
//! it returns, and a history is recorded. Without a [`StoreFault`] the history is linearizable by
//! construction. With one, the store makes one mistake in the middle of the run. The history does not
//! always show it: a later Put may hide it, or no client may read the value.
//!
//! All times are whole milliseconds, so that one operation is often called in the same instant in
//! which another returns.

mod play;
mod random;
mod store;
mod workload;

pub use random::Random;
pub use workload::{StoreFault, Values, Workload};
