//! Snapshots (§7, Figure 13).

use labrpc::{Bytes, Index, LogPosition, PeerId};

use super::messages::{InstallSnapshotArgs, InstallSnapshotResults, Request};
use super::state::{Role, State};
use super::{Outgoing, Raft};

impl Raft {
    /// The service has taken a snapshot through an entry that it has applied.
    pub(super) fn compact(&self, through: Index, snapshot: Bytes) {
        let mut state = self.lock();
        if state.is_shut_down || through <= state.log.base().index {
            return;
        }
        assert!(through <= state.last_applied, "the service has not applied entry {through} yet");
        let term = state.log.term_at(through).expect("the log holds every entry after its base that was applied");
        state.log.begin_after(LogPosition { term, index: through });
        state.snapshot = snapshot;
        state.persist_with_snapshot();
    }

    /// The snapshot, for a follower that needs entries which are gone, unless it is on its way already.
    pub(super) fn snapshot_to_locked(&self, state: &mut State, peer: PeerId) -> Option<(PeerId, Request)> {
        let LogPosition { term: last_included_term, index: last_included_index } = state.log.base();
        let (term, leader_id, data) = (state.term, state.me, state.snapshot.clone());
        let Role::Leader(followers) = &mut state.role else { return None };
        if std::mem::replace(&mut followers[peer].is_sent_snapshot, true) {
            return None;
        }
        let args = InstallSnapshotArgs { term, leader_id, last_included_index, last_included_term, data };
        Some((peer, Request::Install(args)))
    }

    /// A leader's InstallSnapshot was answered, or the thread has given up waiting. A snapshot that was lost is sent again
    /// when the follower answers a heartbeat.
    pub(super) fn installed_locked(
        &self,
        state: &mut State,
        from: PeerId,
        args: &InstallSnapshotArgs,
        is_answered: bool,
    ) -> Outgoing {
        let Role::Leader(followers) = &mut state.role else { return Vec::new() };
        if args.term != state.term {
            return Vec::new();
        }
        let follower = &mut followers[from];
        follower.is_sent_snapshot = false;
        if !is_answered {
            return Vec::new();
        }
        follower.match_index = follower.match_index.max(args.last_included_index);
        follower.next_index = follower.next_index.max(follower.match_index + 1);
        self.send_missing_locked(state, from)
    }

    /// Figure 13: receiver implementation.
    pub(super) fn install_locked(&self, state: &mut State, args: InstallSnapshotArgs) -> InstallSnapshotResults {
        self.observe_term_locked(state, args.term);
        if args.term < state.term {
            return InstallSnapshotResults { term: state.term };
        }
        self.step_down_locked(state);
        state.restart_timer();
        // What is committed is in the log, or was applied.
        if args.last_included_index > state.commit_index {
            log::debug!("installs a snapshot through entry {}", args.last_included_index);
            state.log.begin_after(LogPosition { term: args.last_included_term, index: args.last_included_index });
            state.snapshot = args.data;
            state.commit_index = args.last_included_index;
            state.last_applied = args.last_included_index;
            state.is_snapshot_new = true;
            state.persist_with_snapshot();
            self.shared.committed.notify_all();
        }
        InstallSnapshotResults { term: state.term }
    }
}
