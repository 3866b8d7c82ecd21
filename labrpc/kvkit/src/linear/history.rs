//! What the clients asked, which responses they got, and when.

/// Identifies one operation of one [`History`].
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

/// A client's response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The value that a Get returned; "" for a Put or an Append.
    pub value: String,
    /// When the client received it.
    pub at: u64,
}

/// One operation of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientOperation {
    /// The client's number. A client waits for the response before it calls again.
    pub client: u64,
    /// The key.
    pub key: String,
    /// What the client asks for.
    pub input: Input,
    /// When the client called.
    pub called: u64,
    /// The response; `None` if there never was one.
    pub response: Option<Response>,
}

/// The unit of a history's times. Only the order of times decides whether the history is
/// linearizable; the unit decides how messages show them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// Nanoseconds since the world began.
    Nanoseconds,
    /// Lines of the text that the history was read from, counted from 1.
    Lines,
}

/// Everything that the clients of one key-value store did.
///
/// Recording an operation is cheap: it only moves the strings in.
///
/// ```
/// use kvkit::linear::{History, Input};
///
/// let mut history = History::new();
/// let append = history.call(1, "x", Input::Append("a".into()), 1_000);
/// let get = history.call(2, "x", Input::Get, 2_000);
/// history.returned(get, "a", 3_000);
/// assert!(history.get(append).response.is_none()); // and may never be
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    time_unit: TimeUnit,
    operations: Vec<ClientOperation>,
}

impl History {
    /// An empty history whose times are nanoseconds.
    pub fn new() -> History {
        History::with_unit(TimeUnit::Nanoseconds)
    }

    /// An empty history whose times have the given unit.
    pub fn with_unit(time_unit: TimeUnit) -> History {
        History { time_unit, operations: Vec::new() }
    }

    /// Records that a client calls.
    pub fn call(&mut self, client: u64, key: impl Into<String>, input: Input, now: u64) -> OperationId {
        self.operations.push(ClientOperation { client, key: key.into(), input, called: now, response: None });
        OperationId(self.operations.len() - 1)
    }

    /// Records that a client has received its response.
    ///
    /// # Panics
    ///
    /// When the operation has a response already, or when `now` is before its call.
    pub fn returned(&mut self, id: OperationId, value: impl Into<String>, now: u64) {
        let operation = &mut self.operations[id.0];
        assert!(operation.response.is_none(), "an operation returns once, but this one did before: {operation:?}");
        assert!(operation.called <= now, "an operation cannot return at {now}, before its call: {operation:?}");
        operation.response = Some(Response { value: value.into(), at: now });
    }

    /// The operation with this id.
    pub fn get(&self, id: OperationId) -> &ClientOperation {
        &self.operations[id.0]
    }

    /// All operations, in the order in which their calls were recorded.
    pub fn operations(&self) -> &[ClientOperation] {
        &self.operations
    }

    /// All operations with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (OperationId, &ClientOperation)> {
        self.operations.iter().enumerate().map(|(index, operation)| (OperationId(index), operation))
    }

    /// The unit of the times.
    pub fn time_unit(&self) -> TimeUnit {
        self.time_unit
    }
}

impl Default for History {
    fn default() -> History {
        History::new()
    }
}
