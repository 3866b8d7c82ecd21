//! What submitted code must not reach: files, processes, the network, the environment.
//!
//! Without `unsafe`, whatever leads out of the process goes through a few modules of std and a few macros. No server of the
//! course needs them. So code that names one of them is refused, whatever it wants there: it cannot write a tape or a report of
//! its own making. What is used of std must be named in full, so that no other name can stand for such a module.

use super::words::{Word, words};
use crate::course::{LABS, LabCrate};
use crate::student::doctor::std_use::MODULES_OUTSIDE;
use crate::tree::Tree;

/// The macros that read files or variables while code is compiled.
const MACROS: [&str; 5] = ["env", "include", "include_bytes", "include_str", "option_env"];

/// Where the code of a lab, or of one before it, reaches for what it must not: the file, the line, and what it is. `None` if it
/// does not.
pub fn find(submitted: &Tree, lab: &LabCrate) -> Option<String> {
    let sources = submitted.iter().map(|(name, file)| (name.as_str(), file.bytes.as_slice()));
    let is_used = |name: &str| LABS.iter().any(|other| other.id <= lab.id && name.starts_with(other.package));
    find_among(sources, is_used)
}

fn find_among<'a>(
    sources: impl Iterator<Item = (&'a str, &'a [u8])>,
    is_used: impl Fn(&str) -> bool,
) -> Option<String> {
    let files: Vec<(&str, Vec<Word>)> =
        sources.map(|(name, bytes)| (name, words(&String::from_utf8_lossy(bytes)))).collect();
    // A macro could put a path together from its parts, which may be in any file.
    let has_macros = files.iter().any(|(_, words)| words.iter().any(|word| word.is_name("macro_rules")));
    files.iter().filter(|(name, _)| is_used(name)).find_map(|(name, words)| {
        let (line, what) = find_in(words, has_macros)?;
        Some(format!("{name}:{line}: {what}"))
    })
}

/// Looks through the words of one file.
fn find_in(words: &[Word], has_macros: bool) -> Option<(usize, String)> {
    (0..words.len()).find_map(|at| {
        let what = found_at(&words[at..], has_macros)?;
        Some((words[at].line, what))
    })
}

/// What the code that begins with these words reaches for.
fn found_at(words: &[Word], has_macros: bool) -> Option<String> {
    let word = &words[0];
    let next = |nth: usize| words.get(nth).map_or("", |word| word.text.as_str());
    let name = word.text.as_str();
    if word.is_literal {
        let is_path = word.is_in_attribute && name.contains("std");
        return is_path.then(|| format!("an attribute must not have a text that names std, as {name} does"));
    }
    if name == "std" {
        return of_std(words);
    }
    if name == "path" && word.is_in_attribute && next(1) == "=" {
        return Some("`#[path]` could name a file outside: put the file where its module belongs".to_string());
    }
    let is_called = next(1) == "!" && next(2) != "=";
    if MACROS.contains(&name) && is_called {
        return Some(format!("`{name}!` reads what is outside, and a server needs nothing from there"));
    }
    let is_part = MODULES_OUTSIDE.contains(&name) || MACROS.contains(&name);
    (has_macros && is_part).then(|| format!("where macros are defined, `{name}` must not be a name"))
}

/// What of std a path names that begins with `std`.
fn of_std(words: &[Word]) -> Option<String> {
    let text = |nth: usize| words.get(nth).map_or("", |word| word.text.as_str());
    let refuse = |name: &str| {
        let is_outside = MODULES_OUTSIDE.contains(&name) || MACROS.contains(&name);
        is_outside.then(|| format!("`std::{name}` leads out of the simulation, and a server needs nothing from there"))
    };
    if text(1) != ":" || text(2) != ":" {
        return Some("`std` must not get another name".to_string());
    }
    match text(3) {
        "{" => members(&words[4..]).find_map(|name| match name {
            "self" | "*" => Some(format!("`std::{{{name}}}` could be anything: name what you use")),
            name => refuse(name),
        }),
        name if name.starts_with(|first: char| first.is_alphabetic() || first == '_') => refuse(name),
        _ => Some("a path that begins with `std` must name what it is".to_string()),
    }
}

/// The first word of each member of a list, up to its closing brace.
fn members(words: &[Word]) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    let mut is_first = true;
    let mut is_over = false;
    words.iter().filter_map(move |word| {
        let text = word.text.as_str();
        let is_member = is_first && depth == 0 && !is_over && text != ":" && text != "}";
        match text {
            "{" => depth += 1,
            "}" if depth == 0 => is_over = true,
            "}" => depth -= 1,
            _ => {}
        }
        // A path may begin with two colons.
        is_first = depth == 0 && (text == "," || is_first && text == ":");
        is_member.then_some(text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<String> {
        find_among([("lab2a-election/src/lib.rs", text.as_bytes())].into_iter(), |_| true)
    }

    /// However a way out is named, it is found, with its line.
    #[test]
    fn every_way_out_is_found() {
        for (text, line, what) in [
            ("fn f() { std::fs::write(\"a\", \"b\"); }", 1, "`std::fs`"),
            ("\nuse ::std::net::TcpStream;", 2, "`std::net`"),
            ("use std::{sync::Arc,\n process::{self, Command}};", 1, "`std::process`"),
            ("use std::{::fs};", 1, "`std::fs`"),
            ("use std::{collections::{BTreeMap, VecDeque}, os::fd::AsFd};", 1, "`std::os`"),
            ("use r#std::r#fs;", 1, "`std::fs`"),
            ("use std::*;\nfn f() { fs::read(\"a\"); }", 1, "must name what it is"),
            ("use std::{*};", 1, "could be anything"),
            ("use std::{self as s};", 1, "could be anything"),
            ("use std as s;\nfn f() { s::fs::read(\"a\"); }", 1, "`std` must not get another name"),
            ("extern crate std as s;", 1, "`std` must not get another name"),
            ("m!(std);", 1, "`std` must not get another name"),
            ("use std::include_str as read;", 1, "`std::include_str`"),
            ("const A: &str =\n include_str!(\"../b\");", 2, "`include_str!`"),
            ("mod a { include! { \"b.txt\" } }", 1, "`include!`"),
            ("const A: Option<&str> = option_env!(\"B\");", 1, "`option_env!`"),
            ("#[path = \"/etc/a.rs\"] mod a;", 1, "`#[path]`"),
            ("#[cfg_attr(all(), path = \"/etc/a.rs\")] mod a;", 1, "`#[path]`"),
            ("#![cfg_attr(all(), path = \"/etc/a.rs\")]", 1, "`#[path]`"),
            ("#[serde(default = \"std::process::id\")] struct A;", 1, "an attribute must not have a text"),
            ("macro_rules! m { ($a:ident $b:ident) => { $a::$b::read } }\nm!(s fs);", 2, "`fs` must not be a name"),
            ("this is } no Rust\nstd", 2, "`std` must not get another name"),
        ] {
            let found = found(text).unwrap_or_else(|| panic!("nothing in {text}"));
            let beginning = format!("lab2a-election/src/lib.rs:{line}: ");
            assert!(found.starts_with(&beginning) && found.contains(what), "{text}: {found}");
        }
    }

    /// A part of a path may be in another file than the macro that puts it together.
    #[test]
    fn macros_and_parts_may_be_in_two_files() {
        let files = [("a.rs", "macro_rules! m { () => {} }"), ("b.rs", "fn fs() {}")];
        let found = find_among(files.iter().map(|(name, text)| (*name, text.as_bytes())), |name| name == "b.rs");
        assert_eq!(found.as_deref(), Some("b.rs:1: where macros are defined, `fs` must not be a name"));
        assert_eq!(find_among([("b.rs", "fn fs() {}".as_bytes())].into_iter(), |_| true), None);
        let unused = find_among([("a.rs", "use std::fs;".as_bytes())].into_iter(), |name| name == "b.rs");
        assert_eq!(unused, None);
    }

    /// What a server uses, and what has the same names, is allowed.
    #[test]
    fn other_code_is_allowed() {
        for text in [
            "use std::collections::{BTreeMap, HashMap as Map}; use std::{sync::Arc, time::Duration, fmt::{self, Debug}};",
            "fn f(x: &std::io::Error) -> std::result::Result<(), ()> { self.process(x); Self::process(env); env != fs }",
            "//! Not std::fs, and not include_str!(\"a\").\n/// `std::net`\n#[doc = \"std::env\"]\nfn f() { println!(\"std::fs {path}\", path = 1); }",
            "struct A { path: u8, env: u8 } fn f(a: A) { let path = a.path; let std_fs = \"std::fs\"; }",
            "#[serde(rename = \"process\")] struct A; macro_rules! m { () => { 1 } }",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
