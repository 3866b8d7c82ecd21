//! A working copy of the course, in which variants are planted one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::course::Course;
use crate::course::points::GradedLab;
use crate::error::CommandError;
use crate::grade::cargo::{Build, Cargo, CargoOutput};
use crate::interrupt;
use crate::request::Profile;
use crate::scratch::Scratch;
use crate::tree::{self, Tree};

/// A copy of the course, and what is built from it. Both are removed when this value is dropped.
#[derive(Debug)]
pub struct WorkingCopy<'a> {
    /// The folder for the copy, the reports and cargo's output.
    pub scratch: Scratch,
    /// The copy.
    pub course: Course,
    original: &'a Tree,
    cargo: Cargo,
    /// The files that differ from the original.
    planted: BTreeSet<String>,
}

impl<'a> WorkingCopy<'a> {
    /// Copies the course.
    pub fn open(original: &'a Tree, profile: Profile) -> Result<WorkingCopy<'a>, CommandError> {
        let scratch = Scratch::new("bugs")?;
        // Cargo reports paths without links, and ours must be comparable.
        let folder = fs::canonicalize(scratch.path())
            .map_err(CommandError::of_system(format!("{} could not be found", scratch.path().display())))?;
        let course = Course::at(&folder.join("course"));
        tree::write_into(original, course.root())?;
        let cargo = Cargo::new(&course, profile)
            .with_output(CargoOutput::Kept(folder.join("cargo-words.txt")))
            .with_variable("CARGO_TARGET_DIR", folder.join("target"))
            // Only the compiler's errors are shown for a variant that does not compile.
            .with_variable("CARGO_TERM_QUIET", "true");
        Ok(WorkingCopy { scratch, course, original, cargo, planted: BTreeSet::new() })
    }

    /// Limits the number of cargo's jobs from now on.
    pub fn limit_build_jobs(&mut self, build_jobs: usize) {
        self.cargo = self.cargo.clone().with_variable("CARGO_BUILD_JOBS", build_jobs.to_string());
    }

    /// Copies what another working copy has built from the unedited course. This copy of the course
    /// must be older than that build.
    pub fn take_build_of(&self, other: &WorkingCopy<'_>) -> Result<(), CommandError> {
        copy_folder(&other.target(), &self.target())
    }

    /// Makes the copy equal to the original, except for these files. Only files that differ are
    /// written, so that cargo compiles as little as possible. They get a new date, so that cargo
    /// sees them.
    pub fn plant(&mut self, texts: &BTreeMap<String, String>) -> Result<(), CommandError> {
        let failed = |path: &Path| CommandError::of_system(format!("{} could not be written", path.display()));
        for name in std::mem::take(&mut self.planted) {
            if let Some(file) = self.original.get(&name).filter(|_| !texts.contains_key(&name)) {
                let path = self.course.root().join(&name);
                fs::write(&path, &file.bytes).map_err(failed(&path))?;
            }
        }
        for (name, text) in texts {
            let path = self.course.root().join(name);
            fs::write(&path, text).map_err(failed(&path))?;
            self.planted.insert(name.clone());
        }
        Ok(())
    }

    /// Builds the graded tests of a lab; `None` if something does not compile.
    pub fn build(&self, graded: &GradedLab) -> Result<Option<Build>, CommandError> {
        let labs = if graded.kinds.is_empty() { vec![] } else { vec![graded.lab] };
        self.cargo.build_tests(&labs, &self.scratch)
    }

    /// The compiler's output of the last build.
    pub fn compiler_output(&self) -> String {
        fs::read_to_string(self.scratch.path().join("cargo-words.txt")).unwrap_or_default()
    }

    /// The first changed file whose package was not compiled.
    pub fn change_not_compiled(&self, compiled: &BTreeSet<PathBuf>) -> Option<&str> {
        let is_compiled = |name: &str| {
            let packages = Path::new(name).ancestors().skip(1).map(|folder| self.course.root().join(folder));
            packages
                .into_iter()
                .find(|folder| folder.join("Cargo.toml").exists())
                .is_some_and(|package| compiled.contains(&package))
        };
        self.planted.iter().map(String::as_str).find(|name| !is_compiled(name))
    }

    fn target(&self) -> PathBuf {
        self.scratch.path().join("target")
    }
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), CommandError> {
    interrupt::check()?;
    let failed = |path: &Path| CommandError::of_system(format!("{} could not be copied", path.display()));
    fs::create_dir_all(to).map_err(failed(from))?;
    for entry in fs::read_dir(from).map_err(failed(from))? {
        let path = entry.map_err(failed(from))?.path();
        let Some(name) = path.file_name() else { continue };
        match path.is_dir() {
            true => copy_folder(&path, &to.join(name))?,
            false => copy_file(&path, &to.join(name)).map_err(failed(&path))?,
        }
    }
    Ok(())
}

/// Copies a file with its date, because cargo decides by dates what to build again.
fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    File::options().write(true).open(to)?.set_modified(fs::metadata(from)?.modified()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> (Scratch, Tree) {
        let scratch = Scratch::new("copy").unwrap();
        for (name, text) in files {
            let path = scratch.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let tree = tree::read(scratch.path()).unwrap();
        (scratch, tree)
    }

    /// Planting changes only the files that differ, and undoes what was planted before.
    #[test]
    fn planting_changes_only_what_differs() {
        let (_scratch, tree) = tree(&[("a/x.rs", "x"), ("a/y.rs", "y"), ("b/z.rs", "z")]);
        let mut copy = WorkingCopy::open(&tree, Profile::Dev).unwrap();
        let read = |copy: &WorkingCopy<'_>| {
            ["a/x.rs", "a/y.rs", "b/z.rs"].map(|name| fs::read_to_string(copy.course.root().join(name)).unwrap())
        };
        let modified = |copy: &WorkingCopy<'_>, name: &str| {
            fs::metadata(copy.course.root().join(name)).unwrap().modified().unwrap()
        };
        let texts = |texts: &[(&str, &str)]| -> BTreeMap<String, String> {
            texts.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect()
        };
        assert_eq!(read(&copy), ["x", "y", "z"]);
        let untouched = modified(&copy, "b/z.rs");
        copy.plant(&texts(&[("a/x.rs", "1"), ("a/y.rs", "2")])).unwrap();
        assert_eq!(read(&copy), ["1", "2", "z"]);
        copy.plant(&texts(&[("a/y.rs", "3")])).unwrap();
        assert_eq!(read(&copy), ["x", "3", "z"]);
        copy.plant(&BTreeMap::new()).unwrap();
        assert_eq!(read(&copy), ["x", "y", "z"]);
        assert_eq!(modified(&copy, "b/z.rs"), untouched);
    }

    /// A change counts as compiled if its own package was compiled, and not just one around it.
    #[test]
    fn a_change_that_was_not_compiled_is_found() {
        let (_scratch, tree) =
            tree(&[("a/Cargo.toml", ""), ("a/b/Cargo.toml", ""), ("a/x.rs", "x"), ("a/b/src/y.rs", "y")]);
        let mut copy = WorkingCopy::open(&tree, Profile::Dev).unwrap();
        let texts = ["a/x.rs", "a/b/src/y.rs"].map(|name| (name.to_string(), "1".to_string()));
        copy.plant(&BTreeMap::from(texts)).unwrap();
        let compiled = |names: &[&str]| names.iter().map(|name| copy.course.root().join(name)).collect();
        assert_eq!(copy.change_not_compiled(&compiled(&["a", "a/b"])), None);
        assert_eq!(copy.change_not_compiled(&compiled(&["a"])), Some("a/b/src/y.rs"));
        assert_eq!(copy.change_not_compiled(&compiled(&["a/b"])), Some("a/x.rs"));
    }

    /// A copied build keeps its dates, or cargo would build it again.
    #[test]
    fn a_copied_build_keeps_its_dates() {
        let (_scratch, tree) = tree(&[("x.rs", "x")]);
        let (one, other) =
            (WorkingCopy::open(&tree, Profile::Dev).unwrap(), WorkingCopy::open(&tree, Profile::Dev).unwrap());
        fs::create_dir_all(one.target().join("debug/deps")).unwrap();
        let artifact = "debug/deps/libx.rlib";
        fs::write(one.target().join(artifact), "built").unwrap();
        let file = File::options().write(true).open(one.target().join(artifact)).unwrap();
        let date = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        file.set_modified(date).unwrap();
        other.take_build_of(&one).unwrap();
        let copied = other.target().join(artifact);
        assert_eq!(fs::metadata(&copied).unwrap().modified().unwrap(), date);
        assert_eq!(fs::read_to_string(&copied).unwrap(), "built");
    }
}
