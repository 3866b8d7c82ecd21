//! The record of each run, for the program that started the tests: a line of JSON in the file `LAB_REPORT`.

use std::fs::OpenOptions;
use std::io::Write;

use serde::Serialize;

use crate::environment::{Environment, misuse};
use crate::runner::SeenPlace;

/// One run of one test.
#[derive(Serialize)]
pub(crate) struct Record<'a> {
    pub(crate) test: &'a str,
    pub(crate) seed: u64,
    /// How many seeds the test was to run.
    pub(crate) seeds: u64,
    pub(crate) outcome: &'static str,
    /// The run's trace, in hexadecimal.
    pub(crate) trace: String,
    pub(crate) virtual_ns: u64,
    pub(crate) cpu_ns: u64,
    /// Requests that were sent over the run's networks; 0 if it failed.
    pub(crate) requests: u64,
    pub(crate) token: String,
    /// The name of the broken rule, if one is known.
    pub(crate) rule: Option<&'a str>,
    /// Where the failure says to look.
    pub(crate) places: &'a [SeenPlace],
    pub(crate) failure: Option<&'a str>,
}

/// Appends a record in one write, so that tests that run in parallel do not mix their lines.
pub(crate) fn append(record: &Record<'_>) {
    let Some(path) = &Environment::get().report else { return };
    let mut line = serde_json::to_vec(record).expect("a record is plain text and numbers");
    line.push(b'\n');
    let written = OpenOptions::new().create(true).append(true).open(path).and_then(|mut file| file.write_all(&line));
    if let Err(error) = written {
        misuse(&format!("LAB_REPORT={}: the file cannot be written: {error}", path.display()));
    }
}
