//! A submission that is a zip. Its entries are listed at its end, so that only what counts is unpacked.

use std::fs::File;
use std::io;

use flate2::read::DeflateDecoder;
use rawzip::{CompressionMethod, Error, FileReader, RECOMMENDED_BUFFER_SIZE, ZipArchive, ZipFileHeaderRecord};

use super::NotRead;
use super::collector::{Collector, EntryKind, Wanted};
use super::limits;
use crate::interrupt;

/// The bits of a Unix mode that say what a file is, and what they are for a regular file.
const KIND_MASK: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;

/// An entry that is asked for.
struct Found {
    wanted: Wanted,
    place: rawzip::ZipArchiveEntryWayfinder,
    method: CompressionMethod,
}

/// Reads a zip.
pub fn read(file: File, collector: &mut Collector) -> Result<(), NotRead> {
    let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
    let archive = ZipArchive::from_file(file, &mut buffer).map_err(refused)?;
    let mut found = Vec::new();
    let mut entries = archive.entries(&mut buffer);
    let mut count = 0;
    while let Some(entry) = entries.next_entry().map_err(refused)? {
        interrupt::check()?;
        count += 1;
        found.extend(offer(&entry, collector)?);
    }
    if count != archive.entries_hint() {
        return Err(NotRead::refused(format!(
            "it is damaged: it lists {count} entries and says {}",
            archive.entries_hint()
        )));
    }
    for Found { wanted, place, method } in found {
        interrupt::check()?;
        let bytes = unpack(&archive, place, method, &wanted.name)?;
        collector.keep(wanted, bytes)?;
    }
    Ok(())
}

fn offer(entry: &ZipFileHeaderRecord<'_>, collector: &mut Collector) -> Result<Option<Found>, NotRead> {
    let mode = entry.mode();
    let kind = match mode.value() & KIND_MASK {
        _ if entry.is_dir() => EntryKind::Folder,
        _ if mode.is_symlink() => EntryKind::Link,
        REGULAR | 0 => EntryKind::File,
        _ => EntryKind::Other,
    };
    // Old programs on Windows wrote these.
    let path: Vec<u8> =
        entry.file_path().as_bytes().iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect();
    let Some(wanted) = collector.offer(&path, kind, entry.uncompressed_size_hint())? else { return Ok(None) };
    if entry.flags().is_encrypted() {
        return Err(NotRead::refused(format!("{} is encrypted: pack it without a password", wanted.name)));
    }
    Ok(Some(Found { wanted, place: entry.wayfinder(), method: entry.compression_method() }))
}

/// The bytes of an entry. The sizes and checksums that the archive tells are checked.
fn unpack(
    archive: &ZipArchive<FileReader>,
    place: rawzip::ZipArchiveEntryWayfinder,
    method: CompressionMethod,
    name: &str,
) -> Result<Vec<u8>, NotRead> {
    let entry = archive.get_entry(place).map_err(refused)?;
    let read = match method {
        CompressionMethod::STORE => limits::read_file(name, entry.verifying_reader(entry.reader()))?,
        CompressionMethod::DEFLATE => {
            limits::read_file(name, entry.verifying_reader(DeflateDecoder::new(entry.reader())))?
        }
        other => {
            let method = other.name().unwrap_or("unknown").to_lowercase();
            return Err(NotRead::refused(format!("{name} is compressed in another way ({method}): use plain zip")));
        }
    };
    read.map_err(|error: io::Error| NotRead::refused(format!("it is damaged: {name}: {error}")))
}

fn refused(error: Error) -> NotRead {
    NotRead::refused(format!("it is cut off or damaged: {error}"))
}
