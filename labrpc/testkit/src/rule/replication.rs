//! Replication and commitment: §5.3, §5.4 and the lower half of Figure 2.

use super::definition::rules;

rules! {
    CONSISTENCY = "consistency-check",
        "A follower takes entries only if its log holds the position right before them",
        "Figure 2, AppendEntries rule 2; §5.3",
        "`splice` in lab2b-log/src/log.rs: index and term of `prev` are both compared, and a log that is too short refuses";

    FOLLOWS = "follower-log-follows",
        "What a follower agrees to is in its log: `prev`, and after it the leader's entries, each once",
        "Figure 2, AppendEntries rules 3 and 4; §5.3",
        "`splice` in lab2b-log/src/log.rs: compare entry after entry, cut at the first whose term differs, append what is missing";

    ACKNOWLEDGED = "acknowledged-entries-stay",
        "A follower never loses an entry that it agreed to, but to a newer leader's conflict",
        "Figure 2, AppendEntries rule 3; §5.3",
        "an old or doubled request cuts nothing: only an entry of another term does: `splice` in lab2b-log/src/log.rs";

    REFUSAL = "refusal-changes-nothing",
        "A request that is refused changes neither the log nor what is committed",
        "Figure 2, AppendEntries rules 1 and 2",
        "return as soon as the request is refused: `append_entries` in lab2b-log/src/replica.rs";

    FOLLOWER_COMMIT = "follower-commit",
        "A follower commits no further than the last entry that the request vouches for",
        "Figure 2, AppendEntries rule 5; §5.3",
        "the minimum of `leader_commit` and the request's own last entry, not your log's last: `append_entries` in lab2b-log/src/replica.rs";

    MAJORITY_COMMIT = "majority-commit",
        "A leader commits an entry once a majority holds it, and not before",
        "Figure 2, Leaders rule 4; §5.3",
        "`advance_commit` in lab2b-log/src/replica.rs: count matches, not guesses, and the leader itself once";

    OWN_TERM_COMMIT = "own-term-commit",
        "A leader counts copies only of entries of its own term",
        "§5.4.2, Figure 8",
        "`advance_commit` in lab2b-log/src/replica.rs";

    LOG_MATCHING = "log-matching",
        "Two entries of the same index and term are the same command, and follow the same log",
        "Log Matching, Figure 3; §5.3",
        "one leader makes each entry, once, and stamps it with the term it leads: `propose` in lab2b-log/src/replica.rs";

    APPEND_ONLY = "leader-append-only",
        "A leader never changes its own log but by adding at its end",
        "Leader Append-Only, Figure 3; §5.3",
        "who may cut a log while its server leads? `append_entries` in lab2b-log/src/replica.rs";

    ELECTION_RESTRICTION = "election-restriction",
        "A vote goes only to a candidate whose log is at least as up to date as the voter's",
        "Figure 2, RequestVote rule 2; §5.4.1",
        "the later last term wins, and only among equal terms the longer log: compare whole `LogPosition`s; lab2a-election/src/election.rs and what lab2b-log/src/replica.rs passes to it";

    COMPLETENESS = "leader-completeness",
        "A new leader's log holds every entry that was committed before",
        "Leader Completeness, Figure 3; §5.4",
        "elections that ignore logs, or commitment that ignores terms, end here";

    APPLY_ORDER = "apply-in-order",
        "A server hands over each entry once, in order, without gaps",
        "Figure 2, All Servers rule 1; §5.3",
        "`take_committed` in lab2b-log/src/replica.rs, and one applier only: lab2b-log/src/raft.rs";

    STATE_MACHINE = "state-machine-safety",
        "No two servers hand over different commands at the same index",
        "State Machine Safety, Figure 3; §5.4.3",
        "what was committed must stay: look for the first rule that broke before this one";

    START = "start",
        "`start` takes a command only as leader, puts it at the end of the log, and says where and in which term",
        "Figure 2, Leaders rule 2; §5.3",
        "`propose` in lab2b-log/src/replica.rs: role, term, index and append under one lock";

    START_AT_ONCE = "start-returns-at-once",
        "`start` returns at once, without waiting for any other server",
        "§5.3",
        "`start` in lab2b-log/src/raft.rs";

    SENT_AT_ONCE = "entries-leave-at-once",
        "A new entry leaves for every follower that waits for nothing at once, not with the next heartbeat",
        "§5.3",
        "`propose` in lab2b-log/src/replica.rs";

    COMMIT_AT_ONCE = "commit-at-once",
        "An entry is committed and handed over as soon as the answer of a majority is in",
        "Figure 2, Leaders rule 4; §5.3",
        "`handle_append_reply` in lab2b-log/src/replica.rs calls `advance_commit`, and the applier is woken: lab2b-log/src/raft.rs";

    APPLY_AT_ONCE = "apply-at-once",
        "All that is committed is handed over at once, not bit by bit",
        "Figure 2, All Servers rule 1",
        "`take_committed` takes all there is, and nobody sleeps in between: lab2b-log/src/raft.rs";

    COMMIT_SPREADS = "commitment-spreads",
        "Followers learn what is committed though no command follows",
        "§5.3",
        "heartbeats carry `leader_commit`, with or without entries: `append_to` in lab2b-log/src/replica.rs";

    BACK_UP = "quick-back-up",
        "A leader finds where a follower's log parts from its own in one refusal a term",
        "§5.3, last paragraphs",
        "`Conflict` in lab2b-log/src/log.rs, and `back_up` in lab2b-log/src/progress.rs";

    NOT_AGAIN = "not-sent-again",
        "What a follower has agreed to is not sent to it again",
        "Figure 2, nextIndex and matchIndex; §5.3",
        "neither index ever goes below what matches: lab2b-log/src/progress.rs";

    LATE_REPLY = "late-replies",
        "A reply that is late, doubled or of another term changes nothing",
        "Figure 2, matchIndex; §5.3",
        "`handle_append_reply` in lab2b-log/src/replica.rs and lab2b-log/src/progress.rs";

    FRESH_LEADERSHIP = "fresh-leadership",
        "What a leader knows of its followers begins anew with its reign, once",
        "Figure 2, volatile state on leaders",
        "`become_leader` in lab2b-log/src/replica.rs: at the winning vote, in the same step as the role, and at no later one";

    APPEND_TRAFFIC = "append-traffic",
        "Commands cost no more messages and bytes than they must",
        "§5.3",
        "one request on its way to each follower, carrying all that is new: lab2b-log/src/progress.rs";

    RETRY = "repeated-until-answered",
        "A request that is lost is sent again, and silence is no refusal",
        "§5.3, §5.5",
        "the heartbeat sends what is unanswered; only an answer moves `next_index`: lab2b-log/src/progress.rs";

    CATCH_UP = "catch-up",
        "Once messages get through, every server soon holds and applies what the leader has committed",
        "§5.3",
        "what makes the leader send, and the follower apply? lab2b-log/src/replica.rs";

}
