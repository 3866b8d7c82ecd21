//! What a run is given, and what it gives back.

use std::time::Duration;

use super::choice::{Choice, Keep};
use crate::time::Instant;

/// When the scheduler takes the processor from a task that did not give it up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preemption {
    /// Only when the task blocks, or has used up its time slice.
    #[default]
    None,
    /// At random, at one operation in so many; and a task that becomes ready overtakes the
    /// others as often.
    Random {
        /// How rare it is; 10 is a good value.
        one_in: u64,
    },
    /// Probabilistic concurrency testing (Burckhardt et al., ASPLOS 2010): tasks have random
    /// priorities, the most urgent one runs, and now and then the running one is demoted.
    Priorities {
        /// A demotion at one operation in so many.
        change_one_in: u64,
    },
}

/// How a simulation runs. The default is calm about scheduling and generous with limits.
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
    /// Where all randomness comes from.
    pub seed: u64,
    /// Which random decisions keep their wild value.
    pub keep: Keep,
    /// When tasks are interrupted.
    pub preemption: Preemption,
    /// The size of each task's stack.
    pub stack_bytes: usize,
    /// The run fails once virtual time is past this.
    pub virtual_time_max: Duration,
    /// The run fails once its tasks have made more operations than this.
    pub operations_max: u64,
    /// A task that runs for so long in real time, without reaching the scheduler, is stuck.
    pub patience: Duration,
    /// Whether [`Report::choices`] lists the wild decisions.
    pub is_recording: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            seed: 1,
            keep: Keep::All,
            preemption: Preemption::None,
            // 16 KiB were too few for a panic with a backtrace; only touched pages cost memory.
            stack_bytes: 256 << 10,
            virtual_time_max: Duration::from_secs(24 * 3600),
            operations_max: 1_000_000_000,
            // A report is promised within 5 s, and writing it takes time as well.
            patience: Duration::from_secs(2),
            is_recording: false,
        }
    }
}

/// What was counted in a run.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// A fingerprint of everything that happened: equal for equal seeds and keep-sets, on every
    /// machine and in every build.
    pub trace: u64,
    /// How far virtual time went.
    pub virtual_time: Duration,
    /// Processor time that the run took. (Off Linux: half of the real time.)
    pub cpu_time: Duration,
    /// Operations of the facade: locks, sends, reads of the clock.
    pub operations: u64,
    /// How often a task was entered.
    pub switches: u64,
    /// Tasks that were spawned.
    pub tasks: u64,
    /// The most tasks that were alive at once.
    pub tasks_peak: usize,
    /// Decisions that were drawn.
    pub decisions: u64,
    /// Those with a wild value, in order; empty unless [`Settings::is_recording`].
    pub choices: Vec<Choice>,
}

/// Why a run ended before its body did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// A task panicked.
    Panic,
    /// Every task is blocked, or some wait for one another's locks.
    Deadlock,
    /// A task runs and runs without ever reaching the scheduler.
    Stuck,
    /// A task's stack is full.
    StackOverflow,
    /// A task blocked in std instead of in `labrpc`, which would stop the whole world.
    BlockedInStd,
    /// Virtual time went past its bound.
    VirtualTime,
    /// The tasks did more than the run may cost.
    Operations,
    /// A task caught the unwinding by which a crash ends it, and went on.
    CrashSwallowed,
    /// Something in the world called [`fail`](super::fail).
    Reported,
}

/// Why a run ended before its body did, in words.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What sort of failure it is.
    pub kind: FailureKind,
    /// What happened, in a sentence or a report of several lines.
    pub message: String,
    /// When it happened, in virtual time.
    pub at: Instant,
    /// Whose task it happened in, such as `server 2`; empty if it was no single one's.
    pub node: String,
    /// That task's name, such as `ticker`.
    pub task: String,
    /// The line that a panic names; empty if there was none.
    pub place: String,
    /// Where it stood, beginning in the code of the lab; empty if that is not known.
    pub backtrace: String,
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
