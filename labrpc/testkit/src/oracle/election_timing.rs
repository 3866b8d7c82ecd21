//! Elections and heartbeats come in time (§5.2, §5.6).

use std::collections::BTreeSet;
use std::time::Duration;

use labrpc::time::Instant;
use labrpc::{PeerId, Term};
use labrpc::{RaftReply, RaftRequest, RequestVote, RequestVoteReply};
use rustc_hash::FxHashMap;

use super::interface::Oracle;
use super::whole_milliseconds;
use crate::event::{Envelope, Event, EventId, EventKind};
use crate::observed::{ObservedState, SLACK};
use crate::rule::election::{
    BOOTS_WAITING, CAMPAIGN, CAMPAIGN_DUE, CAMPAIGNS_APART, FIRST_HEARTBEAT, HEARTBEATS, LEADER_STAYS, MAJORITY,
    STEPPED_DOWN, TIMER, WINS,
};
use crate::violation::Violation;
use crate::waited::{Awaited, Wait};

/// Messages of one round leave one after another, with nothing in between that takes time.
const ROUND: Duration = Duration::from_millis(1);
/// The time between two checks for overdue servers.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Knows what each server has to do next, and since when.
#[derive(Default)]
pub(super) struct ElectionTiming {
    duties: FxHashMap<PeerId, Duties>,
    checked_at: Option<EventId>,
}

/// What one server has to do in time.
#[derive(Default)]
struct Duties {
    /// The latest request that certainly restarted its timer, or its boot, at the earliest possible moment.
    reset_after: Option<EventId>,
    /// When it booted.
    booted: Option<EventId>,
    /// The latest moment at which anything may have restarted its timer.
    reset_before: Option<EventId>,
    /// The newest term that it may know.
    term: Term,
    /// The latest term that it campaigned in.
    campaigned: Term,
    /// When its latest campaign began.
    campaign_began: Option<EventId>,
    /// When it last sent a message as a leader.
    led: Option<EventId>,
    /// The term that it leads, as its messages show, until it may know of a newer one.
    leads_in: Option<Term>,
    /// The round of vote requests that it is sending.
    campaign: Option<VoteRound>,
    won_term: Option<WonTerm>,
}

/// Vote requests that leave for all other servers at once.
struct VoteRound {
    term: Term,
    began: EventId,
    sent_to: BTreeSet<PeerId>,
    /// The server was paused in the middle of the round.
    is_excused: bool,
}

/// A term that a server has won, until it may know of a newer one.
struct WonTerm {
    term: Term,
    won: EventId,
    /// When each other server was last sent a message.
    sent_at: FxHashMap<PeerId, EventId>,
}

impl Duties {
    /// The server may know of this term from now on.
    fn learn(&mut self, term: Term, id: EventId) {
        self.term = self.term.max(term);
        let newest = self.term;
        let has_won = self.won_term.take_if(|won_term| won_term.term < newest).is_some();
        if self.leads_in.take_if(|term| *term < newest).is_some() || has_won {
            // A leader has no election timer. It may start one when it steps down, and not before.
            self.reset_before = Some(id);
        }
        self.campaign.take_if(|round| round.term < newest);
    }

    /// The server begins a campaign: has a timeout passed since its last one, and since it led?
    fn check_timeout(
        &self,
        server: PeerId,
        term: Term,
        event: &Event,
        observed: &ObservedState,
    ) -> Result<(), Violation> {
        let timing = observed.timing;
        // The message that is known may itself have left late, after a slow save.
        let is_early = |known_since: Instant, restarted: Instant| {
            let slack = observed.slack(server, known_since);
            event.at() + slack < restarted + timing.election_timeout_min
        };
        let before = |id: EventId, wait: Duration| Instant::ZERO + (id.at - Instant::ZERO).saturating_sub(wait);
        // If it has led since its last campaign, its timer ran from its last heartbeat or later, and it may have sent entries
        // after that. Of a server that was paused it is not known when its last heartbeat was due.
        if let Some(led) = self.led
            && let since = before(led, timing.heartbeat_interval + SLACK)
            && observed.ran_since(server, since)
            && is_early(since, before(led, timing.heartbeat_interval))
        {
            let waited = whole_milliseconds(event.at() - led.at);
            let what = format!("server {server} led until just now, and campaigned without waiting for a timeout");
            return Err(Violation::new(&STEPPED_DOWN, what)
                .with(led, format!("server {server} sends its last message as a leader"))
                .with(event.id, format!("{waited:?} later {}", too_early(term, timing.election_timeout_min))));
        }
        if let Some(began) = self.campaign_began
            && is_early(before(began, SLACK), began.at)
        {
            let waited = whole_milliseconds(event.at() - began.at);
            let what = format!("server {server} campaigned again {waited:?} after its last campaign");
            return Err(Violation::new(&CAMPAIGNS_APART, what)
                .with(began, format!("server {server} campaigns in term {}", self.campaigned))
                .with(event.id, too_early(term, timing.election_timeout_min)));
        }
        Ok(())
    }
}

fn too_early(term: Term, timeout_min: Duration) -> String {
    format!("it campaigns in term {term}, but every timeout is at least {timeout_min:?}")
}

/// A server campaigns too early after `reset`, at which its timer had to restart.
fn campaigned_early(
    server: PeerId,
    term: Term,
    event: &Event,
    reset: EventId,
    is_boot: bool,
    timeout_min: Duration,
) -> Violation {
    let waited = whole_milliseconds(event.at() - reset.at);
    let (since, restarts) = match is_boot {
        true => ("it had booted", "boots, and begins to wait for a leader"),
        false => ("its election timer had to restart", "grants a vote, or hears from the leader of its term"),
    };
    let violation = Violation::new(&TIMER, format!("server {server} campaigned {waited:?} after {since}"));
    if is_boot { violation.look_at(&BOOTS_WAITING) } else { violation }
        .with(reset, format!("server {server} {restarts}"))
        .with(event.id, too_early(term, timeout_min))
}

impl ElectionTiming {
    /// A server sends a vote request: did it have to wait longer, or does it lead already?
    fn campaigns(
        &mut self,
        envelope: &Envelope,
        term: Term,
        event: &Event,
        observed: &ObservedState,
    ) -> Result<(), Violation> {
        let (server, timing) = (envelope.from, observed.timing);
        let duties = self.duties.entry(server).or_default();
        let is_new = term > duties.campaigned;
        if is_new {
            duties.check_timeout(server, term, event, observed)?;
            // A campaign that comes right after a pause may have begun before it, and its timeout with it.
            let since = Instant::ZERO + (event.at() - Instant::ZERO).saturating_sub(SLACK);
            duties.campaign_began = observed.ran_since(server, since).then_some(event.id);
        }
        duties.campaigned = duties.campaigned.max(term);
        if is_new && term > duties.term {
            if let Some(reset) = duties.reset_after
                && event.at() < reset.at + timing.election_timeout_min
            {
                let is_boot = duties.booted == Some(reset);
                return Err(campaigned_early(server, term, event, reset, is_boot, timing.election_timeout_min));
            }
            // A vote that has arrived may not have been counted yet.
            let has_led = |won_term: &WonTerm| {
                !won_term.sent_at.is_empty() || event.at() - won_term.won.at > observed.slack(server, won_term.won.at)
            };
            if let Some(won_term) = duties.won_term.take().filter(has_led) {
                let won = won_term.term;
                // Nobody knows that it leads if it has sent nothing as a leader.
                let (rule, what) = match won_term.sent_at.is_empty() {
                    true => {
                        let what =
                            format!("server {server} had the votes of a majority for term {won}, and never led it");
                        (&MAJORITY, what)
                    }
                    false => {
                        let what = format!("server {server} stopped leading term {won} without hearing of a newer one");
                        (&LEADER_STAYS, what)
                    }
                };
                return Err(Violation::new(rule, what)
                    .with(won_term.won, format!("the vote arrives with which server {server} wins term {won}"))
                    .with(event.id, format!("it campaigns in term {term}")));
            }
        }
        duties.learn(term, event.id);
        if is_new {
            duties.reset_before = Some(event.id);
            duties.campaign = Some(VoteRound { term, began: event.id, sent_to: BTreeSet::new(), is_excused: false });
        }
        if let Some(round) = &mut duties.campaign {
            round.sent_to.insert(envelope.to);
        }
        Ok(())
    }

    /// A server sends a message as a leader.
    fn leads(&mut self, envelope: &Envelope, term: Term, event: &Event) {
        let duties = self.duties.entry(envelope.from).or_default();
        duties.learn(term, event.id);
        duties.campaign = None;
        // If it steps down later, its timer runs from its last message as a leader.
        duties.reset_before = Some(event.id);
        (duties.led, duties.leads_in) = (Some(event.id), Some(term));
        if let Some(won_term) = duties.won_term.as_mut().filter(|won_term| won_term.term == term) {
            won_term.sent_at.insert(envelope.to, event.id);
        }
    }

    /// A server replies: that may have restarted its timer.
    fn answers(&mut self, envelope: &Envelope, event: &Event, observed: &ObservedState) {
        let Some((request, reply)) = envelope.reply() else { return };
        let duties = self.duties.entry(envelope.from).or_default();
        duties.learn(reply.term(), event.id);
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
            let earlier = duties.reset_after.filter(|reset| reset.at > pending.arrived.at);
            duties.reset_after = earlier.or(Some(pending.arrived));
        }
        duties.reset_before = Some(event.id);
    }

    /// A vote arrives. If it wins the term, the server must send heartbeats from now on.
    fn wins(&mut self, envelope: &Envelope, event: &Event, observed: &ObservedState) {
        let Some((_, &RaftReply::RequestVote(RequestVoteReply { term, granted: true }))) = envelope.reply() else {
            return;
        };
        let won = observed.campaign(envelope.to, term).and_then(|campaign| campaign.won);
        let duties = self.duties.entry(envelope.to).or_default();
        if won == Some(event.id) && duties.term == term {
            duties.won_term = Some(WonTerm { term, won: event.id, sent_at: FxHashMap::default() });
        }
    }

    /// Checks every server for something overdue.
    fn check_all(&mut self, id: EventId, observed: &ObservedState) -> Result<(), Violation> {
        for (&server, duties) in &mut self.duties {
            let state = &observed.servers[server];
            if !state.is_real || !state.is_running() {
                (duties.won_term, duties.campaign, duties.reset_before) = (None, None, None);
                continue;
            }
            check_vote_round(server, duties, id, observed)?;
            match &duties.won_term {
                Some(won_term) => check_heartbeats(server, won_term, id, observed)?,
                None => check_campaign(server, duties.reset_before, id, observed)?,
            }
        }
        Ok(())
    }
}

fn others(server: PeerId, observed: &ObservedState) -> impl Iterator<Item = PeerId> + use<> {
    (0..observed.servers.len()).filter(move |&other| other != server)
}

/// Did a candidate ask all others at once?
fn check_vote_round(
    server: PeerId,
    duties: &mut Duties,
    id: EventId,
    observed: &ObservedState,
) -> Result<(), Violation> {
    let over = duties.campaign.take_if(|round| id.at - round.began.at > ROUND);
    let Some(round) = over.filter(|round| !round.is_excused && observed.ran_since(server, round.began.at)) else {
        return Ok(());
    };
    let Some(missing) = others(server, observed).find(|other| !round.sent_to.contains(other)) else { return Ok(()) };
    let what = format!("server {server} campaigned in term {}, but did not ask server {missing} at once", round.term);
    Err(Violation::new(&CAMPAIGN, what)
        .with(round.began, format!("server {server} asks {:?} for their votes", round.sent_to))
        .with(id, format!("server {missing} was not asked")))
}

/// Does a leader send heartbeats to everyone?
fn check_heartbeats(
    server: PeerId,
    won_term: &WonTerm,
    id: EventId,
    observed: &ObservedState,
) -> Result<(), Violation> {
    let interval = observed.timing.heartbeat_interval;
    for other in others(server, observed) {
        let sent_at = won_term.sent_at.get(&other).copied();
        let (since, patience) = sent_at.map_or((won_term.won, Duration::ZERO), |at| (at, interval));
        if id.at - since.at <= patience + observed.slack(server, since.at) || !observed.ran_since(server, since.at) {
            continue;
        }
        let (rule, note) = match sent_at {
            None => {
                (&FIRST_HEARTBEAT, format!("the vote arrives with which server {server} wins term {}", won_term.term))
            }
            Some(_) => (&HEARTBEATS, format!("server {server} sends server {other} its last message")),
        };
        let term = won_term.term;
        let has_sent_nothing = won_term.sent_at.is_empty();
        let what = match has_sent_nothing {
            // It may not even lead.
            true => format!(
                "server {server} has the votes of a majority for term {term}, and has sent nobody a message as its leader"
            ),
            false => format!("server {server} leads term {term}, but sent server {other} no heartbeat in time"),
        };
        let violation = Violation::new(rule, what);
        let violation = if has_sent_nothing { violation.look_at(&WINS) } else { violation }
            .with(since, note)
            .with(id, format!("still no message for server {other}; heartbeats are due every {interval:?}"));
        // A first heartbeat is missing from the step that has won the election, which led to it.
        let is_wait = std::ptr::eq(rule, &HEARTBEATS);
        let wait = || Wait::new(Awaited::Message(server, format!("a message to server {other}")), id.at - since.at);
        return Err(if is_wait { violation.waiting(wait()) } else { violation });
    }
    Ok(())
}

/// Does a server that hears from no leader campaign?
fn check_campaign(
    server: PeerId,
    reset_before: Option<EventId>,
    id: EventId,
    observed: &ObservedState,
) -> Result<(), Violation> {
    let Some(reset) = reset_before else { return Ok(()) };
    let timeout_max = observed.timing.election_timeout_max;
    let is_busy = observed.servers[server].pending.iter().any(|pending| pending.envelope.request().is_some());
    let is_overdue = id.at - reset.at > timeout_max + observed.slack(server, reset.at);
    if observed.servers.len() == 1 || is_busy || !is_overdue || !observed.ran_since(server, reset.at) {
        return Ok(());
    }
    let what = format!("server {server} hears from no leader, but does not campaign");
    Err(Violation::new(&CAMPAIGN_DUE, what)
        .with(reset, format!("the last moment at which anything may have restarted the timer of server {server}"))
        .with(
            id,
            format!(
                "{:.0?} later it has not campaigned, but every timeout is at most {timeout_max:?}",
                id.at - reset.at
            ),
        )
        .waiting(Wait::new(Awaited::Message(server, "a RequestVote".into()), id.at - reset.at)))
}

impl Oracle for ElectionTiming {
    fn check(&mut self, event: &Event, observed: &ObservedState) -> Result<(), Violation> {
        match &event.kind {
            EventKind::Sent(envelope) if observed.is_real(envelope.from) => match envelope.request() {
                Some(&RaftRequest::RequestVote(RequestVote { term, .. })) => {
                    self.campaigns(envelope, term, event, observed)?;
                }
                Some(request) => self.leads(envelope, request.term(), event),
                None => self.answers(envelope, event, observed),
            },
            EventKind::Arrived(envelope, _) if observed.is_real(envelope.to) => {
                if let Some(term) = envelope.term() {
                    // Only a newer term ends a leadership, and the server may know it from now on.
                    self.duties.entry(envelope.to).or_default().learn(term, event.id);
                    self.wins(envelope, event, observed);
                }
            }
            EventKind::Booted(server) => {
                let term = observed.servers[*server].disk.head.ballot.term;
                let duties = Duties {
                    term,
                    // A server that boots for the first time has no leader to depose.
                    reset_after: (term > 0).then_some(event.id),
                    reset_before: Some(event.id),
                    booted: Some(event.id),
                    ..Duties::default()
                };
                self.duties.insert(*server, duties);
            }
            EventKind::Paused(server, _) => {
                let duties = self.duties.entry(*server).or_default();
                (duties.won_term, duties.campaign_began, duties.led) = (None, None, None);
                duties.campaign.iter_mut().for_each(|round| round.is_excused = true);
                duties.reset_before = Some(event.id);
            }
            _ => {}
        }
        if self.checked_at.is_none_or(|checked| event.at() - checked.at >= LOOK_INTERVAL) {
            self.checked_at = Some(event.id);
            return self.check_all(event.id, observed);
        }
        Ok(())
    }
}
