//! A history of a key-value service in which a get returns a value that was overwritten before it was called.

use story::{Kind, Marked, Position, Role, Story};

use super::builder::{Builder, number, text};

/// Two clients, one stale read.
pub fn stale_read() -> Story {
    let mut story = Builder::new("3A", "one_partition_3a", 3, 2);
    story.role("0", Role::Leader, 1, Some("0"));
    write(&mut story, 0, 1, "1");
    story.wait(40_000).links(Kind::Cut, "2", &["0", "1"]);
    story.wait(300_000);
    story.clash("The put of x = 2 has returned.");
    write(&mut story, 1, 2, "2");
    story.event(Kind::Pause, "1");
    story.wait(500_000);
    story.clash("The get begins after it.");
    story.call("b", 2, &[("op", "get"), ("key", "x")]);
    let fields = [("op", text("get")), ("key", text("x"))];
    let asked = story.send("b", "2", "Request", &fields);
    story.receive(asked, 2_000);
    let answer = [("op", text("get")), ("key", text("x")), ("ok", story::Field::Truth(true)), ("value", text("1"))];
    let told = story.send("2", "b", "Reply", &answer);
    story.receive(told, 2_000);
    story.clash("It returns the old value.");
    story.ret("b", 2, Some("1"));
    story.wait(20_000).event(Kind::Resume, "1");
    let mut story = story.finish();
    story.witness =
        [(0, "near"), (1, "missed"), (2, "wrong")].map(|(op, part)| Marked { op, part: part.into() }).into();
    story.meta.failed = true;
    story.meta.cause = "rule".to_string();
    story.meta.watch = Some("x".to_string());
    story.meta.verdict = "A get of x returned 1, although a put of 2 had returned before.".to_string();
    story.meta.rule = Some(story::RuleText {
        name: "linearizable".to_string(),
        place: "§8".to_string(),
        text: "Each operation takes effect at one moment between its call and its return.".to_string(),
    });
    story
}

/// Client a puts a value under x. The leader and the servers that it can reach apply it.
fn write(story: &mut Builder, operation: usize, index: u64, value: &str) {
    let fields = [("op", text("put")), ("key", text("x")), ("val", text(value))];
    story.call("a", operation, &[("op", "put"), ("key", "x"), ("val", value)]);
    let asked = story.send("a", "0", "Request", &fields);
    story.receive(asked, 2_000);
    let command = format!("put x {value}");
    story.append("0", index - 1, 1, &[&command]);
    story.save("0", 1, Some("0"), Position(index, 1));
    let followers = if index == 1 { vec!["1", "2"] } else { vec!["1"] };
    for follower in &followers {
        let previous = Position(index - 1, u64::from(index > 1));
        let fields = [
            ("term", number(1)),
            ("prev", story::Field::Position(previous)),
            ("n", number(1)),
            ("commit", number(index - 1)),
        ];
        let sent = story.send("0", follower, "AppendEntries", &fields);
        story.receive(sent, 3_000);
        story.append(follower, index - 1, 1, &[&command]);
        let stored = [("term", number(1)), ("ok", story::Field::Truth(true)), ("through", number(index))];
        let answer = story.send(follower, "0", "AppendEntriesReply", &stored);
        story.receive(answer, 2_000);
    }
    story.commit_and_apply("0", index, &[("x", value)]);
    for follower in followers {
        story.commit_and_apply(follower, index, &[("x", value)]);
    }
    let answer = [("op", text("put")), ("key", text("x")), ("ok", story::Field::Truth(true))];
    let told = story.send("0", "a", "Reply", &answer);
    story.receive(told, 2_000);
    story.ret("a", operation, None);
}
