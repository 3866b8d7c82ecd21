//! How results are shown, to people and to programs.

pub mod bar;
pub mod duration;
pub mod json;
pub mod paint;
pub mod progress;
pub mod scoreboard;
