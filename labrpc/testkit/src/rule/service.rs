//! The key-value service: §8 and §7.

use super::definition::rules;

rules! {
    EXACTLY_ONCE = "exactly-once",
        "Each operation of a client takes effect once",
        "§8",
        "`admit` in lab3a-kv/src/store.rs, asked when a command is applied and not before";

    EARNED = "answers-are-earned",
        "A client is told of success only once its own command was applied, and is given that command's result",
        "§8",
        "who wakes whom? `applied` in lab3a-kv/src/waiting.rs finds waiters by client and number";

    LINEARIZABLE = "linearizable",
        "All that clients see fits one order of all operations, each between its call and its answer",
        "§8",
        "look for the first rule that broke before this one";

    ANSWERED = "answers-in-time",
        "While a majority can talk, each request is answered soon",
        "§8",
        "`submit` in lab3a-kv/src/server.rs registers before it starts, and waits with no lock held";

    OFFICE_LOST = "lost-leadership-is-told",
        "A request whose server loses its leadership is refused at once, not when it times out",
        "§8, §5.1",
        "`reached` in lab3a-kv/src/waiting.rs and `watch_terms` in lab3a-kv/src/server.rs";

    REPLICAS = "replicas-agree",
        "Every server's store passes through the same states",
        "§8",
        "`apply` in lab3a-kv/src/server.rs and lab3a-kv/src/store.rs: on followers, too";

    MAPPING = "get-put-append",
        "Get reads a key, Put replaces it, Append extends it; a key that was never written is empty",
        "§8",
        "`apply` in lab3a-kv/src/store.rs";

    NEXT_SERVER = "clerk-asks-the-next",
        "A clerk that is refused, or hears nothing, asks the next server",
        "§8",
        "`run` in lab3a-kv/src/clerk.rs";

    KNOWN_LEADER = "clerk-remembers-the-leader",
        "A clerk asks first whoever answered last",
        "§8",
        "`run` in lab3a-kv/src/clerk.rs keeps `leader` from one operation to the next";

    PATIENT_CLERK = "clerk-is-patient",
        "A clerk that finds no leader rests before it asks all again, and not for long",
        "§8",
        "`run` in lab3a-kv/src/clerk.rs and its `PAUSE`";

    NUMBERED = "one-number-one-operation",
        "Every operation has a number of its own, and keeps it however often it is asked for",
        "§8",
        "`run` in lab3a-kv/src/clerk.rs counts once per operation";

    WAITERS = "waiting-is-bounded",
        "A request that was answered or given up leaves nothing behind",
        "§8",
        "every way out of `submit` in lab3a-kv/src/server.rs takes the waiter off the list";

    LABEL = "snapshot-is-what-it-says",
        "A snapshot holds the effect of exactly the entries that its index names",
        "§7",
        "cut after the command is applied, under that command's own index: lab3b-kvsnap/src/server.rs";

    SESSIONS = "sessions-are-state",
        "A snapshot also holds which operations are done",
        "§8, §7",
        "`encode` in lab3b-kvsnap/src/snapshot.rs takes the whole store";

    RESTORED = "service-restores",
        "A service that is given a snapshot takes it over whole, and goes on right behind it",
        "§7",
        "lab3b-kvsnap/src/server.rs";

    SMALL = "log-stays-small",
        "A service with a limit keeps Raft's state near it, on every server and at every moment",
        "§7",
        "`is_due` in lab3b-kvsnap/src/snapshot.rs, asked at each command that is applied";

    COMPACT_SNAPSHOT = "snapshots-are-small",
        "A snapshot is about as large as the state it holds",
        "§7",
        "`encode` in lab3b-kvsnap/src/snapshot.rs";

    WORTHWHILE = "snapshots-are-worthwhile",
        "No snapshot is taken unless something has been applied that it lets go of",
        "§7",
        "`is_due` in lab3b-kvsnap/src/snapshot.rs";

    CLIENT_TRAFFIC = "client-traffic",
        "An operation costs no more messages, entries and saves than it must",
        "§8",
        "lab3a-kv/src/clerk.rs and `submit` in lab3a-kv/src/server.rs";

}
