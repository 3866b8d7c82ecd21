//! Nothing is taken back: what a log holds goes only for a newer leader's conflict (§5.3).

use labrpc::face::{AppendOutcome, LogEntry, RaftReply, RaftRequest};
use labrpc::{Index, PeerId, Term};
use rustc_hash::FxHashMap;

use super::Oracle;
use crate::rule::replication::{ACKNOWLEDGED, APPEND_ONLY, REFUSAL, START};
use crate::rule::snapshots::KEEPS;
use crate::verdict::{Moment, Verdict};
use crate::watch::{DiskChange, Event, Known, Pending, What};

/// How far each server has agreed to its present leader's log.
#[derive(Default)]
pub(super) struct Kept {
    agreed: FxHashMap<PeerId, Agreement>,
}

#[derive(Clone, Copy)]
struct Agreement {
    term: Term,
    through: Index,
    moment: Moment,
}

/// Whether a request in a server's hands gives it the right to cut its log at `index`, where it
/// held an entry of another term.
fn is_reason_to_cut(pending: &Pending, term: Term, index: Index, cut: &LogEntry) -> bool {
    match pending.letter.request() {
        // If the newer term itself is not on disk, another oracle says so.
        Some(RaftRequest::AppendEntries { term: asked, prev, entries, .. }) if *asked >= term => {
            let slot = index.checked_sub(prev.index + 1);
            let theirs = slot.and_then(|slot| entries.get(slot as usize));
            theirs.is_some_and(|theirs| theirs.term != cut.term)
        }
        _ => false,
    }
}

impl Kept {
    fn cut(&self, server: PeerId, change: &DiskChange, moment: Moment, known: &Known) -> Result<(), Verdict> {
        let Some(first) = change.cut.first() else { return Ok(()) };
        let term = change.head.term;
        let index = change.kept_through + 1;
        if change.appended.first() == Some(first) {
            return Ok(()); // Written anew, for no use: another oracle says so.
        }
        let lost = format!("server {server} drops entries from index {index} on, the first of term {}", first.term);
        if known.may_lead(server, term) && change.old_head.term == term {
            return Err(Verdict::new(
                &APPEND_ONLY,
                format!("server {server} leads term {term}, and cut its own log at {index}"),
            )
            .with(moment, lost));
        }
        let hands = &known.servers[server].pending;
        if hands.iter().any(|pending| is_reason_to_cut(pending, term, index, first)) {
            return Ok(());
        }
        let snapshot = |pending: &&Pending| match pending.letter.request() {
            Some(RaftRequest::InstallSnapshot { term: asked, through, .. }) if *asked == term => Some(*through),
            _ => None,
        };
        if let Some((pending, through)) = hands.iter().find_map(|pending| Some((pending, snapshot(&pending)?))) {
            // It may replace the log only if the log did not hold its last entry.
            let is_new_beginning = change.head.base == through;
            let was_held = change.old_term_at_base == Some(through.term);
            if is_new_beginning && !was_held {
                return Ok(());
            }
            return Err(Verdict::new(
                &KEEPS,
                format!("server {server} lost entries that follow a snapshot which its log agreed with"),
            )
            .with(pending.arrived, format!("a snapshot through {} of term {} reaches it", through.index, through.term))
            .with(moment, lost));
        }
        let refused =
            hands.iter().find(|pending| pending.letter.request().is_some_and(|request| request.term() < term));
        if let Some(pending) = refused {
            return Err(Verdict::new(
                &REFUSAL,
                format!("server {server} cut its log upon a request that it has to refuse"),
            )
            .with(pending.arrived, "the request arrives")
            .with(moment, lost));
        }
        let verdict = Verdict::new(
            &ACKNOWLEDGED,
            format!("server {server} dropped entry {index} though nothing conflicts with it"),
        )
        .with(moment, lost);
        Err(match self.agreed.get(&server).filter(|agreed| agreed.term == term && agreed.through >= index) {
            Some(agreed) => verdict.with(agreed.moment, format!("server {server} agrees through {}", agreed.through)),
            None => verdict,
        })
    }

    fn grown(&self, server: PeerId, change: &DiskChange, moment: Moment, known: &Known) -> Result<(), Verdict> {
        let term = change.head.term;
        if change.appended.is_empty() || known.may_lead(server, term) {
            return Ok(());
        }
        if change.cut.first() == change.appended.first() {
            return Ok(()); // Written anew, for no use: another oracle says so.
        }
        let is_given = |pending: &Pending| match pending.letter.request() {
            // If the newer term itself is not on disk, another oracle says so.
            Some(RaftRequest::AppendEntries { term: asked, entries, .. }) => *asked >= term && !entries.is_empty(),
            Some(RaftRequest::InstallSnapshot { .. }) => true,
            _ => false,
        };
        if known.servers[server].pending.iter().any(is_given) {
            return Ok(());
        }
        let index = change.kept_through + 1;
        Err(Verdict::new(
            &START,
            format!("server {server} put entry {index} into its log, though it does not lead term {term}"),
        )
        .with(moment, format!("server {server} saves entry {index}; no leader has sent it any")))
    }
}

impl Oracle for Kept {
    fn see(&mut self, event: &Event, known: &Known) -> Result<(), Verdict> {
        match &event.what {
            What::Sent(letter) if known.is_real(letter.from) => {
                if let Some((_, &RaftReply::AppendEntries { term, outcome: AppendOutcome::Through(through) })) =
                    letter.reply()
                {
                    let agreed =
                        self.agreed.entry(letter.from).or_insert(Agreement { term, through, moment: event.moment });
                    if term > agreed.term || term == agreed.term && through > agreed.through {
                        *agreed = Agreement { term, through, moment: event.moment };
                    }
                }
                Ok(())
            }
            What::Saved(server, change) => {
                self.cut(*server, change, event.moment, known)?;
                self.grown(*server, change, event.moment, known)
            }
            _ => Ok(()),
        }
    }
}
