//! The description of a workload.

/// What clients do, and what the store does to them.
///
/// ```
/// use testkit::linear::generate::{StoreFault, Workload};
/// use testkit::linear::{Budget, check};
///
/// let workload = Workload { clients: 5, operations: 200, ..Workload::default() };
/// assert!(check(&workload.play(1), Budget::default()).is_ok());
///
/// let broken = Workload { fault: Some(StoreFault::DoubledWrite), ..workload };
/// assert!(check(&broken.play(1), Budget::default()).is_err());
/// ```
#[derive(Clone, Debug)]
pub struct Workload {
    /// How many clients call at the same time.
    pub clients: u64,
    /// How many keys they use, all alike.
    pub keys: u64,
    /// How many operations they call in all.
    pub operations: usize,
    /// How many of a hundred operations are Puts.
    pub puts_percent: u64,
    /// How many of a hundred are Appends. The others are Gets.
    pub appends_percent: u64,
    /// How many of a hundred are never answered. The client that waits for it is replaced.
    pub unanswered_percent: u64,
    /// What they write.
    pub values: Values,
    /// How the store breaks its promise, if it does.
    pub fault: Option<StoreFault>,
}

/// What clients write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// `x 3 17 y` if client 3 calls the operation number 17 of the history.
    Unique,
    /// One of so many numbers, so that the same value is written again and again.
    Few(u64),
}

/// How a store breaks its promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreFault {
    /// One Get returns a value that a write had replaced before the Get was called.
    StaleRead,
    /// One write is answered and has no effect.
    LostWrite,
    /// One Append takes effect twice.
    DoubledWrite,
    /// One Append is put before another that had returned before it was called.
    SwappedAppends,
    /// One Get returns something that nobody wrote.
    InventedValue,
    /// From one moment on, every second client is served by a copy of the store.
    SplitBrain,
}

impl StoreFault {
    /// All of them.
    pub const ALL: [StoreFault; 6] = [
        StoreFault::StaleRead,
        StoreFault::LostWrite,
        StoreFault::DoubledWrite,
        StoreFault::SwappedAppends,
        StoreFault::InventedValue,
        StoreFault::SplitBrain,
    ];
}

impl Default for Workload {
    /// One client on one key, half of whose operations are Gets and some Puts, and no trouble.
    fn default() -> Workload {
        Workload {
            clients: 1,
            keys: 1,
            operations: 100,
            puts_percent: 5,
            appends_percent: 45,
            unanswered_percent: 0,
            values: Values::Unique,
            fault: None,
        }
    }
}
