//! A run that does not repeat is told, because its token is worth nothing.

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use labrpc::thread;
use testkit::{Lab, World};

static LAB: Lab = Lab { package: "testkit", points: include_str!("points.txt"), contract: None };

/// This environment variable is set in a test's child process.
const IS_CHILD: &str = "TESTKIT_TEST_IS_CHILD";

/// Runs a test in a process of its own: whether it passed, and what it printed. `None` if this is that process.
fn in_child(test: &str, variables: &[(&str, &str)]) -> Option<(bool, String)> {
    if std::env::var_os(IS_CHILD).is_some() {
        return None;
    }
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.args(["--exact", "--nocapture", test]).env(IS_CHILD, "1").env_remove("LAB_REPORT");
    let output = command.envs(variables.iter().copied()).output().expect("the child runs");
    Some((
        output.status.success(),
        [output.stdout, output.stderr].map(|stream| String::from_utf8_lossy(&stream).into_owned()).concat(),
    ))
}

/// A run in which a static decides which of two threads works at 2 ms.
fn depends_on_a_static(world: &World, runs: &AtomicU64) -> u64 {
    let nth = runs.fetch_add(1, Ordering::SeqCst);
    let early = |name: &str| Duration::from_millis(if (name == "left") == nth.is_multiple_of(2) { 1 } else { 3 });
    for name in ["left", "right"] {
        let time = early(name);
        drop(world.spawn(name, move || thread::sleep(time)));
    }
    thread::sleep(Duration::from_millis(2));
    nth
}

/// A failing seed is run again. If it does not fail in the same way, the report says so, and where the runs part.
#[test]
fn a_seed_that_makes_another_run_is_found() {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    let Some((passed, output)) = in_child("a_seed_that_makes_another_run_is_found", &[]) else {
        return LAB.test(|world| {
            println!("a line of a run");
            assert!(depends_on_a_static(world, &RUNS) != 0, "the first run fails");
        });
    };
    assert!(!passed, "{output}");
    let words = ["the first run fails", "This run does not repeat", "this time it passed", "task 'left'", "`static`"];
    for words in words {
        assert!(output.contains(words), "{words:?} is missing: {output}");
    }
    if cfg!(all(target_os = "linux", not(labrpc_portable))) {
        assert_eq!(output.matches("a line of a run").count(), 1, "only the first run prints: {output}");
    }
}

/// A replay is run twice even if it passes, and fails if the two runs differ.
#[test]
fn a_replay_is_run_twice() {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    let is_steady = std::env::var_os("STEADY").is_some();
    let replay = ("LAB_REPLAY", "a_replay_is_run_twice:1");
    let Some((passed, output)) = in_child("a_replay_is_run_twice", &[replay]) else {
        return LAB.test(|world| {
            let unused = AtomicU64::new(0);
            depends_on_a_static(world, if is_steady { &unused } else { &RUNS });
        });
    };
    assert!(!passed && output.contains("This run does not repeat"), "{output}");
    let steady = in_child("a_replay_is_run_twice", &[replay, ("STEADY", "1")]).expect("this is the parent");
    assert!(steady.0, "{}", steady.1);
}
