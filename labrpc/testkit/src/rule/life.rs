//! What every server must do as a program of several threads.

use super::definition::rules;

rules! {
    RUNS = "server-runs-on",
        "None of a server's threads panics",
        "docs/world.md, the world that your code runs in",
        "the message and the lines above are those of the panic, which may be a consequence of something earlier",
        [];

    ENDLESS = "loops-end",
        "No thread runs on without end, and none calls itself without end",
        "docs/world.md, the world that your code runs in",
        "does each round of the loop change its condition, or wait for something? does the recursion end?",
        [];

    FACADE = "labrpc-for-std",
        "A server sleeps, locks, waits and starts threads only through labrpc",
        "docs/world.md, the world that your code runs in",
        "use labrpc's thread, sync, channel and time in place of std's: only there virtual time passes",
        [];

    STUCK = "never-stuck",
        "No thread waits for something that can never happen",
        "docs/world.md, the world that your code runs in",
        "is a lock taken twice by one thread, taken in another order by another thread, or held while a message is sent or awaited?",
        [
            "2a": RAFT step, RAFT status;
            "2b": LOG_SERVER apply_committed, RAFT step, RAFT wait_for_committed;
            "3a": KV_SERVER submit, KV_SERVER apply, KV_SERVER watch_terms, LOG_SERVER apply_committed;
            "3b": SNAP_SERVER apply_all, KV_SERVER submit, KV_SERVER apply;
        ];

    /// Locks that a thread takes only in the protection of one and the same third lock may have any order.
    LOCK_ORDER = "locks-in-one-order",
        "Threads that need two locks at the same time take them in the same order",
        "docs/world.md, the world that your code runs in",
        "the lines above show both orders: choose one of them, or release the first lock before the second is taken",
        [];

    BOOTS = "boot-returns",
        "Booting starts a server or a service, and returns it at once; its threads do the rest",
        "docs/world.md, the world that your code runs in",
        "does the code that starts it wait for something, or is the server's own loop in it? Give the loop a thread",
        [];

    ANSWERS = "requests-are-answered",
        "A server answers each request of another server, without waiting for any other one",
        "Figure 2, RequestVote and AppendEntries",
        "is there a reply on every path, and no lock that is held while the server sends or waits?",
        [
            "2a": RAFT step, RAFT request;
            "2b": LOG_SERVER apply_committed, RAFT step, RAFT request;
            "3a": KV_SERVER submit, LOG_SERVER apply_committed, RAFT step, RAFT request;
        ];

    SILENT = "dead-is-silent",
        "A server that was killed sends, saves and applies nothing more",
        "docs/world.md, the world that your code runs in",
        "check for shutdown after every wait, and before every send and save; a crash is a panic that must not be caught",
        [
            "2a": RAFT step, RAFT shutdown;
            "2b": RAFT step, RAFT shutdown, LOG_SERVER apply_committed;
            "3a": KV_SERVER shutdown, KV_SERVER submit;
        ];

    BOUNDED = "bounded-work",
        "Threads and memory do not grow with time, with failures or with the length of an outage",
        "docs/world.md, the world that your code runs in",
        "does each message, election, command or retry start a thread, and does that thread end? does anything put into a list or a map that is never removed again?",
        [
            "2a": RAFT step, RAFT spawn, RAFT tick_when_due;
            "2b": RAFT start, RAFT step, LOG_SERVER spawn, LOG_SERVER apply_committed;
            "3a": KV_SERVER submit, KV_SERVER request, KV_SERVER spawn;
        ];

    /// A lock counts if it was taken in the package that sends: a service may hold its own lock while it calls its
    /// server. Any such lock counts, whatever it guards.
    UNLOCKED = "sends-unlocked",
        "No thread of a server holds a lock of the server while it sends a request or waits for a reply",
        "docs/world.md, the world that your code runs in",
        "collect what is to be sent while the lock is held, and send it when the lock is free",
        [
            "2a": RAFT step, RAFT reply, RAFT tick_when_due;
            "2b": RAFT step, RAFT start, LOG_SERVER apply_committed;
            "3a": KV_SERVER submit, KV_SERVER apply;
        ];

    RESTS = "idle-rests",
        "A server that has nothing to do sleeps instead of polling",
        "docs/world.md, the world that your code runs in",
        "sleep until signalled or due instead of polling",
        [
            "2a": RAFT wait_until_due, RAFT tick_when_due;
            "2b": RAFT wait_for_committed, LOG_SERVER apply_committed, RAFT wait_until_due;
            "3a": KV_SERVER watch_terms, KV_SERVER submit;
        ];

    DECODES = "messages-decode",
        "A server decodes each message as the type that was encoded for it",
        "docs/world.md, the world that your code runs in",
        "is the type that is expected here the one that the other server encodes for this request? a scripted server encodes what the codec writes",
        [];

    CODEC = "codec-fits",
        "A codec is a function, and what it writes it reads back as it was",
        "docs/world.md, the world that your code runs in",
        "compare the two methods field by field: is something left out, or told apart in only one of them? does one look at more than its arguments?",
        [];

    HAPPENED = "test-is-vacuous",
        "A test exercises the situation that it is about",
        "docs/world.md, the graded tests",
        "the situation did not arise in this run: the server may avoid it, or the test is at fault",
        [];

}
