//! The simulated world keeps its promises: to the same settings the same run, whatever happens in it.

mod choices;
mod crash;
mod crash_anywhere;
mod deadlock;
mod destructors;
mod determinism;
mod last_resort;
mod limits;
mod panics;
mod pause;
mod sharing;
#[cfg(all(target_os = "linux", not(labrpc_portable)))]
mod stuck;
mod time;
mod traffic;
mod worlds;
