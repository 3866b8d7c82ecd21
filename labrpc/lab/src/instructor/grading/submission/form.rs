//! The form of an archive, which its first bytes tell. Its name may be anything.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// What an archive is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A tar, not compressed.
    Tar,
    /// Something in gzip.
    Gzip,
    /// A zip.
    Zip,
    /// A git bundle.
    Bundle,
    /// Nothing that can be read, with its name, if it is known.
    Other(Option<&'static str>),
}

/// A tar begins with a block, in which these bytes are the checksum, and these the magic.
const BLOCK_BYTES: usize = 512;
const CHECKSUM: std::ops::Range<usize> = 148..156;
const MAGIC: std::ops::Range<usize> = 257..262;

/// The beginnings of the forms that can be read.
const KNOWN: [(&[u8], Form); 5] = [
    (b"\x1f\x8b", Form::Gzip),
    (b"PK\x03\x04", Form::Zip),
    (b"PK\x05\x06", Form::Zip),
    (b"# v2 git bundle\n", Form::Bundle),
    (b"# v3 git bundle\n", Form::Bundle),
];

/// The beginnings of other forms that students hand in.
const OTHERS: [(&[u8], &str); 8] = [
    (b"\xfd7zXZ\0", "an xz file"),
    (b"BZh", "a bzip2 file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"%PDF", "a PDF"),
    (b"\x7fELF", "a program"),
    (b"\xd0\xcf\x11\xe0", "a Word document"),
];

/// The form of a file, which is at its beginning again afterwards.
pub fn of(file: &mut File) -> io::Result<Form> {
    let mut beginning = Vec::new();
    file.by_ref().take(BLOCK_BYTES as u64).read_to_end(&mut beginning)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(of_beginning(&beginning))
}

/// The form of what begins like this.
pub fn of_beginning(beginning: &[u8]) -> Form {
    if let Some((_, form)) = KNOWN.iter().find(|(magic, _)| beginning.starts_with(magic)) {
        return *form;
    }
    match is_tar(beginning) {
        true => Form::Tar,
        false => Form::Other(OTHERS.iter().find(|(magic, _)| beginning.starts_with(magic)).map(|(_, what)| *what)),
    }
}

/// Whether a block is the first of a tar. Old ones have no magic, and an empty one is all zeros.
fn is_tar(block: &[u8]) -> bool {
    if block.len() < BLOCK_BYTES {
        return false;
    }
    let is_zero = block.iter().all(|byte| *byte == 0);
    let octal = String::from_utf8_lossy(&block[CHECKSUM]).into_owned();
    let told = u32::from_str_radix(octal.trim_matches(['\0', ' ']), 8);
    let in_sum = |(at, byte): (usize, &u8)| if CHECKSUM.contains(&at) { 32 } else { u32::from(*byte) };
    let sum = block.iter().enumerate().map(in_sum).sum();
    is_zero || &block[MAGIC] == b"ustar" || told == Ok(sum)
}

/// The sentence for a form that cannot be read.
pub fn refusal(what: Option<&str>) -> String {
    let what = what.map_or("it is".to_string(), |what| format!("it is {what}, which is"));
    format!("{what} not a folder, a tar, a tar.gz, a zip or a git bundle: `cargo lab submit` packs what is needed")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Old tars are known by their checksum, and texts are nothing.
    #[test]
    fn contents_tell_the_form() {
        let mut old = vec![0; BLOCK_BYTES];
        old[..6].copy_from_slice(b"lib.rs");
        let sum: u32 = old.iter().map(|byte| u32::from(*byte)).sum::<u32>() + 8 * 32;
        old[CHECKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        assert_eq!(of_beginning(&old), Form::Tar);
        old[0] = b'm';
        assert_eq!(of_beginning(&old), Form::Other(None));
        assert_eq!(of_beginning(b"fn main() {}"), Form::Other(None));
        assert_eq!(of_beginning(b"PK\x05\x06"), Form::Zip);
        assert_eq!(of_beginning(b"%PDF-1.7"), Form::Other(Some("a PDF")));
    }
}
