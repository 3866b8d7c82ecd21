//! The network: which messages arrive, when and in how many copies, and which are lost.

mod calls;
mod ends;
mod errors;
mod faults;
mod forced;
mod locks;
mod presets;
mod real;
mod restarts;
mod taps;
