//! Elections: §5.1, §5.2 and the upper half of Figure 2.

use super::definition::rules;

rules! {
    VOTE_ONCE = "vote-once",
        "A server votes for at most one candidate in a term",
        "Figure 2, RequestVote rule 2; §5.2",
        "the vote is free only if `voted_for` is none or this very candidate, and only a newer term frees it: `request_vote` and `observe_term` in lab2a-election/src/election.rs";

    ONE_LEADER = "one-leader-a-term",
        "At most one server leads a term",
        "Election Safety, Figure 3; §5.2",
        "who counted votes that were not given to it in this term? `count_vote` and `majority` in lab2a-election/src/election.rs";

    OLD_TERM = "old-term-refused",
        "A request of an older term is refused, and changes nothing",
        "Figure 2, RequestVote rule 1 and AppendEntries rule 1",
        "compare the request's term with your own before anything else: `request_vote` and `hear_leader` in lab2a-election/src/election.rs";

    NEW_TERM = "newer-term-adopted",
        "A newer term, in a request or in a reply, is taken over at once, and makes a follower",
        "Figure 2, All Servers rule 2; §5.1",
        "every message goes through `observe_term`, whatever becomes of it: lab2a-election/src/election.rs";

    TERM_GROWS = "terms-only-grow",
        "A server's term never falls",
        "Figure 2, currentTerm; §5.1",
        "`observe_term` in lab2a-election/src/election.rs takes over newer terms only; after a restart the saved term counts";

    CAMPAIGN = "campaign",
        "A candidate raises its term, votes for itself, and asks all others at once",
        "Figure 2, Candidates rule 1; §5.2",
        "`campaign` in lab2a-election/src/election.rs";

    MAJORITY = "majority-of-votes",
        "Only a server with the votes of a majority, each counted once and given in this very term, leads it",
        "Figure 2, Candidates rule 2; §5.2",
        "`count_vote` and `majority` in lab2a-election/src/election.rs: distinct voters, of this term only, more than half of all servers";

    VOTE_GIVEN = "vote-given",
        "A vote is refused only to an older term, after a vote for another, or to an older log",
        "Figure 2, RequestVote rules 1 and 2; §5.2, §5.4.1",
        "`request_vote` in lab2a-election/src/election.rs: is the vote of an older term forgotten when the term grows? is an equal log good enough?";

    TIMER = "election-timer",
        "The election timer restarts when a vote is granted or the present leader speaks, and at nothing else",
        "Figure 2, Followers rule 2; §5.2",
        "who calls `restart_timer` in lab2a-election/src/election.rs, and who must not?";

    CAMPAIGN_DUE = "campaign-in-time",
        "A server that hears of no leader campaigns before its longest time-out is over, and again if nobody wins",
        "Figure 2, Followers rule 2 and Candidates rule 4; §5.2",
        "`due` and `tick` in lab2a-election/src/election.rs";

    RANDOM_TIMEOUT = "random-time-outs",
        "Each wait has a new random length, and servers differ",
        "§5.2",
        "`restart_timer` in lab2a-election/src/election.rs draws from `self.rng` each time";

    FIRST_HEARTBEAT = "first-heartbeat",
        "A new leader lets every other server hear from it at once",
        "Figure 2, Leaders rule 1; §5.2",
        "what is sent when the winning vote is counted? `handle_reply` in lab2a-election/src/server.rs, `become_leader` in lab2b-log/src/replica.rs";

    HEARTBEATS = "heartbeats",
        "A leader lets every other server hear from it at least once an interval",
        "Figure 2, Leaders rule 1; §5.2",
        "`tick` in lab2a-election/src/election.rs; nobody waits for an answer before the next heartbeat";

    CANDIDATE_YIELDS = "candidate-yields",
        "A candidate that hears the leader of its own term becomes its follower",
        "Figure 2, Candidates rule 3; §5.2",
        "`hear_leader` in lab2a-election/src/election.rs";

    LEADER_STAYS = "leader-stays",
        "A leader leaves office only for a newer term",
        "Figure 2, All Servers rule 2; §5.1",
        "a refusal or a rival request of the same term deposes nobody: `observe_term` in lab2a-election/src/election.rs";

    STABLE = "healthy-cluster-is-stable",
        "In a cluster where nothing fails, the term does not change",
        "§5.2, §5.6",
        "heartbeats must come well before anybody's time-out: lab2a-election/src/timing.rs and `due` in lab2a-election/src/election.rs";

    LEADER_IN_TIME = "leader-in-time",
        "While a majority can talk, it soon has a leader",
        "§5.2, §5.6",
        "who asks for votes, who grants them, and who counts them? lab2a-election/src/election.rs";

    IDLE_TRAFFIC = "idle-traffic",
        "An idle leader sends each other server one message an interval, and no more",
        "§5.2, §5.6",
        "`heartbeat_interval` in lab2a-election/src/timing.rs, and what a reply makes a leader send";

    STATUS = "status",
        "Term and leadership are told as they were together at one moment",
        "§5.1",
        "`status` reads both under one lock: lab2a-election/src/node.rs";

}
