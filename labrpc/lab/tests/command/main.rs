//! The command as its callers see it, with two shell scripts in place of cargo and the labs' tests:
//! no compiler runs here.
#![cfg(unix)]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "these tests run real processes")]

mod autograder;
mod bugs;
mod catalogue;
mod choosing;
mod cohort;
mod completions;
mod doctor;
mod fake;
mod grades_page;
mod grading;
mod handed_out;
mod handout;
mod hint;
mod misuse;
mod open;
mod output;
#[cfg(target_os = "linux")]
mod sandbox;
mod status;
mod story;
mod submit;
mod watch;
mod workflow;
