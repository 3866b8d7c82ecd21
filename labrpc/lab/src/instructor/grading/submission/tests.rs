//! What is taken of submissions of every form, and what is refused in which words.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use rawzip::path::EntryPath;
use rawzip::{CompressionMethod, ZipArchiveWriter};
use tar::{Builder, EntryType, Header};

use super::*;
use crate::scratch::Scratch;

const SOURCES: [(&str, &str); 2] =
    [("lab2a-election/src/inner/raft.rs", "// raft"), ("lab2a-election/src/lib.rs", "// lib")];

/// What lies in a student's folder besides.
const ELSE: [&str; 7] = [
    "lab2a-election/Cargo.toml",
    "lab2a-election/build.rs",
    "lab2a-election/tests/points.txt",
    "lab2a-election/src/notes.txt",
    "labrpc/src/lib.rs",
    ".cargo/config.toml",
    "rust-toolchain.toml",
];

fn everything(root: &str) -> Vec<(String, String)> {
    let sources = SOURCES.iter().map(|(name, text)| (format!("{root}{name}"), text.to_string()));
    sources.chain(ELSE.iter().map(|name| (format!("{root}{name}"), "else".to_string()))).collect()
}

fn write(folder: &Path, files: &[(String, String)]) {
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// A tar whose names are written as they are, whatever they are.
fn tar(entries: &[(&[u8], EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, kind, bytes) in entries {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_entry_type(*kind);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        if matches!(kind, EntryType::Symlink | EntryType::Link) {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        builder.append(&header, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn tar_of(files: &[(String, String)]) -> Vec<u8> {
    let entries: Vec<_> =
        files.iter().map(|(name, text)| (name.as_bytes(), EntryType::Regular, text.as_bytes())).collect();
    tar(&entries)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A zip with these Unix modes.
fn zip(entries: &[(&[u8], u32, &[u8])]) -> Vec<u8> {
    let mut archive = ZipArchiveWriter::new(Vec::new());
    for (name, mode, bytes) in entries {
        let file = archive.new_file(EntryPath::verbatim(*name)).compression_method(CompressionMethod::DEFLATE);
        let (mut entry, config) = file.unix_permissions(*mode).start().unwrap();
        let mut writer = config.wrap(DeflateEncoder::new(&mut entry, Compression::best()));
        writer.write_all(bytes).unwrap();
        let (encoder, descriptor) = writer.finish().unwrap();
        encoder.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap()
}

fn zip_of(files: &[(String, String)]) -> Vec<u8> {
    let entries: Vec<_> = files.iter().map(|(name, text)| (name.as_bytes(), 0o100_644, text.as_bytes())).collect();
    zip(&entries)
}

fn git(folder: &Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]);
    let output = command.args(arguments).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

/// A repository in which these files are committed, and a bundle of it.
fn bundle(scratch: &Scratch, files: &[(String, String)]) -> PathBuf {
    let folder = scratch.path().join("repository");
    write(&folder, files);
    git(&folder, &["init", "--quiet"]);
    commit_and_pack(&folder)
}

fn commit_and_pack(folder: &Path) -> PathBuf {
    git(folder, &["add", "--all", "--force"]);
    git(folder, &["commit", "--quiet", "--allow-empty", "--message", "work"]);
    git(folder, &["bundle", "create", "--quiet", "../work.bundle", "--all", "HEAD"]);
    folder.with_file_name("work.bundle")
}

/// Reads a submission of the guided track.
fn read(path: &Path) -> Result<Submission, NotRead> {
    Submission::read(path, Track::Guided)
}

fn read_bytes(bytes: &[u8]) -> Result<Submission, NotRead> {
    let scratch = Scratch::new("submission").unwrap();
    let path = scratch.path().join("handed-in");
    fs::write(&path, bytes).unwrap();
    read(&path)
}

fn taken(read: Result<Submission, NotRead>) -> (Vec<String>, String) {
    let submission = read.unwrap();
    (submission.files.into_keys().collect(), submission.digest)
}

#[track_caller]
fn assert_refused(read: Result<Submission, NotRead>, words: &str) {
    match read {
        Err(NotRead::Refused(reason)) => assert!(reason.contains(words), "{words:?} is not in {reason:?}"),
        other => panic!("{words:?} is expected and not {other:?}"),
    }
}

/// The same files count in every form, at the top and one folder further in, and have the same digest.
#[test]
fn every_form_gives_the_same_files() {
    let names: Vec<String> = SOURCES.iter().map(|(name, _)| name.to_string()).collect();
    let mut digests = Vec::new();
    for root in ["", "raft-labs-main/"] {
        let files = everything(root);
        let scratch = Scratch::new("submission").unwrap();
        write(&scratch.path().join("folder"), &files);
        let forms = [
            read(&scratch.path().join("folder")),
            read_bytes(&tar_of(&files)),
            read_bytes(&gzip(&tar_of(&files))),
            read_bytes(&zip_of(&files)),
            read(&bundle(&scratch, &files)),
        ];
        for read in forms {
            let (found, digest) = taken(read);
            assert_eq!(found, names);
            digests.push(digest);
        }
    }
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
}

/// A `./` before a name, a backslash between its parts and a folder beside the workspace do no harm.
#[test]
fn harmless_differences_are_taken() {
    let regular = EntryType::Regular;
    let dotted = tar(&[(b"./", EntryType::Directory, b""), (b"./lab2b-log/src/lib.rs", regular, b"x")]);
    let windows =
        zip(&[(b"work\\lab2b-log\\src\\lib.rs", 0, b"x"), (b"__MACOSX/work/lab2b-log/src/._lib.rs", 0, b"y")]);
    for read in [read_bytes(&dotted), read_bytes(&windows)] {
        assert_eq!(taken(read).0, ["lab2b-log/src/lib.rs"]);
    }
    let beside = tar(&[(b"lab2b-log/src/lib.rs", regular, b"x"), (b"old/lab2b-log/src/lib.rs", regular, b"y")]);
    let submission = read_bytes(&beside).unwrap();
    assert_eq!(submission.files["lab2b-log/src/lib.rs"].bytes, b"x", "the workspace at the top is meant");
    let both = tar(&[(b"new/lab2b-log/src/lib.rs", regular, b"x"), (b"old/lab2b-log/src/lib.rs", regular, b"y")]);
    assert_refused(read_bytes(&both), "both new and old have labs");
}

/// Names that lead elsewhere, links, devices, doubled names: a line that says which file.
#[test]
fn hostile_entries_are_refused() {
    let (regular, lib) = (EntryType::Regular, b"lab2a-election/src/lib.rs".as_slice());
    let inner = b"lab2a-election/src/x.rs".as_slice();
    type Case<'a> = (&'a [(&'a [u8], EntryType, &'a [u8])], &'a str);
    let cases: [Case<'_>; 10] = [
        (
            &[(b"../lab2a-election/src/lib.rs", regular, b"")],
            "../lab2a-election/src/lib.rs leads out of the submission",
        ),
        (&[(lib, regular, b""), (b"docs/../../x", regular, b"")], "docs/../../x leads out"),
        (&[(b"/etc/cron.d/x", regular, b"")], "/etc/cron.d/x leads out"),
        (&[(lib, regular, b""), (inner, EntryType::Symlink, b"")], "src/x.rs is a link"),
        (&[(lib, regular, b""), (inner, EntryType::Link, b"")], "src/x.rs is a link"),
        (&[(b"lab2a-election", EntryType::Symlink, b"")], "lab2a-election is a link"),
        (&[(inner, EntryType::Char, b"")], "src/x.rs is not a regular file"),
        (&[(lib, regular, b"a"), (lib, regular, b"b")], "src/lib.rs is there twice"),
        (&[(b"lab2a-election/src/\xff.rs", regular, b"")], "src/\u{fffd}.rs has a name that is not UTF-8"),
        (
            &[(lib, regular, b""), (b"lab2a-election/src/lib.rs/a.rs", regular, b"")],
            "lib.rs is both a file and a folder",
        ),
    ];
    for (entries, words) in cases {
        assert_refused(read_bytes(&tar(entries)), words);
    }
    assert_refused(read_bytes(&zip(&[(b"..\\x.rs", 0, b"")])), "../x.rs leads out");
    assert_refused(read_bytes(&zip(&[(lib, 0o120_777, b"/etc/passwd")])), "lib.rs is a link");
    assert_refused(read_bytes(&zip(&[(lib, 0o100_644, b""), (lib, 0o100_644, b"")])), "lib.rs is there twice");
}

/// Links and devices where nothing counts are passed over, and so are the links with which editors lock files.
#[test]
fn what_does_not_count_may_be_anything() {
    let entries: [(&[u8], EntryType, &[u8]); 4] = [
        (b"lab2a-election/src/lib.rs", EntryType::Regular, b""),
        (b"lab2a-election/src/.#lib.rs", EntryType::Symlink, b""),
        (b"docs/latest", EntryType::Symlink, b""),
        (b"dev/null", EntryType::Char, b""),
    ];
    assert_eq!(taken(read_bytes(&tar(&entries))).0, ["lab2a-election/src/lib.rs"]);
}

/// In a folder, too, a link is refused where it would count.
#[cfg(unix)]
#[test]
fn links_in_folders_are_refused() {
    use std::os::unix::fs::symlink;

    let link_at = |target: &str, at: &str| {
        let scratch = Scratch::new("submission").unwrap();
        write(scratch.path(), &everything(""));
        symlink(target, scratch.path().join(at)).unwrap();
        read(scratch.path())
    };
    assert_refused(link_at("/etc/hostname", "lab2a-election/src/host.rs"), "lab2a-election/src/host.rs is a link");
    assert_refused(link_at("/", "lab2a-election/src/deep"), "lab2a-election/src/deep is a link");
    assert_refused(link_at("lab2a-election", "lab2b-log"), "lab2b-log is a link");
    assert!(link_at("/", "root").is_ok());
    assert!(link_at("/nowhere", "lab2a-election/src/.#lib.rs").is_ok());
}

/// Too much of anything is refused while it is read.
#[test]
fn too_much_is_refused() {
    let named = |at: usize| (format!("lab2a-election/src/f{at}.rs"), String::new());
    let many: Vec<(String, String)> = (0..=limits::FILES_MAX).map(named).collect();
    assert_refused(read_bytes(&zip_of(&many)), "more than 2000 source files");
    let deep = format!("lab2a-election/src/{}lib.rs", "a/".repeat(20));
    assert_refused(read_bytes(&tar_of(&[(deep, String::new())])), "has a name that no source file needs");
    let large = vec![b' '; limits::FILE_BYTES_MAX as usize + 1];
    let lib = b"lab2a-election/src/lib.rs".as_slice();
    let has = "lib.rs has 1048577 bytes";
    assert_refused(read_bytes(&tar(&[(lib, EntryType::Regular, &large)])), has);
    assert_refused(read_bytes(&zip(&[(lib, 0, &large)])), has);
    let names: Vec<String> = (0..9).map(|at| format!("lab2a-election/src/f{at}.rs")).collect();
    let entries: Vec<_> = names.iter().map(|name| (name.as_bytes(), 0, &large[1..])).collect();
    assert_refused(read_bytes(&zip(&entries)), "source files have more than 8388608 bytes");
}

/// A file of 2 GiB is no obstacle where it does not count, and none is read of where it would.
#[test]
fn two_gigabytes_are_not_read() {
    let scratch = Scratch::new("submission").unwrap();
    write(scratch.path(), &everything(""));
    let sparse = |name: &str| fs::File::create(scratch.path().join(name)).unwrap().set_len(2 << 30).unwrap();
    sparse("core.dump");
    assert!(read(scratch.path()).is_ok());
    sparse("lab2a-election/src/data.rs");
    assert_refused(read(scratch.path()), "data.rs has 2147483648 bytes");
    assert_refused(read(&scratch.path().join("core.dump")), "it has 2147483648 bytes");
}

/// An archive that unpacks to far more than it is: as a whole, and in an entry that lies about its size.
#[test]
fn bombs_are_refused() {
    let zeros = vec![0; 64 << 20];
    let entries = [(b"bomb".as_slice(), EntryType::Regular, zeros.as_slice())];
    assert_refused(read_bytes(&gzip(&tar(&entries))), "more than 200 times its size");
    let lib = b"lab2a-election/src/lib.rs".as_slice();
    let mut bomb = zip(&[(lib, 0, &zeros)]);
    // The size in the list of entries: 24 bytes into the last header of its kind.
    let header = bomb.windows(4).rposition(|bytes| bytes == b"PK\x01\x02").unwrap();
    bomb[header + 24..header + 28].copy_from_slice(&100_u32.to_le_bytes());
    let refused = read_bytes(&bomb);
    assert!(matches!(&refused, Err(NotRead::Refused(reason)) if reason.contains("lib.rs")), "{refused:?}");
}

/// What is cut off says so, wherever the cut is.
#[test]
fn truncated_archives_are_refused() {
    let files = everything("");
    let scratch = Scratch::new("submission").unwrap();
    let bundle = fs::read(bundle(&scratch, &files)).unwrap();
    for (whole, words) in [
        (tar_of(&files), "cut off"),
        (gzip(&tar_of(&files)), ""),
        (zip_of(&files), "cut off or damaged"),
        (bundle, "git bundle"),
    ] {
        for part in [3, 5, 8, 9] {
            assert_refused(read_bytes(&whole[..whole.len() * part / 10]), words);
        }
        let refused = read_bytes(&whole[..whole.len() - 2]);
        // The last bytes of a tar are zeros without a meaning.
        assert!(refused.is_err() || form::of_beginning(&whole) == Form::Tar, "{words}");
    }
}

/// Nothing, another type and an archive in an archive each have a line.
#[test]
fn what_is_no_submission_is_told() {
    let scratch = Scratch::new("submission").unwrap();
    assert_refused(read(scratch.path()), "it is empty");
    assert!(matches!(read(&scratch.path().join("nowhere")), Err(NotRead::Failed(_))));
    for (bytes, words) in [
        (Vec::new(), "it is an empty file"),
        (b"fn main() {}".to_vec(), "it is not a folder, a tar"),
        (b"Rar!\x1a\x07".to_vec(), "it is a RAR archive, which is not a folder"),
        (tar(&[]), "it is empty"),
        (zip(&[]), "it is empty"),
        (gzip(b""), "a gzip with nothing in it"),
        (gzip(b"fn main() {}"), "a gzip of something else than a tar"),
        (tar(&[(b"README.md", EntryType::Regular, b"")]), "it has no Rust files in a lab's src folder"),
        (zip(&[(b"work/alice.tar.gz", 0, &gzip(&tar_of(&everything(""))))]), "it holds work/alice.tar.gz"),
        (b"# v2 git bundle\nnonsense\n\n".to_vec(), "header that makes no sense"),
        (b"# v2 git bundle\n-0123 later\n\n".to_vec(), "of later commits alone"),
        (b"# v3 git bundle\n@filter=blob:none\n\n".to_vec(), "without all its objects"),
        (b"# v2 git bundle\n\nPACK".to_vec(), "without a branch"),
    ] {
        assert_refused(read_bytes(&bytes), words);
    }
}

/// The track of a submission is known by its list, or by its tests.
#[test]
fn another_track_is_refused() {
    let boot = "lab2a-election/tests/graded/lab.rs";
    for (name, text, own, words) in [
        ("submission.json", "{\"track\": \"open\"}", Track::Open, "it is of the open track: grade it with --open"),
        (boot, "C.open(X)", Track::Open, "it is of the open track"),
        (
            "submission.json",
            "{\"track\": \"guided\"}",
            Track::Guided,
            "it is of the guided track: grade it without --open",
        ),
        (boot, "C", Track::Guided, "it is of the guided track"),
    ] {
        let files = [("lab2a-election/src/lib.rs".to_string(), String::new()), (name.to_string(), text.to_string())];
        let scratch = Scratch::new("submission").unwrap();
        write(&scratch.path().join("in/work"), &files);
        fs::write(scratch.path().join("work.tar"), tar_of(&files)).unwrap();
        let other = if own == Track::Open { Track::Guided } else { Track::Open };
        for form in ["in", "work.tar"] {
            let path = scratch.path().join(form);
            assert_refused(Submission::read(&path, other), words);
            assert_eq!(taken(Submission::read(&path, own)).0, ["lab2a-election/src/lib.rs"]);
        }
    }
}

/// Hooks, settings, filters, submodules and links of a repository do nothing, and its large objects are not read.
#[cfg(unix)]
#[test]
fn hostile_bundles_do_nothing() {
    let scratch = Scratch::new("submission").unwrap();
    let trap = scratch.path().join("sprung");
    let touch = format!("touch {}", trap.display());
    let mut files = everything("");
    files.push((".gitattributes".to_string(), "*.rs filter=trap\n".to_string()));
    files.push((".gitmodules".to_string(), format!("[submodule \"x\"]\npath = x\nurl = ext::{touch}\n")));
    files.push(("huge.bin".to_string(), "0".repeat(8 << 20)));
    let bundle = bundle(&scratch, &files);
    let repository = scratch.path().join("repository");
    for hook in ["post-checkout", "post-index-change", "reference-transaction"] {
        fs::write(repository.join(".git/hooks").join(hook), format!("#!/bin/sh\n{touch}\n")).unwrap();
    }
    git(&repository, &["config", "filter.trap.smudge", &touch]);
    git(&repository, &["config", "core.fsmonitor", &touch]);
    let (found, digest) = taken(read(&bundle));
    let from_checkout = taken(read(&repository));
    assert_eq!((found.len(), &digest), (2, &from_checkout.1));
    std::os::unix::fs::symlink("/etc/passwd", repository.join("lab2a-election/src/link.rs")).unwrap();
    fs::remove_dir_all(repository.join(".git/hooks")).unwrap();
    git(&repository, &["config", "core.fsmonitor", "false"]);
    assert_refused(read(&commit_and_pack(&repository)), "lab2a-election/src/link.rs is a link");
    assert!(!trap.exists(), "a repository has run a program");
}
