//! The settings of a run, its report and its failure.

use std::time::Duration;

use super::choice::{Choice, Forced, Keep};
use super::involved::InvolvedTask;
use super::journal::Journal;
use super::tape::Taping;
use crate::time::instant::Instant;

/// When the scheduler interrupts a task that has not given up its turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preemption {
    /// Never, except when it has used up its time slice.
    #[default]
    None,
    /// At random, at one operation in `one_in`. A task that becomes ready overtakes the others with the
    /// same probability.
    Random {
        /// How rare interruptions are; 10 is a good value.
        one_in: u64,
    },
    /// Probabilistic concurrency testing (Burckhardt et al., ASPLOS 2010): tasks have random
    /// priorities, the most urgent one runs, and now and then the running one is demoted.
    Priorities {
        /// The running task is demoted at one operation in this many.
        change_one_in: u64,
    },
}

/// How a simulation runs. The default interrupts no task, and its limits are generous.
///
/// ```
/// use labrpc::sim::{self, Settings};
///
/// let settings = Settings { seed: 7, ..Settings::default() };
/// let (first, report) = sim::run(settings.clone(), || "done");
/// assert_eq!(first.unwrap(), "done");
/// let (_, again) = sim::run(settings, || "done");
/// assert_eq!(report.trace, again.trace);
/// ```
#[derive(Clone, Debug)]
pub struct Settings {
    /// What each log line of the run begins with, because several runs may log at the same time: the test and its
    /// seed, say. See [`logging`](crate::logging).
    pub label: String,
    /// The source of all randomness.
    pub seed: u64,
    /// The random decisions that keep their wild value.
    pub keep: Keep,
    /// From this time on decisions are drawn from this other seed, and none of them is calm because of `keep`: the
    /// run is the same until then, and chance decides anew afterwards.
    pub redeal: Option<(Instant, u64)>,
    /// Outcomes that are forced on what asks for them, see [`forced`](super::forced).
    pub forced: Forced,
    /// When tasks are interrupted.
    pub preemption: Preemption,
    /// The size of each task's stack, unless [`Builder::stack_size`](crate::thread::Builder::stack_size) asks for
    /// another.
    pub stack_bytes: usize,
    /// The run fails once virtual time goes beyond this.
    pub virtual_time_max: Duration,
    /// The run fails once its tasks have made more operations than this.
    pub operations_max: u64,
    /// The run fails once a node has more tasks than this at the same time. The test's own node has no limit.
    pub tasks_max: usize,
    /// A task that uses this much processor time without reaching the scheduler is stuck. So is one that
    /// blocks in the operating system for five times as long.
    pub patience: Duration,
    /// Whether [`Report::choices`] lists the wild decisions.
    pub is_recording: bool,
    /// Whether [`Report::journal`] keeps every turn.
    pub is_journaling: bool,
    /// Whether the run is silent: what its tasks print is dropped, and not collected by the test harness either. For
    /// a run that only repeats another one. Elsewhere than on Linux it prints all the same.
    pub is_silent: bool,
    /// Whether the run records a tape, or plays one.
    pub taping: Taping,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            label: String::new(),
            seed: 1,
            keep: Keep::All,
            redeal: None,
            forced: Forced::default(),
            preemption: Preemption::None,
            // As large as std's. Only pages in use cost memory.
            stack_bytes: 2 << 20,
            virtual_time_max: Duration::from_secs(24 * 3600),
            operations_max: 1_000_000_000,
            tasks_max: 10_000,
            // A report is promised within 5 s, and making it takes time as well.
            patience: Duration::from_secs(2),
            is_recording: false,
            is_journaling: false,
            is_silent: false,
            taping: Taping::Off,
        }
    }
}

/// What was counted in a run.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// A hash of everything that happened: equal for equal settings, on every machine and in every
    /// build.
    pub trace: u64,
    /// Virtual time at the end of the run.
    pub virtual_time: Duration,
    /// Processor time that the run took. (On other systems than Linux: half of the real time.)
    pub cpu_time: Duration,
    /// Operations of the facade: locks, sends, reads of the clock.
    pub operations: u64,
    /// The number of turns.
    pub switches: u64,
    /// Tasks that were spawned.
    pub tasks: u64,
    /// The most tasks that were alive at once.
    pub tasks_peak: usize,
    /// Decisions that were drawn.
    pub decisions: u64,
    /// The decisions that took a wild value, in order; empty unless [`Settings::is_recording`].
    pub choices: Vec<Choice>,
    /// The turns, to be compared with those of another run.
    pub journal: Journal,
}

/// Why a run ended before its body did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// A task panicked.
    Panic,
    /// Every task is blocked, or some tasks wait for one another's locks.
    Deadlock,
    /// Two tasks took the same two locks in opposite orders. In this run they did not wait for each other.
    LockOrder,
    /// A task runs without ever reaching the scheduler.
    Stuck,
    /// A task's stack is full.
    StackOverflow,
    /// A task blocked in std instead of in `labrpc`, which would stop the whole simulation.
    BlockedInStd,
    /// Virtual time went beyond its bound.
    VirtualTime,
    /// The tasks made more operations than their bound.
    Operations,
    /// A node has more tasks than its bound.
    Tasks,
    /// A task tried to end the whole process.
    EndedProcess,
    /// The test harness itself took too long at one point. The servers have no part in it.
    HarnessLimit,
    /// A task caught the unwinding of its own crash, and went on.
    CrashSwallowed,
    /// A message arrived whose bytes are not of the type that its receiver expects.
    Undecodable,
    /// Something in the simulation called [`fail`](super::fail).
    Reported,
}

/// A failed run: why it ended before its body did, where and when.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The kind of failure.
    pub kind: FailureKind,
    /// What happened: a sentence, or a report of several lines.
    pub message: String,
    /// When it happened, in virtual time.
    pub at: Instant,
    /// The node of the task that failed, such as `server 2`; empty if no single task failed.
    pub node: String,
    /// The name of that task, such as `ticker`.
    pub task: String,
    /// The file and line of a panic; empty for other failures.
    pub place: String,
    /// The backtrace in the lab's code; empty if it is not known.
    pub backtrace: String,
    /// The tasks that have a part in it: the one that failed first, then those that wait for one another or keep others
    /// waiting.
    pub tasks: Vec<InvolvedTask>,
}

impl Failure {
    /// The innermost function of the lab's code in the backtrace that has a name, and the line that it was at. `None`
    /// if there is none.
    pub fn top_frame(&self) -> Option<(&str, &str)> {
        let lines: Vec<&str> = self.backtrace.lines().map(str::trim).collect();
        let mut frames = lines.chunks_exact(2).map(|frame| (frame[0], frame[1]));
        let (function, place) = frames.find(|(function, _)| !function.starts_with("a closure"))?;
        let function = function.split_once(", ").map_or(function, |(function, _)| function);
        Some((function, place.strip_prefix("at ")?))
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Failure { node, task, message, place, backtrace, .. } = self;
        let who = match (node.as_str(), task.as_str()) {
            ("", "") => String::new(),
            (node, task) if node == task || task == "test" => format!("{node}, "),
            (node, task) => format!("{node}, task '{task}', "),
        };
        write!(f, "{who}at {:.6} s: {message}", self.at.as_nanos() as f64 / 1e9)?;
        match (backtrace.trim_end(), place.as_str()) {
            ("", "") => Ok(()),
            ("", place) => write!(f, "\n    at {place}"),
            (backtrace, _) => write!(f, "\n{backtrace}"),
        }
    }
}

impl std::error::Error for Failure {}
