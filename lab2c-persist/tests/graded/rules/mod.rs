//! Lab 2C's rules, one by one: a real server among played ones, which crashes and comes back
//! (Figure 2, persistent state).
//!
//! `speaking`: what is told is on disk. `restarts`: what was on disk is known again. `saves`: what
//! each single save leaves behind, and that there are no more of them than needed.

mod restarts;
mod saves;
mod speaking;
