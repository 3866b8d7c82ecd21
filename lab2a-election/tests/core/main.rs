//! Elections as plain values: no threads, no network, and the test sets the clock.

mod log_lines;
mod raft;

use std::collections::BTreeMap;
use std::time::Duration;

use lab2a_election::{Election, TIMING, TickOutcome};
use labrpc::time::Instant;
use labrpc::{
    AppendEntries, AppendEntriesReply, AppendOutcome, Ballot, LogPosition, Outbox, PeerId, Protocol, RaftReply,
    RaftRequest, RequestVote, RequestVoteReply, Status, Term, Timing,
};
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

const EMPTY: LogPosition = LogPosition::ZERO;

fn server(me: PeerId, cluster_size: usize) -> Election {
    Election::new(me, cluster_size, TIMING, me as u64, Instant::ZERO)
}

/// Moves the clock to the server's next campaign, and returns that time and the request it sends.
fn campaign(election: &mut Election) -> (Instant, RequestVote) {
    let now = election.due();
    let TickOutcome::Campaign(request) = election.tick(EMPTY, now) else { panic!("a campaign is due: {election:?}") };
    (now, request)
}

fn vote(term: Term) -> RequestVoteReply {
    RequestVoteReply { term, granted: true }
}

fn heartbeat(term: Term, leader: PeerId) -> RaftRequest {
    RaftRequest::AppendEntries(AppendEntries { term, leader, prev: EMPTY, entries: Vec::new(), leader_commit: 0 })
}

/// No term has two leaders, in whatever order messages arrive, get lost or arrive twice, and
/// whenever timers run out.
#[test]
fn no_schedule_elects_two_leaders_in_a_term_2a() {
    const SCHEDULES: u64 = 300;
    const EVENTS: usize = 400;
    enum Mail {
        Request(PeerId, RaftRequest),
        Reply(PeerId, PeerId, RaftReply),
    }
    let mut terms_won = 0;
    for seed in 0..SCHEDULES {
        let mut rng = SmallRng::seed_from_u64(seed);
        let size = rng.random_range(2..=5);
        let mut servers: Vec<Election> = (0..size).map(|me| server(me, size)).collect();
        // Mail is never removed: each message may arrive now, later, again or never.
        let mut mail: Vec<Mail> = Vec::new();
        let mut leaders: BTreeMap<Term, PeerId> = BTreeMap::new();
        let mut now = Instant::ZERO;
        for _ in 0..EVENTS {
            now += Duration::from_millis(rng.random_range(0..10));
            let mut outbox = Outbox::default();
            // Recent mail is chosen more often than old mail, or few elections would be won.
            let recent = &mail[mail.len() - rng.random_range(0..=mail.len())..];
            let actor = match recent.choose(&mut rng) {
                Some(Mail::Request(to, request)) if rng.random_ratio(9, 10) => {
                    let (to, from) = (*to, sender(request));
                    let reply = servers[to].handle_request(request.clone(), now);
                    mail.push(Mail::Reply(from, to, reply));
                    to
                }
                Some(Mail::Reply(to, from, reply)) if rng.random_ratio(9, 10) => {
                    let (to, from, reply) = (*to, *from, reply.clone());
                    servers[to].handle_reply(from, reply, now, &mut outbox);
                    to
                }
                _ => {
                    let ticked = rng.random_range(0..size);
                    now = now.max(servers[ticked].due());
                    Protocol::tick(&mut servers[ticked], now, &mut outbox);
                    ticked
                }
            };
            mail.extend(outbox.take().into_iter().map(|(to, request)| Mail::Request(to, request)));
            let Status { term, is_leader } = servers[actor].status();
            if is_leader {
                let first = *leaders.entry(term).or_insert(actor);
                assert_eq!(
                    first, actor,
                    "schedule {seed}: servers {first} and {actor} of {size} both lead term {term}"
                );
            }
        }
        terms_won += leaders.len();
    }
    assert!(terms_won > 1000, "the schedules elect too few leaders to show anything: {terms_won}");
}

fn sender(request: &RaftRequest) -> PeerId {
    match request {
        RaftRequest::RequestVote(request) => request.candidate,
        RaftRequest::AppendEntries(request) => request.leader,
        RaftRequest::InstallSnapshot(_) => panic!("lab 2A sends no snapshots"),
    }
}

/// A server refuses its vote to an older term, to a second candidate and to an older log, and its
/// timer then keeps running.
#[test]
fn only_a_granted_vote_restarts_the_timer_2a() {
    let last_log = LogPosition { term: 2, index: 3 };
    let ask = |term, candidate, last_log| RequestVote { term, candidate, last_log };
    let now = Instant::ZERO + Duration::from_millis(399);
    let mut voter = server(0, 3);
    voter.resume(Ballot { term: 5, voted_for: Some(1) });
    let due = voter.due();

    let longer_but_older = LogPosition { term: 1, index: 9 };
    for refused in [ask(4, 1, last_log), ask(5, 2, last_log), ask(5, 1, longer_but_older), ask(6, 2, EMPTY)] {
        let reply = voter.request_vote(&refused, last_log, now);
        assert_eq!(reply, RequestVoteReply { term: refused.term.max(5), granted: false }, "asked {refused:?}");
        assert_eq!(voter.due(), due, "a refusal must not restart the timer: {refused:?}");
    }
    // Term 6 came with a candidate that cannot win. Its vote is free, and goes to one candidate only.
    assert!(voter.request_vote(&ask(6, 1, last_log), last_log, now).granted);
    assert!(voter.due() >= now + TIMING.election_timeout_min);
    assert!(voter.request_vote(&ask(6, 1, last_log), last_log, now).granted, "the first reply may be lost");
    assert!(!voter.request_vote(&ask(6, 2, last_log), last_log, now).granted);
}

/// Votes of a majority of different servers, in the candidate's current term, win an election once.
#[test]
fn votes_count_once_each_and_in_their_own_term_2a() {
    let mut candidate = server(0, 4);
    let (now, _) = campaign(&mut candidate);
    campaign(&mut candidate);
    assert_eq!(candidate.ballot(), Ballot { term: 2, voted_for: Some(0) });

    assert!(!candidate.count_vote(1, &vote(1), now), "a vote in the previous term");
    assert!(!candidate.count_vote(1, &vote(2), now), "two of four are no majority");
    assert!(!candidate.count_vote(1, &vote(2), now), "the same vote again");
    assert!(!candidate.count_vote(2, &RequestVoteReply { term: 2, granted: false }, now), "a refusal");
    assert!(candidate.count_vote(3, &vote(2), now), "three of four");
    assert!(!candidate.count_vote(2, &vote(2), now), "won already");
    assert!(candidate.is_leader());
}

/// A candidate follows the leader of its own term, and no server follows the leader of an older one.
#[test]
fn a_candidate_follows_the_leader_of_its_term_2a() {
    let mut candidate = server(0, 3);
    let (_, request) = campaign(&mut candidate);
    let now = candidate.due();
    assert!(!candidate.hear_leader(request.term - 1, now));
    assert_eq!(candidate.due(), now, "the leader of an older term must not restart the timer");
    assert!(candidate.hear_leader(request.term, now));
    assert_eq!(candidate.tick(EMPTY, now), TickOutcome::NotDue, "the timer was restarted");
    assert!(!candidate.count_vote(2, &vote(request.term), now), "a follower wins no election");
    assert_eq!(candidate.ballot().voted_for, Some(0), "it keeps its vote in this term");
}

/// The reply to a heartbeat says whether the leader's term is current.
#[test]
fn a_heartbeat_of_an_older_term_is_refused_2a() {
    let mut follower = server(0, 3);
    follower.resume(Ballot { term: 5, voted_for: None });
    let reply = |term, outcome| RaftReply::AppendEntries(AppendEntriesReply { term, outcome });
    assert_eq!(follower.handle_request(heartbeat(4, 1), Instant::ZERO), reply(5, AppendOutcome::StaleTerm));
    assert_eq!(follower.handle_request(heartbeat(5, 1), Instant::ZERO), reply(5, AppendOutcome::Through(0)));
    assert_eq!(follower.handle_request(heartbeat(6, 2), Instant::ZERO), reply(6, AppendOutcome::Through(0)));
}

/// A leader sends heartbeats when it is elected and at each interval. A newer term deposes it, and
/// it then waits as long as any follower.
#[test]
fn a_leader_sends_heartbeats_until_a_newer_term_2a() {
    let Timing { heartbeat_interval, election_timeout_min, election_timeout_max } = TIMING;
    let mut leader = server(0, 3);
    let (now, _) = campaign(&mut leader);
    let mut outbox = Outbox::default();
    leader.handle_reply(2, RaftReply::RequestVote(vote(1)), now, &mut outbox);
    let heartbeats = [(1, heartbeat(1, 0)), (2, heartbeat(1, 0))];
    assert_eq!(outbox.take(), heartbeats, "the first heartbeats leave with the winning vote");
    assert_eq!(leader.due(), now + heartbeat_interval);
    let now = leader.due();
    Protocol::tick(&mut leader, now, &mut outbox);
    assert_eq!(outbox.take(), heartbeats);

    let reply = |term, outcome| RaftReply::AppendEntries(AppendEntriesReply { term, outcome });
    leader.handle_reply(1, reply(1, AppendOutcome::Through(0)), now, &mut outbox);
    assert!(leader.is_leader(), "its own term changes nothing");
    leader.handle_reply(1, reply(7, AppendOutcome::StaleTerm), now, &mut outbox);
    assert_eq!(leader.status(), Status { term: 7, is_leader: false });
    assert_eq!(leader.ballot().voted_for, None);
    let wait = leader.due() - now;
    assert!(election_timeout_min <= wait && wait <= election_timeout_max, "a deposed leader waits {wait:?}");
}

/// Timeouts lie within their bounds, and differ between campaigns and between servers.
#[test]
fn each_campaign_draws_a_new_timeout_2a() {
    let Timing { election_timeout_min, election_timeout_max, .. } = TIMING;
    let mut candidate = server(0, 2);
    let mut waits = Vec::new();
    for _ in 0..100 {
        let (now, _) = campaign(&mut candidate);
        waits.push(candidate.due() - now);
    }
    let (shortest, longest) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
    assert!(*shortest >= election_timeout_min && *longest <= election_timeout_max, "{waits:?}");
    assert!(*longest - *shortest > (election_timeout_max - election_timeout_min) / 2, "too much alike: {waits:?}");
    assert_ne!(server(0, 2).due(), server(1, 2).due(), "two seeds, two timeouts");
}

/// A cluster of one needs no other server's vote.
#[test]
fn a_cluster_of_one_elects_itself_2a() {
    let mut alone = server(0, 1);
    let now = alone.due();
    assert_eq!(alone.tick(EMPTY, now), TickOutcome::Elected);
    assert_eq!(alone.status(), Status { term: 1, is_leader: true });
}

/// A server knows which server it is and how large its cluster is. It never has anything to apply,
/// since lab 2A commits nothing.
#[test]
fn a_server_knows_its_cluster_2a() {
    let election = server(2, 5);
    assert_eq!((election.me(), election.cluster_size(), election.majority()), (2, 5, 3));
    assert!(!election.has_committed());
}

/// Heartbeats must come more often than elections, or followers doubt every leader.
#[test]
#[should_panic(expected = "every heartbeat would come too late")]
fn a_timing_without_time_for_heartbeats_is_refused_2a() {
    let timing = Timing { heartbeat_interval: TIMING.election_timeout_min, ..TIMING };
    Election::new(0, 3, timing, 0, Instant::ZERO);
}
