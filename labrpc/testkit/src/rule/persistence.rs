//! What survives a crash: the persistent state of Figure 2.

use super::definition::rules;

rules! {
    DURABLE = "durable-before-visible",
        "Term, vote and entries are on disk before anybody can see that they changed",
        "Figure 2, persistent state, updated before responding to RPCs",
        "`step` in lab2c-persist/src/persisted.rs saves before messages leave; does `mark` in lab2c-persist/src/durable.rs see every change?";

    REMEMBERS = "restart-remembers",
        "A server that restarts has the term, the vote and the log that it had saved",
        "Figure 2, persistent state",
        "`changes` and `restore` in lab2c-persist/src/durable.rs; `recover` in lab2c-persist/src/persisted.rs";

    CRASH_IMAGE = "crash-images",
        "Whatever save a crash follows, what is on disk is a state that the server was in",
        "Figure 2, persistent state; Figure 13",
        "one step, one save: lab2c-persist/src/persisted.rs and lab2c-persist/src/outline.rs";

    SAVES = "saves-only-changes",
        "What has not changed is not written again",
        "Figure 2, persistent state",
        "`mark` in lab2c-persist/src/durable.rs says whether anything changed, `catch_up` in lab2c-persist/src/outline.rs what";

    COMMIT_FORGOTTEN = "commitment-is-relearned",
        "After a restart nothing is handed over until a leader says that it is committed",
        "Figure 2, volatile state",
        "`resume` in lab2b-log/src/replica.rs: what is on disk is not therefore committed";

}
