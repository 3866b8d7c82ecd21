//! A long story, generated: a leader that replicates, with crashes, restarts and new terms.

use story::{Curve, CurvePoint, Delta, Field, Kind, LogDelta, Position, Role, Story};

use super::builder::{Builder, number};

/// A story of at least `events` events of five servers. Its clash is near the end.
pub fn generated(events: usize) -> Story {
    let mut story = Builder::new("2B", "many_entries_2b", 5, 0);
    let mut index = 0;
    let mut term = 0;
    while story.next() < events {
        if index % 400 == 0 {
            term += 1;
            let crashed = ((term + 2) % 5).to_string();
            story.event(Kind::Crash, &crashed);
            story.wait(40_000).event(Kind::Restart, &crashed).d =
                Some(Delta { term: Some(term), vote: Some(None), log: Some(empty_log()), ..Delta::default() });
            let leader = (term % 5).to_string();
            story.role(&leader, Role::Candidate, term, Some(&leader));
            story.role(&leader, Role::Leader, term, Some(&leader));
        }
        index += 1;
        round(&mut story, term, index);
    }
    story.clash("The first of two entries.");
    story.append("0", index, term, &["a"]);
    story.clash("The second.");
    story.append("1", index, term, &["b"]);
    let first = story.now() / 2;
    let mut story = story.finish();
    story.meta.failed = true;
    story.meta.cause = "rule".to_string();
    story.meta.verdict = "Two servers hold different entries of one index and term.".to_string();
    let points = (0..20).map(|n| CurvePoint { t: first + n * first / 20, broken: if n < 13 { n } else { 60 + n } });
    story.curve = Some(Curve::new(100, points.collect()));
    story
}

/// The log of a restarted server: kept as it is.
fn empty_log() -> LogDelta {
    LogDelta { keep: u64::MAX >> 12, add: Vec::new() }
}

/// The leader takes an entry and replicates it.
fn round(story: &mut Builder, term: u64, index: u64) {
    let leader = (term % 5).to_string();
    story.wait(300).append(&leader, index - 1, term, &["x"]);
    story.save(&leader, term, Some(&leader), Position(index, term));
    for follower in (0..5).map(|n: u64| n.to_string()).filter(|id| *id != leader) {
        let fields = [
            ("term", number(term)),
            ("prev", Field::Position(Position(index - 1, term))),
            ("n", number(1)),
            ("commit", number(index - 1)),
        ];
        let sent = story.send(&leader, &follower, "AppendEntries", &fields);
        let log = Some(LogDelta { keep: index - 1, add: vec![story::StoryEntry(term, "x".to_string())] });
        story.receive(sent, 150).d =
            Some(Delta { term: Some(term), role: Some(Role::Follower), log, ..Delta::default() });
        story.save(&follower, term, None, Position(index, term));
        let stored = [("term", number(term)), ("ok", Field::Truth(true)), ("through", number(index))];
        let answer = story.send(&follower, &leader, "AppendEntriesReply", &stored);
        story.receive(answer, 90);
    }
    story.commit_and_apply(&leader, index, &[]);
}
