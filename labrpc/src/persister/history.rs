//! The latest saves of a disk, from which its crash images are made.

use std::collections::VecDeque;

use super::{Image, Save};

/// The maximum number of saves.
const SAVES_MAX: usize = 256;
/// The maximum size of the saves: snapshots are large, and nothing else holds a replaced one.
const BYTES_MAX: usize = 256 << 10;

#[derive(Clone, Default)]
pub(super) struct SaveHistory {
    /// The disk before the oldest of `saves`.
    base: Image,
    saves: VecDeque<Save>,
    bytes: usize,
}

impl SaveHistory {
    pub(super) fn starting_at(base: Image) -> SaveHistory {
        SaveHistory { base, ..SaveHistory::default() }
    }

    pub(super) fn push(&mut self, save: Save) {
        self.bytes += save.bytes();
        self.saves.push_back(save);
        while self.saves.len() > SAVES_MAX || self.bytes > BYTES_MAX && self.saves.len() > 1 {
            let Some(oldest) = self.saves.pop_front() else { break };
            self.bytes -= oldest.bytes();
            self.base.apply(&oldest);
        }
    }

    /// The disk before each save, and after the last one.
    pub(super) fn images(&self) -> Vec<Image> {
        let mut image = self.base.clone();
        let mut images = vec![image.clone()];
        for save in &self.saves {
            image.apply(save);
            images.push(image.clone());
        }
        images
    }
}
