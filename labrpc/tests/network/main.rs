//! The network keeps its promises: what arrives, when, in how many copies, and what is lost.

mod calls;
mod ends;
mod errors;
mod faults;
mod presets;
mod real;
mod restarts;
mod taps;
