//! The command as its callers see it, with two shell scripts in place of cargo and the labs' tests:
//! no compiler runs here.
#![cfg(unix)]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "what is tested here lives in the real world")]

mod bugs;
mod catalogue;
mod choosing;
mod fake;
mod grading;
mod handout;
mod misuse;
mod output;
