//! A run that one process has recorded is made again by another one, which calls no server's code.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use labrpc::thread;
use solved::LOGS;
use testkit::{Booted, Cluster, Lab, World, number};

static LAB: Lab = Lab { package: "testkit", points: include_str!("points.txt"), contract: Some(&LOGS) };

/// The test whose runs are recorded and made again. It is this program's child that runs it.
const TEST: &str = "commands_survive_a_crash";
/// Set in the child.
const IS_CHILD: &str = "TESTKIT_TEST_IS_CHILD";
/// Set in a child that has no servers.
const HAS_NO_SERVERS: &str = "TESTKIT_TEST_HAS_NO_SERVERS";

fn servers(world: &World) -> Cluster<solved::LogServer> {
    if std::env::var_os(HAS_NO_SERVERS).is_none() {
        return solved::logs(world, 3);
    }
    Cluster::replicating(world, 3, |_| -> Booted<solved::LogServer> { panic!("a server's code is called") })
}

/// A body with everything that a cluster's test does: crashes, commands, cut links.
#[test]
fn commands_survive_a_crash() {
    if std::env::var_os(IS_CHILD).is_none() {
        return;
    }
    LAB.test(|world| {
        let cluster = servers(world);
        let leader = cluster.one_leader();
        for nth in 1..=20 {
            cluster.one(&number(nth), 3);
        }
        cluster.crash(leader);
        thread::sleep(std::time::Duration::from_secs(2));
        cluster.restart(leader);
        assert!(cluster.one(&number(21), 3) > 20);
    });
}

/// Runs the test in a process of its own. Returns the trace of each seed's run, and what was printed; `None` if it failed.
fn run(folder: &Path, tapes: &str, has_servers: bool) -> Result<Vec<String>, String> {
    let report = folder.join(format!("{tapes}.report"));
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.args(["--exact", "--nocapture", TEST]).env(IS_CHILD, "1");
    command.env("LAB_TAPES", format!("{tapes}:{}", folder.display())).env("LAB_REPORT", &report).env("LAB_SHRINK", "0");
    if !has_servers {
        command.env(HAS_NO_SERVERS, "1");
    }
    let output = command.output().expect("the child runs");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let records = fs::read_to_string(&report).unwrap_or_default();
    fs::remove_file(&report).expect("it has written a report");
    let trace = |line: &str| line.split("\"trace\":\"").nth(1).map(|rest| rest[..16].to_string());
    if output.status.success() { Ok(records.lines().filter_map(trace).collect()) } else { Err(printed) }
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("tapes-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("there is room for tapes");
    folder
}

fn tape(folder: &Path, seed: u64) -> PathBuf {
    folder.join(format!("{TEST}.{seed}.tape"))
}

/// The same runs, to the last turn, without any server's code.
#[test]
fn a_tape_stands_for_the_servers() {
    let folder = folder("same");
    let recorded = run(&folder, "record", true).expect("the servers are right");
    assert_eq!(recorded.len(), 5, "{recorded:?}");
    assert_eq!(run(&folder, "play", false), Ok(recorded));
    fs::remove_dir_all(folder).expect("it is there");
}

/// A run without its tape fails, and so does one with the tape of another seed, or with a part of its own.
#[test]
fn only_its_own_tape_makes_a_run() {
    let folder = folder("other");
    run(&folder, "record", true).expect("the servers are right");
    let whole = fs::read(tape(&folder, 1)).expect("it was recorded");
    let wrong = [fs::read(tape(&folder, 2)).expect("it was recorded"), whole[..whole.len() / 2].to_vec(), Vec::new()];
    for bytes in wrong {
        fs::write(tape(&folder, 1), bytes).expect("it can be written");
        assert!(run(&folder, "play", false).is_err());
    }
    fs::remove_file(tape(&folder, 1)).expect("it is there");
    assert!(run(&folder, "play", false).is_err());
    fs::remove_dir_all(folder).expect("it is there");
}
