//! What submitted code must not have: with unsafe code, or with machine code, it could change anything in its process.
//!
//! The compiler forbids unsafe code, but not every attribute that is as powerful. So the code is taken apart here, too, as
//! the compiler does it, by tokens.

use super::words::words;
use crate::tree::Tree;

/// The words that must not be there, with what they do. Nothing else in safe Rust is as powerful: `asm!`, for instance, needs the
/// first of them.
const FORBIDDEN: [(&str, &str); 2] =
    [("unsafe", "`unsafe` code is not allowed"), ("global_asm", "machine code is not allowed")];

/// Where a lab's sources have something that is forbidden: the file, the line, and what it is. `None` if they have nothing.
pub fn find<'a>(sources: impl Iterator<Item = (&'a String, &'a [u8])>) -> Option<String> {
    sources.into_iter().find_map(|(name, bytes)| {
        let words = words(&String::from_utf8_lossy(bytes));
        let names = words.iter().filter(|word| !word.is_literal);
        let mut found = names.filter_map(|word| Some((word.line, why_forbidden(&word.text)?)));
        found.next().map(|(line, why)| format!("{name}:{line}: {why}"))
    })
}

/// The same for the files of a tree that are in a folder.
pub fn find_below(tree: &Tree, folder: &str) -> Option<String> {
    find(tree.iter().filter(|(name, _)| name.starts_with(folder)).map(|(name, file)| (name, file.bytes.as_slice())))
}

fn why_forbidden(word: &str) -> Option<&'static str> {
    FORBIDDEN.iter().find(|(forbidden, _)| *forbidden == word).map(|(_, why)| *why)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The word itself is not in this file: it is looked for in it, too.
    fn found(text: &str) -> Option<String> {
        let text = text.replace("UNSAFE", "unsafe");
        find([(&"lab2a-election/src/lib.rs".to_string(), text.as_bytes())].into_iter())
    }

    /// Every way to write unsafe or machine code is found, with its line.
    #[test]
    fn forbidden_code_is_found_with_its_line() {
        for (text, line, what) in [
            ("fn a() {\n    UNSAFE { b() }\n}", 2, "`unsafe` code"),
            ("//! Text.\n#[UNSAFE(naked)]\nextern \"C\" fn a() {}", 2, "`unsafe` code"),
            ("#[r#UNSAFE(no_mangle)]\nfn a() {}", 1, "`unsafe` code"),
            ("use std::arch::global_asm;", 1, "machine code"),
            ("macro_rules! m { () => {\n\n std::arch::global_asm!(\"\"); } }", 3, "machine code"),
            ("const A: &str = \"\\\"\"; /* \" */ UNSAFE fn b() {}", 1, "`unsafe` code"),
            ("const A: char = '\"'; UNSAFE fn b() {} const B: char = '\"';", 1, "`unsafe` code"),
            ("this is } no Rust\nUNSAFE", 2, "`unsafe` code"),
        ] {
            let found = found(text).unwrap_or_else(|| panic!("nothing in {text}"));
            assert!(found.starts_with(&format!("lab2a-election/src/lib.rs:{line}: {what}")), "{found}");
        }
    }

    /// Words of comments, texts and other names are not code.
    #[test]
    fn other_code_is_allowed() {
        let text = "//! Nothing is UNSAFE here.\n#![forbid(UNSAFE_code)]\n/* UNSAFE /* asm */ UNSAFE */\n\
                    const A: &str = \"UNSAFE\"; const B: &str = r#\"UNSAFE { \"asm\" }\"#; fn UNSAFEly<'a>(_: &'a str) {}\n";
        assert_eq!(found(text), None);
    }

    /// Deep code is no danger for who looks at it.
    #[test]
    fn deep_code_is_read() {
        let (open, close) = ("(".repeat(2_000), ")".repeat(2_000));
        assert_eq!(found(&format!("const A: u8 = {open}1{close};")), None);
    }
}
