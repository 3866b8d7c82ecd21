//! Log compaction: §7 and Figure 13.

use super::definition::rules;

rules! {
    BOUNDARY = "log-begins-after-the-snapshot",
        "After a snapshot the log begins right after the snapshot's last entry, and remembers that entry's index and term",
        "§7, Figure 13 lastIncludedIndex and lastIncludedTerm",
        "read index and term together before anything is removed (`compact` in lab2d-snapshot/src/compact_log.rs), and send that same position (`send_snapshot` in lab2d-snapshot/src/compacting.rs)";

    KEEPS = "snapshot-keeps-the-rest",
        "If the log holds the last entry of a leader's snapshot, the entries after it stay",
        "Figure 13, rule 6",
        "`install` in lab2d-snapshot/src/compact_log.rs";

    DISCARDS = "snapshot-discards-the-rest",
        "If the log does not hold the last entry of a leader's snapshot, the snapshot replaces the whole log",
        "Figure 13, rule 7",
        "entries stay only if both index and term agree: `install` in lab2d-snapshot/src/compact_log.rs";

    OLD_SNAPSHOT = "old-snapshot",
        "A leader's snapshot changes nothing if the server knows all its entries to be committed",
        "Figure 13, rule 5; §7",
        "`install` in lab2d-snapshot/src/compacting.rs";

    COVERED = "covered-entries",
        "Entries that a snapshot covers count as held, and are skipped",
        "§7",
        "`splice` in lab2d-snapshot/src/compact_log.rs";

    DELIVERED = "snapshot-delivered",
        "The service receives a leader's snapshot once, before the commands that follow it, and never an older one",
        "Figure 13, rule 8",
        "`take_committed` and `restore` in lab2d-snapshot/src/compacting.rs";

    SENT = "snapshot-sent",
        "A follower that needs removed entries is sent the snapshot, and again if it was lost",
        "§7",
        "`send_snapshot` in lab2d-snapshot/src/compacting.rs";

    RESUMES = "append-after-the-snapshot",
        "Once a follower has a snapshot, it is sent the entries that follow that snapshot",
        "§7",
        "use the index in the reply, since the leader may have a newer snapshot by then: `handle_reply` in lab2d-snapshot/src/compacting.rs";

    SNAPSHOT_TRAFFIC = "snapshot-traffic",
        "A snapshot is sent only to a follower that needs it, and not again while it may be on its way",
        "§7",
        "`send_snapshot` and `is_on_its_way` in lab2d-snapshot/src/compacting.rs";

    OPAQUE = "snapshot-bytes",
        "The service gets back exactly the bytes of its snapshot",
        "§7",
        "do not wrap the bytes in anything: `compact`, `save` and `restore` in lab2d-snapshot/src/compacting.rs";

    CUT = "log-is-cut",
        "Every server, leader or not, removes the entries that its service's snapshot covers, in memory and on disk",
        "§7",
        "`compact` in lab2d-snapshot/src/compacting.rs, `catch_up` in lab2c-persist/src/disk.rs";

    SERVICE_CALLS = "service-may-call",
        "The service may call its server while it receives commands",
        "§7",
        "hold no lock while sending to the service: `apply_committed` in lab2b-log/src/server.rs";

}
