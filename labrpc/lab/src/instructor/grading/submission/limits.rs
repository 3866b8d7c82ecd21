//! How much a submission may be. Everything is bounded while it is read, so that nothing is ever held that is too much.

use std::io::{self, Read};

use super::NotRead;
pub use crate::student::submit::files::{ALL_BYTES_MAX, FILE_BYTES_MAX};

/// The files that count. The reference has about 70.
pub const FILES_MAX: usize = 2_000;

/// All entries of an archive or a folder, most of which do not count. A `target` folder that was packed along has
/// some ten thousand.
pub const ENTRIES_MAX: u64 = 100_000;

/// The folders in each other below a lab's `src`.
pub const DEPTH_MAX: usize = 12;

/// The bytes in the path of a file that counts. Every file system can write it.
pub const PATH_BYTES_MAX: usize = 240;

/// The bytes of an archive.
const ARCHIVE_BYTES_MAX: u64 = 256 << 20;

/// The bytes that are unpacked of an archive which must be read from its beginning to its end.
const UNPACKED_BYTES_MAX: u64 = 512 << 20;

/// How many times larger than itself an archive may unpack to. Source code reaches ten, and what a `target` folder holds
/// twenty; a bomb has a thousand.
const RATIO_MAX: u64 = 200;

/// The ratio says nothing about less than this.
const RATIO_FROM_BYTES: u64 = 16 << 20;

const MIB: u64 = 1 << 20;

/// Refuses an archive that is too large to be source code.
pub fn check_archive(bytes: u64) -> Result<(), NotRead> {
    match bytes {
        0 => Err(NotRead::refused("it is an empty file")),
        _ if bytes > ARCHIVE_BYTES_MAX => Err(NotRead::refused(format!(
            "it has {bytes} bytes, and at most {} MiB are read: hand in the source files alone, for instance with `cargo lab submit`",
            ARCHIVE_BYTES_MAX / MIB
        ))),
        _ => Ok(()),
    }
}

/// Reads the bytes of one file, and not more than a source file may have.
pub fn read_file(name: &str, reader: impl Read) -> Result<io::Result<Vec<u8>>, NotRead> {
    let mut bytes = Vec::new();
    match reader.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes) {
        Ok(count) if count as u64 > FILE_BYTES_MAX => Err(too_large(name, None)),
        Ok(_) => Ok(Ok(bytes)),
        Err(error) => Ok(Err(error)),
    }
}

/// The refusal of a file that is too large.
pub fn too_large(name: &str, bytes: Option<u64>) -> NotRead {
    let bytes = bytes.map_or("more bytes than that".to_string(), |bytes| format!("{bytes} bytes"));
    NotRead::refused(format!("{name} has {bytes}, and at most {FILE_BYTES_MAX} are read of a source file"))
}

/// What an archive unpacks to, counted while it is read. It ends with an error where it is too much.
pub struct Unpacked<R> {
    reader: R,
    archive_bytes: u64,
    unpacked_bytes: u64,
    /// The zeros at the end of what was read so far.
    zeros: u64,
}

impl<R> Unpacked<R> {
    /// What comes from `reader`, for an archive of this size.
    pub fn new(reader: R, archive_bytes: u64) -> Unpacked<R> {
        Unpacked { reader, archive_bytes, unpacked_bytes: 0, zeros: 0 }
    }

    /// How many zeros the bytes end with that were read.
    pub fn zeros(&self) -> u64 {
        self.zeros
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.unpacked_bytes += count as u64;
        let zeros = buffer[..count].iter().rev().take_while(|byte| **byte == 0).count();
        self.zeros = if zeros == count { self.zeros + zeros as u64 } else { zeros as u64 };
        let too_much = |text: String| io::Error::new(io::ErrorKind::FileTooLarge, text);
        if self.unpacked_bytes > RATIO_FROM_BYTES && self.unpacked_bytes / RATIO_MAX > self.archive_bytes {
            return Err(too_much(format!(
                "it unpacks to more than {RATIO_MAX} times its size, as an archive bomb does"
            )));
        }
        if self.unpacked_bytes > UNPACKED_BYTES_MAX {
            return Err(too_much(format!(
                "it unpacks to more than {} MiB: hand in the source files alone, for instance with `cargo lab submit`",
                UNPACKED_BYTES_MAX / MIB
            )));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What unpacks to far more than it was is ended long before its end.
    #[test]
    fn a_bomb_is_ended() {
        let mut bomb = Unpacked::new(io::repeat(0), 1_000);
        let error = io::copy(&mut bomb, &mut io::sink()).unwrap_err();
        assert!(error.to_string().contains("200 times"), "{error}");
        assert!(bomb.unpacked_bytes < RATIO_FROM_BYTES + MIB, "{}", bomb.unpacked_bytes);
        let mut large = Unpacked::new(io::repeat(1), u64::MAX);
        let error = io::copy(&mut large, &mut io::sink()).unwrap_err();
        assert!(error.to_string().contains("512 MiB"), "{error}");
    }

    /// Zeros are counted over several reads.
    #[test]
    fn zeros_at_the_end_are_counted() {
        let mut reader = Unpacked::new([1, 0, 0, 0].as_slice(), 4);
        let mut two = [0; 2];
        for zeros in [1, 3] {
            reader.read_exact(&mut two).unwrap();
            assert_eq!(reader.zeros(), zeros);
        }
    }
}
