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
    let line =
        format!("script.expect_applied_indices({}..={}, \"these are committed\")", state.applied + 1, state.commit);
    let rule = match state.base.index > state.applied {
        true => &DELIVERED,
        false if state.is_leader() => &COMMIT_AT_ONCE,
        false => &APPLY_AT_ONCE,
    };
    complain(rule, what, line)
}

fn too_early(state: &ModelServer, at: LogPosition) -> Verdict<()> {
    let what = format!("server 0 applies entry {}, but only entries through {} are committed", At(at), state.commit);
    let rule = match state.is_leader() {
        true if at.term < state.term() => &OWN_TERM_COMMIT,
        true => &MAJORITY_COMMIT,
        false => &FOLLOWER_COMMIT,
    };
    let line = format!(
        "script.expect_applied_indices({}..={}, \"only these are committed\")",
        state.applied + 1,
        state.commit
    );
    complain(rule, what, line)
}
