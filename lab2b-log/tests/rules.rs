//! Lab 2B's rules, one by one: a real server among played ones (Figure 2, §5.3, §5.4).

use std::time::Duration;

use labrpc::LogPosition;
use labrpc::face::AppendOutcome;
use testkit::number;
use testkit::rule::replication::{CONSISTENCY, MAJORITY_COMMIT};
use testkit::script::{Stage, agrees, at, entries};

mod lab;

use lab::{LAB, boot};

/// A follower takes entries only if its log holds the position right before them.
#[test]
fn consistency_check_2b() {
    LAB.rule(&CONSISTENCY, "consistency_check_2b", |world| {
        let stage = Stage::replicating(world, 3, boot);
        assert_eq!(stage.append(1, 1, LogPosition::ZERO, entries(1, &[1, 1, 1]), 0), (1, AppendOutcome::Through(3)));
        assert_eq!(stage.append(2, 3, at(3, 2), entries(4, &[3]), 0), (3, AppendOutcome::RetryFrom(1)));
        assert_eq!(stage.append(2, 3, at(5, 3), vec![], 0), (3, AppendOutcome::RetryFrom(4)));
        assert!(stage.applied().is_empty());
    });
}

/// A leader commits an entry once a majority holds it, and not before.
#[test]
fn majority_commit_2b() {
    LAB.rule(&MAJORITY_COMMIT, "majority_commit_2b", |world| {
        let stage = Stage::replicating(world, 5, boot);
        let (term, greeting) = stage.elect();
        greeting.into_iter().for_each(|heard| heard.reply(agrees(term, 0)));
        assert_eq!(stage.start(number(1)), Ok(at(1, term)));
        stage.play(move |peer, _| (peer == 1).then(|| agrees(term, 1)));
        stage.hear_all(Duration::from_secs(1));
        assert!(stage.applied().is_empty(), "two of five are no majority");
        stage.play(move |peer, _| (peer <= 2).then(|| agrees(term, 1)));
        stage.hear_all(Duration::from_secs(1));
        assert_eq!(stage.applied_indices(), [1]);
    });
}
