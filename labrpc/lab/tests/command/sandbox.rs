//! What the sandbox of `cargo lab grade` holds back, on each level that this machine has. The program that is kept in is Perl,
//! which can do everything that a submission could.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::fake::{FakeCourse, is_gone, wait_for};

/// The levels of the ladder, and none: there the limits hold, too.
const LEVELS: [&str; 4] = ["bwrap", "landlock", "uid", "none"];

/// How one program ended on one level.
struct Kept {
    level: &'static str,
    ended: Value,
    took: Duration,
}

impl Kept {
    fn output(&self) -> &str {
        self.ended["output"].as_str().unwrap_or_else(|| panic!("{}: {}", self.level, self.ended))
    }

    fn limit(&self) -> (&str, &str) {
        let text = |name: &str| self.ended[name].as_str();
        text("limit").zip(text("text")).unwrap_or_else(|| panic!("{}: {}", self.level, self.ended))
    }
}

/// Runs a Perl script on each of these levels that there are here, with limits as given, or else generous ones.
fn on_levels(levels: &[&'static str], course: &FakeCourse, script: &str, changed: &Value) -> Vec<Kept> {
    levels.iter().filter_map(|level| on_level(level, course, script, changed)).collect()
}

fn on_level(level: &'static str, course: &FakeCourse, script: &str, changed: &Value) -> Option<Kept> {
    let folder = course.beside(&format!("inside-{level}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    // The user of the sandbox must find the folder.
    for above in folder.ancestors().take(2) {
        fs::set_permissions(above, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut task = json!({
        "level": level, "is_compiler": false, "program": ["/usr/bin/perl", "-e", script], "read": [],
        "write": [folder], "wall_ms": 20_000, "cpu_s": 20, "memory_bytes": 256 << 20, "address_bytes": 4_u64 << 30,
        "threads": 32, "file_bytes": 8 << 20, "disk_bytes": 64 << 20, "output_bytes": 8 << 20,
    });
    for (name, value) in changed.as_object().unwrap() {
        task[name] = value.clone();
    }
    let started = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_lab"))
        .args(["guarded", &task.to_string()])
        .env("TMPDIR", course.temporary())
        .output()
        .unwrap();
    let ended: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    if let Some(reason) = ended["unavailable"].as_str() {
        eprintln!("skipped on level {level}: {reason}");
        return None;
    }
    Some(Kept { level, ended, took: started.elapsed() })
}

fn nothing() -> Value {
    json!({})
}

/// What a sandbox is for: each line is tried, and the name of what worked is printed.
#[test]
fn nothing_outside_is_reached() {
    let course = FakeCourse::new();
    fs::set_permissions(course.temporary(), fs::Permissions::from_mode(0o755)).unwrap();
    let secret = course.beside("secret");
    fs::write(&secret, "secret").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let beside = course.beside("beside");
    let script = format!(
        r#"print "read " if open(F, '<', '{secret}'); print "written " if open(F, '>', '{beside}');
        print "network " if socket(S, 2, 1, 0); print "packets " if socket(S, 2, 2, 0); print "local " if socket(S, 1, 1, 0);
        print "fork " if defined(fork); print "system " if system('/bin/true') == 0;
        print "killed " if kill 0, getppid; print "group " if kill 0, 0; print "memory " if open(F, '+<', '/proc/self/mem');
        print "folder " if mkdir 'FOLDER/deep'; print "link " if symlink '/etc/passwd', 'FOLDER/link';
        use POSIX; print "pipe " if POSIX::mkfifo('FOLDER/pipe', 0644); SYSCALLS
        print "inside" if open(F, '>', 'FOLDER/file');"#,
        secret = secret.display(),
        beside = beside.display(),
    );
    // By their numbers: Perl has no names for them.
    let calls =
        r#"print "trace " if syscall(101, 0, 0, 0, 0) == 0; print "namespace " if syscall(272, 0x10000000) == 0;"#;
    let script = script.replace("SYSCALLS", if cfg!(target_arch = "x86_64") { calls } else { "" });
    for level in &LEVELS[..3] {
        let script = script.replace("FOLDER", &course.beside(&format!("inside-{level}")).display().to_string());
        let Some(kept) = on_level(level, &course, &script, &nothing()) else { continue };
        let own_files_only =
            if *level == "uid" { kept.output().replace("memory ", "") } else { kept.output().to_string() };
        assert_eq!(own_files_only, "inside", "{level}");
        assert!(!beside.exists(), "{level}");
    }
}

/// The environment has nothing that the grader knows.
#[test]
fn the_environment_is_empty() {
    let course = FakeCourse::new();
    for kept in
        on_levels(&LEVELS, &course, "print join ' ', sort grep !/^CARGO_LAB_CONFINED_BY$|^PWD$/, keys %ENV", &nothing())
    {
        assert_eq!(kept.output(), "", "{}", kept.level);
    }
}

/// A program that does not end is ended, whether it works or waits, and says which limit it was.
#[test]
fn time_is_limited() {
    let course = FakeCourse::new();
    for kept in on_levels(&LEVELS, &course, "1 while 1", &json!({ "cpu_s": 1, "wall_ms": 300_000 })) {
        assert_eq!(kept.limit(), ("Time", "running it took more than 1 s of processor time"), "{}", kept.level);
    }
    let waiting = "$SIG{TERM} = $SIG{XCPU} = 'IGNORE'; kill 'STOP', $$; sleep 1000";
    for kept in on_levels(&LEVELS, &course, waiting, &json!({ "wall_ms": 1_000 })) {
        assert_eq!(kept.limit(), ("Time", "running it took longer than 1 s"), "{}", kept.level);
        assert!(kept.took < Duration::from_secs(15), "{:?}", kept.took);
    }
}

/// Output does not extend the time.
#[test]
fn talking_does_not_help() {
    let course = FakeCourse::new();
    let talking = "$| = 1; while (1) { print '{}', \"\\n\"; select(undef, undef, undef, 0.1) }";
    for kept in on_levels(&LEVELS, &course, talking, &json!({ "wall_ms": 1_000 })) {
        assert_eq!(kept.limit().0, "Time", "{}", kept.level);
    }
}

/// Too much memory is told from a crash.
#[test]
fn memory_is_limited() {
    let course = FakeCourse::new();
    let hungry = "my @held; while (1) { push @held, 'x' x (1 << 20) }";
    for kept in on_levels(&LEVELS, &course, hungry, &json!({ "memory_bytes": 100 << 20 })) {
        assert_eq!(kept.limit(), ("Memory", "running it took more than 100 MB of memory"), "{}", kept.level);
    }
}

/// What is written to the disk is limited: a file, and all files together, and what is printed.
#[test]
fn what_is_written_is_limited() {
    let course = FakeCourse::new();
    for level in LEVELS {
        let folder = course.beside(&format!("inside-{level}")).display().to_string();
        let large = format!("open(F, '>', '{folder}/f'); print F 'x' x (1 << 20) for 1..100");
        let Some(kept) = on_level(level, &course, &large, &nothing()) else { continue };
        assert_eq!(kept.limit(), ("Output", "running it wrote a file of more than 8 MB"), "{level}");
        let many = format!(
            "for my $n (1..100) {{ open(F, '>', \"{folder}/$n\"); print F 'x' x (1 << 20); close F }} sleep 20"
        );
        let kept = on_level(level, &course, &many, &nothing()).unwrap();
        assert_eq!(kept.limit(), ("Output", "running it wrote more than 64 MB to the disk"), "{level}");
        let loud = "print 'x' x (1 << 20) while 1";
        let kept = on_level(level, &course, loud, &nothing()).unwrap();
        assert_eq!(kept.limit(), ("Output", "running it printed more than 8 MB"), "{level}");
    }
}

/// Processes and their children are counted and, when the program ends, ended: also those that left its group and session.
#[test]
fn no_process_survives() {
    let course = FakeCourse::new();
    for level in LEVELS {
        let mark = course.beside(&format!("inside-{level}"));
        let may_start = json!({ "is_compiler": true, "wall_ms": 60_000 });
        let script = format!(
            "use POSIX; for (1..3) {{ if (!fork) {{ POSIX::setsid(); sleep 1000 if !fork; exit }} }} sleep 1; print 'over' # {}",
            mark.display()
        );
        let Some(kept) = on_level(level, &course, &script, &may_start) else { continue };
        assert_eq!(kept.output(), "over", "{level}");
        assert_eq!(processes_about(&mark), [""; 0], "{level}");
        let bomb = format!("for (1..100) {{ sleep 1000 if !fork }} sleep 1000 # {}", mark.display());
        let few = json!({ "is_compiler": true, "threads": 20, "wall_ms": 60_000 });
        let kept = on_level(level, &course, &bomb, &few).unwrap();
        assert_eq!(kept.limit(), ("Threads", "running it started more than 20 processes and threads"), "{level}");
        assert_eq!(processes_about(&mark), [""; 0], "{level}");
    }
}

/// When the grader is killed, the program ends with it.
#[test]
fn the_program_ends_with_the_grader() {
    let course = FakeCourse::new();
    for level in LEVELS {
        let folder = course.beside(&format!("inside-{level}"));
        let Some(_) = on_level(level, &course, "1", &nothing()) else { continue };
        let started = folder.join("started");
        let task = json!({
            "level": level, "is_compiler": false, "read": [], "write": [folder], "wall_ms": 60_000, "cpu_s": 60,
            "program": ["/usr/bin/perl", "-e", format!("open(F, '>', '{}'); close F; sleep 1000", started.display())],
            "memory_bytes": 256 << 20, "address_bytes": 4_u64 << 30, "threads": 32, "file_bytes": 8 << 20,
            "disk_bytes": 64 << 20, "output_bytes": 8 << 20,
        });
        let mut grader = Command::new(env!("CARGO_BIN_EXE_lab"))
            .args(["guarded", &task.to_string()])
            .env("TMPDIR", course.temporary())
            .spawn()
            .unwrap();
        wait_for("the program to start", || started.exists().then_some(()));
        let program = wait_for("its number", || processes_about(&started).pop());
        grader.kill().unwrap();
        grader.wait().unwrap();
        wait_for("the program to end", || is_gone(&program).then_some(()));
    }
}

/// The numbers of the Perl processes that have this path in their script.
fn processes_about(path: &Path) -> Vec<String> {
    let listed = Command::new("ps").args(["-eo", "pid=,args="]).output().unwrap();
    let lines = String::from_utf8_lossy(&listed.stdout).into_owned();
    let path = path.display().to_string();
    let about = lines
        .lines()
        .filter(|line| line.trim_start().split(' ').nth(1) == Some("/usr/bin/perl") && line.contains(&path));
    about.filter_map(|line| line.split_whitespace().next()).map(str::to_string).collect()
}

/// A program cannot make the grader believe that the sandbox has failed.
#[test]
fn a_program_cannot_feign_a_fault() {
    let course = FakeCourse::new();
    for kept in on_levels(&LEVELS, &course, "print STDERR 'error: limits could not be set'; exit 125", &nothing()) {
        assert_eq!(kept.ended["status"], "exit status: 125", "{}: {}", kept.level, kept.ended);
    }
}

/// A death by a signal is told as such on each level.
#[test]
fn a_signal_is_told() {
    let course = FakeCourse::new();
    for kept in on_levels(&LEVELS, &course, "kill 'ABRT', $$; sleep 10", &nothing()) {
        let status = kept.ended["status"].as_str().unwrap_or_default();
        assert!(status.starts_with("signal: 6"), "{}: {}", kept.level, kept.ended);
    }
}
