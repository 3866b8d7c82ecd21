//! What the scheduler knows of a task.

use std::borrow::Cow;
use std::panic::Location;

use super::choice::Stamp;
use super::coroutine::Coroutine;

/// What a task parks on: the address of something.
pub(crate) type Key = usize;

/// A task's number, in order of spawning.
pub(crate) type TaskId = u64;

/// Where a task is kept. Places are used again.
pub(super) type Slot = u32;

/// A node: the box that a server, or the test itself, runs in. A crash ends all its tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(super) u32);

impl NodeId {
    /// The node of the test itself.
    pub const TEST: NodeId = NodeId(0);
}

/// Why `park` returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// Something happened to a key.
    Unparked,
    /// The deadline passed.
    TimedOut,
    /// The task is being ended and is unwinding already: it must not wait for anything.
    Killed,
}

/// What a task waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Waiting {
    /// Its turn.
    Turn,
    /// A point in time.
    Sleep,
    /// A lock.
    Lock { lock: Key, type_name: &'static str, made: &'static Location<'static>, at: &'static Location<'static> },
    /// A condition variable.
    Condvar { made: &'static Location<'static>, at: &'static Location<'static> },
    /// A channel.
    Channel { operation: &'static str, made: &'static Location<'static>, at: &'static Location<'static> },
    /// Another task's end.
    Join { task: TaskId, at: &'static Location<'static> },
}

/// Whether a task is to be ended by a crash of its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It lives.
    Alive,
    /// It unwinds when it is next entered.
    Doomed,
    /// It is unwinding.
    Unwinding,
    /// It caught its own unwinding, and is not to be trusted any more.
    Escaped,
}

/// A lock that a task holds, and since where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) lock: Key,
    pub(super) at: &'static Location<'static>,
}

pub(super) struct Task {
    pub(super) id: TaskId,
    pub(super) name: Cow<'static, str>,
    pub(super) node: NodeId,
    /// `None` while it runs.
    pub(super) coroutine: Option<Coroutine>,
    pub(super) is_parked: bool,
    /// Which of its parkings is the present one: entries of earlier ones are void.
    pub(super) epoch: u64,
    pub(super) wake: Wake,
    pub(super) keys: Vec<Key>,
    pub(super) waiting: Waiting,
    pub(super) fate: Fate,
    pub(super) held: Vec<Held>,
    /// Its place in the family tree: the name of its decisions.
    pub(super) lineage: u64,
    pub(super) children: u64,
    pub(super) preempt_stamp: Stamp,
    pub(super) order_stamp: Stamp,
    pub(super) entropy_drawn: u64,
    pub(super) priority: u64,
}

impl Task {
    pub(super) fn new(id: TaskId, name: Cow<'static, str>, node: NodeId, lineage: u64) -> Task {
        Task {
            id,
            name,
            node,
            coroutine: None,
            is_parked: false,
            epoch: 0,
            wake: Wake::Unparked,
            keys: Vec::new(),
            waiting: Waiting::Turn,
            fate: Fate::Alive,
            held: Vec::new(),
            lineage,
            children: 0,
            preempt_stamp: Stamp::default(),
            order_stamp: Stamp::default(),
            entropy_drawn: 0,
            priority: 0,
        }
    }
}
