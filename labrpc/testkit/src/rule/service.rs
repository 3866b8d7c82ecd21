//! The key-value service: §8 and §7.

use super::definition::rules;

rules! {
    EXACTLY_ONCE = "exactly-once",
        "Each operation of a client takes effect once",
        "§8",
        "ask for a duplicate when a command is applied, not when it is requested: `admit` in lab3a-kv/src/store.rs";

    EARNED = "answers-are-earned",
        "A client's request succeeds only after its own command was applied, with that command's result",
        "§8",
        "find waiters by client and number, not by index: `applied` in lab3a-kv/src/server.rs";

    LINEARIZABLE = "linearizable",
        "One order of all operations explains all answers, with each operation between its call and its answer",
        "§8",
        "look for the first rule that was broken before this one";

    ANSWERED = "answers-in-time",
        "While a majority can communicate, each request is answered soon",
        "§8",
        "register before the command is started, and wait without holding a lock: `submit` in lab3a-kv/src/server.rs";

    LEADERSHIP_LOST = "lost-leadership-is-told",
        "A server that loses its leadership refuses its waiting requests at once, not when they time out",
        "§8, §5.1",
        "`reached` and `watch_terms` in lab3a-kv/src/server.rs";

    REPLICAS = "replicas-agree",
        "All servers' stores go through the same states",
        "§8",
        "followers apply the same commands as the leader: `apply` in lab3a-kv/src/server.rs and in lab3a-kv/src/store.rs";

    MAPPING = "get-put-append",
        "Get reads a key, Put replaces its value, Append extends it; a key that was never written is empty",
        "§8",
        "`apply` in lab3a-kv/src/store.rs";

    NEXT_SERVER = "clerk-asks-the-next",
        "A clerk that is refused, or gets no answer, asks the next server",
        "§8",
        "`run` in lab3a-kv/src/clerk.rs";

    KNOWN_LEADER = "clerk-remembers-the-leader",
        "A clerk first asks the server that answered last",
        "§8",
        "`run` in lab3a-kv/src/clerk.rs must keep `leader` from one operation to the next";

    PATIENT_CLERK = "clerk-is-patient",
        "If no server answers, a clerk pauses before it asks all of them again, but not for long",
        "§8",
        "`run` and `PAUSE` in lab3a-kv/src/clerk.rs";

    NUMBERED = "one-number-one-operation",
        "Every operation has a number of its own, and keeps it when it is sent again",
        "§8",
        "count once per operation, not once per request: `run` in lab3a-kv/src/clerk.rs";

    WAITERS = "waiting-is-bounded",
        "A request that was answered or given up leaves nothing behind",
        "§8",
        "every way out of `submit` in lab3a-kv/src/server.rs must take the waiter off the list";

    LABEL = "snapshot-is-what-it-says",
        "A snapshot holds the effect of the entries through its index, and of no others",
        "§7",
        "take the snapshot after the command was applied, with that command's own index: `apply_all` in lab3b-kvsnap/src/server.rs";

    SESSIONS = "sessions-are-state",
        "A snapshot also records which writes are done",
        "§8, §7",
        "encode the whole store: `encode` in lab3b-kvsnap/src/snapshot.rs";

    RESTORED = "service-restores",
        "A service that receives a snapshot replaces its whole state by it, and continues with the next entry",
        "§7",
        "`apply_all` in lab3b-kvsnap/src/server.rs and `decode` in lab3b-kvsnap/src/snapshot.rs";

    SMALL = "log-stays-small",
        "With a size limit, Raft's saved state stays near it, on every server and at all times",
        "§7",
        "ask `is_due` in lab3b-kvsnap/src/snapshot.rs at each command that is applied, on followers too: `apply_all` in lab3b-kvsnap/src/server.rs";

    COMPACT_SNAPSHOT = "snapshots-are-small",
        "A snapshot is about as large as the state that it holds",
        "§7",
        "`encode` in lab3b-kvsnap/src/snapshot.rs";

    WORTHWHILE = "snapshots-are-worthwhile",
        "A snapshot is taken only if it removes enough of the log",
        "§7",
        "`is_due` in lab3b-kvsnap/src/snapshot.rs";

    CLIENT_TRAFFIC = "client-traffic",
        "An operation costs no more messages, entries and saves than necessary",
        "§8",
        "`run` in lab3a-kv/src/clerk.rs and `submit` in lab3a-kv/src/server.rs";

}
