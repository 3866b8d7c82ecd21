//! Nothing is sent that is known to be there (§5.3, §7).

use labrpc::face::{AppendOutcome, RaftReply, RaftRequest};
use labrpc::{Index, LogPosition, PeerId, Term};
use rustc_hash::FxHashMap;

use super::Oracle;
use crate::rule::replication::{BACK_UP, NOT_AGAIN};
use crate::rule::snapshots::SNAPSHOT_TRAFFIC;
use crate::verdict::{Moment, Verdict};
use crate::watch::{Event, Known, Letter, What};

/// What each leader was told by each follower, in its present term.
#[derive(Default)]
pub(super) struct Traffic {
    told: FxHashMap<(PeerId, PeerId), Told>,
}

#[derive(Default)]
struct Told {
    term: Term,
    /// Agreements as they came in; the greatest counts once it has had time to be taken in.
    agreed: Option<(Index, Moment)>,
    /// The position that the follower last said it does not hold.
    refused: Option<(LogPosition, Moment)>,
}

impl Traffic {
    fn hears(&mut self, letter: &Letter, event: &Event, known: &Known) {
        let Some((request, &RaftReply::AppendEntries { term, outcome })) = letter.reply() else { return };
        // A late word from before the follower booted: what else it said then is forgotten here, but
        // not by the leader, which may know better than to heed it.
        if known.servers[letter.from].booted.is_some_and(|booted| letter.sent.event < booted.event) {
            return;
        }
        let told = self.told.entry((letter.to, letter.from)).or_default();
        if term > told.term {
            *told = Told { term, ..Told::default() };
        }
        if request.term() != term || told.term != term {
            return;
        }
        match outcome {
            AppendOutcome::Through(index) if told.agreed.is_none_or(|(agreed, _)| index > agreed) => {
                told.agreed = Some((index, event.moment));
                told.refused = None;
            }
            AppendOutcome::RetryFrom(_) => {
                if let RaftRequest::AppendEntries { prev, .. } = request {
                    told.refused = Some((*prev, event.moment));
                }
            }
            _ => {}
        }
    }

    fn speaks(&self, letter: &Letter, event: &Event, known: &Known) -> Result<(), Verdict> {
        let (leader, follower) = (letter.from, letter.to);
        let Some(request) = letter.request() else { return Ok(()) };
        let Some(told) = self.told.get(&(leader, follower)).filter(|told| told.term == request.term()) else {
            return Ok(());
        };
        let is_taken_in = |moment: &Moment| event.at() - moment.at > known.slack(leader, moment.at);
        let agreed = told.agreed.filter(|(_, moment)| is_taken_in(moment));
        match request {
            RaftRequest::AppendEntries { prev, entries, .. } => {
                if let Some((index, moment)) = agreed
                    && let Some(first) = entries.first()
                    && prev.index < index
                {
                    let what = format!(
                        "server {leader} sent server {follower} entry {} again, which it had agreed to",
                        prev.index + 1
                    );
                    return Err(Verdict::new(&NOT_AGAIN, what)
                        .with(moment, format!("server {leader} hears that server {follower} agrees through {index}"))
                        .with(
                            event.moment,
                            format!(
                                "it sends entries from index {} on, the first of term {}",
                                prev.index + 1,
                                first.term
                            ),
                        ));
                }
                if let Some((refused, moment)) = told.refused.filter(|(_, moment)| is_taken_in(moment))
                    && *prev == refused
                    // While a snapshot is on its way, the follower hears heartbeats at the log's base.
                    && *prev != known.servers[leader].disk.head.base
                    && agreed.is_none_or(|(index, _)| index < prev.index)
                {
                    let what = format!(
                        "server {leader} asked server {follower} again whether it holds index {} of term {}",
                        prev.index, prev.term
                    );
                    return Err(Verdict::new(&BACK_UP, what)
                        .with(moment, format!("server {leader} hears that server {follower} does not hold it"))
                        .with(event.moment, "it sends entries that follow the same position"));
                }
                Ok(())
            }
            RaftRequest::InstallSnapshot { through, .. } => match agreed {
                Some((index, moment)) if index >= through.index => {
                    let what = format!(
                        "server {leader} sent server {follower} a snapshot through {}, which it does not need",
                        through.index
                    );
                    Err(Verdict::new(&SNAPSHOT_TRAFFIC, what)
                        .with(moment, format!("server {leader} hears that server {follower} agrees through {index}"))
                        .with(event.moment, format!("it sends a snapshot through {}", through.index)))
                }
                _ => Ok(()),
            },
            RaftRequest::RequestVote { .. } => Ok(()),
        }
    }

    /// Once entries up to a refused position are on their way, it may be asked for again.
    fn offers(&mut self, letter: &Letter) {
        let Some(request @ RaftRequest::AppendEntries { prev, .. }) = letter.request() else { return };
        let Some(told) = self.told.get_mut(&(letter.from, letter.to)) else { return };
        let sent = prev.index + 1..=request.through().index;
        told.refused.take_if(|(refused, _)| sent.contains(&refused.index));
    }
}

impl Oracle for Traffic {
    fn see(&mut self, event: &Event, known: &Known) -> Result<(), Verdict> {
        match &event.what {
            What::Arrived(letter, _) if known.is_real(letter.to) => self.hears(letter, event, known),
            What::Sent(letter) if known.is_real(letter.from) => {
                self.speaks(letter, event, known)?;
                self.offers(letter);
            }
            // Who boots knows nothing of what it was told; and of whom it was told, all may be lost.
            What::Booted(server) => self.told.retain(|(leader, follower), _| leader != server && follower != server),
            What::Paused(server, _) => self.told.retain(|(leader, _), _| leader != server),
            _ => {}
        }
        Ok(())
    }
}
