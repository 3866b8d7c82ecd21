//! What a leader knows about one follower.

use labrpc::Index;

/// How much of the leader's log one follower holds, as far as the leader knows.
///
/// At first the leader guesses that the follower's log is as long as its own. Conflicts move the
/// guess back, and the first agreement ends the guessing.
///
/// One request is on its way at a time. Commands that are proposed meanwhile travel together in
/// the next one.
///
/// # Invariants
///
/// - `match_index < next_index`; once the follower has agreed to anything,
///   `next_index` is `match_index + 1`.
/// - `match_index` never falls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The follower is known to agree through this index.
    match_index: Index,
    /// The next request starts at this index. A guess, until the follower has agreed to something.
    next_index: Index,
    /// The last index of the request on its way, until it is answered.
    awaited: Option<Index>,
}

impl Progress {
    /// Knows nothing yet, and guesses that the follower's log ends where the leader's does.
    pub fn new(last_index: Index) -> Progress {
        Progress { match_index: 0, next_index: last_index + 1, awaited: None }
    }

    /// The follower is known to agree through this index.
    pub fn match_index(&self) -> Index {
        self.match_index
    }

    /// The index at which the next request starts.
    pub fn next_index(&self) -> Index {
        self.next_index
    }

    /// Whether no request is on its way.
    pub fn is_idle(&self) -> bool {
        self.awaited.is_none()
    }

    /// A request that ends at `through` has left. It replaces an earlier one that is still unanswered.
    pub fn note_sent(&mut self, through: Index) {
        self.awaited = Some(through);
    }

    /// The follower agrees with the leader's log through `through`. The request on its way is answered if it
    /// ends at or before `through`.
    ///
    /// The answer may be late or doubled: what the follower has agreed to before, it still agrees to.
    pub fn agree(&mut self, through: Index) {
        // BEGIN 2B Figure 2, Rules for Servers, Leaders rule 3
        // HINT An answer to an older request comes after one to a newer request. Which of the two do you believe?
        // HINT Neither index ever falls here. What is the first index that the follower may still lack?
        // HINT Clear `awaited` when `through` reaches it. Assert the invariants at the end.
        self.match_index = self.match_index.max(through);
        self.next_index = self.next_index.max(through + 1);
        if self.awaited.is_some_and(|awaited| awaited <= through) {
            self.awaited = None;
        }
        self.assert_invariants();
        // END
    }

    /// The follower does not hold the position before the request's entries, and asks for the
    /// entries from `retry_from` on. True if the next request must start earlier now.
    ///
    /// The answer may be late or doubled. What the follower has agreed to is never in question again, and no
    /// answer counts twice.
    pub fn back_up(&mut self, retry_from: Index) -> bool {
        // BEGIN 2B Figure 2, Rules for Servers, Leaders rule 3
        // HINT How far back can the next request have to start at most, given what is known to match?
        // HINT If the same refusal comes twice, the second one changes nothing, and says so.
        // HINT The new guess is `retry_from`, or right after what matches if that is later; take it only if lower.
        let next_index = retry_from.max(self.match_index + 1);
        if next_index >= self.next_index {
            return false;
        }
        self.next_index = next_index;
        self.assert_invariants();
        true
        // END
    }

    fn assert_invariants(&self) {
        assert!(self.match_index < self.next_index, "next_index must be past match_index: {self:?}");
    }
}
