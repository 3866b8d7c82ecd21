//! How a story is shown: in columns, and explained.

use std::collections::BTreeMap;

use story::{
    ClashStep, Columns, Delta, DiskMarks, Event, Field, Filter, Kind, Lane, Meta, Position, Role, State, Story, Topic,
    columns, explanation,
};

fn on(t: u64, lane: &str, k: Kind) -> Event {
    Event { t, k, at: Some(lane.into()), ..Event::default() }
}

fn fields<const N: usize>(fields: [(&str, Field); N]) -> BTreeMap<String, Field> {
    fields.into_iter().map(|(name, field)| (name.into(), field)).collect()
}

/// A vote that is given twice, because it was not saved.
fn vote_twice() -> Story {
    let term = || ("term", Field::Number(3));
    let asks = |t, from: &str, m| Event {
        to: Some("0".into()),
        m: Some(m),
        msg: Some("RequestVote".into()),
        f: fields([term(), ("last", Field::Position(Position(0, 0)))]),
        ..on(t, from, Kind::Send)
    };
    let arrives = |t, from: &str, m| Event { from: Some(from.into()), m: Some(m), ..on(t, "0", Kind::Recv) };
    let votes = |t, for_: &str| Event {
        d: Some(Delta { term: Some(3), vote: Some(Some(for_.into())), ..Delta::default() }),
        ..on(t, "0", Kind::Role)
    };
    let grants = |t, to: &str, m, re| Event {
        to: Some(to.into()),
        m: Some(m),
        re: Some(re),
        msg: Some("RequestVoteReply".into()),
        f: fields([term(), ("granted", Field::Truth(true))]),
        ..on(t, "0", Kind::Send)
    };
    let boots = |t| Event {
        d: Some(Delta { term: Some(3), vote: Some(None), ..Delta::default() }),
        ..on(t, "0", Kind::Restart)
    };
    let beat = |t, m| Event {
        to: Some("2".into()),
        m: Some(m),
        msg: Some("AppendEntries".into()),
        f: fields([term(), ("n", Field::Number(0))]),
        ..on(t, "1", Kind::Send)
    };
    let saves = Event {
        d: Some(Delta { disk: Some(DiskMarks { term: 3, ..DiskMarks::default() }), term: Some(3), ..Delta::default() }),
        ..on(1_000, "0", Kind::Save)
    };
    let logs = Event { say: Some("DEBUG votes for 1".into()), ..on(2_000, "0", Kind::Log) };
    let up = State { up: true, disk: Some(DiskMarks::default()), ..State::default() };
    let lane = |id: &str| Lane { id: id.into(), name: format!("server {id}"), scripted: false };
    Story {
        v: story::VERSION,
        meta: Meta { failed: true, ..Meta::default() },
        servers: ["0", "1", "2"].map(lane).into(),
        init: ["0", "1", "2"].map(|id| (id.to_string(), up.clone())).into(),
        events: vec![
            saves,
            asks(1_500, "1", 0),
            arrives(2_000, "1", 0),
            logs,
            votes(2_000, "1"),
            grants(2_000, "1", 1, 0),
            beat(3_000, 2),
            beat(4_000, 3),
            on(5_000, "0", Kind::Crash),
            boots(6_000),
            asks(7_000, "2", 4),
            arrives(8_000, "2", 4),
            votes(8_000, "2"),
            grants(8_000, "2", 5, 4),
        ],
        clash: vec![
            ClashStep { e: 5, note: "its vote in term 3".into() },
            ClashStep { e: 13, note: "its other vote in term 3".into() },
        ],
        ..Story::default()
    }
}

/// A row for each event: where it happens, in words, and what the server has shown. Heartbeats share a row.
#[test]
fn a_run_in_columns() {
    let expected = "              time  0    1    2
     0    0.001000  F3   │    │    0 saves: term 3, disk: term 3, no vote, log through 0:0  [F3 vote - log 0:0 commit 0 applied 0]
     1    0.001500  ◁────●    │    1→0 RequestVote term 3, log ends at 0:0
     2    0.002000  ◀────○    │    1→0 gets RequestVote term 3, log ends at 0:0
     3    0.002000  »    │    │    0 » DEBUG votes for 1
     4    0.002000  F3   │    │    0 term 3, vote for 1  [F3 vote 1 log 0:0 commit 0 applied 0]
     5    0.002000  ●────▷    │    0→1 vote granted, term 3
                                   ↑ its vote in term 3
     6    0.003000  │    │    │    … 2 heartbeats and replies
     8    0.005000  ×    │    │    0 crashes
     9    0.006000  F3   │    │    0 boots  [F3 vote - log 0:0 commit 0 applied 0]
    10    0.007000  ◁─────────●    2→0 RequestVote term 3, log ends at 0:0
    11    0.008000  ◀─────────○    2→0 gets RequestVote term 3, log ends at 0:0
    12    0.008000  F3   │    │    0 term 3, vote for 2  [F3 vote 2 log 0:0 commit 0 applied 0]
    13    0.008000  ●─────────▷    0→2 vote granted, term 3
                                   ↑ its other vote in term 3
";
    assert_eq!(columns(&vote_twice(), &Columns::default()), expected);
}

/// A client asks the same server twenty times. The `marked`th request belongs to the clash.
fn twenty_requests(marked: usize) -> Story {
    let request = |nth: usize| {
        let asked = Event {
            to: Some("0".into()),
            m: Some(nth),
            msg: Some("RequestVote".into()),
            f: fields([("term", Field::Number(nth as u64)), ("last", Field::Position(Position(0, 0)))]),
            ..on(nth as u64 * 1_000, "1", Kind::Send)
        };
        let arrives = Event { from: Some("1".into()), m: Some(nth), ..on(nth as u64 * 1_000 + 500, "0", Kind::Recv) };
        [asked, arrives]
    };
    let clash = vec![ClashStep { e: 2 * marked, note: "this one".into() }];
    Story { events: (0..20).flat_map(request).collect(), clash, ..vote_twice() }
}

/// Of rounds that come again and again the first and the last are shown, and the clash is. A request for all of them, or for
/// a part of the run, shows each.
#[test]
fn rounds_share_a_row() {
    let story = twenty_requests(12);
    let shown = columns(&story, &Columns::default());
    let rows: Vec<&str> = shown.lines().collect();
    assert_eq!(
        rows[3],
        "     2    0.001000  │    │    │    … the 2 events above come 10 times more, with other numbers (--all shows them)"
    );
    assert!(rows[4].starts_with("    22 ") && rows[5].starts_with("    23 "), "{shown}");
    assert!(
        shown.contains("1→0 RequestVote term 12, log ends at 0:0\n                                   ↑ this one"),
        "{shown}"
    );
    assert_eq!(shown.matches("times more").count(), 2, "{shown}");
    let rows_with = |options: Columns| columns(&story, &options).lines().count();
    assert_eq!(rows_with(Columns { has_repeats: true, ..Columns::default() }), 42);
    let part = Filter { lanes: vec!["0".into()], ..Filter::default() };
    assert_eq!(rows_with(Columns { filter: part, ..Columns::default() }), 42);
    assert_eq!(
        story.count_news(),
        shown.lines().count() - 4,
        "without the heading, the note and the two rows for rounds"
    );
}

/// Two messages that leave at the same moment are the same round in either order.
#[test]
fn rounds_of_moments_share_a_row() {
    let crash = |t: u64, lane: &str| on(t, lane, Kind::Crash);
    let round = |nth: u64| {
        let (first, second) = if nth.is_multiple_of(3) { ("0", "1") } else { ("1", "0") };
        [crash(nth * 10_000, first), crash(nth * 10_000 + 10, second)]
    };
    let story = Story { events: (0..10).flat_map(round).collect(), clash: Vec::new(), ..vote_twice() };
    let shown = columns(&story, &Columns::default());
    assert!(shown.contains("… the 2 events above come 8 times more, those of one moment in any order"), "{shown}");
    assert_eq!(story.count_news(), 4);
}

/// A filter chooses by server, kind and time, and never hides the clash.
#[test]
fn filters_never_hide_the_clash() {
    let rows = |filter: Filter| {
        let text = columns(&vote_twice(), &Columns { filter, ..Columns::default() });
        assert_eq!(text.matches('↑').count(), 2, "{text}");
        text.lines().skip(1).filter(|line| !line.contains('↑')).count()
    };
    assert_eq!(rows(Filter { topics: vec![Topic::Fault], ..Filter::default() }), 4);
    assert_eq!(rows(Filter { topics: vec![Topic::Append], ..Filter::default() }), 3);
    assert_eq!(rows(Filter { lanes: vec!["2".into()], ..Filter::default() }), 5);
    assert_eq!(rows(Filter { from: Some(7_000), ..Filter::default() }), 5);
    assert_eq!(rows(Filter { until: Some(1_500), ..Filter::default() }), 4);
}

/// With little room, the rows around the clash are shown.
#[test]
fn the_rows_around_the_clash_are_shown() {
    let text = columns(&vote_twice(), &Columns { rows_max: Some(3), ..Columns::default() });
    assert!(
        text.contains("… 10 earlier rows") && text.contains("its other vote") && !text.contains("its vote"),
        "{text}"
    );
}

/// Colours change nothing but the colours.
#[test]
fn colours_take_no_room() {
    let story = vote_twice();
    let plain = columns(&story, &Columns::default());
    let coloured = columns(&story, &Columns { is_coloured: true, ..Columns::default() });
    let stripped: String = coloured
        .split('\x1b')
        .enumerate()
        .map(|(nth, part)| if nth == 0 { part } else { part.split_once('m').map_or("", |(_, rest)| rest) })
        .collect();
    assert_ne!(coloured, plain);
    assert_eq!(stripped, plain);
}

/// The explanation has what led to the clash, and what the server held and had saved.
#[test]
fn what_led_to_the_clash() {
    let expected = "What led to it, of 14 events:
     0.002 s  server 1 to server 0: RequestVote term 3, log ends at 0:0
     0.002 s  server 0: term 3, vote for 1
     0.002 s  server 0 to server 1: vote granted, term 3
              ↑ its vote in term 3
     0.005 s  server 0 crashes
     0.006 s  server 0 boots
     0.007 s  server 2 to server 0: RequestVote term 3, log ends at 0:0
     0.008 s  server 0: term 3, vote for 2
     0.008 s  server 0 to server 2: vote granted, term 3
              ↑ its other vote in term 3
What the servers have shown, before and after:
  server 0
    shown      follower of term 3, vote for 1 ⇒ vote for 2, log empty, told commit 0, applied 0
    on disk    term 3, no vote, log through 0:0   ≠ a vote for 2, which it has shown
";
    assert_eq!(explanation(&vote_twice()), expected);
}

/// A role is shown with its term, and a paused server by its own sign.
#[test]
fn roles_and_pauses_are_shown() {
    let mut story = vote_twice();
    let leads = Delta { role: Some(Role::Leader), term: Some(4), ..Delta::default() };
    story.events = vec![
        Event { d: Some(leads), ..on(1, "1", Kind::Role) },
        on(2, "2", Kind::Pause),
        on(3, "0", Kind::Crash),
        Event { say: Some("the test ends".into()), t: 4, ..Event::default() },
    ];
    story.clash.clear();
    let text = columns(&story, &Columns::default());
    assert!(text.contains("│    L4   │    1 leader of term 4"), "{text}");
    assert!(text.ends_with("     │    ‖    the test ends\n"), "{text}");
    assert_eq!(explanation(&story), "");
}
