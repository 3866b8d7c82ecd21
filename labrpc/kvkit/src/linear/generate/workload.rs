//! The description of a workload.

/// What clients do, and how the store fails them.
///
/// ```
/// use kvkit::linear::generate::{StoreFault, Workload};
/// use kvkit::linear::{Budget, check};
///
/// let workload = Workload { clients: 5, operations: 200, ..Workload::default() };
/// assert!(check(&workload.generate(1), Budget::default()).is_ok());
///
/// let broken = Workload { fault: Some(StoreFault::DoubledWrite), ..workload };
/// assert!(check(&broken.generate(1), Budget::default()).is_err());
/// ```
#[derive(Clone, Debug)]
pub struct Workload {
    /// How many clients call at the same time.
    pub clients: u64,
    /// How many keys they use, all equally often.
    pub keys: u64,
    /// How many operations they call in total.
    pub operations: usize,
    /// The percentage of Puts.
    pub puts_percent: u64,
    /// The percentage of Appends. All other operations are Gets.
    pub appends_percent: u64,
    /// The percentage of operations without a response. The client that waits for one is replaced.
    pub unanswered_percent: u64,
    /// The values that they write.
    pub values: Values,
    /// The store's mistake, if it makes one.
    pub fault: Option<StoreFault>,
}

/// The values that clients write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// `x 3 17 y` if client 3 calls the operation number 17 of the history.
    Unique,
    /// One of this many numbers, so that the same value is written many times.
    Few(u64),
}

/// The mistake that a store makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreFault {
    /// One Get returns a value that a write had replaced before the Get was called.
    StaleRead,
    /// One write returns but has no effect.
    LostWrite,
    /// One Append takes effect twice.
    DoubledWrite,
    /// One Append takes effect before another Append that had returned before it was called.
    SwappedAppends,
    /// One Get returns a value that no client wrote.
    InventedValue,
    /// From some moment on, a copy of the store serves every second client.
    SplitBrain,
}

impl StoreFault {
    /// All faults.
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
    /// One client on one key. Half of its operations are Gets and a few are Puts; nothing fails.
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
