//! What the scheduler knows about a task.

use std::borrow::Cow;
use std::panic::Location;

use super::choice::Stamp;
use super::coroutine::Coroutine;
use crate::thread::local::Locals;

/// What a task parks on: the address of some object.
pub(crate) type Key = usize;

/// A task's number, in order of spawning.
pub(crate) type TaskId = u64;

/// A lock's number, which no other lock of the process has had.
pub(crate) type LockId = u32;

/// A task's index in the scheduler's table. Slots are reused.
pub(super) type TaskSlot = u32;

/// A node: the box that a server, or the test itself, runs in. A crash ends all its tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(super) u32);

impl NodeId {
    /// The node of the test itself.
    pub const TEST: NodeId = NodeId(0);
}

/// Why `park` returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WakeReason {
    /// One of its keys was unparked.
    Unparked,
    /// The deadline passed.
    TimedOut,
    /// The task is unwinding because of a crash: it must not wait for anything.
    Killed,
}

/// What a task waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WaitReason {
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
    /// The end of another task.
    Join { task: TaskId, at: &'static Location<'static> },
}

/// How far a crash of its node has ended a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lifecycle {
    /// Its node has not crashed.
    Alive,
    /// It starts to unwind at its next turn.
    Cancelled,
    /// It is unwinding.
    Unwinding,
    /// It caught its own unwinding and went on, so it can no longer be trusted.
    Escaped,
}

/// A lock that a task holds, and the lines that made and took it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) lock: Key,
    pub(crate) id: LockId,
    /// Whether others may hold it at the same time, if they only read.
    pub(crate) is_shared: bool,
    pub(crate) made: &'static Location<'static>,
    pub(crate) at: &'static Location<'static>,
}

/// A lock of [`labrpc::sync`](crate::sync) that a thread holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldLock {
    /// The line that made the lock.
    pub made: &'static Location<'static>,
    /// The line that took it.
    pub taken: &'static Location<'static>,
}

pub(super) struct Task {
    pub(super) id: TaskId,
    pub(super) name: Cow<'static, str>,
    pub(super) node: NodeId,
    /// `None` while it runs.
    pub(super) coroutine: Option<Coroutine>,
    pub(super) is_parked: bool,
    /// The number of its current parking. Queue entries and timers of earlier epochs are void.
    pub(super) epoch: u64,
    pub(super) wake: WakeReason,
    pub(super) keys: Vec<Key>,
    pub(super) waiting: WaitReason,
    /// Whether it waits in [`Link::call`](crate::Link::call) for a reply.
    pub(super) is_calling: bool,
    pub(super) lifecycle: Lifecycle,
    pub(super) held: Vec<Held>,
    /// Its values of `labrpc::thread_local!`.
    pub(super) locals: Locals,
    /// Its position in the family tree of tasks. Names the decisions about it.
    pub(super) lineage: u64,
    pub(super) children: u64,
    pub(super) preempt_stamp: Stamp,
    pub(super) order_stamp: Stamp,
    pub(super) entropy_drawn: u64,
    pub(super) priority: u64,
    /// How many operations it has made in its turns so far.
    pub(super) operations: u64,
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
            wake: WakeReason::Unparked,
            keys: Vec::new(),
            waiting: WaitReason::Turn,
            is_calling: false,
            lifecycle: Lifecycle::Alive,
            held: Vec::new(),
            locals: Locals::default(),
            lineage,
            children: 0,
            preempt_stamp: Stamp::default(),
            order_stamp: Stamp::default(),
            entropy_drawn: 0,
            priority: 0,
            operations: 0,
        }
    }
}
