//! A failed test reports the smallest run that fails in the same way.

use std::process::Command;
use std::time::Duration;

use labrpc::network::Service;
use labrpc::thread;
use labrpc::wire::WireError;
use labrpc::{Elect, PeerId, Status};
use testkit::rule::election::VOTE_ONCE;
use testkit::{Booted, Cluster, Lab, World};

static LAB: Lab = Lab { package: "testkit", points: include_str!("points.txt"), contract: None };

/// This environment variable is set in a test's child process.
const IS_CHILD: &str = "TESTKIT_TEST_IS_CHILD";

/// Runs tests in a process of their own: its exit status, and what it printed. `None` if this is that process.
fn in_child(tests: &[&str], variables: &[(&str, &str)]) -> Option<(Option<i32>, String)> {
    if std::env::var_os(IS_CHILD).is_some() {
        return None;
    }
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.args(["--exact", "--nocapture", "--test-threads=1"]).args(tests);
    command.env(IS_CHILD, "1").env_remove("LAB_REPORT").envs(variables.iter().copied());
    let output = command.output().expect("the child runs");
    let text = [output.stdout, output.stderr].map(|stream| String::from_utf8_lossy(&stream).into_owned()).concat();
    Some((output.status.code(), text))
}

/// The first token in a text.
fn token(output: &str) -> &str {
    output.split_once("LAB_REPLAY=").expect("a failure has a token").1.split(' ').next().unwrap_or_default()
}

/// Fails if this many of a hundred faults happen.
fn faults_at_most(world: &World, faults_max: usize) {
    let rng = world.rng("faults");
    let happens = |_: &u64| {
        thread::sleep(Duration::from_millis(1));
        rng.fault(false, |bits| bits % 3 == 0)
    };
    let faults = (0..100).filter(happens).count();
    println!("a run with {faults} faults");
    assert!(faults <= faults_max, "{faults} faults happened");
}

/// The report and the token are those of the smallest run. Replayed, the token makes this run again, and it is not made
/// smaller once more.
#[test]
fn the_smallest_run_is_reported() {
    const TEST: &str = "the_smallest_run_is_reported";
    let Some((_, output)) = in_child(&[TEST], &[]) else { return LAB.test(|world| faults_at_most(world, 2)) };
    let smallest = token(&output);
    assert!(smallest.starts_with("the_smallest_run_is_reported:1:k"), "{output}");
    assert!(output.contains("3 faults happened") && output.contains("random decisions of seed 1 are left"), "{output}");
    let (_, again) = in_child(&[TEST], &[("LAB_REPLAY", smallest)]).expect("this is the parent");
    assert!(again.contains("3 faults happened") && token(&again) == smallest, "{again}");
    assert!(!again.contains("a smaller run"), "{again}");
    let (_, of_seed) = in_child(&[TEST], &[("LAB_REPLAY", &format!("{TEST}:1"))]).expect("this is the parent");
    assert!(token(&of_seed) == smallest, "{of_seed}");
    assert!(of_seed.contains("note: this is a smaller run that fails in the same way. The run of "), "{of_seed}");
    if cfg!(all(target_os = "linux", not(labrpc_portable))) {
        assert_eq!(again.matches("a run with").count(), 1, "only the replayed run prints: {again}");
    }
}

/// `LAB_SHRINK=0` reports the seed's own run, and any other value is refused.
#[test]
fn shrinking_can_be_turned_off() {
    const TEST: &str = "shrinking_can_be_turned_off";
    let Some((_, output)) = in_child(&[TEST], &[("LAB_SHRINK", "0")]) else {
        return LAB.test(|world| faults_at_most(world, 2));
    };
    assert!(token(&output) == "shrinking_can_be_turned_off:1" && !output.contains("3 faults happened"), "{output}");
    let (status, output) = in_child(&[TEST], &[("LAB_SHRINK", "no")]).expect("this is the parent");
    assert_eq!(status, Some(2));
    assert!(output.contains("LAB_SHRINK=no: it must be `0`"), "{output}");
}

/// Of several tests that fail for the same reason, only the first is told in full, so only its run is made smaller.
#[test]
fn only_the_first_of_a_group_is_shrunk() {
    let tests = ["only_the_first_of_a_group_is_shrunk", "the_second_of_a_group"];
    let Some((_, output)) = in_child(&tests, &[]) else {
        return LAB.rule(&VOTE_ONCE, |world| faults_at_most(world, 2));
    };
    assert_eq!(output.matches(":1:k").count(), 1, "{output}");
    assert!(output.contains("the same as in only_the_first_of_a_group_is_shrunk: vote-once"), "{output}");
    assert!(output.contains("LAB_REPLAY=the_second_of_a_group:1 "), "{output}");
}

/// Fails in the child process of another test, and does nothing in this one.
#[test]
fn the_second_of_a_group() {
    if std::env::var_os(IS_CHILD).is_some() {
        LAB.rule(&VOTE_ONCE, |world| faults_at_most(world, 2));
    }
}

/// A server that does nothing.
struct Idle;

impl Elect for Idle {
    fn status(&self) -> Status {
        Status { term: 1, is_leader: false }
    }
    fn watch(&self, _: Status) -> Option<Status> {
        None
    }
    fn shutdown(&self) {}
}

impl Service for Idle {
    fn request(&self, _: PeerId, _: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        Ok(None)
    }
}

/// A token with a change says which crash does not happen. The restart that follows does nothing, and the next crash
/// happens. The failure's token has the change as well.
#[test]
fn a_crash_is_left_out() {
    const TEST: &str = "a_crash_is_left_out";
    let seen = |token: &str| Some(in_child(&[TEST], &[("LAB_REPLAY", token)])?.1);
    let Some(usual) = seen("a_crash_is_left_out:1") else {
        return LAB.test(|world| {
            let cluster = Cluster::new(world, 3, |_| Booted::raft(Idle));
            let up = [0, 1, 1].map(|server| {
                cluster.crash(server);
                let is_up = cluster.is_up(server);
                cluster.start(server);
                is_up
            });
            cluster.restart(2);
            panic!("up after the crashes: {up:?}");
        });
    };
    assert!(usual.contains("[false, false, false]"), "{usual}");
    let flipped = seen("a_crash_is_left_out:1:xnocrash2").expect("this is the parent");
    assert!(flipped.contains("[false, true, false]"), "{flipped}");
    assert_eq!(token(&flipped), "a_crash_is_left_out:1:xnocrash2");
    let restarted = seen("a_crash_is_left_out:1:xnocrash4").expect("this is the parent");
    assert!(restarted.contains("[false, false, false]"), "the spared server is not started twice: {restarted}");
}
