//! The facade: locks, channels and threads do the same in the real world and in a simulated one.

mod channel;
mod crash;
mod crash_channel;
mod local;
mod rendezvous;
mod select;
mod select_rendezvous;
mod starvation;
mod sync;
mod thread;
mod timers;
mod worlds;
