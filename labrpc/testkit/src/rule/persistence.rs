//! What survives a crash: the persistent state of Figure 2.

use super::definition::rules;

rules! {
    DURABLE = "durable-before-visible",
        "Term, vote and entries are on disk before anyone can see that they changed",
        "Figure 2, persistent state, updated before responding to RPCs",
        "save before the step's messages leave: `step` in lab2a-election/src/raft.rs calls `save` in lab2c-persist/src/disk.rs; does the `Fingerprint` there see every change?";

    REMEMBERS = "restart-remembers",
        "A server that restarts has the term, the vote and the log that it had saved",
        "Figure 2, persistent state",
        "`changes` and `restore` in lab2c-persist/src/disk.rs must agree; `resume` in lab2b-log/src/replica.rs";

    CRASH_IMAGE = "crash-images",
        "After every save, the disk holds a state that the server was in",
        "Figure 2, persistent state; Figure 13",
        "save each step once and whole: `save` and `catch_up` in lab2c-persist/src/disk.rs";

    SAVES = "saves-only-changes",
        "State that has not changed is not saved again",
        "Figure 2, persistent state",
        "has anything changed? `Fingerprint` in lab2c-persist/src/disk.rs; what has changed? `catch_up` there";

    COMMIT_FORGOTTEN = "commitment-is-relearned",
        "After a restart no entry is applied until a leader says that it is committed",
        "Figure 2, volatile state",
        "an entry on disk is not necessarily committed: `resume` in lab2b-log/src/replica.rs";

}
