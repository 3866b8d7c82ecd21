//! Replication and commitment: §5.3, §5.4 and the lower half of Figure 2.

use super::definition::{Hint, hint, rules};

/// Where a follower takes a leader's log, which many tests begin with.
pub static TAKES_A_LOG: Hint = hint!(
    "a follower takes entries from index 1 on, whatever its log is, agrees through the last of them, and applies what is committed",
    [
        "2b": REPLICA append_entries, LOG splice, ELECTION hear_leader, REPLICA take_committed;
        "2d": COMPACT_LOG splice, COMPACT_LOG lower, REPLICA append_entries, COMPACTING take_committed;
    ]
);

/// Where a leader takes commands and sends them, which many tests begin with.
pub static LEADS_AND_SENDS: Hint = hint!(
    "a leader takes each command as the next entry, sends it, and commits what a majority agrees to",
    [
        "2b": REPLICA propose, REPLICA append_to, REPLICA handle_append_reply, REPLICA become_leader;
        "2d": REPLICA propose, REPLICA handle_append_reply, COMPACT_LOG suffix, COMPACTING take_committed;
    ]
);

/// Where a leader chooses how many entries travel in one request.
pub static FILLS_A_REQUEST: Hint = hint!(
    "a request carries the next entries as far as they fit, up to the first one that does not, and at least one",
    ["2b": LOG fit, REPLICA append_to, LOG suffix; "2d": LOG fit, REPLICA append_to, COMPACT_LOG suffix]
);

/// Where a follower adds entries that no leader has sent.
pub static ADDS: Hint = hint!(
    "a follower appends only what it was sent, and only a leader appends commands",
    [
        "2b": LOG splice, REPLICA append_entries, REPLICA propose, REPLICA become_leader;
        "2d": COMPACT_LOG splice, COMPACT_LOG install, REPLICA propose, LOG splice;
    ]
);

/// Where an AppendEntries gets its term.
pub static APPENDS_IN_TERM: Hint = hint!(
    "make each AppendEntries in the step that sends it, with the term of that step; keep none for later, and do not read the term again when it leaves",
    ["2b": REPLICA append_to, REPLICA append_to_all, REPLICA propose, REPLICA tick]
);

rules! {
    CONSISTENCY = "consistency-check",
        "A follower takes entries only if its log holds the position right before them",
        "Figure 2, AppendEntries rule 2; §5.3",
        "compare both index and term of the previous position, and refuse if the log is too short, with or without entries",
        [
            "2b": LOG splice, REPLICA append_entries;
            "2d": COMPACT_LOG splice, COMPACT_LOG lower, LOG splice, REPLICA append_entries;
        ];

    FOLLOWS = "follower-log-follows",
        "A follower that agrees to a request has `prev` in its log, and after it the leader's entries, each once",
        "Figure 2, AppendEntries rules 3 and 4; §5.3",
        "compare entry by entry, cut at the first one whose term differs, append what is missing, and agree through the request's last entry",
        [
            "2b": LOG splice, REPLICA append_entries;
            "2c": DISK catch_up, DISK save, LOG splice, REPLICA append_entries;
            "2d": COMPACTING install, COMPACT_LOG splice, COMPACT_LOG install, DISK catch_up;
        ];

    ACKNOWLEDGED = "acknowledged-entries-stay",
        "A follower loses an entry that it agreed to only if a newer leader's entry conflicts with it",
        "Figure 2, AppendEntries rule 3; §5.3",
        "a late or duplicated request must not cut the log; only an entry of a different term does",
        [
            "2b": LOG splice, REPLICA append_entries;
            "2c": LOG splice, DISK catch_up, DISK restore;
            "2d": COMPACT_LOG splice, COMPACT_LOG install, DISK catch_up, LOG splice;
        ];

    REFUSAL = "refusal-changes-nothing",
        "A refused request leaves the log and the commit index unchanged",
        "Figure 2, AppendEntries rules 1 and 2",
        "return as soon as the request is refused, before anything has changed",
        [
            "2b": REPLICA append_entries, LOG splice;
            "2d": COMPACTING install, COMPACT_LOG splice, REPLICA append_entries;
        ];

    FOLLOWER_COMMIT = "follower-commit",
        "A follower commits no further than the last entry of a request that it agreed to",
        "Figure 2, AppendEntries rule 5; §5.3",
        "take the minimum of the leader's commit index and the request's own last index, not your log's last index",
        [
            "2b": REPLICA append_entries;
            "2d": REPLICA append_entries, COMPACTING install, REPLICA edit_log;
        ];

    MAJORITY_COMMIT = "majority-commit",
        "A leader commits an entry as soon as a majority holds it, and not before",
        "Figure 2, Leaders rule 4; §5.3",
        "count what followers have agreed to, not what was sent; count the leader itself once; announce only what is committed",
        ["2b": REPLICA advance_commit, REPLICA propose, REPLICA append_to, PROGRESS note_sent];

    OWN_TERM_COMMIT = "own-term-commit",
        "A leader counts copies only of entries of its own term",
        "§5.4.2, Figure 8",
        "count copies only of an entry of the leader's own term; older entries are committed with it",
        [
            "2b": REPLICA advance_commit;
            "2d": REPLICA advance_commit, COMPACT_LOG get;
        ];

    LOG_MATCHING = "log-matching",
        "Two entries with the same index and term have the same command, and the logs before them are equal",
        "Log Matching, Figure 3; §5.3",
        "a leader creates each entry once, with the term that it leads, and sends each with the position before it",
        [
            "2b": REPLICA propose, REPLICA become_leader, LOG suffix, LOG splice;
            "2c": REPLICA propose, DISK catch_up, DISK restore, LOG splice;
            "2d": COMPACT_LOG suffix, COMPACT_LOG splice, COMPACT_LOG compact, COMPACT_LOG install;
        ];

    APPEND_ONLY = "leader-append-only",
        "A leader never removes or replaces entries of its own log",
        "Leader Append-Only, Figure 3; §5.3",
        "is the log cut or rewritten while this server leads, or when it begins to?",
        [
            "2b": REPLICA become_leader, REPLICA append_entries, LOG splice;
            "2d": COMPACT_LOG compact, COMPACTING compact, COMPACTING install, REPLICA become_leader;
        ];

    ELECTION_RESTRICTION = "election-restriction",
        "A vote goes only to a candidate whose log is at least as up to date as the voter's",
        "Figure 2, RequestVote rule 2; §5.4.1",
        "the later last term wins; only among equal terms the longer log wins. Both logs are compared by where they really end",
        [
            "2b": ELECTION request_vote, REPLICA handle_request, REPLICA tick, LOG last;
            "2d": COMPACT_LOG last, COMPACT_LOG lift, REPLICA handle_request, REPLICA tick;
        ];

    COMPLETENESS = "leader-completeness",
        "A new leader's log holds every entry that was committed before",
        "Leader Completeness, Figure 3; §5.4",
        "either votes ignore the candidate's log, or an entry of an older term was committed by counting copies, or a server lost an entry that it had agreed to",
        [
            "2b": ELECTION request_vote, REPLICA advance_commit, LOG splice;
            "2c": ELECTION request_vote, REPLICA advance_commit, DISK save, DISK restore;
        ];

    APPLY_ORDER = "apply-in-order",
        "A server applies each entry once, in order, without gaps",
        "Figure 2, All Servers rule 1; §5.3",
        "where does the first index come from, and what was applied last? only one thread may apply",
        [
            "2b": REPLICA take_committed, LOG_SERVER apply_committed, LOG_SERVER spawn, LOG starting_after;
            "2d": COMPACTING take_committed, COMPACTING install, COMPACTING restore, REPLICA edit_log;
        ];

    STATE_MACHINE = "state-machine-safety",
        "No two servers apply different commands at the same index",
        "State Machine Safety, Figure 3; §5.4.3",
        "a committed entry was lost or replaced, or one that was not committed was applied",
        [
            "2b": REPLICA advance_commit, REPLICA append_entries, LOG splice, ELECTION request_vote;
            "2c": DISK save, DISK catch_up, DISK restore, REPLICA advance_commit;
            "2d": COMPACTING install, COMPACT_LOG splice, COMPACT_LOG get, REPLICA take_committed;
        ];

    START = "start",
        "`start` takes a command only on a leader, appends it to the log, and returns its index and term",
        "Figure 2, Leaders rule 2; §5.3",
        "read the role and the term and append the entry in one step, under one lock; only a leader's request adds to a follower's log",
        ["2b": REPLICA propose, RAFT start, LOG push];

    START_AT_ONCE = "start-returns-at-once",
        "`start` returns at once, without waiting for any other server",
        "§5.3",
        "does it wait for a reply, for an entry to be applied, or for a lock that is held meanwhile?",
        ["2b": RAFT start, RAFT step, REPLICA propose];

    SENT_AT_ONCE = "entries-leave-at-once",
        "A new entry is sent at once to every follower with no request on its way, not with the next heartbeat",
        "§5.3",
        "what sends a new entry to an idle follower, and the next entries when a reply comes?",
        ["2b": REPLICA propose, REPLICA handle_append_reply, PROGRESS is_idle, PROGRESS agree];

    COMMIT_AT_ONCE = "commit-at-once",
        "An entry is committed and applied as soon as a majority has replied",
        "Figure 2, Leaders rule 4; §5.3",
        "count again at each reply, send what is missing, and wake the thread that applies",
        [
            "2b": REPLICA handle_append_reply, REPLICA advance_commit, REPLICA append_to_all, RAFT step;
        ];

    APPLY_AT_ONCE = "apply-at-once",
        "All committed entries are applied at once, not a few at a time",
        "Figure 2, All Servers rule 1",
        "take everything that is committed, be woken for it, and never sleep in between",
        [
            "2b": REPLICA take_committed, LOG_SERVER apply_committed, RAFT step, RAFT wait_for_committed;
            "2d": COMPACTING has_committed, COMPACTING take_committed, LOG_SERVER apply_committed, RAFT step;
        ];

    COMMIT_SPREADS = "commitment-spreads",
        "Followers learn what is committed even if no command follows",
        "§5.3",
        "every request carries the leader's commit index, with or without entries, and followers use it",
        ["2b": REPLICA append_to, REPLICA append_entries, REPLICA tick];

    BACK_UP = "quick-back-up",
        "A leader finds the point where a follower's log differs with at most one refusal per term",
        "§5.3, last paragraphs",
        "does a refusal name an index that skips a whole term, and does the leader go back to it?",
        [
            "2b": LOG splice, PROGRESS back_up, REPLICA handle_append_reply;
            "2d": COMPACT_LOG splice, LOG splice, PROGRESS back_up;
        ];

    NOT_AGAIN = "not-sent-again",
        "A leader does not send a follower entries that the follower has agreed to before",
        "Figure 2, nextIndex and matchIndex; §5.3",
        "the next request begins right after the last entry that the follower has agreed to",
        [
            "2b": REPLICA append_to, PROGRESS agree, PROGRESS back_up, LOG suffix;
            "2d": COMPACT_LOG suffix, REPLICA append_to, PROGRESS agree, PROGRESS back_up;
        ];

    LATE_REPLY = "late-replies",
        "A reply that is late, duplicated or of another term changes nothing",
        "Figure 2, matchIndex; §5.3",
        "compare the reply's term and what it says with what is known already: no reply moves anything back",
        [
            "2b": REPLICA handle_append_reply, PROGRESS agree, PROGRESS back_up;
            "2d": COMPACTING handle_reply, REPLICA handle_append_reply, PROGRESS agree, PROGRESS back_up;
        ];

    FRESH_LEADERSHIP = "fresh-leadership",
        "A leader starts its term with fresh knowledge of its followers, and resets it at no other time",
        "Figure 2, volatile state on leaders",
        "set nextIndex and matchIndex of every follower in the same step in which the server becomes leader, and in no other step",
        ["2b": REPLICA become_leader, REPLICA handle_reply, REPLICA tick];

    APPEND_TRAFFIC = "append-traffic",
        "Commands cost no more messages and bytes than necessary",
        "§5.3",
        "one request at a time to each follower, with everything that is new",
        ["2b": REPLICA propose, REPLICA append_to, REPLICA handle_append_reply, PROGRESS is_idle];

    RETRY = "repeated-until-answered",
        "A request that was lost is sent again, and a missing reply is not taken for a refusal",
        "§5.3, §5.5",
        "the heartbeat repeats what is unanswered, and only a reply changes where the next request begins",
        ["2b": REPLICA tick, REPLICA append_to_all, REPLICA append_to, PROGRESS note_sent];

    CATCH_UP = "catch-up",
        "Once messages arrive, every server soon holds and applies all that the leader has committed",
        "§5.3",
        "what makes the leader send, what limits a request, and what makes the follower apply?",
        [
            "2b": REPLICA append_to, REPLICA handle_append_reply, LOG fit, LOG_SERVER apply_committed;
            "2d": COMPACTING send_snapshot, COMPACTING install, REPLICA needs_snapshot, COMPACTING take_committed;
        ];

}
