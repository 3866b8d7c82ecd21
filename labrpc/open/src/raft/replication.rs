//! The log's way from the leader to the followers (§5.3), and what is committed (§5.4.2).

use labrpc::{APPEND_BYTES_MAX, Index, PeerId};

use super::messages::{AppendEntriesArgs, AppendEntriesResults, Request};
use super::state::{Follower, Role, State};
use super::{Outgoing, Raft};

impl Raft {
    /// The server leads its term from now on: its first heartbeats leave at once.
    pub(super) fn lead_locked(&self, state: &mut State) -> Outgoing {
        log::debug!("leads term {}", state.term);
        let next_index = state.log.last().index + 1;
        let unknown = Follower { next_index, match_index: 0, awaited: None, is_sent_snapshot: false };
        state.role = Role::Leader(vec![unknown; state.size]);
        self.shared.status_changed.notify_all();
        let outgoing = self.heartbeat_locked(state);
        self.shared.due_sooner.notify_all();
        outgoing
    }

    /// A request to each follower. It repeats entries that are still unanswered.
    pub(super) fn heartbeat_locked(&self, state: &mut State) -> Outgoing {
        state.restart_heartbeat();
        state.others().filter_map(|peer| self.append_to_locked(state, peer)).collect()
    }

    /// Sends what is new to each follower that nothing is on its way to. A cluster of one commits it here.
    pub(super) fn replicate_locked(&self, state: &mut State) -> Outgoing {
        self.advance_commit_locked(state);
        let Role::Leader(followers) = &state.role else { return Vec::new() };
        let is_idle = |peer: &PeerId| followers[*peer].awaited.is_none() && !followers[*peer].is_sent_snapshot;
        let idle: Vec<PeerId> = state.others().filter(is_idle).collect();
        idle.into_iter().filter_map(|peer| self.append_to_locked(state, peer)).collect()
    }

    /// The next request to a follower. If its next entry is gone, it is a heartbeat at the log's base: the answer to that
    /// shows whether a snapshot is needed.
    fn append_to_locked(&self, state: &mut State, peer: PeerId) -> Option<(PeerId, Request)> {
        let (term, leader_id, leader_commit) = (state.term, state.me, state.commit_index);
        let log = &state.log;
        let Role::Leader(followers) = &mut state.role else { return None };
        let follower = &mut followers[peer];
        let prev_log_index = (follower.next_index - 1).max(log.base().index);
        let is_gone = follower.next_index <= log.base().index;
        let entries = if is_gone { Vec::new() } else { log.from(follower.next_index, APPEND_BYTES_MAX) };
        follower.awaited = (!entries.is_empty()).then(|| prev_log_index + entries.len() as Index);
        let prev_log_term = log.term_at(prev_log_index).expect("the log holds what precedes a follower's next entry");
        let args = AppendEntriesArgs { term, leader_id, prev_log_index, prev_log_term, entries, leader_commit };
        Some((peer, Request::Append(args)))
    }

    /// A leader's AppendEntries was answered.
    pub(super) fn appended_locked(
        &self,
        state: &mut State,
        from: PeerId,
        args: &AppendEntriesArgs,
        results: &AppendEntriesResults,
    ) -> Outgoing {
        if args.term != state.term {
            return Vec::new();
        }
        let log = &state.log;
        let Role::Leader(followers) = &mut state.role else { return Vec::new() };
        let follower = &mut followers[from];
        if results.success {
            let through = args.prev_log_index + args.entries.len() as Index;
            // A late answer tells nothing new.
            follower.match_index = follower.match_index.max(through);
            follower.next_index = follower.next_index.max(follower.match_index + 1);
            follower.awaited = follower.awaited.filter(|&last| last > follower.match_index);
        } else {
            if args.prev_log_index <= follower.match_index {
                return Vec::new(); // It is late: the follower has agreed since.
            }
            let run = results.conflict_term.and_then(|term| log.last_of_term(term)).map(|last| last + 1);
            let hint = run.unwrap_or(results.conflict_index).min(args.prev_log_index);
            follower.next_index = hint.min(follower.next_index).max(follower.match_index + 1);
            follower.awaited = None;
        }
        self.advance_commit_locked(state);
        self.send_missing_locked(state, from)
    }

    /// What a follower that has just answered still lacks, if nothing is on its way to it.
    pub(super) fn send_missing_locked(&self, state: &mut State, peer: PeerId) -> Outgoing {
        let (base, last) = (state.log.base().index, state.log.last().index);
        let Role::Leader(followers) = &mut state.role else { return Vec::new() };
        let follower = &mut followers[peer];
        let outgoing = if follower.next_index <= base {
            self.snapshot_to_locked(state, peer)
        } else if follower.next_index <= last && follower.awaited.is_none() {
            self.append_to_locked(state, peer)
        } else {
            None
        };
        outgoing.into_iter().collect()
    }

    /// Figure 2, AppendEntries: receiver implementation.
    pub(super) fn append_locked(&self, state: &mut State, args: AppendEntriesArgs) -> AppendEntriesResults {
        self.observe_term_locked(state, args.term);
        let refusal = |state: &State, conflict_term, conflict_index| AppendEntriesResults {
            term: state.term,
            success: false,
            conflict_term,
            conflict_index,
        };
        if args.term < state.term {
            return refusal(state, None, 0);
        }
        self.step_down_locked(state);
        state.restart_timer();

        let base = state.log.base().index;
        if args.prev_log_index > state.log.last().index {
            return refusal(state, None, state.log.last().index + 1);
        }
        // What a snapshot covers is committed, and so it is the same in every log.
        let held = state.log.term_at(args.prev_log_index);
        if let Some(term) = held.filter(|term| args.prev_log_index > base && *term != args.prev_log_term) {
            return refusal(state, Some(term), state.log.first_of_term(term, args.prev_log_index));
        }
        let through = args.prev_log_index + args.entries.len() as Index;
        self.store_locked(state, args.prev_log_index, args.entries);
        let commit_index = args.leader_commit.min(through);
        if commit_index > state.commit_index {
            state.commit_index = commit_index;
            self.shared.committed.notify_all();
        }
        AppendEntriesResults { term: state.term, success: true, conflict_term: None, conflict_index: 0 }
    }

    /// AppendEntries rules 3 and 4: entries that are there already stay, and so does what follows them.
    fn store_locked(&self, state: &mut State, prev_log_index: Index, entries: Vec<labrpc::Entry>) {
        let mut is_changed = false;
        for (index, entry) in (prev_log_index + 1..).zip(entries) {
            if index <= state.log.base().index || state.log.term_at(index) == Some(entry.term) {
                continue;
            }
            assert!(index > state.commit_index, "the leader replaces entry {index}, which is committed");
            state.log.truncate(index);
            state.log.push(entry);
            is_changed = true;
        }
        if is_changed {
            state.persist();
        }
    }

    /// Figure 2, Leaders rule 4: what a majority holds is committed, if it is of this term.
    fn advance_commit_locked(&self, state: &mut State) {
        let last = state.log.last().index;
        let Role::Leader(followers) = &state.role else { return };
        let mut matched: Vec<Index> = followers.iter().map(|follower| follower.match_index).collect();
        matched[state.me] = last;
        matched.sort_unstable();
        let held_by_majority = matched[(state.size - 1) / 2];
        if held_by_majority > state.commit_index && state.log.term_at(held_by_majority) == Some(state.term) {
            state.commit_index = held_by_majority;
            self.shared.committed.notify_all();
        }
    }
}
