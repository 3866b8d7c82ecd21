//! What every server must do as a program of several threads.

use super::definition::rules;

rules! {
    RUNS = "server-runs-on",
        "None of a server's threads panics",
        "the tests' contract",
        "the panic's message and location";

    STUCK = "never-stuck",
        "No thread waits for something that can never happen",
        "the tests' contract",
        "is a lock taken twice by one thread, or held while a message is sent or awaited?";

    SILENT = "dead-is-silent",
        "A server that was killed sends, saves and applies nothing more",
        "the tests' contract",
        "check for shutdown after every wait, and before every send and save; a crash is a panic that must not be caught";

    BOUNDED = "bounded-work",
        "The number of threads does not grow with time, with failures or with the length of an outage",
        "the tests' contract",
        "does each message, election or retry start a thread, and does that thread end?";

    /// A lock counts if it was taken in the package that sends: a service may hold its own lock while it calls its
    /// server. Any such lock counts, whatever it guards.
    UNLOCKED = "sends-unlocked",
        "No thread of a server holds a lock of the server while it sends a request or waits for a reply",
        "the tests' contract",
        "collect what is to be sent while the lock is held, and send it when the lock is free: `step` in lab2a-election/src/raft.rs";

    RESTS = "idle-rests",
        "A server that has nothing to do sleeps instead of polling",
        "the tests' contract",
        "sleep until signalled or due instead of polling: `wait_until_due` and `wait_for_committed` in lab2a-election/src/raft.rs";

    HAPPENED = "test-is-vacuous",
        "A test exercises the situation that it is about",
        "the tests' contract",
        "the situation did not arise in this run: the server may avoid it, or the test is at fault";

}
