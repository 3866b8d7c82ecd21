//! Replication and commitment: §5.3, §5.4 and the lower half of Figure 2.

use super::definition::rules;

rules! {
    CONSISTENCY = "consistency-check",
        "A follower takes entries only if its log holds the position right before them",
        "Figure 2, AppendEntries rule 2; §5.3",
        "compare both index and term of `prev`, and refuse if the log is too short: `splice` in lab2b-log/src/log.rs";

    FOLLOWS = "follower-log-follows",
        "A follower that agrees to a request has `prev` in its log, and after it the leader's entries, each once",
        "Figure 2, AppendEntries rules 3 and 4; §5.3",
        "compare entry by entry, cut at the first one whose term differs, append what is missing: `splice` in lab2b-log/src/log.rs";

    ACKNOWLEDGED = "acknowledged-entries-stay",
        "A follower loses an entry that it agreed to only if a newer leader's entry conflicts with it",
        "Figure 2, AppendEntries rule 3; §5.3",
        "a late or duplicated request must not cut the log; only an entry of a different term does: `splice` in lab2b-log/src/log.rs";

    REFUSAL = "refusal-changes-nothing",
        "A refused request leaves the log and the commit index unchanged",
        "Figure 2, AppendEntries rules 1 and 2",
        "return as soon as the request is refused: `append_entries` in lab2b-log/src/replica.rs";

    FOLLOWER_COMMIT = "follower-commit",
        "A follower commits no further than the last entry of a request that it agreed to",
        "Figure 2, AppendEntries rule 5; §5.3",
        "take the minimum of `leader_commit` and the request's own last index, not your log's last index: `append_entries` in lab2b-log/src/replica.rs";

    MAJORITY_COMMIT = "majority-commit",
        "A leader commits an entry as soon as a majority holds it, and not before",
        "Figure 2, Leaders rule 4; §5.3",
        "count `match_index` and not `next_index`, and count the leader itself once: `advance_commit` in lab2b-log/src/replica.rs";

    OWN_TERM_COMMIT = "own-term-commit",
        "A leader counts copies only of entries of its own term",
        "§5.4.2, Figure 8",
        "`advance_commit` in lab2b-log/src/replica.rs";

    LOG_MATCHING = "log-matching",
        "Two entries with the same index and term have the same command, and the logs before them are equal",
        "Log Matching, Figure 3; §5.3",
        "a leader creates each entry once, with the term that it leads: `propose` in lab2b-log/src/replica.rs";

    APPEND_ONLY = "leader-append-only",
        "A leader never removes or replaces entries of its own log",
        "Leader Append-Only, Figure 3; §5.3",
        "is the log cut while this server leads? `append_entries` in lab2b-log/src/replica.rs";

    ELECTION_RESTRICTION = "election-restriction",
        "A vote goes only to a candidate whose log is at least as up to date as the voter's",
        "Figure 2, RequestVote rule 2; §5.4.1",
        "the later last term wins; only among equal terms the longer log wins. Compare whole `LogPosition`s: `request_vote` in lab2a-election/src/election.rs, and the `last_log` that lab2b-log/src/replica.rs passes to it";

    COMPLETENESS = "leader-completeness",
        "A new leader's log holds every entry that was committed before",
        "Leader Completeness, Figure 3; §5.4",
        "either votes ignore the candidate's log (`request_vote` in lab2a-election/src/election.rs), or an entry of an older term was committed by counting copies (`advance_commit` in lab2b-log/src/replica.rs)";

    APPLY_ORDER = "apply-in-order",
        "A server applies each entry once, in order, without gaps",
        "Figure 2, All Servers rule 1; §5.3",
        "`take_committed` in lab2b-log/src/replica.rs; only one thread may apply: `apply_committed` in lab2b-log/src/server.rs";

    STATE_MACHINE = "state-machine-safety",
        "No two servers apply different commands at the same index",
        "State Machine Safety, Figure 3; §5.4.3",
        "a committed entry was lost or replaced: look for the first rule that was broken before this one";

    START = "start",
        "`start` takes a command only on a leader, appends it to the log, and returns its index and term",
        "Figure 2, Leaders rule 2; §5.3",
        "read the role and the term and append the entry under one lock: `propose` in lab2b-log/src/replica.rs";

    START_AT_ONCE = "start-returns-at-once",
        "`start` returns at once, without waiting for any other server",
        "§5.3",
        "`start` in lab2a-election/src/raft.rs";

    SENT_AT_ONCE = "entries-leave-at-once",
        "A new entry is sent at once to every follower with no request on its way, not with the next heartbeat",
        "§5.3",
        "`propose` in lab2b-log/src/replica.rs";

    COMMIT_AT_ONCE = "commit-at-once",
        "An entry is committed and applied as soon as a majority has replied",
        "Figure 2, Leaders rule 4; §5.3",
        "`handle_append_reply` in lab2b-log/src/replica.rs must call `advance_commit`, and `step` in lab2a-election/src/raft.rs must wake the applier";

    APPLY_AT_ONCE = "apply-at-once",
        "All committed entries are applied at once, not a few at a time",
        "Figure 2, All Servers rule 1",
        "`take_committed` in lab2b-log/src/replica.rs takes everything that is committed, and `apply_committed` in lab2b-log/src/server.rs never sleeps in between";

    COMMIT_SPREADS = "commitment-spreads",
        "Followers learn what is committed even if no command follows",
        "§5.3",
        "every request carries `leader_commit`, with or without entries: `append_to` in lab2b-log/src/replica.rs";

    BACK_UP = "quick-back-up",
        "A leader finds the point where a follower's log differs with at most one refusal per term",
        "§5.3, last paragraphs",
        "`splice` in lab2b-log/src/log.rs returns the `Conflict`, and `back_up` in lab2b-log/src/progress.rs uses it";

    NOT_AGAIN = "not-sent-again",
        "A leader does not send a follower entries that the follower has agreed to before",
        "Figure 2, nextIndex and matchIndex; §5.3",
        "`next_index` never falls to `match_index` or below: `agree` and `back_up` in lab2b-log/src/progress.rs";

    LATE_REPLY = "late-replies",
        "A reply that is late, duplicated or of another term changes nothing",
        "Figure 2, matchIndex; §5.3",
        "`handle_append_reply` in lab2b-log/src/replica.rs, `agree` and `back_up` in lab2b-log/src/progress.rs";

    FRESH_LEADERSHIP = "fresh-leadership",
        "A leader starts its term with fresh knowledge of its followers, and resets it at no other time",
        "Figure 2, volatile state on leaders",
        "reset in the same step in which the server becomes leader: `become_leader` in lab2b-log/src/replica.rs";

    APPEND_TRAFFIC = "append-traffic",
        "Commands cost no more messages and bytes than necessary",
        "§5.3",
        "one request at a time to each follower, with everything that is new: `is_idle` in lab2b-log/src/progress.rs, `append_to` in lab2b-log/src/replica.rs";

    RETRY = "repeated-until-answered",
        "A request that was lost is sent again, and a missing reply is not taken for a refusal",
        "§5.3, §5.5",
        "the heartbeat repeats what is unanswered (`tick` in lab2b-log/src/replica.rs), and only a reply moves `next_index` (lab2b-log/src/progress.rs)";

    CATCH_UP = "catch-up",
        "Once messages arrive, every server soon holds and applies all that the leader has committed",
        "§5.3",
        "what makes the leader send (`append_to` in lab2b-log/src/replica.rs), and the follower apply (`apply_committed` in lab2b-log/src/server.rs)?";

}
