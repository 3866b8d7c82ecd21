//! The log and its replicas as plain values: no threads, no network, and the test sets the clock.

use lab2a_election::{Election, TIMING};
use lab2b_log::{Replica, VecLog, boot};
use labrpc::channel::unbounded;
use labrpc::sim::{self, Settings};
use labrpc::time::Instant;
use labrpc::{
    APPEND_BYTES_MAX, AppendEntries, AppendEntriesReply, AppendOutcome, ApplyMsg, Ballot, Bytes, Compacted, Conflict,
    Elect, Entry, Index, LogPosition, NotLeader, Outbox, PeerId, Protocol, RaftLog, RaftReply, RaftRequest,
    Replication, RequestVoteReply, Status, Term, wire,
};

fn entry(term: Term) -> Entry {
    Entry { term, command: Bytes::from(vec![term as u8]) }
}

fn log_of(terms: &[Term]) -> VecLog {
    terms.iter().map(|&term| entry(term)).collect()
}

fn terms_of(log: &VecLog) -> Vec<Term> {
    (1..=log.last().index).map(|index| log.get(index).unwrap().term).collect()
}

/// Every log of up to `len_max` entries whose terms are 1 to 3.
fn all_logs(len_max: usize) -> Vec<Vec<Term>> {
    let mut logs = vec![vec![]];
    for len in 0..len_max {
        let longest: Vec<Vec<Term>> = logs.iter().filter(|log| log.len() == len).cloned().collect();
        for log in longest {
            let last = log.last().copied().unwrap_or(1);
            logs.extend((last..=3).map(|term| [&log[..], &[term]].concat()));
        }
    }
    logs
}

fn follower(terms: &[Term]) -> Replica<VecLog> {
    let mut replica = Replica::new(Election::new(1, 3, TIMING, 1, Instant::ZERO));
    replica.resume(Ballot::default(), log_of(terms));
    replica
}

/// Server 0 of three, elected with this log, and the requests that it then sends.
fn leader(terms: &[Term]) -> (Replica<VecLog>, Vec<(PeerId, AppendEntries)>) {
    let mut replica = Replica::new(Election::new(0, 3, TIMING, 0, Instant::ZERO));
    let term = terms.last().copied().unwrap_or(0);
    replica.resume(Ballot { term, voted_for: None }, log_of(terms));
    let now = replica.due();
    replica.tick(now, &mut Outbox::default());
    let vote = RaftReply::RequestVote(RequestVoteReply { term: term + 1, granted: true });
    let mut outbox = Outbox::default();
    replica.handle_reply(1, vote, now, &mut outbox);
    assert!(replica.status().is_leader);
    (replica, appends(&mut outbox))
}

fn appends(outbox: &mut Outbox) -> Vec<(PeerId, AppendEntries)> {
    let append = |(to, request)| match request {
        RaftRequest::AppendEntries(append) => (to, append),
        request => panic!("only AppendEntries are due: {request:?}"),
    };
    outbox.take().into_iter().map(append).collect()
}

/// Lets server 1 answer the leader, and returns what the leader then sends.
fn answer(leader: &mut Replica<VecLog>, outcome: AppendOutcome) -> Vec<(PeerId, AppendEntries)> {
    let mut outbox = Outbox::default();
    let reply = RaftReply::AppendEntries(AppendEntriesReply { term: leader.status().term, outcome });
    leader.handle_reply(1, reply, Instant::ZERO, &mut outbox);
    appends(&mut outbox)
}

fn propose(leader: &mut Replica<VecLog>, command: Bytes) -> Vec<(PeerId, AppendEntries)> {
    let mut outbox = Outbox::default();
    leader.propose(command, &mut outbox).expect("a leader takes commands");
    appends(&mut outbox)
}

/// For every pair of small logs and every stretch of one of them: the other log either takes the
/// stretch and keeps every entry that agrees, or does not change and asks for an earlier stretch.
#[test]
fn splicing_makes_the_logs_agree_and_never_loses_agreement_2b() {
    let logs = all_logs(4);
    for own in &logs {
        for (leaders, from, to) in logs.iter().flat_map(stretches) {
            // Log Matching (§5.3): logs that agree on an index and its term agree up to there. Skip
            // pairs that break it, since no cluster has them.
            if (0..own.len().min(leaders.len()))
                .any(|slot| own[slot] == leaders[slot] && own[..slot] != leaders[..slot])
            {
                continue;
            }
            let pair = format!("{own:?} spliced with {leaders:?}[{from}..{to}]");
            let prev = log_of(&leaders[..from]).last();
            let mut log = log_of(own);
            match log.splice(prev, leaders[from..to].iter().map(|&term| entry(term)).collect()) {
                Ok(()) => {
                    assert_eq!(terms_of(&log)[..to], leaders[..to], "{pair}");
                    if own.starts_with(&leaders[..to]) {
                        assert_eq!(terms_of(&log), *own, "an old request must not shorten the log: {pair}");
                    }
                }
                Err(Conflict { retry_from }) => {
                    assert!(from > 0 && !own.starts_with(&leaders[..from]), "there was no conflict: {pair}");
                    assert_eq!(terms_of(&log), *own, "a refused request changes nothing: {pair}");
                    assert!((1..=prev.index).contains(&retry_from), "no step back to {retry_from}: {pair}");
                }
            }
        }
    }
}

fn stretches(log: &Vec<Term>) -> impl Iterator<Item = (&Vec<Term>, usize, usize)> {
    (0..=log.len()).flat_map(move |from| (from..=log.len()).map(move |to| (log, from, to)))
}

/// A leader finds the point of agreement with one refusal for each term that the follower must give
/// up, no matter how long the logs are.
#[test]
fn a_conflict_costs_one_refusal_per_term_2b() {
    let stale = [vec![1; 3], vec![2; 50], vec![3; 50], vec![4; 50]].concat();
    let (mut leader, first_requests) = leader(&[vec![1; 3], vec![5; 200]].concat());
    let mut follower = follower(&stale);
    let mut next = first_requests.into_iter().find(|(to, _)| *to == 1);
    let (mut requests, mut refusals) = (0, 0);
    while let Some((_, request)) = next {
        let reply = follower.handle_request(RaftRequest::AppendEntries(request), Instant::ZERO);
        let RaftReply::AppendEntries(AppendEntriesReply { outcome, .. }) = reply else { panic!("{reply:?}") };
        requests += 1;
        refusals += u32::from(matches!(outcome, AppendOutcome::RetryFrom(_)));
        assert!(requests < 100, "the leader never finds where the logs agree");
        next = answer(&mut leader, outcome).pop();
    }
    assert_eq!(terms_of(follower.log()), terms_of(leader.log()));
    assert_eq!(refusals, 4, "one because its log is shorter, and one for each of its terms 4, 3 and 2");
}

/// §5.4.2, Figure 8: copies do not commit an entry of an older term. The first entry of the
/// leader's own term that a majority holds commits both.
#[test]
fn old_terms_are_not_committed_by_counting_copies_2b() {
    let (mut leader, _) = leader(&[1, 2]);
    answer(&mut leader, AppendOutcome::Through(2));
    assert_eq!(leader.commit_index(), 0);
    propose(&mut leader, Bytes::default());
    assert_eq!(leader.commit_index(), 0);
    answer(&mut leader, AppendOutcome::Through(3));
    assert_eq!(leader.commit_index(), 3);
    let indices: Vec<Index> = leader.take_committed().iter().map(index).collect();
    assert_eq!(indices, [1, 2, 3]);
    assert_eq!(leader.last_applied(), 3);
    assert!(leader.take_committed().is_empty(), "nothing is taken twice");
}

fn index(message: &ApplyMsg) -> Index {
    match message {
        ApplyMsg::Command { at, .. } => at.index,
        ApplyMsg::Snapshot { through, .. } => through.index,
    }
}

/// A follower commits no further than the request's own entries reach, and commits nothing because
/// of a request that it refuses.
#[test]
fn a_follower_commits_only_through_the_request_2b() {
    let mut follower = follower(&[1, 2, 2]);
    let mut hear = |prev, leader_commit| {
        let request = AppendEntries { term: 3, leader: 0, prev, entries: vec![], leader_commit };
        follower.handle_request(RaftRequest::AppendEntries(request), Instant::ZERO);
        follower.commit_index()
    };
    assert_eq!(hear(LogPosition { term: 3, index: 3 }, 3), 0, "refused");
    assert_eq!(hear(LogPosition { term: 1, index: 1 }, 3), 1, "entries 2 and 3 may differ from the leader's");
    assert_eq!(hear(LogPosition::ZERO, 0), 1, "an old request lowers nothing");
}

/// Each follower has one request of bounded size on its way. The next one leaves when it is
/// answered, or with the next heartbeat.
#[test]
fn commands_travel_in_bounded_batches_2b() {
    const COMMAND_BYTES: usize = 5000;
    const BATCH: usize = APPEND_BYTES_MAX / COMMAND_BYTES;
    let (mut leader, _) = leader(&[]);
    answer(&mut leader, AppendOutcome::Through(0));
    let first = propose(&mut leader, vec![0; COMMAND_BYTES].into());
    assert_eq!((first.len(), first[0].0, first[0].1.entries.len()), (1, 1, 1), "server 2 has not answered yet");
    for _ in 0..99 {
        assert!(propose(&mut leader, vec![0; COMMAND_BYTES].into()).is_empty());
    }

    let (now, mut outbox) = (leader.due(), Outbox::default());
    leader.tick(now, &mut outbox);
    let again = appends(&mut outbox).swap_remove(0).1;
    assert_eq!((again.prev.index, again.entries.len()), (0, BATCH));
    assert!(answer(&mut leader, AppendOutcome::Through(1)).is_empty(), "a late answer, to the first request");
    let next = answer(&mut leader, AppendOutcome::Through(BATCH as Index)).swap_remove(0).1;
    assert_eq!((next.prev.index, next.entries.len()), (BATCH as Index, BATCH));

    answer(&mut leader, AppendOutcome::Through(100));
    let huge = propose(&mut leader, vec![0; 2 * APPEND_BYTES_MAX].into()).swap_remove(0).1;
    assert_eq!(huge.entries.len(), 1, "an entry that is larger than the bound travels alone");
}

/// A reply that is late, doubled or of an earlier term lowers nothing and sends nothing.
#[test]
fn late_and_doubled_replies_are_harmless_2b() {
    let (mut leader, _) = leader(&[1, 1, 2, 2, 3]);
    assert_eq!(answer(&mut leader, AppendOutcome::RetryFrom(3)).len(), 1);
    assert!(answer(&mut leader, AppendOutcome::RetryFrom(3)).is_empty(), "doubled");
    assert!(answer(&mut leader, AppendOutcome::RetryFrom(4)).is_empty(), "late");
    answer(&mut leader, AppendOutcome::Through(5));
    for late in [AppendOutcome::RetryFrom(1), AppendOutcome::Through(2), AppendOutcome::StaleTerm] {
        assert!(answer(&mut leader, late).is_empty(), "{late:?}");
        assert_eq!(leader.match_index(1), 5, "{late:?}");
    }

    let of_earlier_term = AppendEntriesReply { term: 3, outcome: AppendOutcome::Through(5) };
    leader.handle_reply(2, RaftReply::AppendEntries(of_earlier_term), Instant::ZERO, &mut Outbox::default());
    assert_eq!(leader.match_index(2), 0, "server 2 may have lost since what it held in term 3");
}

/// Only a leader takes commands. A leader that is alone in its cluster commits them at once.
#[test]
fn only_a_leader_takes_commands_2b() {
    let mut outbox = Outbox::default();
    assert_eq!(follower(&[]).propose(Bytes::default(), &mut outbox), Err(NotLeader));
    let mut alone: Replica<VecLog> = Replica::new(Election::new(0, 1, TIMING, 0, Instant::ZERO));
    let now = alone.due();
    alone.tick(now, &mut outbox);
    assert_eq!(alone.propose(Bytes::default(), &mut outbox), Ok(LogPosition { term: 1, index: 1 }));
    assert!(alone.has_committed());
    assert!(outbox.take().is_empty());
}

/// The sizes that bound a batch are the sizes on the wire.
#[test]
fn an_entrys_size_is_its_size_on_the_wire_2b() {
    let short = Entry { term: 1, command: Bytes::from(vec![0; 10]) };
    let long = Entry { term: 1, command: Bytes::from(vec![0; 100]) };
    assert_eq!(short.bytes_len(), wire::encode(&short).len());
    assert_eq!(long.bytes_len(), wire::encode(&long).len());
}

/// A log that keeps everything cannot begin later than at the first index.
#[test]
#[should_panic(expected = "starts at the first index")]
fn a_whole_log_starts_at_the_first_index_2b() {
    VecLog::starting_after(LogPosition { term: 1, index: 1 });
}

/// The error messages say what to send next.
#[test]
fn errors_say_what_to_send_2b() {
    assert!(Conflict { retry_from: 7 }.to_string().ends_with("send the entries from index 7 on"));
    assert!(Compacted.to_string().ends_with("send a snapshot instead"));
}

/// A leader's message in an outer layer, such as a snapshot (lab 2D), restarts the timer like any
/// other.
#[test]
fn a_leader_is_followed_in_an_outer_layers_message_2b() {
    let mut follower = follower(&[]);
    let due = follower.due();
    assert!(follower.hear_leader(2, due));
    assert!(follower.due() > due, "it has heard from its leader");
    assert!(!follower.hear_leader(1, due), "that term is over");
}

/// No follower needs a snapshot while the log keeps everything.
#[test]
fn no_follower_of_a_whole_log_needs_a_snapshot_2b() {
    let (leader, _) = leader(&[1, 1]);
    assert!(!leader.needs_snapshot(1));
    assert!(!follower(&[1, 1]).needs_snapshot(0));
}

/// Watchers of a booted server learn that it leads, and that it is shut down.
#[test]
fn a_watcher_learns_of_leadership_and_shutdown_2b() {
    let run = || {
        let (apply_ch, _apply_rx) = unbounded();
        let server = boot(Election::new(0, 1, TIMING, 0, Instant::now()), Vec::new(), apply_ch);
        let follower = Status { term: 0, is_leader: false };
        assert_eq!(server.watch(follower), Some(Status { term: 1, is_leader: true }), "it elects itself");
        server.shutdown();
        assert_eq!(server.watch(server.status()), None, "it is shut down");
    };
    sim::run(Settings::default(), run).0.unwrap_or_else(|failure| panic!("{failure}"));
}
