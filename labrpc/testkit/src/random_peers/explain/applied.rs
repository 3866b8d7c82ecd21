//! What a server applies.

use labrpc::{ApplyMsg, LogPosition};

use super::super::model::ModelServer;
use super::{Verdict, complain};
use crate::event_line::At;
use crate::rule::replication::{
    APPLY_AT_ONCE, APPLY_ORDER, COMMIT_AT_ONCE, FOLLOWER_COMMIT, MAJORITY_COMMIT, OWN_TERM_COMMIT, STATE_MACHINE,
};
use crate::rule::snapshots::DELIVERED;

/// Checks what the service received: everything that is committed now, in order, once.
pub(super) fn check_applied(path: &[ModelServer], state: &mut ModelServer, applied: &[ApplyMsg]) -> Verdict<()> {
    for message in applied {
        match message {
            ApplyMsg::Command { at, command } => {
                let next = state.applied + 1;
                if at.index != next {
                    let what = format!("server 0 applies entry {} where entry {next} is next", At(*at));
                    return complain(&APPLY_ORDER, what, "");
                }
                if at.index > state.commit {
                    return too_early(state, *at);
                }
                let is_right = path
                    .iter()
                    .filter_map(|state| state.get(at.index))
                    .any(|entry| entry.term == at.term && entry.command == *command);
                if !is_right {
                    let what = format!("server 0 applies another command or term at {} than its log holds", At(*at));
                    return complain(&STATE_MACHINE, what, "");
                }
                state.applied = at.index;
            }
            ApplyMsg::Snapshot { through, snapshot } => {
                let is_right = path.iter().any(|state| state.base == *through && state.snapshot == *snapshot);
                if !is_right || through.index <= state.applied {
                    let what = format!(
                        "server 0 applies a snapshot through {}; its log begins after {}, and it has applied everything through {}",
                        At(*through),
                        At(state.base),
                        state.applied
                    );
                    return complain(&DELIVERED, what, "");
                }
                state.applied = through.index;
            }
        }
    }
    if state.applied == state.commit {
        return Ok(());
    }
    let what = format!(
        "server 0 has applied entries through {}, but entries through {} are committed",
        state.applied, state.commit
    );
    let rule = match state.base.index > state.applied {
        true => &DELIVERED,
        false if state.is_leader() => &COMMIT_AT_ONCE,
        false => &APPLY_AT_ONCE,
    };
    complain(rule, what, expected_line(state, "these are committed"))
}

/// The step of a test that expects what is committed to be applied now.
fn expected_line(state: &ModelServer, why: &str) -> String {
    match (state.applied + 1, state.commit) {
        (first, last) if first > last => "script.expect_nothing_applied(\"nothing new is committed\")".to_string(),
        (only, last) if only == last => format!("script.expect_applied_indices([{only}], \"{why}\")"),
        (first, last) => format!("script.expect_applied_indices({first}..={last}, \"{why}\")"),
    }
}

fn too_early(state: &ModelServer, at: LogPosition) -> Verdict<()> {
    let what = format!("server 0 applies entry {}, but only entries through {} are committed", At(at), state.commit);
    let rule = match state.is_leader() {
        true if at.term < state.term() => &OWN_TERM_COMMIT,
        true => &MAJORITY_COMMIT,
        false => &FOLLOWER_COMMIT,
    };
    complain(rule, what, expected_line(state, "only these are committed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The step of a generated test names no empty range.
    #[test]
    fn what_is_expected_is_told_without_empty_ranges() {
        let line = |applied, commit| expected_line(&ModelServer { applied, commit, ..ModelServer::new(0, 3) }, "why");
        assert_eq!(line(3, 3), "script.expect_nothing_applied(\"nothing new is committed\")");
        assert_eq!(line(3, 4), "script.expect_applied_indices([4], \"why\")");
        assert_eq!(line(3, 6), "script.expect_applied_indices(4..=6, \"why\")");
    }
}
