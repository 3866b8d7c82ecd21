//! Hints about what failed, from vague to concrete.

pub mod known;
pub mod pattern;
