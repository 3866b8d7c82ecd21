//! The files of a submission that count: the Rust files of the labs' `src` folders.

use std::fs;
use std::path::Path;

use crate::course::LABS;
use crate::tree::{self, Tree};

/// A student's lab has some 50 kB.
const BYTES_MAX: u64 = 4 << 20;

/// What somebody has handed in.
pub struct Submission {
    /// The source files, by their paths in the course.
    pub files: Tree,
}

impl Submission {
    /// Reads a submission from a folder. Everything else that is there is left out: manifests, tests, configurations. So are
    /// links, wherever they point to.
    ///
    /// # Errors
    ///
    /// In a sentence for the student, if there is nothing to grade, or too much.
    pub fn read(folder: &Path) -> Result<Submission, String> {
        let mut files = Tree::new();
        let mut bytes = 0;
        for lab in &LABS {
            let package = folder.join(lab.package);
            let sources = package.join("src");
            let is_folder = |path: &Path| fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
            if !is_folder(&package) || !is_folder(&sources) {
                continue;
            }
            bytes += size_of(&sources);
            if bytes > BYTES_MAX {
                return Err(format!("its source files have more than {BYTES_MAX} bytes"));
            }
            let read = tree::read_sources(&sources).map_err(|error| error.to_string())?;
            let named = read.into_iter().map(|(name, file)| (format!("{}/src/{name}", lab.package), file));
            files.extend(named);
        }
        match files.is_empty() {
            true => Err("it has no Rust files in a lab's src folder, such as lab2a-election/src/lib.rs".to_string()),
            false => Ok(Submission { files }),
        }
    }
}

/// The bytes of the regular files in a folder, links not followed.
fn size_of(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |entry: fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => size_of(&entry.path()),
        Ok(kind) if kind.is_file() => entry.metadata().map_or(0, |found| found.len()),
        _ => 0,
    };
    entries.map(size).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    fn write(folder: &Path, name: &str, text: &str) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Only the labs' own source files are taken.
    #[test]
    fn only_sources_count() {
        let scratch = Scratch::new("submission").unwrap();
        let folder = scratch.path();
        for name in ["lab2a-election/src/lib.rs", "lab2a-election/src/inner/raft.rs"] {
            write(folder, name, "// code");
        }
        for name in [
            "lab2a-election/Cargo.toml",
            "lab2a-election/build.rs",
            "lab2a-election/tests/points.txt",
            "lab2a-election/src/notes.txt",
            "labrpc/src/lib.rs",
            ".cargo/config.toml",
            "rust-toolchain.toml",
        ] {
            write(folder, name, "else");
        }
        let files: Vec<String> = Submission::read(folder).ok().unwrap().files.into_keys().collect();
        assert_eq!(files, ["lab2a-election/src/inner/raft.rs", "lab2a-election/src/lib.rs"]);
    }

    /// A link is no source file, whether it is a file or a folder.
    #[cfg(unix)]
    #[test]
    fn links_are_left_out() {
        let scratch = Scratch::new("submission").unwrap();
        let folder = scratch.path();
        write(folder, "lab2b-log/src/lib.rs", "// code");
        std::os::unix::fs::symlink("/etc/hostname", folder.join("lab2b-log/src/host.rs")).unwrap();
        std::os::unix::fs::symlink(folder.join("lab2b-log"), folder.join("lab2c-persist")).unwrap();
        let files: Vec<String> = Submission::read(folder).ok().unwrap().files.into_keys().collect();
        assert_eq!(files, ["lab2b-log/src/lib.rs"]);
    }

    /// Nothing, or too much, is a sentence.
    #[test]
    fn bad_submissions_are_told() {
        let scratch = Scratch::new("submission").unwrap();
        assert!(Submission::read(scratch.path()).is_err_and(|reason| reason.contains("no Rust files")));
        assert!(Submission::read(&scratch.path().join("nowhere")).is_err());
        write(scratch.path(), "lab2a-election/src/lib.rs", &"x".repeat(BYTES_MAX as usize + 1));
        assert!(Submission::read(scratch.path()).is_err_and(|reason| reason.contains("more than")));
    }
}
