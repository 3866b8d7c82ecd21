//! A server's state in a few numbers, and what a step changed of it, for log lines.

use crate::api::{Index, LogPosition, PeerId};
use crate::persister::Ballot;

/// What the log lines of a server compare before and after each step.
///
/// ```
/// use labrpc::{Ballot, Summary};
///
/// let before = Summary { me: 2, ..Summary::default() };
/// let ballot = Ballot { term: 1, voted_for: Some(2) };
/// let after = Summary { ballot, is_leader: true, commit_index: 3, ..before };
/// assert_eq!(after.changes_since(&before), ["campaigns in term 1", "leads term 1", "commits through 3"]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The server.
    pub me: PeerId,
    /// Term and vote.
    pub ballot: Ballot,
    /// Whether the server believes that it leads the term.
    pub is_leader: bool,
    /// The position right before the first entry of the log.
    pub base: LogPosition,
    /// Where the log ends.
    pub last: LogPosition,
    /// The entries through this index are known to be committed.
    pub commit_index: Index,
    /// The entries through this index were taken for the service.
    pub last_applied: Index,
}

impl Summary {
    /// What changed since `before`: a phrase for each transition, in the order in which the paper makes them.
    pub fn changes_since(&self, before: &Summary) -> Vec<String> {
        let mut changes = self.changes_of_role(before);
        if self.base != before.base {
            let base = place(self.base);
            changes.push(match self.base.index > before.commit_index {
                true => format!("installs the snapshot through {base}"),
                false => format!("drops its log through {base}"),
            });
        }
        if self.last != before.last {
            changes.push(match self.last.index < before.last.index {
                true => format!("cuts its log, which ends at {} now", place(self.last)),
                false => format!("appends: its log ends at {} now", place(self.last)),
            });
        }
        if self.commit_index != before.commit_index {
            changes.push(format!("commits through {}", self.commit_index));
        }
        if self.last_applied != before.last_applied {
            changes.push(format!("applies through {}", self.last_applied));
        }
        changes
    }

    fn changes_of_role(&self, before: &Summary) -> Vec<String> {
        let Ballot { term, voted_for } = self.ballot;
        let is_new_term = term != before.ballot.term;
        let is_own_vote = voted_for == Some(self.me);
        let mut changes = Vec::new();
        if before.is_leader && !self.is_leader {
            changes.push(format!("steps down as the leader of term {}", before.ballot.term));
        }
        match voted_for {
            _ if is_new_term && is_own_vote => changes.push(format!("campaigns in term {term}")),
            Some(candidate) if self.ballot != before.ballot => {
                changes.push(format!("votes for {candidate} in term {term}"));
            }
            _ if is_new_term => changes.push(format!("follows in term {term}")),
            _ => {}
        }
        if self.is_leader && (!before.is_leader || is_new_term) {
            changes.push(format!("leads term {term}"));
        }
        changes
    }
}

/// `index:term`, as the test kit writes a position.
fn place(position: LogPosition) -> String {
    format!("{}:{}", position.index, position.term)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(index: Index, term: u64) -> LogPosition {
        LogPosition { term, index }
    }

    fn follower() -> Summary {
        let ballot = Ballot { term: 3, voted_for: None };
        Summary { me: 0, ballot, last: at(5, 3), commit_index: 4, last_applied: 4, ..Summary::default() }
    }

    /// A follower's transitions have a phrase each, and what did not change has none.
    #[test]
    fn a_follower_has_its_phrases() {
        let before = follower();
        assert!(before.changes_since(&before).is_empty());
        let changes = |after: Summary| after.changes_since(&before);
        let ballot = |term, voted_for| Ballot { term, voted_for };
        assert_eq!(changes(Summary { ballot: ballot(4, Some(1)), ..before }), ["votes for 1 in term 4"]);
        assert_eq!(changes(Summary { ballot: ballot(3, Some(1)), ..before }), ["votes for 1 in term 3"]);
        assert_eq!(changes(Summary { ballot: ballot(4, None), ..before }), ["follows in term 4"]);
        let after = Summary { last: at(7, 3), commit_index: 6, last_applied: 6, ..before };
        let expected = ["appends: its log ends at 7:3 now", "commits through 6", "applies through 6"];
        assert_eq!(changes(after), expected);
        assert_eq!(changes(Summary { last: at(4, 2), ..before }), ["cuts its log, which ends at 4:2 now"]);
        let after = Summary { base: at(9, 3), last: at(9, 3), commit_index: 9, last_applied: 9, ..before };
        assert_eq!(changes(after)[0], "installs the snapshot through 9:3");
        assert_eq!(changes(Summary { base: at(4, 2), ..before }), ["drops its log through 4:2"]);
    }

    /// A leader that hears of a newer term steps down first.
    #[test]
    fn a_leader_has_its_phrases() {
        let ballot = Ballot { term: 3, voted_for: Some(0) };
        let leader = Summary { ballot, is_leader: true, ..follower() };
        assert_eq!(leader.changes_since(&follower()), ["votes for 0 in term 3", "leads term 3"]);
        let ballot = Ballot { term: 5, voted_for: None };
        let after = Summary { ballot, is_leader: false, ..leader };
        assert_eq!(after.changes_since(&leader), ["steps down as the leader of term 3", "follows in term 5"]);
    }
}
