//! Whether every page that a handout names is in it.
//!
//! The two tracks have different pages, and a page that both have may name one that only the other has. Looked at are the
//! links of Markdown files, with the headings that they lead to, and `docs/…` and the labs' `lib.rs` wherever a page, a comment
//! or the command's own advice names them.

use std::collections::BTreeSet;

use crate::course::LABS;
use crate::tree::Tree;

/// The command's own source names the pages of both tracks.
const COMMAND: &str = "labrpc/lab/";

/// What is named and not there, one line each. `advice` are the texts in which the command says what to do next.
pub fn find_broken(tree: &Tree, advice: &[String]) -> Vec<String> {
    let texts = tree.iter().filter_map(|(name, file)| Some((name.as_str(), std::str::from_utf8(&file.bytes).ok()?)));
    let mut broken = BTreeSet::new();
    for (name, text) in texts {
        let is_page = name.ends_with(".md");
        if is_page {
            let links = links(text).into_iter().filter(|link| !leads_somewhere(tree, name, link));
            broken.extend(links.map(|link| format!("{name} links to {link}")));
        }
        if is_page || name.ends_with(".rs") && !name.starts_with(COMMAND) {
            let missing = named(text).into_iter().filter(|path| !is_there(tree, path));
            broken.extend(missing.map(|path| format!("{name} names {path}")));
        }
    }
    for text in advice {
        let missing = named(text).into_iter().filter(|path| !is_there(tree, path));
        broken.extend(missing.map(|path| format!("the command says `{}` and names {path}", text.trim())));
    }
    broken.into_iter().collect()
}

/// The targets of a page's links, without those to other sites.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:")).collect()
}

/// Whether a link of a page leads to a file of the tree, and if it names a heading, to one that the file has.
fn leads_somewhere(tree: &Tree, page: &str, link: &str) -> bool {
    let (path, heading) = link.split_once('#').map_or((link, None), |(path, heading)| (path, Some(heading)));
    let target = if path.is_empty() { page.to_string() } else { beside(page, path) };
    let text = |name: &str| tree.get(name).map(|file| String::from_utf8_lossy(&file.bytes).into_owned());
    match heading {
        Some(heading) => text(&target).is_some_and(|text| anchors(&text).any(|anchor| anchor == heading)),
        None => is_there(tree, &target),
    }
}

/// The path of a file that a page names relative to itself.
fn beside(page: &str, path: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn is_there(tree: &Tree, path: &str) -> bool {
    let path = path.trim_end_matches('/');
    tree.contains_key(path) || tree.keys().any(|name| name.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')))
}

/// How links name the headings of a page.
fn anchors(text: &str) -> impl Iterator<Item = String> {
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    headings.map(|heading| {
        let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
        kept.map(|letter| if letter == ' ' { '-' } else { letter.to_ascii_lowercase() }).collect()
    })
}

/// The pages and the labs' `lib.rs` that a text names by their paths from the root.
fn named(text: &str) -> BTreeSet<&str> {
    let is_path = |letter: char| letter.is_ascii_alphanumeric() || "-_./".contains(letter);
    let words = text.split(|letter| !is_path(letter)).map(|word| word.trim_end_matches(['.', '/']));
    let is_lib = |word: &str| LABS.iter().any(|lab| word == format!("{}/src/lib.rs", lab.package));
    words.filter(|word| word.starts_with("docs/") || is_lib(word)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let folder = Scratch::new("links").unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        crate::tree::read(folder.path()).unwrap()
    }

    /// A link leads to a file or a folder, relative to its page, and to a heading that is there.
    #[test]
    fn links_lead_somewhere() {
        let page =
            "[a](b.md) [c](b.md#two-words) [d](../README.md) [e](https://example.org/x) [f](#here) [g](sub/)\n# Here\n";
        let right = [("docs/a.md", page), ("docs/b.md", "## Two words!\n"), ("README.md", ""), ("docs/sub/x.md", "")];
        assert_eq!(find_broken(&tree(&right), &[]), [""; 0]);
        let wrong = tree(&[("docs/a.md", page), ("docs/b.md", "## Two\n")]);
        let expected = ["../README.md", "b.md#two-words", "sub/"].map(|link| format!("docs/a.md links to {link}"));
        assert_eq!(find_broken(&wrong, &[]), expected);
    }

    /// A page that a text, a comment or the command names by its path is there.
    #[test]
    fn named_pages_are_there() {
        let files = [
            ("README.md", "Read `docs/world.md`, and docs/lab2a.md."),
            ("labrpc/src/lib.rs", "//! As docs/words.md says.\n"),
            ("labrpc/lab/src/main.rs", "// docs/lab3b.md\n"),
            ("docs/world.md", ""),
        ];
        let advice = ["Read lab2b-log/src/lib.rs, then: cargo lab test 2b\n".to_string()];
        let expected = [
            "README.md names docs/lab2a.md",
            "labrpc/src/lib.rs names docs/words.md",
            "the command says `Read lab2b-log/src/lib.rs, then: cargo lab test 2b` and names lab2b-log/src/lib.rs",
        ];
        assert_eq!(find_broken(&tree(&files), &advice), expected);
    }
}
