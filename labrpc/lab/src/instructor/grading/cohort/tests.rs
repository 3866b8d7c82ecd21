//! What is kept, what is graded again, and what comes of faults.

use std::fs;
use std::path::{Path, PathBuf};

use super::conditions::tests::example;
use super::merge::MergeRequest;
use super::shard::Shard;
use super::*;
use crate::instructor::grading::result::{LabEnding, LabGrade};
use crate::scratch::Scratch;

fn submission(folder: &Path, name: &str) -> Named {
    let path = folder.join("in").join(name);
    let source = path.join("lab2a-election/src/lib.rs");
    fs::create_dir_all(source.parent().unwrap()).unwrap();
    fs::write(source, format!("// {name}")).unwrap();
    Named { name: name.to_string(), path }
}

fn lab(score: u64) -> LabGrade {
    LabGrade {
        lab: "2a".to_string(),
        points: 74,
        score,
        ending: LabEnding::Ran,
        notes: vec![],
        known_mistakes: vec![],
        tests: vec![],
    }
}

/// A store with these submissions, of which the first `graded` have results.
fn store(folder: PathBuf, shard: Option<Shard>, named: &[Named], graded: usize) -> Store {
    let mut store = Store::open(&folder).unwrap();
    store.begin(&example(), shard, named.iter().map(|named| named.name.clone())).unwrap();
    for named in &named[..graded] {
        store.put(grade_one(named, Track::Guided, |_| Ok(vec![lab(10)])).unwrap()).unwrap();
    }
    store
}

/// What was written is read again, and only what changed since is left to grade.
#[test]
fn an_interruption_loses_nothing() {
    let scratch = Scratch::new("cohort").unwrap();
    let named = ["alice", "Bob", "carol"].map(|name| submission(scratch.path(), name));
    let out = scratch.path().join("out");
    drop(store(out.clone(), None, &named, 2));
    let mut again = Store::open(&out).unwrap();
    assert_eq!(again.grading().unwrap().conditions, example());
    assert_eq!(again.missing(), ["carol"]);
    let left = |store: &Store| -> Vec<String> {
        left_to_grade(store, &named, Track::Guided).unwrap().into_iter().map(|named| named.name).collect()
    };
    assert_eq!(left(&again), ["carol"]);
    fs::rename(&named[0].path, scratch.path().join("away")).unwrap();
    assert_eq!(left(&again), ["carol"], "a grade stays, although its submission cannot be read");
    fs::rename(scratch.path().join("away"), &named[0].path).unwrap();
    fs::write(named[0].path.join("lab2a-election/src/lib.rs"), "// better").unwrap();
    assert_eq!(left(&again), ["alice", "carol"], "other code is graded again");
    let fault = |_: &Submission| Err(CommandError::Broken("no space left".to_string()));
    again.put(grade_one(&named[1], Track::Guided, fault).unwrap()).unwrap();
    assert_eq!(left(&again), ["alice", "Bob", "carol"], "and so is what the grader failed at");
    fs::remove_dir_all(named[2].path.join("lab2a-election")).unwrap();
    again.put(grade_one(&named[2], Track::Guided, fault).unwrap()).unwrap();
    assert_eq!(left(&again), ["alice", "Bob"], "what is refused is refused again");
    let files: Vec<_> =
        fs::read_dir(out.join("submissions")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files.len(), 3, "nothing half written is left: {files:?}");
}

/// A fault, a panic and a refusal are results, and an interrupt is none.
#[test]
fn a_fault_is_a_result() {
    let scratch = Scratch::new("cohort").unwrap();
    let named = submission(scratch.path(), "alice");
    let outcome =
        |error: fn() -> CommandError| grade_one(&named, Track::Guided, |_| Err(error())).map(|result| result.outcome);
    let fault = |reason: &str| Ok(SubmissionOutcome::GraderFault(reason.to_string()));
    assert_eq!(outcome(|| CommandError::Broken("disk full".to_string())), fault("disk full"));
    assert_eq!(outcome(|| panic!("at the disk")), fault("the grader panicked: at the disk"));
    assert_eq!(outcome(|| CommandError::Interrupted), Err(CommandError::Interrupted));
    fs::remove_dir_all(named.path.join("lab2a-election")).unwrap();
    let refused = grade_one(&named, Track::Guided, |_| Ok(vec![])).unwrap();
    assert_eq!(refused.outcome, SubmissionOutcome::Refused("it is empty".to_string()));
    assert_eq!(refused.digest, None);
}

/// A result that cannot be written is an error, and those before it stay.
#[test]
fn a_full_disk_keeps_what_is_graded() {
    let scratch = Scratch::new("cohort").unwrap();
    let named = ["alice", "bob"].map(|name| submission(scratch.path(), name));
    let out = scratch.path().join("out");
    let mut store = store(out.clone(), None, &named, 1);
    // As on a full disk, this file cannot be made.
    fs::create_dir(out.join("submissions/bob.new")).unwrap();
    let error = store.put(grade_one(&named[1], Track::Guided, |_| Ok(vec![lab(5)])).unwrap()).unwrap_err();
    assert!(error.to_string().contains("bob.json could not be written"), "{error}");
    let kept = Store::open(&out).unwrap();
    assert_eq!((kept.results().count(), kept.missing()), (1, vec!["bob"]));
}

/// Another submission of a name is refused, unless it has the same files.
#[test]
fn another_submission_does_not_take_a_place() {
    let scratch = Scratch::new("cohort").unwrap();
    let first = submission(scratch.path(), "alice");
    let store = store(scratch.path().join("out"), None, std::slice::from_ref(&first), 1);
    let mut other = submission(&scratch.path().join("later"), "alice");
    assert_eq!(
        refuse_other_sources(&store, std::slice::from_ref(&other), Track::Guided),
        Ok(()),
        "the same files, elsewhere"
    );
    fs::write(other.path.join("lab2a-election/src/lib.rs"), "// another").unwrap();
    let error = refuse_other_sources(&store, std::slice::from_ref(&other), Track::Guided).unwrap_err();
    assert!(error.to_string().contains("later/in/alice is called alice, and so is"), "{error}");
    other.path = first.path.clone();
    assert_eq!(refuse_other_sources(&store, &[other], Track::Guided), Ok(()));
}

/// A folder with other files, and a damaged result, are told.
#[test]
fn a_folder_of_something_else_is_refused() {
    let scratch = Scratch::new("cohort").unwrap();
    let named = [submission(scratch.path(), "alice")];
    let error = Store::open(scratch.path()).unwrap_err();
    assert!(error.to_string().contains("has files, and none is the grading.json"), "{error}");
    let out = scratch.path().join("out");
    drop(store(out.clone(), None, &named, 1));
    fs::write(out.join("submissions/alice.json"), "{").unwrap();
    let error = Store::open(&out).unwrap_err();
    assert!(error.to_string().contains("alice.json is not what `cargo lab grade` has written"), "{error}");
}

fn merge(folder: &Path, parts: &[&str]) -> Result<ExitCode, CommandError> {
    let folders = parts.iter().map(|part| folder.join(part)).collect();
    let request = MergeRequest { folders, out: folder.join("whole"), formats: vec![] };
    merge::run(&request, |_| ())
}

/// Parts make a whole with all results, and the tables.
#[test]
fn parts_make_a_whole() {
    let scratch = Scratch::new("cohort").unwrap();
    let folder = scratch.path();
    let named = ["alice", "bob", "carol"].map(|name| submission(folder, name));
    let part = |part| Some(Shard { part, parts: 2 });
    store(folder.join("one"), part(1), &named[..1], 1);
    store(folder.join("two"), part(2), &named[1..], 2);
    assert_eq!(
        format!("{:?}", merge(folder, &["one", "two"])),
        format!("{:?}", Ok::<_, CommandError>(ExitCode::SUCCESS))
    );
    let whole = Store::open(&folder.join("whole")).unwrap();
    assert_eq!((whole.results().count(), whole.missing().len()), (3, 0));
    assert!(folder.join("whole/grades.csv").exists() && folder.join("whole/grades.html").exists());
    assert!(merge(folder, &["one", "two"]).unwrap_err().to_string().contains("whole has results already"));
}

/// What does not belong together is refused, with the folders and the reason.
#[test]
fn parts_that_do_not_fit_are_refused() {
    let scratch = Scratch::new("cohort").unwrap();
    let folder = scratch.path();
    let named = ["alice", "bob"].map(|name| submission(folder, name));
    let part = |part, parts| Some(Shard { part, parts });
    let put = |name: &str, shard, named: &[Named], graded| drop(store(folder.join(name), shard, named, graded));
    put("one", part(1, 2), &named[..1], 1);
    put("same", part(1, 2), &named[..1], 1);
    put("again", part(2, 2), &named[..1], 1);
    put("third", part(3, 3), &named[1..], 1);
    put("unfinished", part(2, 2), &named, 1);
    let mut other = Store::open(&folder.join("other")).unwrap();
    other.begin(&Conditions { first_seed: 8, ..example() }, part(2, 2), []).unwrap();
    fs::create_dir(folder.join("empty")).unwrap();
    for (parts, words) in [
        (["one", "same"], "are the same part, 1/2"),
        (["one", "again"], "alice is in "),
        (["one", "third"], "some are parts of 2, and others of 3"),
        (["one", "unfinished"], "is not finished, 1 of 2 are not graded, bob for one"),
        (["one", "other"], "other were not graded alike, first seed: 7 in "),
        (["one", "empty"], "has no results of `cargo lab grade --out`"),
    ] {
        let error = merge(folder, &parts).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert!(!folder.join("whole").exists(), "{parts:?}");
    }
    assert!(merge(folder, &["one"]).unwrap_err().to_string().contains("part 2/2 is missing"));
}
