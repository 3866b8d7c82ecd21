//! Which processes belong together, and what they use: from `/proc`.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// How Linux counts processor time for programs, on every machine.
const TICKS_PER_SECOND: u64 = 100;

/// A process, and when it started: a number alone may be of another process later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process {
    /// Its number.
    pub number: u32,
    started: u64,
}

/// What processes use together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Resident memory.
    pub memory_bytes: u64,
    /// Processor time, with that of children that have ended.
    pub cpu: Duration,
    /// Their threads.
    pub threads: usize,
}

/// A process as `/proc` shows it.
struct Shown {
    process: Process,
    parent: u32,
    is_zombie: bool,
    cpu: Duration,
    threads: usize,
}

fn shown(number: u32) -> Option<Shown> {
    let stat = fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
    // The name is in parentheses, and may hold anything.
    let fields: Vec<&str> = stat[stat.rfind(')')? + 1..].split_whitespace().collect();
    let field = |nth: usize| fields.get(nth)?.parse::<u64>().ok();
    let ticks = field(11)? + field(12)? + field(13)? + field(14)?;
    Some(Shown {
        process: Process { number, started: field(19)? },
        parent: field(1)? as u32,
        is_zombie: matches!(fields.first(), Some(&"Z" | &"X")),
        cpu: Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND),
        threads: field(17)? as usize,
    })
}

fn resident_bytes(number: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{number}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() << 10
}

/// A process and all that it has started, directly or not, as far as each is still the child of its parent.
pub fn tree_of(root: u32) -> BTreeSet<Process> {
    let mut found = BTreeSet::new();
    let mut open = vec![root];
    while let Some(number) = open.pop() {
        let Some(Shown { process, .. }) = shown(number) else { continue };
        if found.insert(process) {
            open.extend(children_of(number));
        }
    }
    found
}

fn children_of(number: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{number}/task")).into_iter().flatten().flatten();
    let lists: Option<Vec<String>> =
        threads.map(|thread| fs::read_to_string(thread.path().join("children")).ok()).collect();
    match lists {
        Some(lists) => {
            lists.iter().flat_map(|list| list.split_whitespace()).filter_map(|one| one.parse().ok()).collect()
        }
        // Some kernels have no such lists, or a thread has just ended.
        None => all().filter(|other| other.parent == number).map(|other| other.process.number).collect(),
    }
}

fn all() -> impl Iterator<Item = Shown> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| shown(entry.file_name().to_str()?.parse().ok()?))
}

/// What these processes use.
pub fn usage(processes: &BTreeSet<Process>) -> Usage {
    processes.iter().fold(Usage::default(), |sum, process| {
        let Some(shown) = shown(process.number).filter(|shown| shown.process == *process) else { return sum };
        Usage {
            memory_bytes: sum.memory_bytes + resident_bytes(process.number),
            cpu: sum.cpu + shown.cpu,
            threads: sum.threads + shown.threads,
        }
    })
}

/// Whose processes are meant.
#[derive(Clone, Debug)]
pub enum Mark {
    /// Those of a user that nobody else is.
    User(u32),
    /// Those that were started with this in their environment.
    Variable(String),
}

/// The living processes with a mark, wherever their parents are.
pub fn marked(mark: &Mark) -> BTreeSet<Process> {
    let has_mark = |number: u32| {
        let file = |name: &str| PathBuf::from(format!("/proc/{number}/{name}"));
        match mark {
            Mark::User(user) => {
                let status = fs::read_to_string(file("status")).unwrap_or_default();
                let line = status.lines().find_map(|line| line.strip_prefix("Uid:"));
                line.and_then(|line| line.split_whitespace().next()?.parse::<u32>().ok()) == Some(*user)
            }
            Mark::Variable(text) => {
                let environment = fs::read(file("environ")).unwrap_or_default();
                environment.split(|byte| *byte == 0).any(|variable| variable == text.as_bytes())
            }
        }
    };
    let living = all().filter(|shown| !shown.is_zombie && has_mark(shown.process.number));
    living.map(|shown| shown.process).collect()
}

/// Those of these processes that are still there.
pub fn living(processes: &BTreeSet<Process>) -> BTreeSet<Process> {
    let lives =
        |process: &&Process| shown(process.number).is_some_and(|shown| shown.process == **process && !shown.is_zombie);
    processes.iter().filter(lives).copied().collect()
}

/// Ends a process.
pub fn kill(process: Process) {
    let is_same = shown(process.number).is_some_and(|shown| shown.process == process);
    if let Some(pid) = Pid::from_raw(process.number as i32).filter(|_| is_same) {
        let _ = kill_process(pid, Signal::KILL);
    }
}
