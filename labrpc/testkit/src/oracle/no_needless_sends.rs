//! A leader sends nothing that it knows the follower has (§5.3, §7).

use std::time::Duration;

use labrpc::{AppendEntries, AppendEntriesReply, AppendOutcome, InstallSnapshot, RaftReply, RaftRequest};
use labrpc::{Index, LogPosition, PeerId, Term, sim};
use rustc_hash::{FxHashMap, FxHashSet};

use super::interface::Oracle;
use crate::event::{Envelope, Event, EventId, EventKind};
use crate::observed::ObservedState;
use crate::rule::replication::{BACK_UP, NOT_AGAIN};
use crate::rule::snapshots::SNAPSHOT_TRAFFIC;
use crate::violation::Violation;

/// Remembers the replies of each follower to each leader, in the leader's present term.
#[derive(Default)]
pub(super) struct NoNeedlessSends {
    /// By leader and follower.
    replies: FxHashMap<(PeerId, PeerId), LatestReplies>,
    /// The directions that are cut.
    cut: FxHashSet<(PeerId, PeerId)>,
}

#[derive(Default)]
struct LatestReplies {
    term: Term,
    /// The greatest index that the follower agreed to. It counts once the leader had time to handle it.
    agreed: Option<(Index, EventId)>,
    /// The position that the follower last said it does not hold.
    refused: Option<(LogPosition, EventId)>,
    /// The latest snapshot that was sent to the follower, if nothing has come from it since.
    snapshot: Option<EventId>,
    /// The latest snapshot that was sent to the follower, if it was not answered since.
    unanswered: Option<(Index, EventId)>,
}

/// How long a snapshot may be on its way: a message travels for some 30 ms at most in an ordinary network. A heartbeat
/// that the follower refuses meanwhile shows only that the snapshot has not arrived yet.
fn on_its_way(observed: &ObservedState) -> Duration {
    observed.timing.heartbeat_interval * 6 / 5
}

impl NoNeedlessSends {
    /// A reply reaches its leader.
    fn receives(&mut self, envelope: &Envelope, event: &Event, observed: &ObservedState) {
        if let Some(replies) = self.replies.get_mut(&(envelope.to, envelope.from)) {
            replies.snapshot = None;
            if matches!(envelope.reply(), Some((RaftRequest::InstallSnapshot(_), _))) {
                replies.unanswered = None;
            }
        }
        let Some((request, &RaftReply::AppendEntries(AppendEntriesReply { term, outcome }))) = envelope.reply() else {
            return;
        };
        // A late reply from before the follower's restart. Its other replies from then are forgotten
        // here but not by the leader, which may ignore this one because of them.
        if observed.servers[envelope.from].booted.is_some_and(|booted| envelope.sent.event < booted.event) {
            return;
        }
        let replies = self.replies.entry((envelope.to, envelope.from)).or_default();
        if term > replies.term {
            *replies = LatestReplies { term, ..LatestReplies::default() };
        }
        if request.term() != term || replies.term != term {
            return;
        }
        match outcome {
            AppendOutcome::Through(index) if replies.agreed.is_none_or(|(agreed, _)| index > agreed) => {
                replies.agreed = Some((index, event.id));
                replies.refused = None;
            }
            AppendOutcome::RetryFrom(_) => {
                if let RaftRequest::AppendEntries(AppendEntries { prev, .. }) = request {
                    replies.refused = Some((*prev, event.id));
                }
            }
            _ => {}
        }
    }

    /// A leader sends a request: does it know that the follower has what it sends?
    fn sends(&self, envelope: &Envelope, event: &Event, observed: &ObservedState) -> Result<(), Violation> {
        let (leader, follower) = (envelope.from, envelope.to);
        let Some(request) = envelope.request() else { return Ok(()) };
        let Some(replies) = self.replies.get(&(leader, follower)).filter(|replies| replies.term == request.term())
        else {
            return Ok(());
        };
        let is_handled = |id: &EventId| event.at() - id.at > observed.slack(leader, id.at);
        let agreed = replies.agreed.filter(|(_, id)| is_handled(id));
        match request {
            RaftRequest::AppendEntries(AppendEntries { prev, entries, .. }) => {
                if let Some((index, id)) = agreed
                    && let Some(first) = entries.first()
                    && prev.index < index
                {
                    let what = format!(
                        "server {leader} sent entry {} again to server {follower}, which had agreed to it",
                        prev.index + 1
                    );
                    return Err(Violation::new(&NOT_AGAIN, what)
                        .with(
                            id,
                            format!(
                                "server {leader} receives the reply that server {follower} agrees through index {index}"
                            ),
                        )
                        .with(
                            event.id,
                            format!(
                                "it sends entries from index {} on, the first of term {}",
                                prev.index + 1,
                                first.term
                            ),
                        ));
                }
                if let Some((refused, id)) = replies.refused.filter(|(_, id)| is_handled(id))
                    && *prev == refused
                    // While a snapshot is on its way, heartbeats name the log's base again and again.
                    && *prev != observed.servers[leader].disk.head.base
                    && agreed.is_none_or(|(index, _)| index < prev.index)
                {
                    let what = format!(
                        "server {leader} asked server {follower} again whether it holds index {} of term {}",
                        prev.index, prev.term
                    );
                    return Err(Violation::new(&BACK_UP, what)
                        .with(id, format!("server {leader} receives the reply that server {follower} does not hold it"))
                        .with(event.id, "it sends a request with the same previous position"));
                }
                Ok(())
            }
            RaftRequest::InstallSnapshot(InstallSnapshot { last_included: through, .. }) => {
                match agreed {
                    Some((index, id)) if index >= through.index => {
                        let what = format!(
                            "server {leader} sent server {follower} a snapshot through index {}, which it does not need",
                            through.index
                        );
                        Err(Violation::new(&SNAPSHOT_TRAFFIC, what)
                        .with(id, format!("server {leader} receives the reply that server {follower} agrees through index {index}"))
                        .with(event.id, format!("it sends a snapshot through index {}", through.index)))
                    }
                    _ => {
                        self.sends_unasked(envelope, through.index, event)?;
                        self.sends_again(envelope, through.index, event, observed)
                    }
                }
            }
            RaftRequest::RequestVote(_) => Ok(()),
        }
    }

    /// A leader sends a snapshot: has the follower said anything since the one before?
    fn sends_unasked(&self, envelope: &Envelope, through: Index, event: &Event) -> Result<(), Violation> {
        let (leader, follower) = (envelope.from, envelope.to);
        let replies = self.replies.get(&(leader, follower));
        let Some(earlier) = replies.and_then(|replies| replies.snapshot) else { return Ok(()) };
        let what =
            format!("server {leader} sent server {follower} two snapshots, and has not heard from it in between");
        Err(Violation::new(&SNAPSHOT_TRAFFIC, what).with(earlier, format!("server {leader} sends a snapshot")).with(
            event.id,
            format!("it sends a snapshot through index {through}, though server {follower} may be down"),
        ))
    }

    /// A leader sends a snapshot: may the same one be on its way to the follower already?
    fn sends_again(
        &self,
        envelope: &Envelope,
        through: Index,
        event: &Event,
        observed: &ObservedState,
    ) -> Result<(), Violation> {
        let (leader, follower) = (envelope.from, envelope.to);
        let earlier = self.replies.get(&(leader, follower)).and_then(|replies| replies.unanswered);
        match earlier {
            Some((index, sent)) if index == through && event.at() - sent.at <= on_its_way(observed) => {
                let what = format!(
                    "server {leader} sent server {follower} a snapshot again that may still have been on its way to it"
                );
                Err(Violation::new(&SNAPSHOT_TRAFFIC, what)
                    .with(sent, format!("server {leader} sends a snapshot through index {index}"))
                    .with(event.id, "it sends the same one, and the first was not answered"))
            }
            _ => Ok(()),
        }
    }

    /// Once entries up to a refused position are on their way, the leader may name that position again.
    fn offers(&mut self, envelope: &Envelope, observed: &ObservedState) {
        let request = match envelope.request() {
            Some(request @ RaftRequest::AppendEntries(_)) => request,
            Some(RaftRequest::InstallSnapshot(install)) => {
                let replies = self.replies.entry((envelope.from, envelope.to)).or_default();
                if install.term > replies.term {
                    *replies = LatestReplies { term: install.term, ..LatestReplies::default() };
                }
                replies.snapshot = Some(envelope.sent);
                // A call to a server that cannot be reached fails early: its caller knows that nothing is on its way.
                let follower = &observed.servers[envelope.to];
                let is_down = follower.is_real && !follower.node().is_some_and(sim::is_alive);
                let is_reachable = !is_down && !self.cut.contains(&(envelope.from, envelope.to));
                replies.unanswered = is_reachable.then_some((install.last_included.index, envelope.sent));
                return;
            }
            _ => return,
        };
        let RaftRequest::AppendEntries(AppendEntries { prev, .. }) = request else { return };
        let Some(replies) = self.replies.get_mut(&(envelope.from, envelope.to)) else { return };
        let sent = prev.index + 1..=request.through().index;
        replies.refused.take_if(|(refused, _)| sent.contains(&refused.index));
    }
}

impl Oracle for NoNeedlessSends {
    fn check(&mut self, event: &Event, observed: &ObservedState) -> Result<(), Violation> {
        match &event.kind {
            EventKind::Arrived(envelope, _) if observed.is_real(envelope.to) => {
                self.receives(envelope, event, observed)
            }
            EventKind::Sent(envelope) if observed.is_real(envelope.from) => {
                self.sends(envelope, event, observed)?;
                self.offers(envelope, observed);
            }
            // What was lost is not on its way. A server whose call fails early may be right to send it again when the follower
            // answers next.
            EventKind::Lost(envelope, _) if matches!(envelope.request(), Some(RaftRequest::InstallSnapshot(_))) => {
                if let Some(replies) = self.replies.get_mut(&(envelope.from, envelope.to)) {
                    replies.unanswered = None;
                }
            }
            // A server that boots has forgotten the replies that it received; and a follower that boots may
            // have lost what it agreed to.
            EventKind::Booted(server) => {
                self.replies.retain(|(leader, follower), _| leader != server && follower != server)
            }
            EventKind::Cut(from, to, true) => drop(self.cut.insert((*from, *to))),
            EventKind::Cut(from, to, false) => drop(self.cut.remove(&(*from, *to))),
            EventKind::Paused(server, _) => self.replies.retain(|(leader, _), _| leader != server),
            _ => {}
        }
        Ok(())
    }
}
