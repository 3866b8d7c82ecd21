//! Lab 2A's server: an election over a log that is always empty.

use labrpc::time::Instant;
use labrpc::{
    AppendEntries, AppendEntriesReply, AppendOutcome, Link, LogPosition, Outbox, PeerId, Protocol, RaftReply,
    RaftRequest, Status, Summary,
};

use crate::election::{Election, TickOutcome};
use crate::raft::Raft;

/// Starts lab 2A's server. `links` lead to the other servers.
pub fn boot(election: Election, links: Vec<Link>) -> Raft<Election> {
    Raft::spawn(election, |_| {}, links)
}

impl Protocol for Election {
    fn tick(&mut self, now: Instant, outbox: &mut Outbox) {
        // BEGIN 2A §5.2
        // HINT The rules have said what is to be done. Who has to hear of it?
        // HINT A new leader tells the others at once: what is the difference between its first message and a heartbeat?
        // HINT `Election::tick`, at `LogPosition::ZERO`; a request for each outcome but one; send_to_others.
        let request = match Election::tick(self, LogPosition::ZERO, now) {
            TickOutcome::NotDue => return,
            TickOutcome::Campaign(request) => RaftRequest::RequestVote(request),
            TickOutcome::Elected | TickOutcome::Heartbeat => heartbeat(self),
        };
        send_to_others(self, &request, outbox);
        // END
    }

    fn handle_request(&mut self, request: RaftRequest, now: Instant) -> RaftReply {
        match request {
            RaftRequest::RequestVote(request) => {
                RaftReply::RequestVote(self.request_vote(&request, LogPosition::ZERO, now))
            }
            RaftRequest::AppendEntries(request) => {
                let is_current = self.hear_leader(request.term, now);
                let outcome = if is_current { AppendOutcome::Through(0) } else { AppendOutcome::StaleTerm };
                RaftReply::AppendEntries(AppendEntriesReply { term: self.ballot().term, outcome })
            }
            RaftRequest::InstallSnapshot(_) => panic!("there are no snapshots before lab 2D"),
        }
    }

    fn handle_reply(&mut self, from: PeerId, reply: RaftReply, now: Instant, outbox: &mut Outbox) {
        // BEGIN 2A Figure 2, Rules for Servers
        // HINT What can each of the two kinds of reply tell a candidate, a leader, or a server that is neither now?
        // HINT The winner sends its first heartbeat in this very step.
        // HINT `count_vote` says whether this vote has won; the answer to a heartbeat has nothing to tell but its term.
        match reply {
            RaftReply::RequestVote(reply) => {
                if self.count_vote(from, &reply, now) {
                    send_to_others(self, &heartbeat(self), outbox);
                }
            }
            RaftReply::AppendEntries(reply) => self.observe_term(reply.term),
        }
        // END
    }

    fn due(&self) -> Instant {
        Election::due(self)
    }

    fn has_committed(&self) -> bool {
        false // There is no log yet.
    }

    fn status(&self) -> Status {
        Status { term: self.ballot().term, is_leader: self.is_leader() }
    }

    fn summary(&self) -> Summary {
        Summary { me: self.me(), ballot: self.ballot(), is_leader: self.is_leader(), ..Summary::default() }
    }
}

/// An AppendEntries without entries, as the leader of an empty log sends it.
fn heartbeat(election: &Election) -> RaftRequest {
    RaftRequest::AppendEntries(AppendEntries {
        term: election.ballot().term,
        leader: election.me(),
        prev: LogPosition::ZERO,
        entries: Vec::new(),
        leader_commit: 0,
    })
}

fn send_to_others(election: &Election, request: &RaftRequest, outbox: &mut Outbox) {
    for server in election.others() {
        outbox.send(server, request.clone());
    }
}
