//! A submission that is a tar, compressed or not.

use std::fs::File;
use std::io::{self, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use tar::{Archive, Entry, EntryType};

use super::NotRead;
use super::collector::{Collector, EntryKind};
use super::form::{self, Form};
use super::limits::{self, Unpacked};
use crate::interrupt;

/// A tar ends with two blocks of zeros. Some programs write only one.
const END_BYTES_MIN: u64 = 512;

/// Reads a tar that is not compressed.
pub fn read_plain(file: File, collector: &mut Collector) -> Result<(), NotRead> {
    read(Unpacked::new(BufReader::new(file), u64::MAX), collector)
}

/// Reads a gzip of `bytes` bytes, which must hold a tar.
pub fn read_gzip(file: File, bytes: u64, collector: &mut Collector) -> Result<(), NotRead> {
    let mut reader = Unpacked::new(MultiGzDecoder::new(BufReader::new(file)), bytes);
    // As much as is needed to know the form; it is given back below.
    let mut beginning = Vec::new();
    reader.by_ref().take(512).read_to_end(&mut beginning).map_err(refused)?;
    match form::of_beginning(&beginning) {
        Form::Tar => read(Chained { beginning: io::Cursor::new(beginning), reader }, collector),
        _ if beginning.is_empty() => Err(NotRead::refused("it is a gzip with nothing in it")),
        _ => {
            Err(NotRead::refused("it is a gzip of something else than a tar: `cargo lab submit` packs what is needed"))
        }
    }
}

/// Bytes that were read already, and the rest.
struct Chained<R> {
    beginning: io::Cursor<Vec<u8>>,
    reader: Unpacked<R>,
}

impl<R: Read> Read for Chained<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.beginning.read(buffer)? {
            0 => self.reader.read(buffer),
            count => Ok(count),
        }
    }
}

/// What knows how many zeros it has ended with.
trait Ending: Read {
    fn zeros(&self) -> u64;
}

impl<R: Read> Ending for Unpacked<R> {
    fn zeros(&self) -> u64 {
        Unpacked::zeros(self)
    }
}

impl<R: Read> Ending for Chained<R> {
    fn zeros(&self) -> u64 {
        self.reader.zeros()
    }
}

fn read(reader: impl Ending, collector: &mut Collector) -> Result<(), NotRead> {
    let mut archive = Archive::new(reader);
    for entry in archive.entries().map_err(refused)? {
        interrupt::check()?;
        let entry = entry.map_err(refused)?;
        let (kind, bytes) = (kind_of(&entry), entry.size());
        // What describes the archive and not a file.
        if matches!(entry.header().entry_type(), EntryType::XGlobalHeader | EntryType::XHeader) {
            continue;
        }
        if let Some(wanted) = collector.offer(&entry.path_bytes(), kind, bytes)? {
            let bytes = limits::read_file(&wanted.name, entry)?.map_err(refused)?;
            collector.keep(wanted, bytes)?;
        }
    }
    // The rest has no entries, but a gzip has its checksum at the end.
    let mut reader = archive.into_inner();
    io::copy(&mut reader, &mut io::sink()).map_err(refused)?;
    match reader.zeros() {
        zeros if zeros < END_BYTES_MIN => Err(NotRead::refused("it is cut off: its end is missing")),
        _ => Ok(()),
    }
}

fn kind_of(entry: &Entry<impl Read>) -> EntryKind {
    match entry.header().entry_type() {
        EntryType::Regular | EntryType::Continuous => EntryKind::File,
        EntryType::Directory => EntryKind::Folder,
        EntryType::Link | EntryType::Symlink => EntryKind::Link,
        _ => EntryKind::Other,
    }
}

/// The sentence for an archive that cannot be read on.
fn refused(error: io::Error) -> NotRead {
    match error.kind() {
        // The words of the bounds, which the library may wrap.
        io::ErrorKind::FileTooLarge => NotRead::refused(innermost(&error)),
        io::ErrorKind::UnexpectedEof => NotRead::refused("it is cut off: its end is missing"),
        _ => NotRead::refused(format!("it is damaged: {}", innermost(&error))),
    }
}

/// What happened, without what the libraries around it say.
fn innermost(error: &io::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
