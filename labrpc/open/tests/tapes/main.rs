//! A run of the open track that one process has recorded is made again by another one, which has no server and no
//! codec. What a codec says that is no codec, is not believed.

mod liars;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use labrpc::{Bytes, LogServer, thread};
use open::lab2c::TIMING;
use testkit::{Boot, Booted, Cluster, Contract, Lab, World};

use liars::{CODEC, Code};

static SERVERS: Contract = Contract::new(TIMING).with_disk().open(&CODEC);
static LAB: Lab = Lab { package: "open", points: include_str!("points.txt"), contract: Some(&SERVERS) };

/// The test whose runs are recorded and made again. It is this program's child that runs it.
const TEST: &str = "small_cluster";
/// The variable that says whose code the child has.
const CODE: &str = "OPEN_TEST_CODE";

fn servers(world: &World, code: Code) -> Cluster<Arc<dyn LogServer>> {
    Cluster::replicating(world, 3, move |boot: Boot| {
        Booted::raft(code.boot(boot.me, boot.links, boot.election_seed, boot.apply_ch, boot.persister))
    })
}

/// A command that is longer than a number that stands for it.
fn command(nth: u64) -> Bytes {
    format!("the command with number {nth}").into_bytes().into()
}

/// A body with everything that a cluster's test does: crashes, commands, replies, disks.
#[test]
fn small_cluster() {
    let Some(code) = Code::of_this_process() else { return };
    LAB.test(|world: &World| {
        let cluster = servers(world, code);
        let leader = cluster.one_leader();
        for nth in 1..=20 {
            cluster.one(&command(nth), 3);
        }
        cluster.crash(leader);
        thread::sleep(Duration::from_secs(2));
        cluster.restart(leader);
        assert!(cluster.one(&command(21), 3) > 20);
    });
}

/// Runs the test in a process of its own, with this code. Returns the trace of each seed's run, or what was printed.
fn run(folder: &Path, tapes: &str, code: &str) -> Result<Vec<String>, String> {
    let report = folder.join(format!("{tapes}.report"));
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.args(["--exact", "--nocapture", TEST]).env(CODE, code);
    command.env("LAB_TAPES", format!("{tapes}:{}", folder.display())).env("LAB_REPORT", &report).env("LAB_SHRINK", "0");
    let output = command.output().expect("the child runs");
    let records = fs::read_to_string(&report).unwrap_or_default();
    let _ = fs::remove_file(&report);
    let trace = |line: &str| line.split("\"trace\":\"").nth(1).map(|rest| rest[..16].to_string());
    if output.status.success() {
        return Ok(records.lines().filter_map(trace).collect());
    }
    Err([output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat())
}

/// A folder that is removed when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("open-tapes-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("there is room for tapes");
        Folder(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The same runs, to the last turn, without the server and without its codec.
#[test]
fn a_tape_stands_for_the_codec() {
    let Folder(folder) = &Folder::new("same");
    let recorded = run(folder, "record", "honest").expect("the server is right");
    assert_eq!(recorded.len(), 3, "{recorded:?}");
    assert_eq!(run(folder, "play", "none"), Ok(recorded));
}

/// What two processes say: one that has this code, and one that plays what the first has recorded.
fn judged(code: &str) -> [Result<Vec<String>, String>; 2] {
    let Folder(folder) = &Folder::new(code);
    [run(folder, "record", code), run(folder, "play", "none")]
}

/// A codec that remembers what it has read, and then reads something else from the same bytes, is no function.
#[test]
fn a_codec_has_no_memory() {
    let [claimed, judged] = judged("memory");
    claimed.expect("no oracle minds this lie");
    let said = judged.expect_err("nobody believes this");
    assert!(said.contains("`read_request` of the codec makes several things of the same argument"), "{said}");
    assert!(said.contains("codec-fits"), "{said}");
}

/// Servers that send numbers, and keep what they mean where no message goes, send nothing that can be read.
#[test]
fn a_message_holds_what_is_read_from_it() {
    for said in judged("numbers") {
        let said = said.expect_err("nobody believes this");
        assert!(said.contains("8 bytes do not decode as labrpc::message::RaftRequest"), "{said}");
        assert!(said.contains("what `read_request` reads from them needs at least"), "{said}");
    }
}
