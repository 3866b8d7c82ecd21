//! Elections: a lost vote, a deadlock, and a run that passes.

use story::{Curve, CurvePoint, Delta, Event, Field, Kind, LogDelta, Position, Role, RuleText, Story, Twin};

use super::builder::{Builder, number};

/// A text that would end the script and begin an element if it were not escaped.
pub const HOSTILE: &str = "</script><b>not bold</b>";

fn request(term: u64) -> [(&'static str, Field); 2] {
    [("term", number(term)), ("last", Field::Position(Position(0, 0)))]
}

fn vote(term: u64) -> [(&'static str, Field); 2] {
    [("term", number(term)), ("granted", Field::Truth(true))]
}

/// A server becomes leader of a term with the votes of `voters`, who save first unless `forgets` names them.
fn election(story: &mut Builder, candidate: &str, term: u64, voters: &[&str], forgets: &str) {
    story.wait(120_000).role(candidate, Role::Candidate, term, Some(candidate));
    story.save(candidate, term, Some(candidate), Position(0, 0));
    for voter in voters {
        let asked = story.send(candidate, voter, "RequestVote", &request(term));
        let delta = Delta { term: Some(term), vote: Some(Some(candidate.to_string())), ..Delta::default() };
        story.receive(asked, 3_100).d = Some(delta);
        if *voter != forgets {
            story.save(voter, term, Some(candidate), Position(0, 0));
        } else if term == 2 {
            story.clash(if candidate == "1" { "The first vote of server 0 in term 2." } else { "The second one." });
        }
        let granted = story.send(voter, candidate, "RequestVoteReply", &vote(term));
        story.receive(granted, 2_700);
    }
    story.role(candidate, Role::Leader, term, Some(candidate));
}

/// Server 0 votes twice in term 2, since it forgets its first vote in a crash. With a twin and a curve.
pub fn vote_twice() -> Story {
    let mut story = Builder::new("2C", "figure_8_2c", 3, 0);
    election(&mut story, "0", 1, &["1", "2"], "");
    story.append("0", 0, 1, &["x1", HOSTILE]);
    let kept = story.send("0", "1", "AppendEntries", &entries(1, 2));
    story.receive(kept, 4_000).d = Some(appended(1, &["x1", HOSTILE]));
    story.log("1", &format!("got 2 entries {HOSTILE}"));
    let lost = story.next();
    let number = story.send("0", "2", "AppendEntries", &entries(1, 2));
    story.wait(30_000).links(Kind::Cut, "2", &["0", "1"]);
    election(&mut story, "1", 2, &["0"], "0");
    story.wait(9_000);
    let crash = story.next();
    story.event(Kind::Crash, "0").flips = vec!["no-crash".to_string()];
    story.wait(60_000).event(Kind::Restart, "0").d = Some(Delta {
        role: Some(Role::Follower),
        term: Some(1),
        vote: Some(None),
        commit: Some(0),
        applied: Some(0),
        base: Some(Position(0, 0)),
        log: Some(LogDelta::default()),
        ..Delta::default()
    });
    story.links(Kind::Heal, "2", &["0", "1"]);
    election(&mut story, "2", 2, &["0"], "0");
    let end = story.now();
    let mut story = story.finish();
    let event = &mut story.events[lost];
    event.lost = Some("network".to_string());
    event.flips = vec!["deliver".to_string()];
    assert_eq!(event.m, Some(number));
    story.meta.failed = true;
    story.meta.cause = "rule".to_string();
    story.meta.verdict = "Server 0 voted twice in term 2: for server 1, and for server 2 after a restart.".to_string();
    story.meta.rule = Some(RuleText {
        name: "vote-once".to_string(),
        place: "Figure 2, RequestVote rule 2; §5.2".to_string(),
        text: "A server votes for at most one candidate in a term.".to_string(),
    });
    story.meta.hint = "Is the vote on disk before `RequestVoteReply` leaves?".to_string();
    story.meta.file = "lab2c-persist/src/disk.rs".to_string();
    story.meta.report = format!("vote-once was broken {HOSTILE}\n  server 0, term 2\n");
    let broken = |t, broken| CurvePoint { t, broken };
    let points = vec![
        broken(1_000_000, 4),
        broken(1_180_000, 6),
        broken(story.events[crash].t, 91),
        broken(story.events[crash].t + 30_000, 95),
        broken(end, 100),
    ];
    story.curve = Some(Curve::new(100, points));
    story.twin = Some(Twin {
        token: "2c-7-abcf".to_string(),
        without: "the crash of server 0 at 1.318 s".to_string(),
        parts: crash,
        events: twin_events(&story, crash),
    });
    story
}

fn entries(term: u64, count: u64) -> [(&'static str, Field); 4] {
    [("term", number(term)), ("prev", Field::Position(Position(0, 0))), ("n", number(count)), ("commit", number(0))]
}

fn appended(term: u64, commands: &[&str]) -> Delta {
    let add = commands.iter().map(|command| story::StoryEntry(term, command.to_string())).collect();
    Delta { log: Some(LogDelta { keep: 0, add }), ..Delta::default() }
}

/// What happens without the crash: the same election, and a refusal.
fn twin_events(story: &Story, crash: usize) -> Vec<Event> {
    let mut events: Vec<Event> = story.events[crash + 2..].to_vec();
    let granted = events.iter().rposition(|event| event.k == Kind::Send).expect("there is a vote");
    events.truncate(granted + 2);
    let refusal = [("term", number(2)), ("granted", Field::Truth(false))];
    events[granted].f = refusal.map(|(key, value)| (key.to_string(), value)).into();
    for event in &mut events {
        if event.at.as_deref() == Some("0") {
            event.d = None;
        }
    }
    events
}

/// A run that ends in a deadlock: no rule, no clash, and a long report.
pub fn deadlock() -> Story {
    let mut story = Builder::new("2A", "initial_election_2a", 3, 0);
    election(&mut story, "0", 1, &["1", "2"], "");
    let beat = story.send("0", "1", "AppendEntries", &entries(1, 0));
    story.receive(beat, 2_000);
    let mut story = story.finish();
    story.meta.failed = true;
    story.meta.cause = "deadlock".to_string();
    story.meta.verdict = "All threads of server 1 wait for a lock that one of them holds.".to_string();
    story.meta.report = "deadlock\n".to_string() + &"  thread `apply` waits in src/peer.rs:41\n".repeat(60);
    story
}

/// A run that passes.
pub fn passing() -> Story {
    let mut story = Builder::new("2A", "initial_election_2a", 5, 0);
    election(&mut story, "3", 1, &["1", "2"], "");
    let mut story = story.finish();
    story.servers[4].scripted = true;
    story.meta.verdict = "The run passed: one leader in term 1.".to_string();
    story
}
