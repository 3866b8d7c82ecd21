//! Elections: §5.1, §5.2 and the upper half of Figure 2.

use super::definition::{Hint, hint, rules};

/// Where to look if a voter's log is not known.
pub static COMPARES_OR_LOSES: Hint = hint!(
    "does the voter compare the candidate's log with its own? does a late or doubled request cut the voter's log?",
    ["2a": ELECTION request_vote; "2b": ELECTION request_vote, REPLICA handle_request, LOG splice]
);

/// Where a RequestVote gets its term.
pub static ASKS_IN_TERM: Hint = hint!(
    "make each RequestVote in the step that campaigns, with the term of that step; keep none for later, and do not read the term again when it leaves",
    ["2a": ELECTION campaign, ELECTION observe_term]
);

/// Where a majority of votes makes a leader.
pub static WINS: Hint = hint!(
    "does the vote that completes the majority make a leader, whatever replies came before it, and does that step send to everyone?",
    [
        "2a": ELECTION count_vote, ELECTION_SERVER handle_reply, ELECTION lead, RAFT step;
        "2b": ELECTION count_vote, REPLICA handle_reply, REPLICA become_leader, REPLICA append_to_all;
    ]
);

/// Where the election timer starts at a boot.
pub static BOOTS_WAITING: Hint = hint!(
    "a server boots as a follower and waits for a leader first: which timeout does it begin with?",
    [
        "2a": ELECTION new, ELECTION restart_timer;
        "2c": ELECTION resume, ELECTION new, REPLICA resume, DISK restore;
    ]
);

rules! {
    VOTE_ONCE = "vote-once",
        "A server votes for at most one candidate in a term",
        "Figure 2, RequestVote rule 2; §5.2",
        "does a server forget its vote while the term stays the same, or vote for another one after it voted for itself?",
        [
            "2a": ELECTION request_vote, ELECTION observe_term, ELECTION hear_leader, ELECTION campaign;
            "2c": ELECTION request_vote, ELECTION observe_term, DISK changes, DISK restore;
        ];

    ONE_LEADER = "one-leader-a-term",
        "At most one server leads a term",
        "Election Safety, Figure 3; §5.2",
        "count only votes that were granted to this server in this term, and let a newer term end a leadership",
        [
            "2a": ELECTION count_vote, ELECTION majority, ELECTION observe_term, ELECTION request_vote;
            "2c": ELECTION count_vote, ELECTION request_vote, DISK changes, DISK restore;
        ];

    OLD_TERM = "old-term-refused",
        "A request of an older term is refused and changes nothing",
        "Figure 2, RequestVote rule 1 and AppendEntries rule 1",
        "compare the request's term with your own before anything else, and reply with your own term",
        [
            "2a": ELECTION request_vote, ELECTION hear_leader, ELECTION observe_term;
            "2b": REPLICA append_entries, ELECTION request_vote, ELECTION hear_leader, ELECTION observe_term;
            "2d": COMPACTING install, REPLICA append_entries, ELECTION hear_leader;
        ];

    NEW_TERM = "newer-term-adopted",
        "A server that sees a newer term, in a request or in a reply, adopts it at once and becomes a follower",
        "Figure 2, All Servers rule 2; §5.1",
        "compare the term of every message with your own, even of one that is refused or ignored",
        [
            "2a": ELECTION observe_term, ELECTION count_vote, ELECTION request_vote, ELECTION hear_leader;
            "2b": REPLICA handle_append_reply, REPLICA append_entries, REPLICA handle_request, ELECTION request_vote, ELECTION observe_term;
            "2d": COMPACTING install, COMPACTING handle_request, COMPACTING handle_reply, REPLICA handle_append_reply;
        ];

    TERM_GROWS = "terms-only-grow",
        "A server's term never falls",
        "Figure 2, currentTerm; §5.1",
        "adopt only newer terms, and continue with the saved term after a restart",
        [
            "2a": ELECTION observe_term, ELECTION campaign;
            "2c": DISK restore, REPLICA resume, ELECTION resume, ELECTION observe_term;
        ];

    MESSAGE_TERM = "messages-carry-the-term",
        "Every message carries the term that its sender is in, not an older one",
        "Figure 2, arguments and results term; §5.1",
        "make the reply in the step that handles the request, with the term in which that step ends; a step that comes later may have another one",
        [
            "2a": ELECTION_SERVER handle_request, ELECTION request_vote, ELECTION hear_leader;
            "2b": REPLICA handle_request, REPLICA append_entries, ELECTION request_vote;
            "2d": COMPACTING handle_request, COMPACTING install, REPLICA handle_request;
        ];

    CAMPAIGN = "campaign",
        "A candidate increments its term, votes for itself, and asks all other servers at once",
        "Figure 2, Candidates rule 1; §5.2",
        "what does a server do when its election timer runs out, and does it ask each other server without waiting for the reply of another one?",
        [
            "2a": ELECTION campaign, ELECTION_SERVER tick;
            "2b": ELECTION campaign, REPLICA tick;
        ];

    MAJORITY = "majority-of-votes",
        "A candidate leads once it has the votes of a majority, given in its term, each voter counted once, and not before",
        "Figure 2, Candidates rule 2; §5.2",
        "count distinct voters, only votes of this term, and require more than half of all servers; only a count makes a leader",
        [
            "2a": ELECTION count_vote, ELECTION majority, ELECTION campaign, ELECTION_SERVER handle_reply;
            "2b": ELECTION count_vote, ELECTION majority, ELECTION campaign, REPLICA handle_reply;
        ];

    VOTE_GIVEN = "vote-given",
        "A vote is refused only to a candidate of an older term or with an older log, or after a vote for another candidate",
        "Figure 2, RequestVote rules 1 and 2; §5.2, §5.4.1",
        "does a newer term clear the vote of the older one? does an equally long log count as up to date? is there any other condition for a vote?",
        [
            "2a": ELECTION request_vote, ELECTION observe_term;
            "2b": ELECTION request_vote, ELECTION observe_term, REPLICA handle_request, LOG last;
            "2d": ELECTION request_vote, REPLICA handle_request, COMPACT_LOG last, COMPACT_LOG lift;
        ];

    TIMER = "election-timer",
        "The election timer restarts when the server grants a vote or receives a message of the current leader, and at no other message",
        "Figure 2, Followers rule 2; §5.2",
        "which messages restart the timer, and which must not? is the deadline checked again under the lock?",
        [
            "2a": ELECTION request_vote, ELECTION hear_leader, ELECTION count_vote, ELECTION tick;
            "2b": ELECTION hear_leader, ELECTION request_vote, REPLICA append_entries, REPLICA handle_request;
            "2d": COMPACTING install, REPLICA hear_leader, ELECTION hear_leader, ELECTION request_vote;
        ];

    CAMPAIGN_DUE = "campaign-in-time",
        "A server that hears from no leader campaigns before its longest timeout is over, and again if nobody wins",
        "Figure 2, Followers rule 2 and Candidates rule 4; §5.2",
        "does the server notice that its timer has run out, and does each campaign restart the timer?",
        ["2a": ELECTION tick, ELECTION due, ELECTION campaign, RAFT wait_until_due];

    CAMPAIGNS_APART = "campaign-restarts-the-timer",
        "A campaign restarts the election timer, so the next campaign comes after another whole timeout",
        "Figure 2, Candidates rules 1 and 4; §5.2",
        "does every campaign restart the timer, with a new timeout, in the same step in which it begins?",
        ["2a": ELECTION campaign, ELECTION restart_timer, ELECTION tick, ELECTION due];

    STEPPED_DOWN = "deposed-leader-waits",
        "A leader that steps down campaigns only after an election timeout, counted from its last heartbeat or later",
        "§5.2; Figure 2, Followers rule 2",
        "a leader's election timer does not run: when it steps down, which timeout does it wait for, and counted from when?",
        ["2a": ELECTION observe_term, ELECTION due, ELECTION lead, ELECTION tick];

    RANDOM_TIMEOUT = "random-timeouts",
        "Each election timeout is drawn anew, and servers draw different ones",
        "§5.2",
        "draw each timeout anew, from a range much wider than a message's way, and give each server a generator of its own",
        ["2a": ELECTION restart_timer, ELECTION new, TIMING TIMING];

    FIRST_HEARTBEAT = "first-heartbeat",
        "A new leader sends every other server a message at once",
        "Figure 2, Leaders rule 1; §5.2",
        "send when the winning vote is counted, not at the next tick, and to each server without waiting for the reply of another one",
        [
            "2a": ELECTION_SERVER handle_reply, ELECTION count_vote, ELECTION lead, RAFT step;
            "2b": REPLICA become_leader, REPLICA handle_reply, REPLICA append_to_all;
        ];

    HEARTBEATS = "heartbeats",
        "A leader sends every other server at least one message per heartbeat interval",
        "Figure 2, Leaders rule 1; §5.2",
        "send heartbeats on time, without waiting for replies to earlier messages, to every follower",
        [
            "2a": ELECTION due, ELECTION tick, ELECTION_SERVER tick, RAFT step;
            "2b": REPLICA tick, REPLICA append_to_all, ELECTION due, RAFT step;
            "2d": REPLICA append_to, REPLICA tick, COMPACT_LOG suffix;
        ];

    CANDIDATE_YIELDS = "candidate-yields",
        "A candidate that hears from the leader of its own term becomes its follower",
        "Figure 2, Candidates rule 3; §5.2",
        "what does a candidate do when a message of the leader of its own term arrives?",
        [
            "2a": ELECTION hear_leader;
            "2b": ELECTION hear_leader, REPLICA append_entries;
            "2d": COMPACTING install, REPLICA hear_leader, ELECTION hear_leader;
        ];

    LEADER_STAYS = "leader-stays",
        "A leader steps down only for a newer term",
        "Figure 2, All Servers rule 2; §5.1",
        "silence does not end a leadership, and a refusal or a request of the same term does not either",
        [
            "2a": ELECTION tick, ELECTION observe_term, ELECTION request_vote, ELECTION hear_leader;
            "2b": ELECTION tick, REPLICA handle_append_reply, ELECTION observe_term, ELECTION request_vote;
        ];

    STABLE = "healthy-cluster-is-stable",
        "While nothing fails, the term does not change",
        "§5.2, §5.6",
        "heartbeats must arrive well before any election timeout",
        [
            "2a": TIMING TIMING, ELECTION due, ELECTION hear_leader;
            "2b": TIMING TIMING, ELECTION due, REPLICA tick, REPLICA append_entries;
        ];

    LEADER_IN_TIME = "leader-in-time",
        "While a majority can communicate, it soon has a leader",
        "§5.2, §5.6",
        "is a campaign started, do its requests leave, are votes granted, and are they counted?",
        ["2a": ELECTION campaign, ELECTION request_vote, ELECTION count_vote, RAFT step];

    IDLE_TRAFFIC = "idle-traffic",
        "An idle leader sends each other server one message per heartbeat interval, and no more",
        "§5.2, §5.6",
        "does a reply or a late vote make the leader send again? is the interval right?",
        [
            "2a": ELECTION_SERVER handle_reply, ELECTION count_vote, ELECTION due, TIMING TIMING;
            "2b": REPLICA handle_append_reply, REPLICA handle_reply, REPLICA tick, ELECTION due;
            "2d": COMPACTING handle_reply, COMPACTING send_snapshot, REPLICA handle_append_reply;
        ];

    STATUS = "status",
        "`status` reports a term and a leadership that were true at the same moment",
        "§5.1",
        "read term and role under one lock, and wake watchers whenever either has changed",
        ["2a": RAFT status, RAFT step, RAFT watch];

}
