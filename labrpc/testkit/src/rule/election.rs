//! Elections: §5.1, §5.2 and the upper half of Figure 2.

use super::definition::rules;

rules! {
    VOTE_ONCE = "vote-once",
        "A server votes for at most one candidate in a term",
        "Figure 2, RequestVote rule 2; §5.2",
        "grant a vote only if `voted_for` is none or this same candidate, and forget a vote only when the term grows: `request_vote` and `observe_term` in lab2a-election/src/election.rs";

    ONE_LEADER = "one-leader-a-term",
        "At most one server leads a term",
        "Election Safety, Figure 3; §5.2",
        "count only votes that were granted to this server in this term: `count_vote` and `majority` in lab2a-election/src/election.rs";

    OLD_TERM = "old-term-refused",
        "A request of an older term is refused and changes nothing",
        "Figure 2, RequestVote rule 1 and AppendEntries rule 1",
        "compare the request's term with your own before anything else: `request_vote` and `hear_leader` in lab2a-election/src/election.rs";

    NEW_TERM = "newer-term-adopted",
        "A server that sees a newer term, in a request or in a reply, adopts it at once and becomes a follower",
        "Figure 2, All Servers rule 2; §5.1",
        "call `observe_term` for every message, even one that is refused or ignored: lab2a-election/src/election.rs";

    TERM_GROWS = "terms-only-grow",
        "A server's term never falls",
        "Figure 2, currentTerm; §5.1",
        "adopt only newer terms, and continue with the saved term after a restart: `observe_term` and `resume` in lab2a-election/src/election.rs";

    CAMPAIGN = "campaign",
        "A candidate increments its term, votes for itself, and asks all other servers at once",
        "Figure 2, Candidates rule 1; §5.2",
        "`campaign` in lab2a-election/src/election.rs, and what `tick` sends for it in lab2a-election/src/server.rs";

    MAJORITY = "majority-of-votes",
        "A server leads a term only with the votes of a majority, given in this term, each voter counted once",
        "Figure 2, Candidates rule 2; §5.2",
        "count distinct voters, only in this term, and require more than half of all servers: `count_vote` and `majority` in lab2a-election/src/election.rs";

    VOTE_GIVEN = "vote-given",
        "A vote is refused only to a candidate of an older term or with an older log, or after a vote for another candidate",
        "Figure 2, RequestVote rules 1 and 2; §5.2, §5.4.1",
        "does a newer term clear the vote of the older one? does an equally long log count as up to date? `request_vote` in lab2a-election/src/election.rs";

    TIMER = "election-timer",
        "The election timer restarts when the server grants a vote or receives a message of the current leader, and at no other message",
        "Figure 2, Followers rule 2; §5.2",
        "check every call of `restart_timer` in lab2a-election/src/election.rs";

    CAMPAIGN_DUE = "campaign-in-time",
        "A server that hears from no leader campaigns before its longest timeout is over, and again if nobody wins",
        "Figure 2, Followers rule 2 and Candidates rule 4; §5.2",
        "`due` and `tick` in lab2a-election/src/election.rs";

    RANDOM_TIMEOUT = "random-timeouts",
        "Each election timeout is drawn anew, and servers draw different ones",
        "§5.2",
        "`restart_timer` in lab2a-election/src/election.rs must draw from `rng` each time";

    FIRST_HEARTBEAT = "first-heartbeat",
        "A new leader sends every other server a message at once",
        "Figure 2, Leaders rule 1; §5.2",
        "send when the winning vote is counted, not at the next tick: `handle_reply` in lab2a-election/src/server.rs, `become_leader` in lab2b-log/src/replica.rs";

    HEARTBEATS = "heartbeats",
        "A leader sends every other server at least one message per heartbeat interval",
        "Figure 2, Leaders rule 1; §5.2",
        "send heartbeats without waiting for replies to earlier ones: `tick` in lab2a-election/src/election.rs";

    CANDIDATE_YIELDS = "candidate-yields",
        "A candidate that hears from the leader of its own term becomes its follower",
        "Figure 2, Candidates rule 3; §5.2",
        "`hear_leader` in lab2a-election/src/election.rs";

    LEADER_STAYS = "leader-stays",
        "A leader steps down only for a newer term",
        "Figure 2, All Servers rule 2; §5.1",
        "a refusal or a request of the same term does not end a leadership: `observe_term` in lab2a-election/src/election.rs";

    STABLE = "healthy-cluster-is-stable",
        "While nothing fails, the term does not change",
        "§5.2, §5.6",
        "heartbeats must arrive well before any election timeout: lab2a-election/src/timing.rs, and `due` in lab2a-election/src/election.rs";

    LEADER_IN_TIME = "leader-in-time",
        "While a majority can communicate, it soon has a leader",
        "§5.2, §5.6",
        "is a campaign started, are votes granted, and are they counted? `campaign`, `request_vote` and `count_vote` in lab2a-election/src/election.rs";

    IDLE_TRAFFIC = "idle-traffic",
        "An idle leader sends each other server one message per heartbeat interval, and no more",
        "§5.2, §5.6",
        "does a reply make the leader send again? `handle_reply` in lab2a-election/src/server.rs; the interval is in lab2a-election/src/timing.rs";

    STATUS = "status",
        "`status` reports a term and a leadership that were true at the same moment",
        "§5.1",
        "read both under one lock: `status` in lab2a-election/src/raft.rs";

}
