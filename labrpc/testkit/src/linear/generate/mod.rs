//! Histories that could have been: of stores that keep their promises, and of broken ones.
//!
//! A store is played with a seed: clients call, each operation takes effect at some instant before
//! it returns, and a history is recorded. Without a [`StoreFault`] the history is linearizable by
//! construction. With one, the store breaks its promise once, in the middle of the run. Whether
//! that shows is up to the clients: a later Put may cover it up, or nobody may look.
//!
//! All times are whole milliseconds, so that it is common for one operation to be called in the
//! instant in which another returns.

mod play;
mod random;
mod store;
mod workload;

pub use random::Random;
pub use workload::{StoreFault, Values, Workload};
