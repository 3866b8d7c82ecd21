//! Elections (§5.2).

use std::collections::BTreeSet;

use labrpc::time::Instant;
use labrpc::{LogPosition, PeerId};

use super::messages::{Request, RequestVoteArgs, RequestVoteResults};
use super::state::{Role, State};
use super::{Outgoing, Raft};

impl Raft {
    /// The ticker: campaigns when a timeout passes, and sends heartbeats when they are due.
    pub(super) fn tick(&self) {
        let mut state = self.lock();
        while !state.is_shut_down {
            let due = state.due;
            if Instant::now() < due {
                self.shared.due_sooner.wait_until(&mut state, due);
                continue;
            }
            let outgoing = match state.role {
                Role::Leader(_) => self.heartbeat_locked(&mut state),
                _ => self.campaign_locked(&mut state),
            };
            drop(state);
            self.send(outgoing);
            state = self.lock();
        }
    }

    /// Figure 2, Candidates rule 1.
    fn campaign_locked(&self, state: &mut State) -> Outgoing {
        state.term += 1;
        state.voted_for = Some(state.me);
        state.role = Role::Candidate(BTreeSet::from([state.me]));
        state.restart_timer();
        state.persist();
        self.shared.status_changed.notify_all();
        log::debug!("campaigns in term {}", state.term);
        if state.is_majority(1) {
            return self.lead_locked(state);
        }
        let LogPosition { term: last_log_term, index: last_log_index } = state.log.last();
        let args = RequestVoteArgs { term: state.term, candidate_id: state.me, last_log_index, last_log_term };
        state.others().map(|peer| (peer, Request::Vote(args.clone()))).collect()
    }

    /// Figure 2, RequestVote: receiver implementation.
    pub(super) fn vote_locked(&self, state: &mut State, args: &RequestVoteArgs) -> RequestVoteResults {
        self.observe_term_locked(state, args.term);
        let is_free = state.voted_for.is_none_or(|candidate| candidate == args.candidate_id);
        let candidate_last = LogPosition { term: args.last_log_term, index: args.last_log_index };
        let vote_granted = args.term == state.term && is_free && candidate_last >= state.log.last();
        if vote_granted {
            state.voted_for = Some(args.candidate_id);
            state.persist();
            state.restart_timer();
            log::debug!("votes for {} in term {}", args.candidate_id, state.term);
        }
        RequestVoteResults { term: state.term, vote_granted }
    }

    /// Figure 2, Candidates rule 2.
    pub(super) fn count_vote_locked(
        &self,
        state: &mut State,
        voter: PeerId,
        args: &RequestVoteArgs,
        results: &RequestVoteResults,
    ) -> Outgoing {
        if args.term != state.term || !results.vote_granted {
            return Vec::new();
        }
        let Role::Candidate(voters) = &mut state.role else { return Vec::new() };
        voters.insert(voter);
        let count = voters.len();
        if state.is_majority(count) { self.lead_locked(state) } else { Vec::new() }
    }
}
