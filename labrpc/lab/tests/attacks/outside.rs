//! What no submission may touch: files outside, processes, connections, the course itself.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime};

use crate::attack::{Attack, course_with_loophole};

/// Folders of the course that are no part of it.
const NOT_COURSE: [&str; 2] = [".git", "target"];

/// A process that ends by itself has ended after this long.
const LAST_BREATH: Duration = Duration::from_secs(1);

/// Files by their paths, each with its size and when it was changed.
type Listing = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

/// What is outside of all submissions.
pub struct Outside {
    scratch: PathBuf,
    course: PathBuf,
    /// The files of the course before.
    before: Listing,
    secret: String,
    port: u16,
    /// What was sent to the port.
    heard: Arc<Mutex<String>>,
}

impl Outside {
    /// Makes the files, listens at a port, copies the course, and remembers the copy.
    pub fn new(original: &Path) -> Outside {
        let scratch = env::temp_dir().join(format!("attacks-{}", std::process::id()));
        let course = scratch.join("course");
        course_with_loophole(original, &course);
        let secret = format!("secret-{}-of-{}", u64::from(std::process::id()) * 7919, env!("CARGO_PKG_NAME"));
        fs::create_dir_all(scratch.join("outside")).expect("a folder");
        fs::write(scratch.join("outside/secret"), &secret).expect("a file");
        fs::write(scratch.join("outside/secret.rs"), format!("pub const SECRET: &str = \"{secret}\";\n"))
            .expect("a file");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("a port").port();
        let heard = Arc::new(Mutex::new(String::new()));
        let all_heard = Arc::clone(&heard);
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let _ = connection.set_read_timeout(Some(LAST_BREATH));
                let mut text = String::new();
                let _ = connection.take(1 << 10).read_to_string(&mut text);
                *all_heard.lock().expect("nobody panics with it") += &text;
            }
        });
        Outside { before: listing(&course), course, scratch, secret, port, heard }
    }

    /// A folder for what attacks are made of.
    pub fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// The course that grades.
    pub fn course(&self) -> &Path {
        &self.course
    }

    /// What no report may contain.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// What stands for what in the texts of attacks.
    pub fn places(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("@OUTSIDE@", self.scratch.join("outside").display().to_string()),
            ("@COURSE@", self.course.display().to_string()),
            ("@PORT@", self.port.to_string()),
        ])
    }

    /// Where an attack could leave a file that has its mark as its name.
    fn reachable(&self) -> Vec<PathBuf> {
        let home = env::var_os("HOME").map(PathBuf::from);
        let others = ["/tmp", "/var/tmp", "/dev/shm"].map(PathBuf::from);
        [self.scratch.join("outside"), self.course.clone()].into_iter().chain(home).chain(others).collect()
    }

    /// What an attack has left behind.
    pub fn traces_of(&self, attack: &Attack) -> Vec<String> {
        let mark = attack.mark();
        let files = self.reachable().into_iter().map(|folder| folder.join(&mark)).filter(|path| path.exists());
        let mut traces: Vec<String> = files.map(|path| format!("it has made {}", path.display())).collect();
        if !processes(&mark).is_empty() {
            thread::sleep(LAST_BREATH);
        }
        traces.extend(processes(&mark).iter().map(|process| format!("its process {process} is still there")));
        if self.heard.lock().expect("nobody panics with it").contains(&mark) {
            traces.push(format!("it has connected to port {} of this machine", self.port));
        }
        traces
    }

    /// What was changed by some attack.
    pub fn changes(&self) -> Vec<String> {
        let after = listing(&self.course);
        let paths = self.before.keys().chain(after.keys().filter(|path| !self.before.contains_key(*path)));
        let changed = paths.filter(|path| self.before.get(*path) != after.get(*path));
        let mut changes: Vec<String> = changed.map(|path| format!("{} was changed", path.display())).collect();
        let secret = fs::read_to_string(self.scratch.join("outside/secret")).unwrap_or_default();
        if secret != self.secret {
            changes.push("the secret was changed".to_string());
        }
        changes
    }

    /// Removes everything, and ends the processes that attacks have left behind.
    pub fn clear(&self, attacks: &[Attack]) {
        for mark in attacks.iter().map(Attack::mark) {
            for process in processes(&mark) {
                let pid = process.parse().ok().and_then(rustix::process::Pid::from_raw);
                let _ = pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL));
            }
            self.reachable().iter().for_each(|folder| drop(fs::remove_file(folder.join(&mark))));
        }
        let _ = fs::remove_dir_all(&self.scratch);
    }
}

/// The processes that have this word in their command lines.
fn processes(mark: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let numbers = names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    let is_marked = |number: &String| {
        let line = fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(mark)
    };
    numbers.filter(is_marked).collect()
}

fn listing(folder: &Path) -> Listing {
    let mut files = Listing::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(found) = entry.metadata() else { continue };
        if found.is_dir() && !NOT_COURSE.contains(&name.as_str()) {
            files.extend(listing(&entry.path()));
        } else if !found.is_dir() {
            files.insert(entry.path(), (found.len(), found.modified().ok()));
        }
    }
    files
}
