//! The simulation: determinism, virtual time, crashes, and how runs fail.
#![allow(clippy::disallowed_macros, reason = "one test shows what std's thread_local does")]

mod choices;
mod counters;
mod crash;
mod crash_anywhere;
mod deadlock;
mod destructors;
mod determinism;
#[cfg(all(target_os = "linux", not(labrpc_portable)))]
mod ending;
mod last_resort;
mod limits;
mod lock_order;
mod panics;
mod pause;
#[cfg(all(target_os = "linux", not(labrpc_portable)))]
mod printing;
mod sharing;
#[cfg(all(target_os = "linux", not(labrpc_portable)))]
mod stuck;
mod time;
mod traffic;
mod worlds;
