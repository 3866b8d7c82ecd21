//! The command line of bubblewrap: a process of its own world, in which there is only what it needs.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::Room;

/// What bubblewrap is called.
pub const PROGRAM: &str = "bwrap";

/// The devices that programs need.
const DEVICES: [&str; 4] = ["/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"];

/// The arguments that come before the program: no network, no other process, no file but those of the room.
pub fn arguments(room: &Room, helper: &Path, folder: &Path, is_root: bool) -> Vec<OsString> {
    let mut arguments = Vec::<OsString>::new();
    let mut add = |words: &[&str]| arguments.extend(words.iter().map(OsString::from));
    add(&["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]);
    add(&["--die-with-parent", "--new-session", "--cap-drop", "ALL"]);
    match is_root {
        // Inside, the process becomes another user.
        true => add(&["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]),
        false => add(&["--unshare-user"]),
    }
    add(&["--proc", "/proc"]);
    for parent in parents(room, helper) {
        arguments.extend([OsString::from("--dir"), parent.into()]);
    }
    for device in DEVICES {
        arguments.extend(["--dev-bind-try", device, device].map(OsString::from));
    }
    let mut mount = |how: &str, path: &PathBuf| {
        arguments.extend([OsString::from(how), path.clone().into(), path.clone().into()]);
    };
    room.read.iter().for_each(|path| mount("--ro-bind-try", path));
    mount("--ro-bind", &helper.to_path_buf());
    room.write.iter().for_each(|path| mount("--bind", path));
    arguments.extend(["--remount-ro", "/", "--chdir"].map(OsString::from));
    arguments.push(folder.into());
    arguments.push("--".into());
    arguments
}

/// The folders above everything that is mounted, from the root on. Left to itself, bubblewrap lets nobody but root pass them.
fn parents(room: &Room, helper: &Path) -> BTreeSet<PathBuf> {
    let devices = DEVICES.iter().map(Path::new);
    let mounted = room.read.iter().chain(&room.write).map(PathBuf::as_path).chain([helper]).chain(devices);
    mounted
        .flat_map(|path| path.ancestors().skip(1))
        .filter(|path| path.parent().is_some())
        .map(Path::to_path_buf)
        .collect()
}
