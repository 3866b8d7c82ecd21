//! What a server saves, and what all its saves add up to.

use std::collections::VecDeque;

use crate::Bytes;

/// One change of the disk. It takes effect as a whole or not at all.
///
/// The head is small and rewritten by every save. Of the log only the changes are written, so that the
/// cost of a save depends on what it adds, not on the size of the log.
///
/// ```
/// use labrpc::{Image, Save};
///
/// let mut image = Image::default();
/// image.apply(&Save { append: vec![vec![1].into(), vec![2].into()], ..Save::default() });
/// image.apply(&Save { forget: 1, keep: 1, append: vec![vec![3].into()], ..Save::default() });
/// assert_eq!(image.entries, [vec![2].into(), vec![3].into()]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Save {
    /// Term, vote and the log's base: everything but entries and snapshot.
    pub head: Bytes,
    /// The number of entries to remove at the front (lab 2D).
    pub forget: usize,
    /// The number of entries to keep after those. All later entries are removed.
    pub keep: usize,
    /// The entries to append then.
    pub append: Vec<Bytes>,
    /// A new snapshot, if there is one (lab 2D).
    pub snapshot: Option<Bytes>,
}

impl Save {
    /// The change that makes this state of a disk; `None` if the disk has it already.
    ///
    /// Entries that stay are found by their bytes: those after the first few of the disk, as in a log that was cut
    /// at its front, or else a common beginning.
    pub(super) fn between(disk: &Image, head: Bytes, entries: &[Bytes], snapshot: Option<Bytes>) -> Option<Save> {
        let held = disk.entries.len();
        let equal_from =
            |forget: usize| disk.entries.range(forget..).zip(entries).take_while(|(old, new)| old == new).count();
        let overlap = |forget: usize| (held - forget).min(entries.len());
        let (forget, keep) = (0..held)
            .map(|forget| (forget, equal_from(forget)))
            .find(|&(forget, equal)| equal > 0 && equal == overlap(forget))
            .unwrap_or_else(|| (0, equal_from(0)));
        // With another head, the same bytes may be the snapshot through another entry, unless the log has only grown.
        let may_begin_later = head != disk.head && (keep == 0 || keep < held);
        let snapshot = snapshot.filter(|snapshot| may_begin_later || *snapshot != disk.snapshot);
        let is_same = forget == 0 && keep == held && keep == entries.len() && head == disk.head && snapshot.is_none();
        (!is_same).then(|| Save { head, forget, keep, append: entries[keep..].to_vec(), snapshot })
    }

    /// The number of bytes that it writes.
    pub fn bytes(&self) -> usize {
        let entries = self.append.iter().map(|entry| entry.len()).sum::<usize>();
        self.head.len() + entries + self.snapshot.as_ref().map_or(0, |snapshot| snapshot.len())
    }
}

/// What a server finds on disk when it boots: the result of all its saves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// The latest head.
    pub head: Bytes,
    /// The log's entries, in order.
    pub entries: VecDeque<Bytes>,
    /// The latest snapshot; empty if there never was one.
    pub snapshot: Bytes,
}

impl Image {
    /// Applies a save.
    ///
    /// # Panics
    ///
    /// When the save forgets and keeps more entries than there are: then the log in memory and the log
    /// on disk differ.
    pub fn apply(&mut self, save: &Save) {
        let held = self.entries.len();
        assert!(
            save.forget + save.keep <= held,
            "a save forgets {} entries and keeps {}, but only {held} are on disk",
            save.forget,
            save.keep
        );
        self.head = save.head.clone();
        self.entries.drain(..save.forget);
        self.entries.truncate(save.keep);
        self.entries.extend(save.append.iter().cloned());
        if let Some(snapshot) = &save.snapshot {
            self.snapshot = snapshot.clone();
        }
    }
}
