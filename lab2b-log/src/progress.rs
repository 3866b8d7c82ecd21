//! What a leader knows of one follower.

use labrpc::Index;

/// How far one follower has come, as far as its leader knows.
///
/// At first the leader only guesses that the follower's log is as long as its own. Conflicts move
/// the guess back, and the first agreement ends the guessing.
///
/// One request is on its way at a time. What is proposed meanwhile travels together in the next.
///
/// # Invariants
///
/// - `match_index < next_index`; once the follower has agreed to anything, they are neighbours.
/// - `match_index` never falls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The follower is known to agree through here. A measurement.
    match_index: Index,
    /// The next request starts here. A guess, until the follower has agreed to something.
    next_index: Index,
    /// Where the request on its way ends, until it is answered.
    awaited: Option<Index>,
}

impl Progress {
    /// Knows nothing, and guesses that the follower's log ends where the leader's does.
    pub fn new(last_index: Index) -> Progress {
        Progress { match_index: 0, next_index: last_index + 1, awaited: None }
    }

    /// The follower is known to agree through here.
    pub fn match_index(&self) -> Index {
        self.match_index
    }

    /// Where the next request starts.
    pub fn next_index(&self) -> Index {
        self.next_index
    }

    /// Whether no request is on its way.
    pub fn is_idle(&self) -> bool {
        self.awaited.is_none()
    }

    /// A request that ends at `through` has left. An earlier one that is still unanswered is given up.
    pub fn note_sent(&mut self, through: Index) {
        self.awaited = Some(through);
    }

    /// The follower agrees through `through`. That answers the request on its way if it reaches
    /// as far. An older answer may still be news, and is never a step back.
    pub fn agree(&mut self, through: Index) {
        // BEGIN 2B Figure 2, Leaders: raise match_index and next_index, never lower them; is the awaited answer in? assert_invariants
        self.match_index = self.match_index.max(through);
        self.next_index = self.next_index.max(through + 1);
        if self.awaited.is_some_and(|awaited| awaited <= through) {
            self.awaited = None;
        }
        self.assert_invariants();
        // END
    }

    /// The follower does not hold what the request was to build upon, and asks for the entries
    /// from `retry_from` on. True if that moves the next request back.
    ///
    /// It moves back only over what the follower never agreed to. Otherwise the answer is a late
    /// or doubled one, and there is nothing to do: each true answer moves `next_index` down, so
    /// no answer counts twice.
    pub fn back_up(&mut self, retry_from: Index) -> bool {
        // BEGIN 2B Figure 2, Leaders: lower next_index, but neither below what matches nor ever up
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
        assert!(self.match_index < self.next_index, "what a follower agreed to is not sent again: {self:?}");
    }
}
