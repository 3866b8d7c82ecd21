//! The process that gives up its rights and becomes a program of somebody else.
//!
//! Between the start of a process and its program nothing can be done in safe Rust. So the grader starts itself, and this
//! is what it does then: it is a process of its own, without threads, and what it gives up stays given up.

use std::os::unix::process::CommandExt;
use std::process::Command;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetStatus, Scope, path_beneath_rules,
};
use rustix::process::{Gid, Resource, Rlimit, Signal, Uid, getppid, set_parent_process_death_signal, setrlimit};
use rustix::thread::{set_no_new_privs, set_thread_gid, set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use super::calls;
use super::orders::{Calls, Orders, Strength};

/// Files that nearly every program opens, and that nobody can harm.
const HARMLESS: [&str; 2] = ["/dev/null", "/dev/zero"];

/// What makes random numbers, and what the process can read of itself: its own backtraces, for instance.
const READABLE: [&str; 3] = ["/dev/urandom", "/dev/random", "/proc/self"];

/// Does as ordered and becomes the program. Returns only if that fails, with the reason.
pub fn become_program(orders: &Orders, program: &[std::ffi::OsString]) -> String {
    match give_up(orders) {
        Ok(()) => match program {
            [program, arguments @ ..] => {
                let error = Command::new(program).args(arguments).exec();
                format!("{} could not be started: {error}", program.display())
            }
            [] => "there is no program to start".to_string(),
        },
        Err(reason) => reason,
    }
}

fn give_up(orders: &Orders) -> Result<(), String> {
    set_limits(orders).map_err(|error| format!("limits could not be set: {error}"))?;
    if let Some(user) = orders.user {
        become_user(user).map_err(|error| format!("it could not become the user {user}: {error}"))?;
    }
    let parent = getppid();
    // After the change of the user, which would undo it.
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| format!("its end could not be tied: {error}"))?;
    if getppid() != parent {
        return Err("the grader has ended".to_string());
    }
    set_no_new_privs(true).map_err(|error| format!("new rights could not be given up: {error}"))?;
    if orders.landlock != Strength::Off {
        restrict_files(orders)?;
    }
    calls::restrict(orders.calls).map_err(|error| format!("calls of the system could not be forbidden: {error}"))
}

fn set_limits(orders: &Orders) -> rustix::io::Result<()> {
    let exactly = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
    // At the first limit the system says why it ends the process, at the second it does not.
    let cpu = Rlimit { current: Some(orders.cpu_seconds), maximum: Some(orders.cpu_seconds + 2) };
    setrlimit(Resource::Cpu, cpu)?;
    setrlimit(Resource::As, exactly(orders.address_bytes))?;
    setrlimit(Resource::Fsize, exactly(orders.file_bytes))?;
    setrlimit(Resource::Core, exactly(0))?;
    setrlimit(Resource::Memlock, exactly(0))?;
    setrlimit(Resource::Msgqueue, exactly(0))?;
    match orders.threads {
        Some(threads) => setrlimit(Resource::Nproc, exactly(threads)),
        None => Ok(()),
    }
}

/// This process has one thread, so what a thread becomes, the process becomes.
fn become_user(user: u32) -> rustix::io::Result<()> {
    let (user, group) = (Uid::from_raw(user), Gid::from_raw(user));
    set_thread_groups(&[])?;
    set_thread_gid(group)?;
    set_thread_res_gid(group, group, group)?;
    set_thread_res_uid(user, user, user)
}

fn restrict_files(orders: &Orders) -> Result<(), String> {
    let status = landlock_of(orders).map_err(|error| format!("Landlock failed: {error}"))?;
    match status {
        RulesetStatus::NotEnforced if orders.landlock == Strength::Required => {
            Err("this system has no Landlock".to_string())
        }
        _ => Ok(()),
    }
}

/// What a newer kernel can forbid is forbidden there; an older one forbids what it can.
const NEWEST: ABI = ABI::V6;

fn landlock_of(orders: &Orders) -> Result<RulesetStatus, landlock::RulesetError> {
    let read = AccessFs::from_read(NEWEST);
    let rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .add_rules(path_beneath_rules(&orders.read, read))?
        .add_rules(path_beneath_rules(READABLE, AccessFs::ReadFile | AccessFs::ReadDir))?
        .add_rules(path_beneath_rules(HARMLESS, AccessFs::ReadFile | AccessFs::WriteFile))?
        .add_rules(path_beneath_rules(&orders.write, written(orders.calls)))?;
    Ok(rules.restrict_self()?.ruleset)
}

/// What may be done in a folder that may be written. Tests make plain files there: a deep tree or a pipe would be for whom
/// reads them.
fn written(calls: Calls) -> BitFlags<AccessFs> {
    let files = AccessFs::ReadFile
        | AccessFs::ReadDir
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::RemoveFile;
    match calls {
        Calls::Test => files,
        Calls::Compiler => files | AccessFs::MakeDir | AccessFs::RemoveDir | AccessFs::Execute | AccessFs::Refer,
        Calls::Any => AccessFs::from_all(NEWEST),
    }
}
