//! The end of a run: messages are no longer lost, and everyone must come to the same log.

use labrpc::{AppendEntriesReply, AppendOutcome, Bytes, Index, PeerId, RaftReply, RaftRequest};

use super::driver::PeersRun;
use super::explain::Complaint;
use super::plan::Bits;
use crate::rule::election::{CAMPAIGN_DUE, LEADER_IN_TIME};
use crate::rule::replication::CATCH_UP;

/// More requests than any log in a run needs.
const REQUESTS_MAX: usize = 120;
/// A server wins one of this many elections: it may have to learn of newer terms first.
const CAMPAIGNS_MAX: usize = 6;
/// After this many heartbeats without anything new, nothing more will happen.
const HEARTBEATS_MAX: usize = 40;

impl PeersRun<'_> {
    /// First a scripted leader brings the real server up to date, then the real server leads.
    pub(super) fn calm(&mut self) {
        if !self.can_win() {
            self.bring_up_to_date(true);
        }
        if !self.is_over {
            self.let_it_lead();
        }
    }

    /// Whether every other server may vote for the real one.
    pub(super) fn can_win(&self) -> bool {
        self.others.iter().all(|&peer| self.peers.servers[peer].last() <= self.real().last())
    }

    /// The scripted server with the most up-to-date log wins the votes of all.
    fn elect_peer(&mut self) -> PeerId {
        let candidate =
            *self.others.iter().max_by_key(|&&peer| self.peers.servers[peer].last()).expect("there are peers");
        let terms = self.others.iter().map(|&peer| self.peers.servers[peer].term());
        let term = terms.chain(self.states.iter().map(|state| state.term())).max().expect("there are servers") + 1;
        let request = RaftRequest::RequestVote(self.peers.servers[candidate].campaign(term));
        for voter in self.others.clone() {
            if voter != candidate {
                self.peers.ask(candidate, voter, &request, &mut Bits(0));
            }
        }
        self.send(candidate, request, true);
        self.settle();
        candidate
    }

    /// A scripted leader finds out where the logs agree, and sends all that follows. The real server learns
    /// how much of it is committed only if `says_commit`.
    pub(super) fn bring_up_to_date(&mut self, says_commit: bool) {
        let leader = self.elect_peer();
        if let Some(command) = self.abilities.start.map(|_| Bytes::from(b"a".to_vec())) {
            self.peers.servers[leader].propose(command);
        }
        for peer in self.others.clone() {
            if peer != leader {
                let request = self.peers.next_for(leader, &self.peers.servers[peer], usize::MAX);
                self.peers.ask(leader, peer, &request, &mut Bits(0));
            }
        }
        let mut next = self.peers.servers[leader].last().index + 1;
        for _ in 0..REQUESTS_MAX {
            let server = &self.peers.servers[leader];
            if self.is_over || !server.is_leader() {
                return;
            }
            let request = match server.position(next - 1) {
                Some(after) => server.append_request(after, usize::MAX, if says_commit { server.commit } else { 0 }),
                None => server.install_request(),
            };
            let last = server.last().index;
            self.send(leader, request, true);
            self.settle();
            match self.latest_reply.take() {
                Some(RaftReply::AppendEntries(AppendEntriesReply {
                    outcome: AppendOutcome::RetryFrom(from), ..
                })) => {
                    next = from;
                }
                Some(RaftReply::AppendEntries(AppendEntriesReply {
                    outcome: AppendOutcome::Through(through), ..
                })) if through < last => {
                    next = through + 1;
                }
                _ => return,
            }
        }
    }

    /// The real server wins an election, takes a command, and brings everyone up to date.
    fn let_it_lead(&mut self) {
        // Nobody answers the requests of earlier campaigns any more.
        self.collect();
        self.unanswered.clear();
        let (mut campaigns, mut idle) = (0, 0);
        while !self.is_over {
            if !self.real().is_leader() {
                campaigns += 1;
                self.let_it_campaign(campaigns);
                continue;
            }
            if self.is_everything_committed() {
                return;
            }
            if self.real().last().term < self.real().term() {
                self.start_command(b"b".to_vec().into());
                self.settle();
            }
            let before = self.agreed();
            self.answer_all();
            idle = if self.agreed() > before { 0 } else { idle + 1 };
            if idle > HEARTBEATS_MAX {
                return self.report_no_agreement();
            }
            if self.unanswered.is_empty() {
                self.wait(self.contract.timing.heartbeat_interval);
                self.settle();
            }
        }
    }

    /// It campaigns, and everyone answers.
    fn let_it_campaign(&mut self, campaigns: usize) {
        let (rule, what) = if campaigns > CAMPAIGNS_MAX {
            (&LEADER_IN_TIME, "server 0 campaigns, and does not lead though every server votes for it")
        } else if self.wait_for_campaign() || self.is_over {
            return self.answer_all();
        } else {
            (&CAMPAIGN_DUE, "server 0 hears from no leader, and does not campaign")
        };
        self.report(Complaint::new(rule, what, ""));
    }

    fn report_no_agreement(&mut self) {
        let real = self.real();
        let (term, last, commit) = (real.term(), real.last().index, real.commit);
        let what = if commit < last {
            format!("server 0 leads term {term}, every server answers, and entry {last} is still not committed")
        } else {
            let behind = self.others.iter().find(|&&peer| self.peers.servers[peer].last() != real.last());
            format!("server 0 leads term {term}, and server {} answers and is still behind", behind.unwrap_or(&0))
        };
        self.report(Complaint::new(&CATCH_UP, what, ""));
    }

    fn answer_all(&mut self) {
        while !self.is_over && !self.unanswered.is_empty() {
            self.answer_at(0, &mut Bits(0));
            self.settle();
        }
    }

    /// The sum of what all scripted servers hold, and of what is committed.
    fn agreed(&self) -> Index {
        let real = self.real();
        let held = self
            .others
            .iter()
            .map(|&peer| self.peers.servers[peer].agreement_with(real).map_or(0, |agreement| agreement.index));
        held.sum::<Index>() + real.commit
    }

    fn is_everything_committed(&self) -> bool {
        if self.abilities.start.is_none() {
            return true;
        }
        let real = self.real();
        let is_held = |&peer: &PeerId| self.peers.servers[peer].last() == real.last();
        real.last().term == real.term() && real.commit == real.last().index && self.others.iter().all(is_held)
    }
}
