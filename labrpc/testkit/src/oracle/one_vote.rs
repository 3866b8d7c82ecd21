//! A server votes once a term, and a term has one leader (Election Safety, §5.2).

use rustc_hash::FxHashMap;

use labrpc::face::{RaftReply, RaftRequest};
use labrpc::{PeerId, Term};

use super::Oracle;
use crate::rule::election::{ONE_LEADER, VOTE_ONCE};
use crate::verdict::{Moment, Verdict};
use crate::watch::{Event, Known, What};

/// A vote counts when it is spoken, whether or not it arrives, and over restarts.
#[derive(Default)]
pub(super) struct OneVote {
    votes: FxHashMap<(PeerId, Term), (PeerId, Moment)>,
    leaders: FxHashMap<Term, (PeerId, Moment)>,
}

impl OneVote {
    fn vote(&mut self, voter: PeerId, term: Term, candidate: PeerId, moment: Moment) -> Result<(), Verdict> {
        let (first, earlier) = *self.votes.entry((voter, term)).or_insert((candidate, moment));
        if first == candidate {
            return Ok(());
        }
        let note = |candidate| match candidate == voter {
            true => format!("server {voter} asks for votes itself, in term {term}"),
            false => format!("server {voter} gives server {candidate} its vote, in term {term}"),
        };
        Err(Verdict::new(&VOTE_ONCE, format!("server {voter} voted twice in term {term}"))
            .with(earlier, note(first))
            .with(moment, note(candidate)))
    }

    fn lead(&mut self, server: PeerId, term: Term, moment: Moment) -> Result<(), Verdict> {
        let (first, earlier) = *self.leaders.entry(term).or_insert((server, moment));
        if first == server {
            return Ok(());
        }
        let note = |server| format!("server {server} speaks as the leader of term {term}");
        Err(Verdict::new(&ONE_LEADER, format!("servers {first} and {server} both lead term {term}"))
            .with(earlier, note(first))
            .with(moment, note(server)))
    }
}

impl Oracle for OneVote {
    fn see(&mut self, event: &Event, known: &Known) -> Result<(), Verdict> {
        if let What::Booted(server) = event.what
            && !known.has_disks
        {
            self.votes.retain(|(voter, _), _| *voter != server); // nothing is remembered before lab 2C
        }
        let What::Sent(letter) = &event.what else { return Ok(()) };
        match (letter.request(), letter.reply()) {
            (Some(&RaftRequest::RequestVote { term, .. }), _) => {
                self.vote(letter.from, term, letter.from, event.moment)
            }
            (Some(request), _) => self.lead(letter.from, request.term(), event.moment),
            (
                _,
                Some((&RaftRequest::RequestVote { candidate, .. }, &RaftReply::RequestVote { term, granted: true })),
            ) => self.vote(letter.from, term, candidate, event.moment),
            _ => Ok(()),
        }
    }
}
