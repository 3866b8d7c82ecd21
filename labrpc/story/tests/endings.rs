//! How failures are explained in which no two events contradict each other: what did not come in time, what threads did,
//! and what a vacuous test missed.

use std::collections::BTreeMap;

use story::{
    Awaited, ClashStep, Delta, Event, Field, Kind, Lane, Lock, LogDelta, Meta, Position, Role, State, Story,
    StoryEntry, Thread, ThreadWait, Waited, explanation,
};

fn on(t: u64, lane: &str, k: Kind) -> Event {
    Event { t, k, at: Some(lane.into()), ..Event::default() }
}

fn number(n: u64) -> Field {
    Field::Number(n)
}

/// A story of three servers that grows by one event or message at a time.
struct Told {
    story: Story,
    sent: usize,
}

impl Told {
    fn new() -> Told {
        let lane = |id: &str| Lane { id: id.into(), name: format!("server {id}"), scripted: false };
        let up = State { up: true, ..State::default() };
        let story = Story {
            v: story::VERSION,
            meta: Meta { failed: true, verdict: "It failed.".into(), ..Meta::default() },
            servers: ["0", "1", "2"].map(lane).into(),
            clients: vec![Lane { id: "a".into(), name: "client a".into(), scripted: false }],
            init: ["0", "1", "2"].map(|id| (id.to_string(), up.clone())).into(),
            ..Story::default()
        };
        Told { story, sent: 0 }
    }

    fn event(&mut self, event: Event) -> usize {
        self.story.events.push(event);
        self.story.events.len() - 1
    }

    fn send(&mut self, t: u64, (from, to): (&str, &str), msg: &str, re: Option<usize>, f: &[(&str, Field)]) -> usize {
        let f: BTreeMap<String, Field> = f.iter().map(|(name, field)| (name.to_string(), field.clone())).collect();
        let (to, msg, m) = (Some(to.to_string()), Some(msg.to_string()), Some(self.sent));
        self.sent += 1;
        self.event(Event { to, msg, m, re, f, ..on(t, from, Kind::Send) });
        self.sent - 1
    }

    fn arrive(&mut self, t: u64, (from, to): (&str, &str), m: usize) -> usize {
        self.event(Event { from: Some(from.into()), m: Some(m), ..on(t, to, Kind::Recv) })
    }

    /// A request that arrives a millisecond later and is answered at once; the reply takes a millisecond too.
    fn ask(
        &mut self,
        t: u64,
        (from, to): (&str, &str),
        request: (&str, &[(&str, Field)]),
        reply: (&str, &[(&str, Field)]),
    ) {
        let m = self.send(t, (from, to), request.0, None, request.1);
        self.arrive(t + 1_000, (from, to), m);
        let re = self.send(t + 1_000, (to, from), reply.0, Some(m), reply.1);
        self.arrive(t + 2_000, (to, from), re);
    }

    /// Server 0 leads term 1 and has committed entry 1.
    fn lead(&mut self) {
        let log = Some(LogDelta { keep: 0, add: vec![StoryEntry(1, "x".into())] });
        let delta = Delta { role: Some(Role::Leader), term: Some(1), log, commit: Some(1), ..Delta::default() };
        self.event(Event { d: Some(delta), ..on(1_000, "0", Kind::Role) });
        self.append(2_000, "1", 0, ("ok", Field::Truth(true)), ("through", number(1)));
    }

    /// An AppendEntries of server 0, and its reply.
    fn append(&mut self, t: u64, to: &str, n: u64, ok: (&str, Field), more: (&str, Field)) {
        let request =
            [("term", number(1)), ("prev", Field::Position(Position(1, 1))), ("n", number(n)), ("commit", number(1))];
        self.ask(t, ("0", to), ("AppendEntries", &request), ("AppendEntriesReply", &[("term", number(1)), ok, more]));
    }

    /// The explanation when the run has waited from a second on for five.
    fn waited(mut self, awaited: Awaited) -> String {
        let among = ["0", "1", "2"].map(String::from).into();
        self.story.waited = Some(Waited { awaited, since: 1_000_000, until: 6_000_000, among });
        self.event(Event { t: 6_000_000, say: Some("it failed".into()), ..Event::default() });
        self.story.mark_wait();
        assert_eq!(self.story.clash.last().map(|step| step.e), Some(self.story.events.len() - 1));
        explanation(&self.story)
    }
}

#[track_caller]
fn assert_has(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|has| has == *line), "this line is missing: {line}\nin\n{text}");
    }
}

/// Without a leader: who led last, and what became of each server's campaigns.
#[test]
fn no_leader_is_explained_by_the_votes() {
    let mut told = Told::new();
    told.lead();
    told.event(on(900_000, "0", Kind::Crash));
    let vote = Delta { term: Some(2), vote: Some(Some("2".into())), ..Delta::default() };
    told.event(Event { d: Some(vote), ..on(1_900_000, "2", Kind::Role) });
    let asks = [("term", number(2)), ("last", Field::Position(Position(1, 1)))];
    let denies = [("term", number(2)), ("granted", Field::Truth(false))];
    told.ask(2_000_000, ("1", "2"), ("RequestVote", &asks), ("RequestVoteReply", &denies));
    told.send(2_000_000, ("1", "0"), "RequestVote", None, &asks);
    told.story.events.last_mut().expect("it was sent").lost = Some("down".into());
    let text = told.waited(Awaited::Leader);
    assert_has(
        &text,
        &[
            "     0.002 s  until then server 0 led term 1, and had committed through 1:1",
            "     0.900 s  server 0 crashes",
            "     1.000 s  from then on: a leader among servers 0, 1 and 2, which were up and could reach one another",
            "     6.000 s  there was none",
            "  server 0   asked nobody for a vote; it got no message either",
            "  server 1   campaigned once, in term 2, at 2.000 s; votes: 1 denied, 1 lost on the way",
            "             its last, in term 2: server 2 denied (had voted for server 2); server 0 lost on the way",
        ],
    );
}

/// A candidate that has a majority and does not lead is told as that, and a vote that comes too late is no vote.
#[test]
fn a_majority_without_a_leader_is_told() {
    let campaign = |is_late: bool| {
        let mut told = Told::new();
        let asks = |term| [("term", number(term)), ("last", Field::Position(Position(0, 0)))];
        let grants = [("term", number(2)), ("granted", Field::Truth(true))];
        if is_late {
            let m = told.send(2_000_000, ("1", "2"), "RequestVote", None, &asks(2));
            told.arrive(2_001_000, ("1", "2"), m);
            let re = told.send(2_001_000, ("2", "1"), "RequestVoteReply", Some(m), &grants);
            told.send(3_000_000, ("1", "2"), "RequestVote", None, &asks(3));
            told.arrive(3_001_000, ("2", "1"), re);
        } else {
            told.ask(2_000_000, ("1", "2"), ("RequestVote", &asks(2)), ("RequestVoteReply", &grants));
        }
        told.waited(Awaited::Leader)
    };
    let won = "             in term 2 it had the vote of server 2 by 2.002 s: with its own, a majority of 3; it sent no message \
               as the leader";
    assert_has(&campaign(false), &["     1.000 s  until then no server has led", won]);
    let late = campaign(true);
    assert!(!late.contains("a majority of 3"), "{late}");
    assert_has(
        &late,
        &[
            "  server 1   campaigned twice, in terms 2 to 3, from 2.000 s to 3.000 s; votes: 1 granted too late, 1 without an \
           answer",
        ],
    );
}

/// An entry that is not applied: what the leader sent, what came back, and on how many servers it was.
#[test]
fn an_uncommitted_entry_is_explained_by_the_replies() {
    let entry = |with_majority: bool| {
        let mut told = Told::new();
        told.lead();
        let log = Some(LogDelta { keep: 1, add: vec![StoryEntry(1, "y".into())] });
        told.event(Event { d: Some(Delta { log, ..Delta::default() }), ..on(1_000_000, "0", Kind::Append) });
        let refuses = ("ok", Field::Truth(false));
        told.append(1_100_000, "2", 1, refuses.clone(), ("hint", number(7)));
        told.append(1_200_000, "2", 1, refuses, ("hint", number(7)));
        if with_majority {
            told.append(1_300_000, "1", 1, ("ok", Field::Truth(true)), ("through", number(2)));
        }
        told.waited(Awaited::Applied { index: Some(2), servers: 3 })
    };
    let text = entry(true);
    assert_has(
        &text,
        &[
            "     1.000 s  from then on: entry 2 applied on 3 servers; servers 0, 1 and 2 were up and could reach one another",
            "     6.000 s  no server had applied it",
            "  server 0   led term 1, until 1.300 s at least: its log ended at 2:1, committed through 1, applied through 0",
            "  server 2   the leader sent it 2 messages (2 with entries), the last at 1.200 s; 2 refused, retry from 7 each \
             time; it knew entries to be committed through 0, and applied through 0",
            "  entry 2 was on servers 0 and 1, a majority of 3 since 1.302 s, but no message of the leader calls it \
             committed",
            "     1.000 s  event 5: the leader takes the command that is waited for",
        ],
    );
    assert_has(
        &entry(false),
        &[
            "  server 1   the leader sent it nothing since 1.000 s; it knew entries to be committed through 0, and applied \
             through 0",
            "  entry 2 was on server 0, which is no majority of 3, as far as the leader was told",
        ],
    );
}

/// An entry that is known to be committed and is not applied is told as that.
#[test]
fn a_committed_entry_that_is_not_applied_is_told() {
    let mut told = Told::new();
    told.lead();
    told.append(1_100_000, "1", 0, ("ok", Field::Truth(true)), ("through", number(1)));
    let text = told.waited(Awaited::CatchUp { at: "0".into(), index: 1 });
    assert_has(
        &text,
        &[
            "     1.000 s  from then on: server 0 applies everything through entry 1",
            "     6.000 s  it had applied through 0",
            "  server 0 knew entry 1 to be committed and had not applied it",
        ],
    );
}

/// A client without an answer: whom it asked, how each server answered, and that it did not ask the leader.
#[test]
fn a_client_without_an_answer_is_explained_by_its_requests() {
    let mut told = Told::new();
    told.lead();
    let op = [("op", Field::Text("put".into())), ("key", Field::Text("k".into())), ("val", Field::Text("v".into()))];
    let f = op.iter().map(|(name, field)| (name.to_string(), field.clone())).collect();
    told.event(Event { op: Some(0), f, ..on(1_000_000, "a", Kind::Call) });
    let refuses = [("ok", Field::Truth(false)), ("why", Field::Text("not the leader".into()))];
    for nth in 0..3 {
        told.ask(1_000_000 + nth * 10_000, ("a", "1"), ("Request", &op), ("Reply", &refuses));
    }
    told.append(1_500_000, "1", 0, ("ok", Field::Truth(true)), ("through", number(1)));
    let text = told.waited(Awaited::Answer { client: None });
    assert_has(
        &text,
        &[
            "  client a   waits since 1.000 s for: put k = v",
            "             it asked server 1 3 times, at last at 1.020 s; 3 refused: not the leader",
            "             server 0 led term 1, until 1.500 s at least; it was not asked",
            "     1.000 s  event 5: this operation has no answer",
        ],
    );
}

/// A client's request that became an entry, was applied and not answered is followed to its end.
#[test]
fn a_request_is_followed_to_its_entry() {
    let mut told = Told::new();
    told.lead();
    let op = [("op", Field::Text("put".into())), ("key", Field::Text("k".into())), ("val", Field::Text("v".into()))];
    told.event(Event { op: Some(0), ..on(1_000_000, "a", Kind::Call) });
    let m = told.send(1_000_000, ("a", "0"), "Request", None, &op);
    told.arrive(1_001_000, ("a", "0"), m);
    let log = Some(LogDelta { keep: 1, add: vec![StoryEntry(1, "k=v".into())] });
    told.event(Event { d: Some(Delta { log, ..Delta::default() }), ..on(1_001_010, "0", Kind::Append) });
    let applied = Delta { commit: Some(2), applied: Some(2), ..Delta::default() };
    told.event(Event { d: Some(applied), say: Some("2:1".into()), ..on(1_100_000, "0", Kind::Apply) });
    let text = told.waited(Awaited::Answer { client: Some("a".into()) });
    let line =
        "  server 0 got its request at 1.001 s, took it as entry 2 and applied that at 1.100 s, but did not answer";
    assert_has(&text, &[line]);
}

/// A server that does not answer, does not return or does not send has what it did instead.
#[test]
fn a_silent_server_has_what_it_did_instead() {
    let silent = |awaited: fn(usize) -> Awaited| {
        let mut told = Told::new();
        told.lead();
        let request = [("term", number(1)), ("n", number(0))];
        let m = told.send(1_000_000, ("0", "1"), "AppendEntries", None, &request);
        let arrival = told.arrive(1_001_000, ("0", "1"), m);
        told.waited(awaited(arrival))
    };
    let text = silent(|arrival| Awaited::Reply { at: "1".into(), e: Some(arrival) });
    assert_has(
        &text,
        &[
            "     6.000 s  it had not answered",
            "  server 1   answered 0 of the 1 request that it got in this time",
            "             it did nothing in this time that can be seen",
            "     1.001 s  event 6: this request is not answered",
        ],
    );
    let text = silent(|_| Awaited::Return { at: "1".into(), method: "start".into() });
    assert_has(&text, &["     1.000 s  from then on: `start` of server 1 returns", "     6.000 s  it had not"]);
    let text = silent(|_| Awaited::Message { at: "1".into(), message: "a RequestVote".into() });
    assert_has(
        &text,
        &[
            "     1.000 s  from then on: server 1 sends a RequestVote",
            "  server 1   sent nothing in this time",
            "             the last that it got, at 1.001 s: server 1 gets heartbeat term 1, after , commit  from server 0",
        ],
    );
}

fn thread(name: &str, e: Option<usize>) -> Thread {
    Thread { name: name.into(), node: "server 1".into(), at: Some("1".into()), e, ..Thread::default() }
}

/// A thread that failed has the message that it handles, and what led to that.
#[test]
fn a_thread_that_failed_has_the_message_that_it_handles() {
    let mut told = Told::new();
    told.lead();
    let m = told.send(1_000_000, ("0", "1"), "AppendEntries", None, &[("term", number(1)), ("n", number(1))]);
    let e = told.arrive(1_001_000, ("0", "1"), m);
    let failed = Thread {
        handles: true,
        does: "panics".into(),
        place: "`f` at lab/src/x.rs:3:1".into(),
        ..thread("serve", Some(e))
    };
    told.story.threads = vec![failed];
    told.story.clash = vec![ClashStep { e, note: "handled when it panics".into() }];
    let expected = "What the threads were doing:
  server 1, thread 'serve'
    handles, since 1.001 s: AppendEntries term 1, 1 entry after , commit , from server 0 (event 6)
    panics in `f` at lab/src/x.rs:3:1
What led to it, of 7 events:
     1.000 s  server 0 to server 1: AppendEntries term 1, 1 entry after , commit \n";
    let text = explanation(&told.story);
    assert!(text.starts_with(expected), "{text}");
    assert_has(&text, &["              ↑ handled when it panics"]);
}

/// Of a deadlock each thread has the lock that it holds, and the one that it waits for.
#[test]
fn a_deadlock_has_the_locks_of_each_thread() {
    let mut told = Told::new();
    let holds = |made: &str, taken: &str| vec![Lock { made: made.into(), taken: taken.into() }];
    let waits = |made: &str, place: &str, holder| {
        Some(ThreadWait { on: "Mutex".into(), place: place.into(), made: made.into(), holder: Some(holder) })
    };
    told.story.threads = vec![
        Thread { holds: holds("a:1", "a:10"), waits: waits("b:1", "a:11", 1), ..thread("ticker", None) },
        Thread { holds: holds("b:1", "b:20"), waits: waits("a:1", "b:21", 0), ..thread("applier", None) },
    ];
    let expected = "What the threads were doing:
  server 1, thread 'ticker'
    holds the lock made at a:1, which it took at a:10
    waits at a:11 for the Mutex made at b:1, which server 1, thread 'applier' holds
  server 1, thread 'applier'
    holds the lock made at b:1, which it took at b:20
    waits at b:21 for the Mutex made at a:1, which server 1, thread 'ticker' holds
";
    assert_eq!(explanation(&told.story), expected);
    told.story.threads.truncate(1);
    told.story.threads[0].waits = waits("a:1", "a:11", 0);
    assert!(explanation(&told.story).contains("for the Mutex made at a:1, which it itself holds"));
}

/// A vacuous test has what it is about, and counts of what happened.
#[test]
fn a_vacuous_test_has_what_happened_instead() {
    let mut told = Told::new();
    told.lead();
    told.event(on(5_000, "0", Kind::Crash));
    told.story.missing = Some("a snapshot".into());
    let expected = "What did not happen: a snapshot.
What happened instead, by 0.005 s:
  elections  0 campaigns, 1 leadership
  log        committed through 1, applied through 0
  snapshots  0 cut a log, 0 sent, 0 applied
  faults     1 crash, 0 boots, 0 pauses
  messages   2 sent, 0 lost, 0 came twice
  clients    0 operations, 0 returned
";
    assert_eq!(explanation(&told.story), expected);
}
