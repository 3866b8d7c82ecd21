//! Elections and heartbeats come in time (§5.2, §5.6).

use std::collections::BTreeSet;
use std::time::Duration;

use labrpc::{PeerId, Term};
use labrpc::{RaftReply, RaftRequest, RequestVote, RequestVoteReply};
use rustc_hash::FxHashMap;

use super::interface::Oracle;
use crate::event::{Envelope, Event, EventId, EventKind};
use crate::observed::ObservedState;
use crate::rule::election::{CAMPAIGN, CAMPAIGN_DUE, FIRST_HEARTBEAT, HEARTBEATS, LEADER_STAYS, TIMER};
use crate::violation::Violation;

/// Messages of one round leave one after another, with nothing in between that takes time.
const ROUND: Duration = Duration::from_millis(1);
/// Overdue servers are looked for so often.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Since when each server waits for what.
#[derive(Default)]
pub(super) struct ElectionTiming {
    clocks: FxHashMap<PeerId, Clock>,
    looked: Option<EventId>,
}

/// One server's obligations.
#[derive(Default)]
struct Clock {
    /// The latest request that certainly restarted its timer, at the earliest moment it can have.
    reset_after: Option<EventId>,
    /// The latest moment at which anything may have restarted it.
    reset_before: Option<EventId>,
    /// The newest term that it can know of.
    term: Term,
    /// The latest term that it campaigned in.
    campaigned: Term,
    /// The round of vote requests that it is sending.
    campaign: Option<Round>,
    leadership: Option<Leadership>,
}

/// Requests that leave for all others at once.
struct Round {
    term: Term,
    began: EventId,
    sent_to: BTreeSet<PeerId>,
    /// The server was stopped in the midst of it.
    is_excused: bool,
}

/// A term that a server has won, until it can know of a newer one.
struct Leadership {
    term: Term,
    won: EventId,
    /// When each other server was last sent anything.
    spoken: FxHashMap<PeerId, EventId>,
}

impl Clock {
    fn knows(&mut self, term: Term) {
        self.term = self.term.max(term);
        let newest = self.term;
        self.leadership.take_if(|leadership| leadership.term < newest);
        self.campaign.take_if(|round| round.term < newest);
    }
}

impl ElectionTiming {
    fn campaigns(
        &mut self,
        envelope: &Envelope,
        term: Term,
        event: &Event,
        observed: &ObservedState,
    ) -> Result<(), Violation> {
        let (server, timing) = (envelope.from, observed.timing);
        let clock = self.clocks.entry(server).or_default();
        let is_new = term > clock.campaigned;
        clock.campaigned = clock.campaigned.max(term);
        if is_new && term > clock.term {
            if let Some(reset) = clock.reset_after
                && event.at() < reset.at + timing.election_timeout_min
            {
                let waited = event.at() - reset.at;
                let what = format!("server {server} campaigned {waited:.0?} after its election timer had to restart");
                return Err(Violation::new(&TIMER, what)
                    .with(reset, format!("server {server} gives its vote, or hears from the leader of its term"))
                    .with(
                        event.id,
                        format!("it campaigns in term {term}; no time-out is under {:?}", timing.election_timeout_min),
                    ));
            }
            // A vote that has arrived may not have been counted yet.
            let has_led = |leadership: &Leadership| {
                !leadership.spoken.is_empty()
                    || event.at() - leadership.won.at > observed.slack(server, leadership.won.at)
            };
            if let Some(leadership) = clock.leadership.take().filter(has_led) {
                let what =
                    format!("server {server} gave up leading term {} though it heard of no newer one", leadership.term);
                return Err(Violation::new(&LEADER_STAYS, what)
                    .with(leadership.won, format!("server {server} wins term {}", leadership.term))
                    .with(event.id, format!("it campaigns in term {term}")));
            }
        }
        clock.knows(term);
        if is_new {
            clock.reset_before = Some(event.id);
            clock.campaign = Some(Round { term, began: event.id, sent_to: BTreeSet::new(), is_excused: false });
        }
        if let Some(round) = &mut clock.campaign {
            round.sent_to.insert(envelope.to);
        }
        Ok(())
    }

    fn leads(&mut self, envelope: &Envelope, term: Term, event: &Event) {
        let clock = self.clocks.entry(envelope.from).or_default();
        clock.knows(term);
        clock.campaign = None;
        // Who steps down later waits from its last word as a leader on.
        clock.reset_before = Some(event.id);
        if let Some(leadership) = clock.leadership.as_mut().filter(|leadership| leadership.term == term) {
            leadership.spoken.insert(envelope.to, event.id);
        }
    }

    fn answers(&mut self, envelope: &Envelope, event: &Event, observed: &ObservedState) {
        let Some((request, reply)) = envelope.reply() else { return };
        let clock = self.clocks.entry(envelope.from).or_default();
        clock.knows(reply.term());
        let restarts = match (request, reply) {
            (_, RaftReply::RequestVote(RequestVoteReply { granted, .. })) => *granted,
            _ => request.term() == reply.term(),
        };
        if !restarts {
            return;
        }
        let pending =
            envelope.answers.as_ref().and_then(|request| observed.servers[envelope.from].pending(request.number));
        if let Some(pending) = pending {
            let earlier = clock.reset_after.filter(|reset| reset.at > pending.arrived.at);
            clock.reset_after = earlier.or(Some(pending.arrived));
        }
        clock.reset_before = Some(event.id);
    }

    /// A server has enough votes: from now on it owes everyone heartbeats.
    fn wins(&mut self, envelope: &Envelope, event: &Event, observed: &ObservedState) {
        let Some((_, &RaftReply::RequestVote(RequestVoteReply { term, granted: true }))) = envelope.reply() else {
            return;
        };
        let won = observed.campaign(envelope.to, term).and_then(|campaign| campaign.won);
        let clock = self.clocks.entry(envelope.to).or_default();
        if won == Some(event.id) && clock.term == term {
            clock.leadership = Some(Leadership { term, won: event.id, spoken: FxHashMap::default() });
        }
    }

    /// Who is overdue?
    fn look(&mut self, id: EventId, observed: &ObservedState) -> Result<(), Violation> {
        let timing = observed.timing;
        for (&server, clock) in &mut self.clocks {
            let state = &observed.servers[server];
            if !state.is_real || !state.is_running() {
                (clock.leadership, clock.campaign, clock.reset_before) = (None, None, None);
                continue;
            }
            let ran_since = |since: EventId| observed.ran_since(server, since.at);
            let others = (0..observed.servers.len()).filter(|&other| other != server);
            if let Some(round) = clock.campaign.take_if(|round| id.at - round.began.at > ROUND)
                && !round.is_excused
                && ran_since(round.began)
                && let Some(missing) = others.clone().find(|other| !round.sent_to.contains(other))
            {
                let what = format!(
                    "server {server} campaigns in term {}, but did not ask server {missing} at once",
                    round.term
                );
                return Err(Violation::new(&CAMPAIGN, what)
                    .with(round.began, format!("server {server} asks {:?} for their votes", round.sent_to))
                    .with(id, format!("server {missing} was not asked")));
            }
            if let Some(leadership) = &clock.leadership {
                for other in others {
                    let spoken = leadership.spoken.get(&other).copied();
                    let (since, patience) =
                        spoken.map_or((leadership.won, Duration::ZERO), |at| (at, timing.heartbeat_interval));
                    if id.at - since.at <= patience + observed.slack(server, since.at) || !ran_since(since) {
                        continue;
                    }
                    let (rule, payload) = match spoken {
                        None => (
                            &FIRST_HEARTBEAT,
                            format!("server {server} gets the vote that wins term {}", leadership.term),
                        ),
                        Some(_) => (&HEARTBEATS, format!("server {server} last speaks to server {other}")),
                    };
                    let what = format!(
                        "server {server} leads term {}, but server {other} does not hear from it",
                        leadership.term
                    );
                    return Err(Violation::new(rule, what).with(since, payload).with(
                        id,
                        format!(
                            "nothing more was sent to server {other}, though heartbeats are due every {:?}",
                            timing.heartbeat_interval
                        ),
                    ));
                }
            } else if let Some(reset) = clock.reset_before
                && observed.servers.len() > 1
                && !state.pending.iter().any(|pending| pending.envelope.request().is_some())
                && id.at - reset.at > timing.election_timeout_max + observed.slack(server, reset.at)
                && ran_since(reset)
            {
                let what = format!("server {server} hears of no leader, but does not campaign");
                return Err(Violation::new(&CAMPAIGN_DUE, what)
                    .with(reset, format!("the last time that anything may have restarted the timer of server {server}"))
                    .with(
                        id,
                        format!(
                            "{:?} later it has not campaigned; no time-out is over {:?}",
                            id.at - reset.at,
                            timing.election_timeout_max
                        ),
                    ));
            }
        }
        Ok(())
    }
}

impl Oracle for ElectionTiming {
    fn check(&mut self, event: &Event, observed: &ObservedState) -> Result<(), Violation> {
        let result = match &event.kind {
            EventKind::Sent(envelope) if observed.is_real(envelope.from) => match envelope.request() {
                Some(&RaftRequest::RequestVote(RequestVote { term, .. })) => {
                    self.campaigns(envelope, term, event, observed)
                }
                Some(request) => {
                    self.leads(envelope, request.term(), event);
                    Ok(())
                }
                None => {
                    self.answers(envelope, event, observed);
                    Ok(())
                }
            },
            EventKind::Arrived(envelope, _) if observed.is_real(envelope.to) => {
                let term =
                    envelope.request().map(RaftRequest::term).or(envelope.reply().map(|(_, reply)| reply.term()));
                if let Some(term) = term {
                    // Only a newer term ends a reign, and only once it can have been taken in.
                    self.clocks.entry(envelope.to).or_default().knows(term);
                    self.wins(envelope, event, observed);
                }
                Ok(())
            }
            EventKind::Booted(server) => {
                let clock = Clock {
                    term: observed.servers[*server].disk.head.ballot.term,
                    reset_before: Some(event.id),
                    ..Clock::default()
                };
                self.clocks.insert(*server, clock);
                Ok(())
            }
            EventKind::Paused(server, _) => {
                let clock = self.clocks.entry(*server).or_default();
                clock.leadership = None;
                clock.campaign.iter_mut().for_each(|round| round.is_excused = true);
                clock.reset_before = Some(event.id);
                Ok(())
            }
            _ => Ok(()),
        };
        result?;
        if self.looked.is_none_or(|looked| event.at() - looked.at >= LOOK_INTERVAL) {
            self.looked = Some(event.id);
            return self.look(event.id, observed);
        }
        Ok(())
    }
}
