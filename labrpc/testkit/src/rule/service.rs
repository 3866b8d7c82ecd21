//! The key-value service: §8 and §7.

use super::definition::rules;

rules! {
    EXACTLY_ONCE = "exactly-once",
        "Each operation of a client takes effect once",
        "§8",
        "ask for a duplicate when a command is applied, not when it is requested, and remember what is done",
        [
            "3a": STORE admit, STORE apply, KV_SERVER submit;
            "3b": STORE admit, SNAPSHOT encode, SNAPSHOT decode, SNAP_SERVER apply_all;
        ];

    EARNED = "answers-are-earned",
        "A client's request succeeds only after its own command was applied, with that command's result",
        "§8",
        "a request is answered when its own command is applied, found by client and number and not by index, and with that command's result",
        [
            "3a": KV_SERVER submit, KV_SERVER apply, KV_SERVER applied, STORE apply;
            "3b": KV_SERVER replaced, SNAP_SERVER apply_all, STORE apply, STORE has_just_written;
        ];

    LINEARIZABLE = "linearizable",
        "One order of all operations explains all answers, with each operation between its call and its answer",
        "§8",
        "look for the first rule that was broken before this one",
        [
            "3a": KV_SERVER submit, KV_SERVER apply, STORE apply, CLERK run;
            "3b": SNAP_SERVER apply_all, KV_SERVER replaced, STORE apply;
        ];

    ANSWERED = "answers-in-time",
        "Each request is answered or refused soon, and it is answered while a majority can communicate",
        "§8",
        "register before the command is started, wait long enough and without holding a lock, and answer every request that waits for the command",
        [
            "3a": KV_SERVER submit, KV_SERVER apply, KV_SERVER applied, KV_SERVER answer_all;
            "3b": SNAP_SERVER apply_all, KV_SERVER replaced, KV_SERVER submit;
        ];

    LEADERSHIP_LOST = "lost-leadership-is-told",
        "A server that loses its leadership refuses its waiting requests at once, not when they time out",
        "§8, §5.1",
        "who watches the term, whom does its end concern, and what if it ends while `start` returns?",
        ["3a": KV_SERVER reached, KV_SERVER watch_terms, KV_SERVER started, KV_SERVER submit, KV_SERVER spawn];

    REPLICAS = "replicas-agree",
        "All servers' stores go through the same states",
        "§8",
        "followers apply the same commands as the leader, and each state belongs to one index",
        [
            "3a": KV_SERVER apply, STORE apply, KV_SERVER submit;
            "3b": SNAP_SERVER apply_all, SNAPSHOT encode, SNAPSHOT decode, COMPACTING compact;
        ];

    MAPPING = "get-put-append",
        "Get reads a key, Put replaces its value, Append extends it; a key that was never written is empty",
        "§8",
        "what does each of the three do with the pairs, and what does it return?",
        ["3a": STORE apply];

    NEXT_SERVER = "clerk-asks-the-next",
        "A clerk that is refused, or gets no answer, asks the next server",
        "§8",
        "go on to the next server at a refusal and at a silence alike",
        ["3a": CLERK run];

    KNOWN_LEADER = "clerk-remembers-the-leader",
        "A clerk first asks the server that answered last",
        "§8",
        "keep the server that has answered from one operation to the next",
        ["3a": CLERK run];

    PATIENT_CLERK = "clerk-is-patient",
        "If no server answers, a clerk pauses before it asks all of them again, but not for long",
        "§8",
        "pause once in each round, and for how long?",
        ["3a": CLERK run, CLERK PAUSE, CLERK PATIENCE];

    NUMBERED = "one-number-one-operation",
        "Every operation has a number of its own, and keeps it when it is sent again",
        "§8",
        "count once per operation, not once per request, under a client id that nobody else has",
        ["3a": CLERK run, CLERK new];

    CLERK_RETURNS = "clerk-returns-the-answer",
        "A clerk asks for what its caller wants, and returns what a server has answered to this operation",
        "§8",
        "what ends the loop of requests, and which value is returned? a refusal is no result",
        ["3a": CLERK run, CLERK get, CLERK put, CLERK append];

    WAITERS = "waiting-is-bounded",
        "A request that was answered or given up leaves nothing behind",
        "§8",
        "every way out of a request must take its waiter off the list",
        ["3a": KV_SERVER submit, KV_SERVER answer_all, KV_SERVER refuse];

    LABEL = "snapshot-is-what-it-says",
        "A snapshot holds the effect of the entries through its index, and of no others",
        "§7",
        "take the snapshot after the command was applied, with that command's own index",
        [
            "2d": COMPACTING compact, COMPACTING install, COMPACTING take_committed, COMPACTING restore;
            "3a": KV_SERVER apply;
            "3b": SNAP_SERVER apply_all, SNAPSHOT encode, COMPACTING compact;
        ];

    SESSIONS = "sessions-are-state",
        "A snapshot also records which writes are done",
        "§8, §7",
        "encode the whole store, and restore all of it",
        [
            "3a": STORE Store;
            "3b": SNAPSHOT encode, SNAPSHOT decode, STORE Store, SNAP_SERVER apply_all;
        ];

    RESTORED = "service-restores",
        "A service that receives a snapshot replaces its whole state by it, and continues with the next entry",
        "§7",
        "replace the whole store by what the snapshot holds; encoding and decoding must agree",
        ["3b": SNAP_SERVER apply_all, SNAPSHOT decode, SNAPSHOT encode, KV_SERVER replaced];

    SMALL = "log-stays-small",
        "With a size limit, Raft's saved state stays near it, on every server and at all times",
        "§7",
        "ask whether a snapshot is due at each command that is applied, on followers too, and measure bytes",
        ["3b": SNAP_SERVER apply_all, SNAPSHOT is_due, SNAPSHOT applied, SNAPSHOT taken];

    COMPACT_SNAPSHOT = "snapshots-are-small",
        "A snapshot is about as large as the state that it holds",
        "§7",
        "does anything in the store grow with the number of operations?",
        ["3b": SNAPSHOT encode, STORE Store, STORE admit, STORE apply];

    WORTHWHILE = "snapshots-are-worthwhile",
        "A snapshot is taken only if it removes enough of the log",
        "§7",
        "how much would this snapshot remove?",
        ["3b": SNAPSHOT is_due, SNAPSHOT applied, SNAPSHOT taken, SNAP_SERVER apply_all];

    CLIENT_TRAFFIC = "client-traffic",
        "An operation costs no more messages, entries and saves than necessary",
        "§8",
        "how often is one operation sent, started and saved?",
        ["3a": CLERK run, KV_SERVER submit];

}
