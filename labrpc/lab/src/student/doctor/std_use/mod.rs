//! Parts of std that a server must not use: they know nothing of virtual time and of simulated threads.
//!
//! The list is that of clippy.toml, and the modules for which code is not graded. `cargo clippy` knows types and finds every use
//! of its list; this reads names only, but needs no build and works on code that does not compile.

mod code;
mod imports;

use std::fs;

use super::Finding;
use crate::course::Course;
use crate::error::CommandError;
use crate::tree;
use code::Token;

/// How many places are named.
const PLACES_MAX: usize = 5;

/// The modules of std that lead out of the simulation, to files, processes and networks. Code that names one is not graded.
pub const MODULES_OUTSIDE: [&str; 5] = ["env", "fs", "net", "os", "process"];

/// What must not be used, and why.
#[derive(Debug, PartialEq, Eq)]
struct Disallowed {
    path: Vec<String>,
    reason: String,
}

/// Looks at the source files of all labs.
pub fn in_servers(course: &Course) -> Result<Vec<Finding>, CommandError> {
    let mut list = disallowed(&fs::read_to_string(course.root().join("clippy.toml")).unwrap_or_default());
    list.extend(outside());
    let mut places = Vec::new();
    for lab in course.labs() {
        let folder = course.folder(lab).join("src");
        if !folder.is_dir() {
            continue;
        }
        for (name, file) in &tree::read_sources(&folder)? {
            let text = String::from_utf8_lossy(&file.bytes);
            let uses = uses(&text, &list).into_iter();
            places.extend(uses.map(|(line, used)| (format!("{}/src/{name}:{line}", lab.package), used)));
        }
    }
    let mut findings: Vec<Finding> = places
        .iter()
        .take(PLACES_MAX)
        .map(|(place, used)| {
            Finding::wrong("std", format!("{place} uses {}", used.path.join("::")), used.reason.clone())
        })
        .collect();
    match places.len().saturating_sub(PLACES_MAX) {
        0 if findings.is_empty() => {
            findings.push(Finding::ok("std", "the servers use no thread, lock, channel or clock of std"));
        }
        0 => {}
        more => findings.push(Finding::wrong(
            "std",
            format!("{more} more places use std likewise"),
            "cargo clippy names them all",
        )),
    }
    Ok(findings)
}

/// The list of clippy.toml: each entry has its path and its reason in one line.
fn disallowed(clippy: &str) -> Vec<Disallowed> {
    let value = |line: &str, key: &str| {
        let (_, rest) = line.split_once(&format!("{key} = \""))?;
        rest.split('"').next().map(str::to_string)
    };
    let entry = |line: &str| {
        let path = value(line, "path")?.split("::").map(str::to_string).collect();
        Some(Disallowed { path, reason: value(line, "reason").unwrap_or_default() })
    };
    clippy.lines().filter_map(entry).collect()
}

/// What leads out of the simulation.
fn outside() -> impl Iterator<Item = Disallowed> {
    MODULES_OUTSIDE.iter().map(|module| Disallowed {
        path: vec!["std".to_string(), module.to_string()],
        reason: "a server needs nothing from outside of the simulation, and code that names it is not graded"
            .to_string(),
    })
}

/// The first line of each disallowed use in a source file, in the order of the lines.
fn uses<'a>(text: &str, list: &'a [Disallowed]) -> Vec<(usize, &'a Disallowed)> {
    let tokens = code::tokens(text);
    let (imports, rest) = imports::read(&tokens);
    let mut found: Vec<(usize, &Disallowed)> = Vec::new();
    let mut add = |line: usize, path: &[String]| {
        let hit = list.iter().find(|disallowed| path.starts_with(&disallowed.path));
        if let Some(hit) = hit.filter(|hit| !found.iter().any(|(_, other)| other == hit)) {
            found.push((line, hit));
        }
    };
    imports.paths().for_each(|(line, path)| add(line, path));
    for (line, path) in paths(&rest) {
        for path in imports.meanings(&path) {
            add(line, &path);
        }
    }
    found.sort_by_key(|(line, _)| *line);
    found
}

/// The paths of a source file, without those after a dot, which are methods and fields.
fn paths(tokens: &[Token<'_>]) -> Vec<(usize, Vec<String>)> {
    let mut paths = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let Token { line, text } = tokens[at];
        let is_method = at > 0 && tokens[at - 1].text == ".";
        if !code::is_name(text) {
            at += 1;
            continue;
        }
        let mut path = vec![text.to_string()];
        while let [separator, name, ..] = &tokens[at + 1..]
            && separator.text == "::"
            && code::is_name(name.text)
        {
            path.push(name.text.to_string());
            at += 2;
        }
        at += 1;
        // A macro of the prelude has no other mark than this.
        if path == ["thread_local"] && tokens.get(at).is_some_and(|token| token.text == "!") {
            path = vec!["std".to_string(), "thread_local".to_string()];
        }
        if !is_method {
            paths.push((line, path));
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"
disallowed-types = [
    { path = "std::sync::Mutex", reason = "use labrpc::sync::Mutex" },
    { path = "std::time::Instant", reason = "use labrpc::time::Instant" },
]
disallowed-methods = [
    { path = "std::thread::spawn", reason = "use labrpc::thread::spawn" },
]
disallowed-macros = [
    { path = "std::thread_local", reason = "use labrpc::thread_local" },
]
"#;

    fn found(text: &str) -> Vec<(usize, String)> {
        let list = disallowed(LIST);
        uses(text, &list).into_iter().map(|(line, used)| (line, used.path.join("::"))).collect()
    }

    /// However a disallowed thing is named, it is found at its first line.
    #[test]
    fn every_way_to_name_it_is_found() {
        for text in [
            "use std::sync::Mutex;",
            "use std::{sync::{Arc, Mutex as Lock}, time::Duration};",
            "fn f(x: &std::sync::Mutex<u8>) {}",
            "use std::sync; fn f(x: sync::Mutex<u8>) {}",
            "use std::sync as s; type X = s::Mutex<u8>;",
            "use std::sync::*; type X = Mutex<u8>;",
            "use std::sync::{self, Arc}; type X = Arc<sync::Mutex<u8>>;",
            "type X = ::std::sync::Mutex<u8>;",
        ] {
            assert_eq!(found(text), [(1, "std::sync::Mutex".to_string())], "{text}");
        }
        assert_eq!(found("\nlet a = std::time::Instant::now();\n"), [(2, "std::time::Instant".to_string())]);
        assert_eq!(found("use std::thread;\n\nthread::spawn(f);\n"), [(3, "std::thread::spawn".to_string())]);
        assert_eq!(found("thread_local! { static X: u8 = 0; }"), [(1, "std::thread_local".to_string())]);
    }

    /// The modules that lead out of the simulation are found, whatever is used of them.
    #[test]
    fn ways_out_are_found() {
        let list: Vec<Disallowed> = outside().collect();
        let found = |text: &str| -> Vec<(usize, String)> {
            uses(text, &list).into_iter().map(|(line, used)| (line, used.path.join("::"))).collect()
        };
        assert_eq!(found("use std::fs::{self, File};\nfn f() { fs::write(); }"), [(1, "std::fs".to_string())]);
        assert_eq!(found("\nfn f() { std::process::exit(0) }"), [(2, "std::process".to_string())]);
        assert_eq!(found("fn process(env: u8) { self.process(env); std::io::stdout(); }"), []);
    }

    /// What has the same name elsewhere, and what stands in a comment or a text, is no use.
    #[test]
    fn what_is_no_use_is_not_found() {
        for text in [
            "use labrpc::sync::Mutex; use labrpc::thread; fn f(x: Mutex<u8>) { thread::spawn(f); }",
            "// std::sync::Mutex\n/* std::sync::Mutex /* nested */ std::sync::Mutex */\n/// std::time::Instant",
            "let x = \"std::sync::Mutex \\\" std::sync::Mutex\"; let y = r#\"std::sync::Mutex \" \"#; let c = '\"';",
            "use std::sync::Arc; use std::time::Duration; fn f<'a>(x: &'a Arc<u8>) {}",
            "use labrpc::thread_local; thread_local! { static X: u8 = 0; }",
            "fn f() { self.thread.spawn(); spawn(); Mutex::new(); }",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
    }
}
