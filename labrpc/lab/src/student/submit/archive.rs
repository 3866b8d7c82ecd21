//! A `.tar.gz` with plain files: the form that every system can unpack.
//!
//! A submission has some hundred kilobytes of source code, so nothing is compressed here. The crates that could would double
//! the time in which the command compiles, and every fresh clone waits for that. The forms are those of POSIX (`ustar`) and
//! of RFC 1952, with the stored blocks of RFC 1951.

use crate::error::CommandError;

/// A tar consists of blocks.
const BLOCK_BYTES: usize = 512;

/// Where a header has which field: the first byte and the length.
const NAME: (usize, usize) = (0, 100);
const MODE: (usize, usize) = (100, 8);
const OWNER: (usize, usize) = (108, 8);
const GROUP: (usize, usize) = (116, 8);
const SIZE: (usize, usize) = (124, 12);
const TIME: (usize, usize) = (136, 12);
const CHECKSUM: (usize, usize) = (148, 8);
const KIND: (usize, usize) = (156, 1);
const MAGIC: (usize, usize) = (257, 8);
const PREFIX: (usize, usize) = (345, 155);

/// A gzip header without a name and a date, of no particular system.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// The most that a stored block can hold.
const STORED_BYTES_MAX: usize = 0xffff;

/// The polynomial of gzip's checksum, with its bits reversed.
const CRC_POLYNOMIAL: u32 = 0xedb8_8320;

/// An archive in memory.
#[derive(Debug, Default)]
pub struct Archive {
    tar: Vec<u8>,
}

impl Archive {
    /// Adds a file. Its date and its owner are always the same, so that equal files make equal archives.
    ///
    /// # Errors
    ///
    /// If its path is too long for the header.
    pub fn add(&mut self, path: &str, bytes: &[u8]) -> Result<(), CommandError> {
        let (prefix, name) = split(path).ok_or_else(|| {
            CommandError::Broken(format!("{path} is too long a path for an archive: shorten the names of its folders"))
        })?;
        let mut header = [0; BLOCK_BYTES];
        let mut put = |(begin, length): (usize, usize), text: &[u8]| {
            let length = length.min(text.len());
            header[begin..begin + length].copy_from_slice(&text[..length]);
        };
        put(NAME, name.as_bytes());
        put(PREFIX, prefix.as_bytes());
        put(MODE, b"0000644");
        put(OWNER, b"0000000");
        put(GROUP, b"0000000");
        put(SIZE, format!("{:011o}", bytes.len()).as_bytes());
        put(TIME, b"00000000000");
        put(KIND, b"0");
        put(MAGIC, b"ustar\x0000");
        // The checksum is that of a header in which it is spaces.
        put(CHECKSUM, b"        ");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[CHECKSUM.0..CHECKSUM.0 + 8].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.tar.extend(header);
        self.tar.extend(bytes);
        self.tar.resize(self.tar.len().next_multiple_of(BLOCK_BYTES), 0);
        Ok(())
    }

    /// The whole archive, as gzip.
    pub fn gzip(mut self) -> Vec<u8> {
        // Two empty blocks end a tar.
        self.tar.resize(self.tar.len() + 2 * BLOCK_BYTES, 0);
        let mut gzip = GZIP_HEADER.to_vec();
        let mut blocks = self.tar.chunks(STORED_BYTES_MAX).peekable();
        while let Some(block) = blocks.next() {
            let length = block.len() as u16;
            gzip.push(u8::from(blocks.peek().is_none()));
            gzip.extend(length.to_le_bytes());
            gzip.extend((!length).to_le_bytes());
            gzip.extend(block);
        }
        gzip.extend(crc(&self.tar).to_le_bytes());
        gzip.extend((self.tar.len() as u32).to_le_bytes());
        gzip
    }
}

/// Splits a path at a slash, so that both parts fit into a header.
fn split(path: &str) -> Option<(&str, &str)> {
    if path.len() <= NAME.1 {
        return Some(("", path));
    }
    let slashes = path.match_indices('/').map(|(at, _)| (&path[..at], &path[at + 1..]));
    slashes.into_iter().find(|(prefix, name)| prefix.len() <= PREFIX.1 && name.len() <= NAME.1)
}

/// The checksum of gzip.
fn crc(bytes: &[u8]) -> u32 {
    let mut crc = !0;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let is_odd = crc & 1 == 1;
            crc >>= 1;
            crc ^= if is_odd { CRC_POLYNOMIAL } else { 0 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value that lists of checksums give for this text.
    #[test]
    fn a_known_text_has_a_known_checksum() {
        assert_eq!(crc(b"123456789"), 0xcbf4_3926);
    }

    /// Long paths are split at a slash, and too long ones refused.
    #[test]
    fn long_paths_are_split() {
        let folder = "f".repeat(90);
        let path = format!("{folder}/{folder}.rs");
        assert_eq!(split(&path), Some((folder.as_str(), &path[91..])));
        assert_eq!(split(&"x".repeat(101)), None);
        assert!(Archive::default().add(&"x/".repeat(200), b"").is_err());
    }
}
