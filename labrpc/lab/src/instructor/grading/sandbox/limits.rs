//! What submitted code may use, and what it has used too much of.

use std::fmt;
use std::time::Duration;

use crate::instructor::grading::result::LabEnding;

/// What the processes of one step may use together. Nothing that they do makes it more.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The step, in a word for messages: `building`, say.
    pub step: &'static str,
    /// Real time.
    pub wall: Duration,
    /// Processor time.
    pub cpu: Duration,
    /// Resident memory.
    pub memory_bytes: u64,
    /// Address space of each process: whatever is faster than the look at its memory ends here.
    pub address_bytes: u64,
    /// Processes and threads.
    pub threads: usize,
    /// The largest file.
    pub file_bytes: u64,
    /// Everything in the folders that may be written.
    pub disk_bytes: u64,
    /// What is printed.
    pub output_bytes: u64,
}

/// What there was too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// Real time or processor time.
    Time,
    /// Memory.
    Memory,
    /// Processes and threads.
    Threads,
    /// What is written to the disk, or printed.
    Output,
}

/// A limit that was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitHit {
    /// What there was too much of.
    pub excess: Excess,
    /// A sentence that says how much, and in which step.
    pub text: String,
}

impl LimitHit {
    /// The ending of a lab whose code has reached the limit.
    pub fn ending(self) -> LabEnding {
        match self.excess {
            Excess::Time => LabEnding::Timeout(self.text),
            Excess::Memory => LabEnding::Memory(self.text),
            Excess::Threads => LabEnding::Crash(self.text),
            Excess::Output => LabEnding::Output(self.text),
        }
    }

    /// Whether nothing else can run in this step.
    pub fn is_final(&self) -> bool {
        self.excess == Excess::Time
    }
}

impl Limits {
    /// It took too much real time.
    pub fn wall_hit(&self) -> LimitHit {
        self.hit(Excess::Time, format!("took longer than {} s", self.wall.as_secs()))
    }

    /// It took too much processor time.
    pub fn cpu_hit(&self) -> LimitHit {
        self.hit(Excess::Time, format!("took more than {} s of processor time", self.cpu.as_secs()))
    }

    /// It took too much memory.
    pub fn memory_hit(&self) -> LimitHit {
        self.hit(Excess::Memory, format!("took more than {} of memory", Bytes(self.memory_bytes)))
    }

    /// It was killed, and not by the grader.
    pub fn killed(&self) -> LimitHit {
        self.hit(Excess::Memory, "was killed by the system, most likely because no memory was left".to_string())
    }

    /// It started too many processes or threads.
    pub fn threads_hit(&self) -> LimitHit {
        self.hit(Excess::Threads, format!("started more than {} processes and threads", self.threads))
    }

    /// It wrote a file that is too large.
    pub fn file_hit(&self) -> LimitHit {
        self.hit(Excess::Output, format!("wrote a file of more than {}", Bytes(self.file_bytes)))
    }

    /// It wrote too much to the disk.
    pub fn disk_hit(&self) -> LimitHit {
        self.hit(Excess::Output, format!("wrote more than {} to the disk", Bytes(self.disk_bytes)))
    }

    /// It printed too much.
    pub fn output_hit(&self) -> LimitHit {
        self.hit(Excess::Output, format!("printed more than {}", Bytes(self.output_bytes)))
    }

    fn hit(&self, excess: Excess, what: String) -> LimitHit {
        LimitHit { excess, text: format!("{} {what}", self.step) }
    }
}

/// A number of bytes, for people.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes >= 1 << 30 => write!(f, "{} GB", bytes >> 30),
            bytes if bytes >= 1 << 20 => write!(f, "{} MB", bytes >> 20),
            bytes => write!(f, "{bytes} bytes"),
        }
    }
}
