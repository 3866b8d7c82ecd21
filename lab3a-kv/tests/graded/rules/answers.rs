//! Which answer a client gets, and when.

use std::time::Duration;

use labrpc::{RaftRequest, thread};
use testkit::rule::service::{EARNED, REPLICAS};
use testkit::script::{AT_ONCE, ScriptedCluster, agreement, at, get, put};

use super::setup::{NEVER, READER, cut_off_leader, follower_after, is_done, lead};
use crate::lab::{LAB, boot};

/// While only the leader's log holds a command, no request for it succeeds: not the first one, and not
/// a retry.
#[test]
fn no_success_without_a_majority_3a() {
    LAB.rule(&EARNED, |world| {
        let (script, term) = cut_off_leader(world);
        let first = script.ask_kv_meanwhile(put(0, 1, "k", "v"), NEVER);
        thread::sleep(AT_ONCE);
        let retry = script.ask_kv_meanwhile(put(0, 1, "k", "v"), NEVER);
        let read = script.ask_kv_meanwhile(get(1, 1, "k"), NEVER);
        for (what, asked) in [("a Put", first), ("its retry", retry), ("a Get", read)] {
            let reply = asked.join();
            assert!(
                !is_done(&reply),
                "no other server answers the leader of term {term}, but {what} is told {reply:?}"
            );
        }
    });
}

/// A new leader does not answer a read before it has applied everything that earlier leaders have
/// committed. It does not know how much that is until an entry of its own term is committed.
#[test]
fn a_new_leader_reads_nothing_old_3a() {
    LAB.rule(&EARNED, |world| {
        let script = follower_after(world, [put(0, 1, "k", "old")]);
        // Server 1 has committed this, and has told the client so. Server 0 does not know it yet.
        let leader = script.leader(1).in_term(1).after(at(1, 1));
        let answer = leader.commands([put(0, 2, "other", "new")]).commit(1).send();
        answer.expect_agreement(2, "its log ended at 1:1");
        script.answer_with(|_, request| matches!(request, RaftRequest::RequestVote(_)).then(|| agreement(request)));
        script.elect();
        let reply = script.ask_kv(get(1, 1, "other"), NEVER);
        assert!(!is_done(&reply), "the new leader has applied entry 1 of 2, and a Get is told {reply:?}");
        script.agree_to_everything();
        thread::sleep(Duration::from_millis(200)); // The next heartbeat is answered, and all is committed.
        script.expect_value(get(READER, 1, "other"), "new", "entry 2 is applied by now");
    });
}

/// A client is told the result of its own request, not the result of its earlier one, even if a copy
/// of the earlier command is applied while the client waits.
#[test]
fn an_old_result_answers_no_new_request_3a() {
    LAB.rule(&EARNED, |world| {
        let script = ScriptedCluster::new(world, 3, boot);
        let answer = script.leader(1).in_term(1).commands([put(0, 1, "k", "v")]).send();
        answer.expect_agreement(1, "entries from index 1 on fit any log");
        lead(&script);
        // The Get of the new term commits both entries: the Put of the old term, and itself.
        script.expect_value(get(0, 2, "k"), "v", "a Get is told what it reads, not what a Put returns");
    });
}

/// A client whose command was replaced in the log is not told of the other command's success.
#[test]
fn another_command_in_its_place_3a() {
    LAB.rule(&EARNED, |world| {
        let (script, term) = cut_off_leader(world);
        let lost = script.ask_kv_meanwhile(put(0, 1, "k", "lost"), NEVER);
        thread::sleep(AT_ONCE);
        assert_eq!(script.disk().last(), at(1, term), "a leader appends a client's command to its log");
        let answer = script.leader(1).in_term(term + 1).commands([put(1, 1, "k", "won")]).commit(1).send();
        answer.expect_agreement(1, format!("an entry of term {} replaces the one of term {term}", term + 1));
        let reply = lost.join();
        assert!(!is_done(&reply), "client 0's Put was replaced in the log, but the client is told {reply:?}");
    });
}

/// A follower applies committed commands although no client waits at that follower, and keeps running.
#[test]
fn followers_go_on_3a() {
    LAB.rule(&REPLICAS, |world| {
        let script = follower_after(world, [put(0, 1, "k", "v"), get(0, 2, "k"), put(0, 2, "k", "w")]);
        assert!(script.is_up(), "three commands were applied, and no client waits for them at server 0");
    });
}
