//! The story of a run: which run is made, and what is asked of the program that shows it.

use crate::fake::FakeCourse;

/// A course in which lab 2B's tests write a story.
fn course() -> FakeCourse {
    let course = FakeCourse::new();
    course.behave(
        "lab2b-log",
        "[ -z \"$LAB_STORY\" ] || echo \"the story of $LAB_REPLAY$LAB_WHEN$LAB_FLIP\" > \"$LAB_STORY\"",
    );
    course
}

/// A token is run again, and its story is shown as the options ask.
#[test]
fn a_token_is_told() {
    let course = course();
    let told = course.lab("replay one_2b:7 --kind vote,save --server 2 --from 1.5s --heartbeats");
    assert_eq!(told.status, Some(0), "{told:?}");
    let shown = "shown: --server 2 --kind vote --kind save --from 1500000 --heartbeats";
    assert_eq!(told.stdout, format!("{shown}\nthe story of one_2b:7\n"));
    let building = "building the viewer, once";
    assert!(told.stderr.contains(building), "{told:?}");
    course.write("target/debug/tell", "");
    assert!(!course.lab("replay one_2b:7").stderr.contains(building));
    let around = course.lab("replay one_2b:7");
    assert_eq!(around.stdout, "shown: --rows 60\nthe story of one_2b:7\n");
    assert_eq!(course.lab("replay one_2b:7 --all").stdout, "shown: --repeats\nthe story of one_2b:7\n");
    let flipped = course.lab("replay one_2b:7 --all --when --flip 9:lose");
    assert_eq!(flipped.stdout, "shown: --repeats\nthe story of one_2b:719:lose\n");
}

/// What the test process notes about a replay is shown; what it prints besides is not.
#[test]
fn notes_are_shown() {
    let course = course();
    course.behave("lab2b-log", "echo story > \"$LAB_STORY\"; echo 'note: a smaller run' >&2; echo 'running 1 test'");
    assert_eq!(course.lab("replay one_2b:7").stderr, "note: a smaller run\nbuilding the viewer, once\n");
}

/// A test is told by its name, with the first seed or another.
#[test]
fn a_test_is_told() {
    let course = course();
    assert_eq!(course.lab("story 2b two").stdout, "shown: --rows 60\nthe story of two_2b:1\n");
    assert_eq!(course.lab("story one_2b --seed 9").stdout, "shown: --rows 60\nthe story of one_2b:9\n");
    let many = course.lab("story 2b");
    assert_eq!(many.status, Some(2));
    assert!(
        many.stderr
            .contains("`2b` means 2 tests, and a story is told of one: name it, for instance `cargo lab story 2b one`"),
        "{many:?}"
    );
    let none = course.lab("story 3a one_2b");
    assert_eq!(none.status, Some(2), "{none:?}");
}

/// What cannot be told says why: an unknown test, a refused token, code that does not compile, a process that dies.
#[test]
fn what_cannot_be_told_says_why() {
    let course = course();
    let unknown = course.lab("replay three_2b:1");
    assert_eq!(unknown.status, Some(2));
    assert!(unknown.stderr.contains("names a test `three_2b` that no lab's tests/points.txt lists"), "{unknown:?}");
    course.behave("lab2c-persist", "echo 'LAB_REPLAY=one_2c:1:kzz: this is no list' >&2; exit 2");
    let refused = course.lab("replay one_2c:1:kzz");
    assert_eq!(refused.status, Some(2));
    assert_eq!(refused.stderr, "error: LAB_REPLAY=one_2c:1:kzz: this is no list\n");
    course.behave("lab2d-snapshot", "echo something; exit 3");
    let died = course.lab("replay one_2d:1");
    assert_eq!(died.status, Some(1));
    assert!(died.stderr.contains("one_2d has told no story") && died.stderr.contains("something"), "{died:?}");
    course.write("lab3a-kv/broken", "");
    let broken = course.lab("replay one_3a:1");
    assert_eq!(broken.status, Some(1));
    assert!(broken.stderr.contains("mismatched types in lab3a-kv"), "{broken:?}");
}
