//! What a client is told, and when it may be told so.

use std::time::Duration;

use labrpc::RaftRequest;
use labrpc::{AppendOutcome, LogPosition, thread};
use testkit::rule::life::RUNS;
use testkit::rule::service::EARNED;
use testkit::script::{AT_ONCE, ScriptedCluster, at, get, granted, put};

use super::preludes::{NEVER, follower_after, is_done, lead, log_of, lonely_leader, read};
use crate::lab::{LAB, boot};

/// Nobody is told of success while the command is in the leader's log alone: neither who asks
/// first, nor who asks again.
#[test]
fn no_success_without_a_majority_3a() {
    LAB.rule(&EARNED, |world| {
        let (script, term) = lonely_leader(world);
        let first = script.ask_kv_meanwhile(put(0, 1, "k", "v"), NEVER);
        thread::sleep(AT_ONCE);
        let retry = script.ask_kv_meanwhile(put(0, 1, "k", "v"), NEVER);
        let read = script.ask_kv_meanwhile(get(1, 1, "k"), NEVER);
        for (what, asked) in [("a Put", first), ("its retry", retry), ("a Get", read)] {
            let reply = asked.join();
            assert!(
                !is_done(&reply),
                "no other server has answered the leader of term {term}, but {what} is {reply:?}"
            );
        }
    });
}

/// A new leader does not read from its store before it has applied what its predecessors had
/// committed: it cannot know how much that is until an entry of its own is committed.
#[test]
fn a_new_leader_reads_nothing_old_3a() {
    LAB.rule(&EARNED, |world| {
        let script = follower_after(world, [put(0, 1, "k", "old")]);
        // Server 1 has this committed, and has told the client so; the news of it is still to come.
        let entries = log_of(1, [put(0, 2, "other", "new")]);
        assert_eq!(script.append(1, 1, at(1, 1), entries, 1), (1, AppendOutcome::Through(2)));
        script.play(|_, request| matches!(request, RaftRequest::RequestVote(_)).then(|| granted(request.term())));
        script.elect();
        let reply = script.ask_kv(get(1, 1, "other"), NEVER);
        assert!(!is_done(&reply), "the new leader has applied entry 1 of 2, and yet it reads: {reply:?}");
        script.play_along();
        thread::sleep(Duration::from_millis(200)); // The next heartbeat is answered, and all is committed.
        assert_eq!(read(&script, "other"), "new", "entry 2 is applied by now");
    });
}

/// A request is told the result of its own command: not that of its client's earlier one, whose
/// copy happens to be applied while the client waits for the next.
#[test]
fn an_old_result_answers_nobody_3a() {
    LAB.rule(&EARNED, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        let entries = log_of(1, [put(0, 1, "k", "v")]);
        assert_eq!(script.append(1, 1, LogPosition::ZERO, entries, 0), (1, AppendOutcome::Through(1)));
        lead(&script);
        // Both entries are committed together: the Put of the old term by the Get of the new one.
        assert_eq!(script.done(get(0, 2, "k")), "v", "a Get is told what it reads, not what a Put returns");
    });
}

/// A request whose place in the log goes to another command is not told of that one's success.
#[test]
fn another_command_in_its_place_3a() {
    LAB.rule(&EARNED, |world| {
        let (script, term) = lonely_leader(world);
        let lost = script.ask_kv_meanwhile(put(0, 1, "k", "lost"), NEVER);
        thread::sleep(AT_ONCE);
        assert_eq!(script.disk().last(), at(1, term), "a leader puts what it is asked for at the end of its log");
        let entries = log_of(term + 1, [put(1, 1, "k", "won")]);
        assert_eq!(script.append(1, term + 1, LogPosition::ZERO, entries, 1), (term + 1, AppendOutcome::Through(1)));
        let reply = lost.join();
        assert!(!is_done(&reply), "client 0's Put was lost with its leader's term {term}, but it is told {reply:?}");
    });
}

/// A follower applies what is committed, though nobody waits there, and keeps running.
#[test]
fn followers_go_on_3a() {
    LAB.rule(&RUNS, |world| {
        let script = follower_after(world, [put(0, 1, "k", "v"), get(0, 2, "k"), put(0, 2, "k", "w")]);
        assert!(script.is_up(), "a command was applied that nobody waits for here");
    });
}
