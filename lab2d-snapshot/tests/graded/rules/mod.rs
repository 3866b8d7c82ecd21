//! Lab 2D's rules, one by one: a real server among played ones (§7, Figure 13).
//!
//! `cutting`: a service's own snapshot. `covered`: requests that speak of what is gone. `installing`:
//! a leader's snapshot. `delivering`: what the service is handed, and when. `sending`: a leader, and
//! a follower that is far behind. `restarts`: what is on disk, and what a boot makes of it.

mod covered;
mod cutting;
mod delivering;
mod installing;
mod prelude;
mod restarts;
mod sending;
