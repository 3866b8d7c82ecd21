//! Lab 2A's server: an election over a log that is always empty.

use labrpc::time::Instant;
use labrpc::{LogPosition, Outbox, PeerId, Protocol, Standing};

use crate::election::{Election, Wake};
use crate::message::{HeartbeatReply, Reply, Request};

impl Protocol for Election {
    type Request = Request;
    type Reply = Reply;

    fn tick(&mut self, now: Instant, outbox: &mut Outbox<Request>) {
        // BEGIN 2A §5.2: turn the Wake into requests to all others; who is elected speaks at once
        let request = match Election::tick(self, LogPosition::ZERO, now) {
            Wake::Sleep => return,
            Wake::Campaign(request) => Request::RequestVote(request),
            Wake::Elected | Wake::Heartbeat => Request::Heartbeat(self.heartbeat()),
        };
        send_to_others(self, &request, outbox);
        // END
    }

    fn handle(&mut self, request: Request, now: Instant) -> Reply {
        match request {
            Request::RequestVote(request) => Reply::RequestVote(self.request_vote(&request, LogPosition::ZERO, now)),
            Request::Heartbeat(heartbeat) => {
                self.hear_leader(&heartbeat, now);
                Reply::Heartbeat(HeartbeatReply { term: self.ballot().term })
            }
        }
    }

    fn absorb(&mut self, from: PeerId, reply: Reply, now: Instant, outbox: &mut Outbox<Request>) {
        // BEGIN 2A Figure 2, Leaders: the first heartbeat leaves upon election, not when the clock says so
        match reply {
            Reply::RequestVote(reply) => {
                if self.count_vote(from, &reply, now) {
                    send_to_others(self, &Request::Heartbeat(self.heartbeat()), outbox);
                }
            }
            Reply::Heartbeat(reply) => self.observe_term(reply.term),
        }
        // END
    }

    fn due(&self) -> Instant {
        Election::due(self)
    }

    fn is_ready(&self) -> bool {
        false // Nothing is ever committed.
    }

    fn standing(&self) -> Standing {
        Standing { term: self.ballot().term, is_leader: self.is_leader() }
    }
}

fn send_to_others(election: &Election, request: &Request, outbox: &mut Outbox<Request>) {
    for server in election.others() {
        outbox.send(server, request.clone());
    }
}
