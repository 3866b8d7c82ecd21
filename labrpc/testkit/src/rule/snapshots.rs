//! Log compaction: §7 and Figure 13.

use super::definition::{Hint, hint, rules};

/// Where a log's beginning is set when a service's snapshot cuts the log.
pub static CUTS: Hint = hint!(
    "cut at the index that the service names, and read that entry's term before anything is removed",
    ["2d": COMPACTING compact, COMPACT_LOG compact, DISK changes, RAFT snapshot]
);

/// Where a leader says what the snapshot that it sends covers.
pub static SENDS: Hint = hint!(
    "send the position, index and term, of the last entry that was removed",
    ["2d": COMPACTING send_snapshot, COMPACT_LOG compact, COMPACT_LOG install]
);

/// Where a leader decides who needs its snapshot.
pub static SENDS_TO: Hint = hint!(
    "a follower needs the snapshot once its next entry is gone; a new leader knows of no agreement yet, and begins with the entry after its log's end",
    ["2d": REPLICA needs_snapshot, COMPACTING send_snapshot, PROGRESS new]
);

/// Where a snapshot gets the term with which it is sent.
pub static SENDS_IN_TERM: Hint = hint!(
    "make each InstallSnapshot in the step that sends it, with the term and the snapshot of that step; keep none for later, and do not read the term again when it leaves",
    ["2d": COMPACTING send_snapshot, COMPACTING handle_reply, COMPACTING compact, COMPACTING install]
);

/// Where a leader's snapshot becomes the beginning of the log.
pub static INSTALLS: Hint = hint!(
    "what a leader's snapshot covers counts as applied, and the log begins right after it",
    ["2d": COMPACTING install, COMPACT_LOG install, COMPACTING take_committed, REPLICA edit_log]
);

/// Where a server that boots finds its service's snapshot.
pub static BOOTS: Hint = hint!(
    "after a boot the service has nothing: it gets the snapshot, and what the snapshot covers counts as applied",
    ["2d": COMPACTING restore, COMPACTING take_committed, REPLICA resume, REPLICA edit_log]
);

rules! {
    BOUNDARY = "log-begins-after-the-snapshot",
        "After a snapshot the log begins right after the snapshot's last entry, and remembers that entry's index and term",
        "§7, Figure 13 lastIncludedIndex and lastIncludedTerm",
        "read index and term together before anything is removed; send, install and save that same position",
        ["2d": COMPACT_LOG compact, COMPACT_LOG install, COMPACTING install, DISK changes];

    KEEPS = "snapshot-keeps-the-rest",
        "If the log holds the last entry of a leader's snapshot, the entries after it stay",
        "Figure 13, rule 6",
        "which entries stay when the log holds the snapshot's last entry? are indices counted from the new base?",
        ["2d": COMPACT_LOG install, COMPACT_LOG compact, COMPACTING install];

    DISCARDS = "snapshot-discards-the-rest",
        "If the log does not hold the last entry of a leader's snapshot, the snapshot replaces the whole log",
        "Figure 13, rule 7",
        "entries stay only if both index and term agree",
        ["2d": COMPACT_LOG install, COMPACTING install];

    OLD_SNAPSHOT = "old-snapshot",
        "A leader's snapshot changes nothing if the server knows all its entries to be committed",
        "Figure 13, rule 5; §7",
        "compare the snapshot with what is known to be committed, and with the snapshot that is there",
        ["2d": COMPACTING install, COMPACTING compact];

    COVERED = "covered-entries",
        "Entries that a snapshot covers count as held, and are skipped",
        "§7",
        "skip what is covered, then compare the rest",
        ["2d": COMPACT_LOG splice, COMPACT_LOG lower];

    DELIVERED = "snapshot-delivered",
        "The service receives a leader's snapshot once, before the commands that follow it, and never an older one",
        "Figure 13, rule 8",
        "a snapshot that came from a leader or from the disk is passed on once, at once, and before the commands that follow it",
        ["2d": COMPACTING take_committed, COMPACTING has_committed, COMPACTING install, COMPACTING restore, LOG_SERVER apply_committed];

    SENT = "snapshot-sent",
        "A follower that needs removed entries is sent the snapshot, and again if it was lost",
        "§7",
        "is it noticed that the log no longer holds what the follower needs, and when is a sent snapshot given up?",
        [
            "2d": COMPACTING send_snapshot, COMPACTING is_on_its_way, COMPACTING handle_reply, REPLICA needs_snapshot;
        ];

    RESUMES = "append-after-the-snapshot",
        "Once a follower has a snapshot, it is sent the entries that follow that snapshot",
        "§7",
        "use the index in the reply, since the leader may have a newer snapshot by then",
        [
            "2d": COMPACTING handle_reply, COMPACTING is_on_its_way, REPLICA handle_append_reply, PROGRESS agree;
        ];

    SNAPSHOT_TRAFFIC = "snapshot-traffic",
        "A snapshot is sent only to a follower that needs it, and not again while it may be on its way",
        "§7",
        "is it needed, and may one be on its way already?",
        ["2d": COMPACTING send_snapshot, COMPACTING is_on_its_way, REPLICA needs_snapshot];

    OPAQUE = "snapshot-bytes",
        "The service gets back exactly the bytes of its snapshot",
        "§7",
        "do not wrap the bytes in anything, and keep them together with the position that they belong to",
        ["2d": COMPACTING compact, COMPACTING install, COMPACTING save, COMPACTING restore];

    CUT = "log-is-cut",
        "Every server, leader or not, removes the entries that its service's snapshot covers, in memory and on disk",
        "§7",
        "is the log cut in memory, and is that a step whose change is saved?",
        ["2d": COMPACTING compact, RAFT snapshot, DISK changes, DISK catch_up];

    SERVICE_CALLS = "service-may-call",
        "The service may call its server while it receives commands",
        "§7",
        "hold no lock while sending to the service",
        ["2d": LOG_SERVER apply_committed, RAFT wait_for_committed, RAFT snapshot];

}
