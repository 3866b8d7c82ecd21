//! The real server's disk: what is on it, and boots from others.

use std::fmt::Display;
use std::sync::Arc;

use labrpc::{Bytes, Elect, Image, Persister, Status, thread};

use super::cluster::{HAS_CONTRACT, REAL};
use super::steps::fail;
use super::{ScriptedCluster, TRAVEL};
use crate::DiskState;

/// Removes the last byte: a disk that was damaged.
pub fn cut_short(bytes: &mut Bytes) {
    *bytes = Bytes::from(&bytes[..bytes.len() - 1]);
}

/// Adds a byte at the end: a disk that was damaged.
pub fn lengthen(bytes: &mut Bytes) {
    *bytes = [&bytes[..], &[0]].concat().into();
}

impl<R: Elect> ScriptedCluster<R> {
    /// The content of the real server's disk.
    pub fn disk(&self) -> DiskState {
        let observer = self.cluster().observer().expect(HAS_CONTRACT);
        observer.look(|observed| observed.servers[REAL].disk.clone())
    }

    /// The real server's persister.
    pub fn persister(&self) -> Arc<Persister> {
        self.cluster().persister(REAL)
    }

    /// Crashes the real server, and boots it from a disk with this content.
    pub fn restart_from(&self, disk: &DiskState) {
        self.replace_disk(self.image_of(disk));
        self.cluster().start(REAL);
    }

    /// Crashes the real server, and boots it from a disk with this content that `damage` has changed. The server must
    /// panic as it boots: without its memory it could vote twice, or lose what it agreed to. `what` says what is
    /// damaged.
    ///
    /// A damage that the server's codec reads as something else cannot be noticed: then nothing is expected.
    ///
    /// # Panics
    ///
    /// When the server boots.
    #[track_caller]
    pub fn expect_no_boot(&self, disk: &DiskState, damage: impl FnOnce(&mut Image), what: impl Display) {
        let mut image = self.image_of(disk);
        damage(&mut image);
        let codec = self.contract().codec();
        let is_readable =
            codec.read_head(&image.head).is_ok() && image.entries.iter().all(|entry| codec.read_entry(entry).is_ok());
        if is_readable {
            return;
        }
        self.replace_disk(image);
        self.cluster().start_if_it_will(REAL);
        thread::sleep(TRAVEL);
        if !self.is_up() {
            self.cluster().observer().expect(HAS_CONTRACT).crashed(REAL);
            return;
        }
        let Status { term, .. } = self.status();
        let got = format!("it is up, in term {term}");
        let rows: [(&str, &dyn Display); 4] = [
            ("damaged", &what),
            ("expected", &"a panic at boot"),
            ("because", &"a server that has lost a part of its memory must not take part"),
            ("got", &got),
        ];
        fail(&format!("server {REAL} boots from a damaged disk"), &rows);
    }

    fn image_of(&self, disk: &DiskState) -> Image {
        let contract = self.contract();
        assert!(contract.has_disk, "this lab's servers have no disks");
        Image {
            head: contract.write_head(&disk.head),
            entries: disk.entries.iter().map(|entry| contract.write_entry(entry)).collect(),
            snapshot: disk.snapshot.clone(),
        }
    }

    fn replace_disk(&self, image: Image) {
        if self.is_up() {
            self.crash();
        }
        self.cluster().set_persister(REAL, Persister::from_image(REAL, image));
    }
}
