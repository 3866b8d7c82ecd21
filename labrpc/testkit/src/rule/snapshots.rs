//! Log compaction: §7 and Figure 13.

use super::definition::rules;

rules! {
    BOUNDARY = "log-begins-after-the-snapshot",
        "After a snapshot the log begins right behind it, and remembers its last index and that entry's own term",
        "§7, Figure 13 lastIncludedIndex and lastIncludedTerm",
        "`compact` in lab2d-snapshot/src/compact_log.rs reads index and term before anything moves; `rescue` in lab2d-snapshot/src/compacting.rs sends that very position";

    KEEPS = "snapshot-keeps-the-rest",
        "A snapshot whose last entry is in the log leaves what follows it",
        "Figure 13, rule 6",
        "`install` in lab2d-snapshot/src/compact_log.rs";

    DISCARDS = "snapshot-discards-the-rest",
        "A snapshot whose last entry is not in the log replaces all of the log",
        "Figure 13, rule 7",
        "`install` in lab2d-snapshot/src/compact_log.rs: index and term must both agree for anything to stay";

    OLD_SNAPSHOT = "old-snapshot",
        "A snapshot that covers no more than is committed here changes nothing",
        "Figure 13, rule 5; §7",
        "`install` in lab2d-snapshot/src/compacting.rs";

    COVERED = "covered-entries",
        "Entries that a snapshot covers count as held, and are skipped",
        "§7",
        "`splice` in lab2d-snapshot/src/compact_log.rs";

    DELIVERED = "snapshot-delivered",
        "The service is given a leader's snapshot once, forwards only, before the commands that follow it",
        "Figure 13, rule 8",
        "`take_committed` and `restore` in lab2d-snapshot/src/compacting.rs";

    SENT = "snapshot-sent",
        "A follower that needs entries which are gone is sent the snapshot, again if it is lost",
        "§7",
        "`rescue` in lab2d-snapshot/src/compacting.rs";

    RESUMES = "append-after-the-snapshot",
        "Once a follower has a snapshot, it is sent the entries that follow that very one",
        "§7",
        "the answer names the index; the leader may hold a newer snapshot by then: `handle_reply` in lab2d-snapshot/src/compacting.rs";

    SNAPSHOT_TRAFFIC = "snapshot-traffic",
        "A snapshot is sent only to who needs it, and not again while it may be on its way",
        "§7",
        "`rescue` and `is_on_its_way` in lab2d-snapshot/src/compacting.rs";

    OPAQUE = "snapshot-bytes",
        "The service gets back the very bytes that it gave",
        "§7",
        "nothing is wrapped around a snapshot: `compact`, `changes` and `restore` in lab2d-snapshot/src/compacting.rs";

    CUT = "log-is-cut",
        "Every server, leader or not, lets go of what its service's snapshot covers, in memory and on disk",
        "§7",
        "`compact` in lab2d-snapshot/src/compacting.rs, `catch_up` in lab2c-persist/src/outline.rs";

    SERVICE_CALLS = "service-may-call",
        "The service may call its server while it is being handed commands",
        "§7",
        "the applier holds no lock while it sends: `apply_committed` in lab2b-log/src/raft.rs";

}
