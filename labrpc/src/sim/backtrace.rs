//! Backtraces as a student reads them: the frames in a lab's own code, with short names.

use std::backtrace::Backtrace;
use std::fmt::Write;
use std::path::PathBuf;

use rustc_hash::FxHashMap;

/// The top frames are enough.
const FRAMES_MAX: usize = 12;
/// A function that is on a stack this often calls itself.
const RECURSION_MIN: usize = 50;

/// All frames of the calling task's stack.
pub(super) struct Frames {
    /// std's format: for each frame a numbered line with the name, mostly followed by one with the place.
    text: String,
}

impl Frames {
    pub(super) fn capture() -> Frames {
        Frames { text: Backtrace::force_capture().to_string() }
    }

    /// Each frame's name and place, innermost first.
    fn named(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut name = "";
        self.text.lines().map(str::trim).filter_map(move |line| match line.strip_prefix("at ") {
            Some(place) => Some((name, place)),
            None => {
                name = line.split_once(": ").map_or(line, |(_, name)| name);
                None
            }
        })
    }

    /// The frames in a lab's own code, innermost first. Equal frames that follow one another are shown once.
    pub(super) fn of_student(&self) -> String {
        let mut shown: Vec<(String, String, usize)> = Vec::new();
        for (name, place) in self.named() {
            let Some(place) = in_student_code(place) else { continue };
            let name = readable(name);
            match shown.last_mut() {
                Some((last_name, last_place, times)) if *last_name == name && *last_place == place => *times += 1,
                _ => shown.push((name, place, 1)),
            }
            if shown.len() > FRAMES_MAX {
                shown.pop();
                break;
            }
        }
        let mut text = String::new();
        for (name, place, times) in shown {
            let times = if times > 1 { format!(", {times} times") } else { String::new() };
            let _ = write!(text, "    {name}{times}\n        at {place}\n");
        }
        text.trim_end().to_string()
    }

    /// The function that was called last, if `handler` is the signal handler that runs now.
    pub(super) fn interrupted(&self, handler: &str) -> Option<String> {
        let names = self.text.lines().filter_map(|line| line.trim().split_once(": ")).map(|(_, name)| name);
        // Between the two is a frame of the C library, which may have a name or not.
        const OF_SIGNAL: [&str; 2] = ["<unknown>", "__restore_rt"];
        let below = names.skip_while(|name| !name.ends_with(handler)).skip(1);
        below.filter(|name| !OF_SIGNAL.contains(name)).map(readable).next()
    }

    /// The function that is on the stack most often, and how often, if it calls itself.
    pub(super) fn recursion(&self) -> Option<(String, usize)> {
        let mut counts: FxHashMap<&str, usize> = FxHashMap::default();
        // Every call has a numbered line, also one whose place is not known.
        let names = self.text.lines().map(str::trim).filter(|line| !line.starts_with("at "));
        for (_, name) in names.filter_map(|line| line.split_once(": ")) {
            *counts.entry(name).or_default() += 1;
        }
        let (name, count) = counts.into_iter().max_by_key(|&(name, count)| (count, name))?;
        (count >= RECURSION_MIN).then(|| (readable(name), count))
    }
}

/// A place in a lab's code, relative to the workspace. `None` for all other code.
fn in_student_code(place: &str) -> Option<String> {
    /// The parts of the workspace that are not a student's code or a test's.
    const OURS: [&str; 4] = ["labrpc/src", "labrpc/testkit/src", "labrpc/kvkit/src", "labrpc/lab"];
    let compiled = Some(PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    // A folder that was copied along with what was built in it has another path now.
    let running = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    // Places below the current directory are relative to it.
    let place = std::env::current_dir().ok()?.join(place.trim_start_matches("./"));
    let in_workspace_of = |package: PathBuf| Some(place.strip_prefix(package.parent()?).ok()?.to_path_buf());
    let inside = [compiled, running].into_iter().flatten().find_map(in_workspace_of)?;
    let is_student = inside.to_str()?.contains(".rs:") && !OURS.iter().any(|ours| inside.starts_with(ours));
    is_student.then(|| inside.display().to_string())
}

/// A function's name without type arguments: `raft::Raft::step` for `raft::Raft<P>::step`, `replica::Replica::tick`
/// for `<replica::Replica<L> as layers::Protocol>::tick`.
fn readable(name: &str) -> String {
    let is_closure = |part: &str| part.starts_with('{') && part.contains("closure") && part.ends_with('}');
    let short = without_type_arguments(name);
    let mut function = short.as_str();
    while let Some((outside, last)) = function.rsplit_once("::")
        && is_closure(last)
    {
        function = outside;
    }
    if is_closure(function) {
        return "a closure".into();
    }
    let closure = if function.len() < short.len() { "a closure in " } else { "" };
    format!("{closure}{function}")
}

fn without_type_arguments(path: &str) -> String {
    let mut short = String::new();
    let mut rest = path;
    while let Some(open) = rest.find('<') {
        short.push_str(&rest[..open]);
        let inside = &rest[open + 1..];
        let Some(close) = end_of_brackets(inside) else { break };
        rest = &inside[close + 1..];
        match (short.is_empty(), inside[..close].strip_prefix("impl ")) {
            // `<Type as Trait>::method`, `<impl Trait for Type>::method`: what counts is the type.
            (true, None) => short = without_type_arguments(before(" as ", &inside[..close])),
            (_, Some(implementation)) => {
                short = without_type_arguments(implementation.split_once(" for ").map_or(implementation, |(_, ty)| ty));
            }
            (false, None) => short.truncate(short.trim_end_matches("::").len()),
        }
    }
    short + rest
}

/// The part of `text` before a separator that is in no brackets.
fn before<'a>(separator: &str, text: &'a str) -> &'a str {
    let mut depth = 0;
    for (at, letter) in text.char_indices() {
        match letter {
            '<' => depth += 1,
            '>' if !text[..at].ends_with('-') => depth -= 1,
            _ if depth == 0 && text[at..].starts_with(separator) => return &text[..at],
            _ => {}
        }
    }
    text
}

/// The position of the `>` that closes the bracket before `text`. The arrow of a function type closes nothing.
fn end_of_brackets(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, letter) in text.char_indices() {
        match letter {
            '<' => depth += 1,
            '>' if text[..at].ends_with('-') => {}
            '>' if depth == 0 => return Some(at),
            '>' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn frames(text: &str) -> Frames {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        Frames { text: text.replace("WORKSPACE", &workspace.display().to_string()) }
    }

    /// A student's backtrace contains only frames of the student's own code.
    #[test]
    fn frames_of_std_and_labrpc_are_left_out() {
        let full = "   0: std::panicking::begin\n             at /rustc/abc/library/std/src/panicking.rs:1:1\n   \
                    1: lab2a_election::election::Election::tick\n             \
                    at WORKSPACE/lab2a-election/src/election.rs:10:5\n   \
                    2: labrpc::sim::scheduler::run_task\n             at ./src/sim/scheduler.rs:3:3\n   \
                    3: start_thread\n             at ./nptl/pthread_create.c:442:8\n";
        let expected = "    lab2a_election::election::Election::tick\n        at lab2a-election/src/election.rs:10:5";
        assert_eq!(frames(full).of_student(), expected);
    }

    /// Names show no type arguments, and a closure is called one.
    #[test]
    fn names_are_short() {
        let cases = [
            ("lab2a_election::raft::Raft<P>::step", "lab2a_election::raft::Raft::step"),
            ("lab2a_election::raft::Raft<a::B<C>>::step::{{closure}}", "a closure in lab2a_election::raft::Raft::step"),
            ("lab::f::{{closure}}::{{closure}}", "a closure in lab::f"),
            ("lab::f::{closure#0}", "a closure in lab::f"),
            ("<replica::Replica<L> as labrpc::layers::Protocol<X>>::tick", "replica::Replica::tick"),
            ("<<A as B>::C as D>::e", "A::C::e"),
            ("<alloc::boxed::Box<F,A> as core::ops::FnOnce<Args>>::call_once", "alloc::boxed::Box::call_once"),
            ("lab::more::<impl lab::raft::Raft<P>>::extra", "lab::raft::Raft::extra"),
            ("lab::more::<impl core::fmt::Debug for lab::raft::Raft<P>>::fmt", "lab::raft::Raft::fmt"),
            ("lab::raft::Raft::<P>::step::<u8>", "lab::raft::Raft::step"),
            ("lab::call<fn(u8) -> u8>::now", "lab::call::now"),
            ("call_once<lab::f::{closure_env#0}, ()>", "call_once"),
            ("{closure#0}", "a closure"),
            ("{closure#0}<lab::raft::Raft<P>, ()>", "a closure"),
            ("lab::plain", "lab::plain"),
        ];
        for (full, short) in cases {
            assert_eq!(readable(full), short);
        }
    }

    /// Frames that repeat are counted, and the function that calls itself is found.
    #[test]
    fn a_recursion_is_counted() {
        let frame =
            |n: usize| format!("{n:>4}: lab::deep<T>\n             at WORKSPACE/lab2a-election/src/election.rs:1:5\n");
        let deep: String = (0..RECURSION_MIN).map(frame).collect();
        assert_eq!(frames(&deep).recursion(), Some(("lab::deep".into(), RECURSION_MIN)));
        assert_eq!(
            frames(&deep).of_student(),
            "    lab::deep, 50 times\n        at lab2a-election/src/election.rs:1:5"
        );
        assert_eq!(frames(&frame(0)).recursion(), None);
    }
}
