//! Keeps the processes of one step within its limits, and ends all of them with it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use super::limits::{LimitHit, Limits};
use super::orders::NOT_CONFINED_EXIT;
use super::processes::{self, Process, Usage};
use super::{Room, Sandbox};
use crate::error::CommandError;
use crate::instructor::grading::level::Level;
use crate::instructor::grading::result::LabEnding;
use crate::interrupt;
use crate::process::{Keeper, KeptEnd, OutputTail, POLL_INTERVAL, Stop, Supervised};

/// How many looks at processes come between two at the disk, which take longer.
const LOOKS_PER_DISK_LOOK: u64 = 10;

/// More files than this are too many, however small they are.
const FILES_MAX: usize = 50_000;

/// How long processes may take to end after they were killed. One that waits for a disk takes a moment.
const END_WAIT_MAX: Duration = Duration::from_secs(10);

/// How many times a process of a step may reach a limit that is not final, before nothing more of the step runs.
const HITS_MAX: usize = 3;

/// The processes of one step: all of them share its limits.
pub struct Guard<'a> {
    sandbox: &'a Sandbox,
    room: Room,
    limits: Limits,
    started: Instant,
    /// Processor time of the processes before this one.
    cpu_before: Duration,
    /// The most that was seen of this one.
    cpu: Duration,
    /// All processes that were seen.
    seen: BTreeSet<Process>,
    looks: u64,
    hits: Vec<LimitHit>,
    /// Whether a process was killed that had reached no limit: it hung.
    is_killed: bool,
    /// Whether it is the sandbox itself that is tried.
    is_trial: bool,
}

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// The end of its output.
    pub output: String,
}

impl<'a> Guard<'a> {
    /// Nothing runs yet. Its time begins now.
    pub fn new(sandbox: &'a Sandbox, room: Room, limits: Limits) -> Guard<'a> {
        Guard {
            sandbox,
            room,
            limits,
            started: Instant::now(),
            cpu_before: Duration::ZERO,
            cpu: Duration::ZERO,
            seen: BTreeSet::new(),
            looks: 0,
            hits: Vec::new(),
            is_killed: false,
            is_trial: false,
        }
    }

    /// For a program that tries the sandbox: if it cannot be confined, nothing else is tried.
    pub fn for_trial(mut self) -> Guard<'a> {
        self.is_trial = true;
        self
    }

    /// How the processes were ended, if they were.
    pub fn ending(&self) -> Option<LabEnding> {
        let hung = || LabEnding::Timeout(format!("{} did not come to an end", self.limits.step));
        self.hits.first().cloned().map(LimitHit::ending).or_else(|| self.is_killed.then(hung))
    }

    /// Runs a program to its end, or to a limit.
    ///
    /// # Errors
    ///
    /// On Ctrl-C, or if it cannot be started.
    pub fn run(&mut self, command: Command) -> Result<Result<Ended, LimitHit>, CommandError> {
        let mut command = self.confine(command);
        let output = OutputTail::of(&mut command)?;
        let mut process = Supervised::start(&mut command)?;
        drop(command);
        let status = loop {
            if let Some(status) = process.ending()? {
                break Some(status);
            }
            if self.look(process.number(), output.printed_bytes()).is_some() {
                break None;
            }
            interrupt::check()?;
            thread::sleep(POLL_INTERVAL);
        };
        drop(process);
        match (self.end(status)?, self.hits.last()) {
            (KeptEnd::Program(status), _) => Ok(Ok(Ended { status, output: output.text() })),
            (_, Some(hit)) => Ok(Err(hit.clone())),
            (_, None) => Err(CommandError::Broken("a process was ended for no reason".to_string())),
        }
    }

    fn stop_at(&mut self, hit: LimitHit) -> Stop {
        self.hits.push(hit.clone());
        Stop { is_final: hit.is_final() || self.hits.len() > HITS_MAX, why: hit.text }
    }

    fn reached(&self, usage: Usage, printed_bytes: u64) -> Option<LimitHit> {
        let limits = &self.limits;
        if self.started.elapsed() > limits.wall {
            return Some(limits.wall_hit());
        }
        if self.cpu_before + self.cpu > limits.cpu {
            return Some(limits.cpu_hit());
        }
        if usage.memory_bytes > limits.memory_bytes {
            return Some(limits.memory_hit());
        }
        if usage.threads > limits.threads {
            return Some(limits.threads_hit());
        }
        if printed_bytes > limits.output_bytes {
            return Some(limits.output_hit());
        }
        let is_due = self.looks.is_multiple_of(LOOKS_PER_DISK_LOOK);
        (is_due && self.is_disk_full()).then(|| limits.disk_hit())
    }

    fn is_disk_full(&self) -> bool {
        used(&self.room.write).is_none_or(|bytes| bytes > self.limits.disk_bytes)
    }

    /// What a signal from the system says of the limits.
    fn hit_by(&self, status: ExitStatus) -> Option<LimitHit> {
        match status.signal().map(Signal::from)? {
            Signal::CpuTime => Some(self.limits.cpu_hit()),
            Signal::FileSize => Some(self.limits.file_hit()),
            // The second limit of processor time, or the system, which had no memory left.
            Signal::Kill if self.cpu_before + self.cpu >= self.limits.cpu => Some(self.limits.cpu_hit()),
            Signal::Kill => Some(self.limits.killed()),
            Signal::Other => None,
        }
    }

    fn end_all(&mut self) -> Result<(), CommandError> {
        let started = Instant::now();
        loop {
            let mut left = processes::living(&self.seen);
            left.extend(processes::marked(&self.sandbox.mark));
            if left.is_empty() {
                return Ok(());
            }
            left.iter().for_each(|process| processes::kill(*process));
            if started.elapsed() > END_WAIT_MAX {
                return Err(CommandError::Broken(format!("{} processes could not be ended", left.len())));
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Keeper for Guard<'_> {
    fn confine(&mut self, command: Command) -> Command {
        self.cpu_before += self.cpu;
        self.cpu = Duration::ZERO;
        self.seen.clear();
        let left = self.limits.cpu.saturating_sub(self.cpu_before);
        self.sandbox.command(&command, &self.room, &Limits { cpu: left, ..self.limits.clone() })
    }

    fn admit(&mut self, file: &Path) -> Result<(), CommandError> {
        self.sandbox.give(file)
    }

    fn look(&mut self, process: u32, printed_bytes: u64) -> Option<Stop> {
        self.seen.extend(processes::tree_of(process));
        self.looks += 1;
        let usage = processes::usage(&self.seen);
        self.cpu = self.cpu.max(usage.cpu);
        let hit = self.reached(usage, printed_bytes)?;
        Some(self.stop_at(hit))
    }

    fn end(&mut self, status: Option<ExitStatus>) -> Result<KeptEnd, CommandError> {
        self.end_all()?;
        let Some(status) = status.map(|status| self.sandbox.status_of_program(status)) else {
            self.is_killed |= self.hits.is_empty();
            return Ok(KeptEnd::Killed);
        };
        if status.code() == Some(NOT_CONFINED_EXIT) && !self.is_trial {
            // A program may end like this, too.
            self.sandbox.check()?;
        }
        let hit = self.hit_by(status).or_else(|| self.is_disk_full().then(|| self.limits.disk_hit()));
        Ok(match hit {
            Some(hit) => KeptEnd::Limit(self.stop_at(hit)),
            None => KeptEnd::Program(status),
        })
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        // After an error there is nobody to tell.
        let _ = self.end_all();
    }
}

/// The signals with which the system says that a limit was reached.
enum Signal {
    CpuTime,
    FileSize,
    Kill,
    Other,
}

impl From<i32> for Signal {
    fn from(signal: i32) -> Signal {
        match signal {
            libc::SIGXCPU => Signal::CpuTime,
            libc::SIGXFSZ => Signal::FileSize,
            libc::SIGKILL => Signal::Kill,
            _ => Signal::Other,
        }
    }
}

/// The bytes that these files and folders take on the disk; `None` if there are too many files to count. No link is followed.
fn used(paths: &[PathBuf]) -> Option<u64> {
    const BLOCK_BYTES: u64 = 512;
    let mut open = paths.to_vec();
    let (mut bytes, mut files) = (0, 0);
    while let Some(path) = open.pop() {
        files += 1;
        if files > FILES_MAX {
            return None;
        }
        let Ok(found) = fs::symlink_metadata(&path) else { continue };
        bytes += found.blocks() * BLOCK_BYTES;
        if found.is_dir() {
            open.extend(fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        }
    }
    Some(bytes)
}

impl Sandbox {
    /// How the program ended, if this is how its surroundings ended. Bubblewrap reports a signal as shells do.
    fn status_of_program(&self, status: ExitStatus) -> ExitStatus {
        const SIGNALS: std::ops::RangeInclusive<i32> = 129..=159;
        match (self.level, status.code()) {
            (Level::Bubblewrap, Some(code)) if SIGNALS.contains(&code) => ExitStatus::from_raw(code - 128),
            _ => status,
        }
    }
}
