//! What is told is on disk before it is told (Figure 2, persistent state).

use labrpc::face::{AppendOutcome, RaftReply, RaftRequest};
use labrpc::{ApplyMsg, PeerId, Term};
use rustc_hash::FxHashMap;

use super::Oracle;
use crate::rule::persistence::DURABLE;
use crate::verdict::{Moment, Verdict};
use crate::watch::{Event, Known, Letter, What};

/// The votes that ever were on a disk.
#[derive(Default)]
pub(super) struct Durable {
    saved_votes: FxHashMap<(PeerId, Term), PeerId>,
}

fn unsaved(server: PeerId, told: &str, missing: String, moment: Moment) -> Verdict {
    Verdict::new(&DURABLE, format!("server {server} {told} before that was on disk"))
        .with(moment, format!("server {server} {told}; its disk {missing}"))
}

impl Durable {
    fn has_vote(&self, server: PeerId, term: Term, candidate: PeerId) -> bool {
        self.saved_votes.get(&(server, term)) == Some(&candidate)
    }

    fn sent(&self, letter: &Letter, moment: Moment, known: &Known) -> Result<(), Verdict> {
        let server = letter.from;
        let disk = &known.servers[server].disk;
        let spoken = letter.request().map(RaftRequest::term).or(letter.reply().map(|(_, reply)| reply.term()));
        let Some(term) = spoken else { return Ok(()) };
        if disk.head.term < term {
            let missing = format!("says term {}", disk.head.term);
            return Err(unsaved(server, &format!("spoke of term {term}"), missing, moment));
        }
        let vote = match (letter.request(), letter.reply()) {
            (Some(&RaftRequest::RequestVote { candidate, .. }), _) => Some(candidate),
            (_, Some((&RaftRequest::RequestVote { candidate, .. }, &RaftReply::RequestVote { granted: true, .. }))) => {
                Some(candidate)
            }
            _ => None,
        };
        if let Some(candidate) = vote
            && !self.has_vote(server, term, candidate)
        {
            let told = format!("gave server {candidate} its vote in term {term}");
            let missing = format!("says term {}, vote {:?}", disk.head.term, disk.head.voted_for);
            return Err(unsaved(server, &told, missing, moment));
        }
        if let Some(request @ RaftRequest::AppendEntries { .. }) = letter.request() {
            let last = request.through();
            if disk.head.term == term && !disk.covers(last) {
                let missing = format!("ends at index {} of term {}", disk.last().index, disk.last().term);
                return Err(unsaved(
                    server,
                    &format!("sent entry {} of term {}", last.index, last.term),
                    missing,
                    moment,
                ));
            }
        }
        Ok(())
    }

    /// An agreement to entries that the disk never held since they came.
    fn agreed(letter: &Letter, moment: Moment, known: &Known) -> Result<(), Verdict> {
        let Some((asked, RaftReply::AppendEntries { term, outcome: AppendOutcome::Through(index) })) = letter.reply()
        else {
            return Ok(());
        };
        if *term != asked.term() {
            return Ok(()); // A request that has to be refused: another oracle says so.
        }
        let server = &known.servers[letter.from];
        let request = letter.answers.as_ref().map(|request| request.number);
        let Some(pending) = request.and_then(|number| server.pending(number)) else { return Ok(()) };
        // Otherwise it never could have agreed: that is for another oracle to say.
        let had_it_been_saved =
            pending.is_prev_held || matches!(pending.letter.request(), Some(RaftRequest::InstallSnapshot { .. }));
        if pending.is_held || !had_it_been_saved || server.disk.last().index >= *index {
            return Ok(());
        }
        let missing = format!("ends at index {}", server.disk.last().index);
        Err(unsaved(letter.from, &format!("agreed to entries through {index}"), missing, moment)
            .with(pending.arrived, format!("they reach server {}, from server {}", letter.from, letter.to)))
    }
}

impl Oracle for Durable {
    fn see(&mut self, event: &Event, known: &Known) -> Result<(), Verdict> {
        if !known.has_disks {
            return Ok(());
        }
        match &event.what {
            What::Saved(server, change) => {
                if let Some(candidate) = change.head.voted_for {
                    self.saved_votes.entry((*server, change.head.term)).or_insert(candidate);
                }
                Ok(())
            }
            What::Booted(server) => {
                // A script may have given it a disk with a vote on it.
                let head = known.servers[*server].disk.head;
                if let Some(candidate) = head.voted_for {
                    self.saved_votes.entry((*server, head.term)).or_insert(candidate);
                }
                Ok(())
            }
            What::Sent(letter) if known.is_real(letter.from) => {
                self.sent(letter, event.moment, known)?;
                Durable::agreed(letter, event.moment, known)
            }
            What::Applied(server, ApplyMsg::Command { at, .. }) => {
                let disk = &known.servers[*server].disk;
                if disk.covers(*at) {
                    return Ok(());
                }
                let missing = format!("ends at index {} of term {}", disk.last().index, disk.last().term);
                Err(unsaved(
                    *server,
                    &format!("handed over entry {} of term {}", at.index, at.term),
                    missing,
                    event.moment,
                ))
            }
            _ => Ok(()),
        }
    }
}
