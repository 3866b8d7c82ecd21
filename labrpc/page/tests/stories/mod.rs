//! Stories to make pages of: one of each kind.

#![allow(unused_imports, reason = "each user takes some of them")]

mod builder;
mod generated;
mod history;
mod votes;

pub use generated::generated;
pub use history::stale_read;
pub use votes::{HOSTILE, deadlock, passing, vote_twice};
