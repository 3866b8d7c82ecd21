//! What the clients asked for, what they were answered, and when.

/// Names one operation of one [`History`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(usize);

impl OperationId {
    /// Its place in [`History::operations`].
    pub fn index(self) -> usize {
        self.0
    }
}

/// What a client asks of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The value of the key; a key that was never written holds "".
    Get,
    /// Replaces the value.
    Put(String),
    /// Adds to the end of the value.
    Append(String),
}

/// What a client was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The value that a Get returned. The answer to a Put or an Append tells nothing, and is "".
    pub value: String,
    /// When the client had it, on the history's clock.
    pub at: u64,
}

/// One call of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Who called. A client waits for an answer before it calls again.
    pub client: u64,
    /// Which key is meant.
    pub key: String,
    /// What is to be done with it.
    pub input: Input,
    /// When the client called, on the history's clock.
    pub called: u64,
    /// The answer; `None` if there never was one.
    pub answer: Option<Answer>,
}

/// What the times of a history count. Only their order decides whether it is linearizable; the
/// clock decides how a verdict names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Nanoseconds since the world began.
    Nanoseconds,
    /// Lines of the text that the history was read from, counted from 1.
    Lines,
}

/// Everything that the clients of one key-value store did.
///
/// Recording an operation moves its strings in and looks at nothing.
///
/// ```
/// use testkit::linear::{History, Input};
///
/// let mut history = History::new();
/// let append = history.call(1, "x", Input::Append("a".into()), 1_000);
/// let get = history.call(2, "x", Input::Get, 2_000);
/// history.returned(get, "a", 3_000);
/// assert!(history.get(append).answer.is_none()); // and may never be
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    clock: Clock,
    operations: Vec<Operation>,
}

impl History {
    /// An empty history whose times are nanoseconds.
    pub fn new() -> History {
        History::on(Clock::Nanoseconds)
    }

    /// An empty history whose times are read off the given clock.
    pub fn on(clock: Clock) -> History {
        History { clock, operations: Vec::new() }
    }

    /// Records that a client calls.
    pub fn call(&mut self, client: u64, key: impl Into<String>, input: Input, now: u64) -> OperationId {
        self.operations.push(Operation { client, key: key.into(), input, called: now, answer: None });
        OperationId(self.operations.len() - 1)
    }

    /// Records that a client has its answer.
    ///
    /// # Panics
    ///
    /// If the operation has an answer already, or would have it before it was called.
    pub fn returned(&mut self, id: OperationId, value: impl Into<String>, now: u64) {
        let operation = &mut self.operations[id.0];
        assert!(operation.answer.is_none(), "an operation returns once, but this one did before: {operation:?}");
        assert!(operation.called <= now, "an operation cannot return at {now}, before its call: {operation:?}");
        operation.answer = Some(Answer { value: value.into(), at: now });
    }

    /// The operation of that name.
    pub fn get(&self, id: OperationId) -> &Operation {
        &self.operations[id.0]
    }

    /// All operations, in the order in which their calls were recorded.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// All operations with their names.
    pub fn iter(&self) -> impl Iterator<Item = (OperationId, &Operation)> {
        self.operations.iter().enumerate().map(|(index, operation)| (OperationId(index), operation))
    }

    /// What the times count.
    pub fn clock(&self) -> Clock {
        self.clock
    }
}

impl Default for History {
    fn default() -> History {
        History::new()
    }
}
