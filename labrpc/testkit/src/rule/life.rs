//! A server's life: what holds for any program of many threads.

use super::definition::rules;

rules! {
    RUNS = "server-runs-on",
        "A server runs until it is killed: none of its threads panics",
        "the tests' contract",
        "the panic's own message and place say where";

    STUCK = "never-stuck",
        "No thread waits for what can never come",
        "the tests' contract",
        "a lock taken twice, or held while a message is sent or awaited";

    SILENT = "dead-is-silent",
        "A server that was killed sends, saves and hands over nothing more",
        "the tests' contract",
        "whatever a thread of a dead server does, it does for nobody";

    BOUNDED = "bounded-work",
        "The number of threads does not grow with time, failures or the length of an outage",
        "the tests' contract",
        "who starts a thread for each message, each election or each retry?";

    RESTS = "idle-rests",
        "A server that has nothing to do does nothing",
        "the tests' contract",
        "sleep until signalled or due, and do not look up at intervals: lab2a-election/src/node.rs";

    HAPPENED = "test-is-vacuous",
        "A test exercises what it is for",
        "the tests' contract",
        "the scenario did not come about: this is about the test, or about a server that avoids it";

}
