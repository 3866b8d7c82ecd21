//! What the confining process is told: it is this command itself, which gives up its rights and becomes the program.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The first argument of the process that confines itself. No user types it.
pub const CONFINED: &str = "confined";

/// The exit status of a process that could not confine itself, and so has started nothing.
pub const NOT_CONFINED_EXIT: i32 = 125;

/// What a process may do from now on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Orders {
    /// The user and the group that it becomes.
    pub user: Option<u32>,
    /// Processor time of each process.
    pub cpu_seconds: u64,
    /// Address space of each process.
    pub address_bytes: u64,
    /// The largest file.
    pub file_bytes: u64,
    /// Processes and threads of the user, if it has one of its own.
    pub threads: Option<u64>,
    /// Which files it may use, if Landlock must see to that.
    pub landlock: Strength,
    /// Files and folders that it may read and execute.
    pub read: Vec<PathBuf>,
    /// Files and folders that it may write, too.
    pub write: Vec<PathBuf>,
    /// The calls of the system that it may make.
    pub calls: Calls,
}

/// How much a protection matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Strength {
    /// Without it nothing starts.
    Required,
    /// It is one more where there is another.
    Wanted,
    /// It is left out.
    Off,
}

/// The calls of the system that a process may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Calls {
    /// All.
    Any,
    /// What a compiler and its linker need: other programs, but no network, and no power over other processes.
    Compiler,
    /// What a test needs: threads and files, but no other process either.
    Test,
}
