//! Could one store that serves one operation at a time have given its clients these answers?
//!
//! # What is promised
//!
//! A replicated store runs on many servers, but its clients must not notice. A history of operations
//! and answers is *linearizable* if every operation can be given an instant between its call and its
//! return such that the operations, done one at a time at these instants, give the same answers.
//! Two consequences often surprise students: an operation that has returned is seen by every
//! operation that is called later, whatever the client and the server; and operations that overlap
//! may have happened in either order.
//!
//! A Put or an Append without an answer may or may not have happened, at any time after its call.
//! A Get without an answer is left out, because it returned nothing that could be wrong. Two operations overlap even if
//! one returns in the same instant in which the other is called.
//!
//! # How it is checked
//!
//! 1. A [`History`] is recorded while the clients run (`history.rs`), or read from text ([`text`]).
//! 2. Each key is checked by itself (`register.rs`).
//! 3. If every value written to the key is unique, the values that Gets returned show the order of
//!    the writes, and it only remains to compare that order with the times. This takes little more
//!    than reading the values, and a contradiction consists of a few operations (`unique/mod.rs`,
//!    with the proof). So workloads should write values such as `x 3 17 y`.
//! 4. Otherwise orders are tried until one fits (`search/mod.rs`). The problem is NP-complete, so the
//!    search has a [`Budget`]. It is counted in configurations and not in time, so that the result does
//!    not depend on the machine. A search that exceeds it is [`Undecided`](CheckError::Undecided),
//!    which is an error like any other: what was not checked must not pass.
//! 5. An error describes the shortest beginning of the history that is wrong already (`explain.rs`),
//!    in one sentence that also says what would have been right ([`CheckError`]).
//!
//! Both methods decide the same question. The tests compare them with each other and with brute
//! force, on histories from [`generate`].
//!
//! # What is missing on purpose
//!
//! Operations other than Get, Put and Append: the checker is fast because it knows these. Checking
//! keys in parallel: the run that is checked takes longer than the check. The order that explains a
//! correct history: no test needs it.
//!
//! ```
//! use kvkit::linear::{Budget, History, Input, check};
//!
//! let mut history = History::new();
//! let put = history.call(1, "x", Input::Put("new".into()), 1_000_000);
//! history.returned(put, "", 5_000_000);
//! let get = history.call(2, "x", Input::Get, 7_000_000);
//! history.returned(get, "", 9_000_000);
//!
//! let violation = check(&history, Budget::default()).unwrap_err();
//! assert_eq!(
//!     violation.to_string(),
//!     "Lost write to key \"x\": client 2's Get that returned \"\" (0.007 s to 0.009 s) was called after \
//!      client 1's Put of \"new\" (0.001 s to 0.005 s) had returned, but returned an older value; \
//!      once a write has returned, every later operation must see it."
//! );
//! ```

mod contradiction;
mod explain;
pub mod generate;
mod history;
mod register;
mod search;
pub mod text;
mod unique;
mod words;

pub use self::contradiction::{CheckError, Contradiction, ContradictionKind, Limit};
use self::explain::BrokenHistory;
pub use self::history::{ClientOperation, History, Input, OperationId, Response, TimeUnit};
use self::register::Register;
use self::search::SearchResult;

/// How much work a check may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The most configurations that the search may visit, for all keys together. Each costs about a
    /// microsecond and a hundred bytes.
    pub configurations_max: usize,
}

impl Default for Budget {
    /// A million configurations: two hundred times what fifteen clients on one key need. They take a second or two.
    fn default() -> Budget {
        const CONFIGURATIONS_MAX: usize = 1_000_000;
        Budget { configurations_max: CONFIGURATIONS_MAX }
    }
}

/// Checks whether a history is linearizable.
///
/// # Errors
///
/// [`CheckError`] if it is not, or if the budget is too small to decide. Of several contradictions it
/// returns the one that became certain first.
pub fn check(history: &History, budget: Budget) -> Result<(), CheckError> {
    let mut remaining = budget.configurations_max;
    earliest(history, |register| {
        by_unique_values(history, register).unwrap_or_else(|| by_search(history, register, budget, &mut remaining))
    })
}

/// The same as [`check`], using only the search.
///
/// # Errors
///
/// See [`check`].
pub fn check_by_search(history: &History, budget: Budget) -> Result<(), CheckError> {
    let mut remaining = budget.configurations_max;
    earliest(history, |register| by_search(history, register, budget, &mut remaining))
}

/// The same as [`check`], using only the values; `None` if those of some key are not unique.
pub fn check_by_unique_values(history: &History) -> Option<Result<(), CheckError>> {
    let mut are_unique = true;
    let result = earliest(history, |register| {
        by_unique_values(history, register).unwrap_or_else(|| {
            are_unique = false;
            Ok(())
        })
    });
    are_unique.then_some(result)
}

/// Checks every key and returns the earliest contradiction, which is the nearest to the cause.
fn earliest(
    history: &History,
    mut check_key: impl FnMut(&Register) -> Result<(), CheckError>,
) -> Result<(), CheckError> {
    let errors = Register::split(history).into_iter().filter_map(|register| check_key(&register).err());
    let certain_at = |error: &CheckError| match error {
        CheckError::NotLinearizable(contradiction) => contradiction.at,
        CheckError::Undecided { .. } => u64::MAX,
    };
    errors.min_by_key(certain_at).map_or(Ok(()), Err)
}

fn by_unique_values(history: &History, register: &Register) -> Option<Result<(), CheckError>> {
    if unique::check(register)?.is_ok() {
        return Some(Ok(()));
    }
    let (register, end, reason) = unique::shortest(register)?;
    let broken = BrokenHistory { history, register, end };
    Some(Err(CheckError::NotLinearizable(broken.explain(reason))))
}

fn by_search(history: &History, register: &Register, budget: Budget, remaining: &mut usize) -> Result<(), CheckError> {
    let undecided = |limit| Err(CheckError::Undecided { key: register.key.to_string(), limit });
    match search::search(register, remaining) {
        SearchResult::Legal => Ok(()),
        SearchResult::Stuck(stuck) => {
            let end = history.get(stuck.get).response.as_ref().map_or(register::NEVER, |answer| answer.at);
            let broken = BrokenHistory { history, register: register.clone(), end };
            Err(CheckError::NotLinearizable(broken.explain_stuck(&stuck)))
        }
        SearchResult::OutOfBudget => undecided(Limit::Configurations(budget.configurations_max)),
        SearchResult::TooManyOpen => undecided(Limit::OpenOperations),
    }
}
