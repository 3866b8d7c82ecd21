//! What survives a crash: the persistent state of Figure 2.

use super::definition::{Hint, hint, rules};

/// Where a server reads its disk, if the disk is damaged.
pub static REFUSES_TO_BOOT: Hint = hint!(
    "what cannot be decoded must end the boot with a panic; do not skip it, stop before it or use a default in its place",
    [
        "2c": DISK restore, DISK read_back;
        "2d": COMPACTING restore, DISK restore, DISK read_back;
    ]
);

/// Where to look if the log on disk is not the one that a server has agreed to.
pub static DISK_DIFFERS: Hint = hint!(
    "was the change saved, and what is kept of the old entries? the disk must hold the same log as memory",
    [
        "2c": DISK save, DISK catch_up, DISK changes, LOG splice;
        "2d": COMPACTING save, DISK save, DISK catch_up, COMPACT_LOG splice;
    ]
);

rules! {
    DURABLE = "durable-before-visible",
        "Term, vote and entries are on disk before anyone can see that they changed",
        "Figure 2, persistent state, updated before responding to RPCs",
        "save before the step's messages leave; is every change noticed, and written as it is?",
        [
            "2c": RAFT step, DISK save, DISK changes, DISK Fingerprint;
            "2d": COMPACTING install, COMPACTING save, DISK save, DISK changes;
        ];

    REMEMBERS = "restart-remembers",
        "A server that restarts has the term, the vote and the log that it had saved",
        "Figure 2, persistent state",
        "what is written and what is read back must agree, and the server must continue with it",
        [
            "2c": DISK restore, DISK changes, REPLICA resume, ELECTION resume;
            "2d": COMPACTING restore, DISK restore, DISK changes, REPLICA edit_log;
        ];

    CRASH_IMAGE = "crash-images",
        "After every save, the disk holds a state that the server was in",
        "Figure 2, persistent state; Figure 13",
        "save each step once and whole; a crash may come right after any save",
        [
            "2c": DISK save, DISK changes, DISK catch_up, ELECTION observe_term;
            "2d": COMPACTING save, DISK save, DISK changes, DISK restore;
        ];

    SAVED_LOG = "saved-log-is-the-log",
        "The entries on disk are those of the log, from index 1 on or right after the snapshot",
        "Figure 2, log[]: the first index is 1",
        "terms begin at 1, so an entry of term 0 only stands before the first one: do not save it, and do not expect it when the disk is read",
        [
            "2c": DISK save, DISK catch_up, DISK restore;
            "2d": DISK save, DISK catch_up, COMPACTING restore;
        ];

    SAVES = "saves-only-changes",
        "State that has not changed is not saved again",
        "Figure 2, persistent state",
        "has anything changed? what has changed?",
        [
            "2c": DISK save, DISK Fingerprint, DISK catch_up;
            "2d": COMPACTING save, DISK save, DISK catch_up;
        ];

    COMMIT_FORGOTTEN = "commitment-is-relearned",
        "After a restart no entry is applied until a leader says that it is committed",
        "Figure 2, volatile state",
        "an entry on disk is not necessarily committed",
        [
            "2c": REPLICA resume, DISK restore;
            "2d": COMPACTING restore, REPLICA resume, REPLICA edit_log;
        ];

}
