//! The doc comment of a place to write: its own, or that of the trait's method.

use std::fs;

use super::place::PlaceToWrite;
use crate::course::Course;

/// The file with the traits that the labs' layers implement, from the root.
const TRAITS_FILE: &str = "labrpc/src/layers.rs";

/// The first paragraph of a place's doc comment, and where the rest is; nothing if it has none.
pub fn first_paragraph(course: &Course, place: &PlaceToWrite) -> Vec<String> {
    let read = |file: &str| fs::read_to_string(course.root().join(file)).unwrap_or_default();
    let text = read(&place.file);
    let lines: Vec<&str> = text.lines().collect();
    let is_function = |line: &&&str| is_function(line, &place.item);
    // Several functions may have this name: the one with the `todo!` is meant.
    let end = lines.iter().position(|line| line.contains(&place.message())).map_or(lines.len(), |line| line + 1);
    let Some(above) = lines[..end].iter().rev().skip_while(|line| !is_function(line)).count().checked_sub(1) else {
        return Vec::new();
    };
    let own = paragraph_above(&lines[..above]);
    if !own.is_empty() {
        return shown(own, "the doc comment above it");
    }
    let Some(name) = lines[..above].iter().rev().find_map(|line| implemented_trait(line)) else { return Vec::new() };
    let traits = read(TRAITS_FILE);
    let lines: Vec<&str> = traits.lines().skip_while(|line| !line.starts_with(&format!("pub trait {name}"))).collect();
    let declared = lines.iter().position(|line| is_function(&line)).unwrap_or(0);
    shown(paragraph_above(&lines[..declared]), &format!("the doc comment of `{name}::{}` in {TRAITS_FILE}", place.item))
}

fn shown(paragraph: Vec<String>, place: &str) -> Vec<String> {
    if paragraph.is_empty() {
        return Vec::new();
    }
    let indented = paragraph.into_iter().map(|line| format!("    {line}"));
    [format!("What it has to do, from {place}:")].into_iter().chain(indented).collect()
}

fn is_function(line: &str, item: &str) -> bool {
    let rest = line.split_once("fn ").map(|(_, rest)| rest);
    rest.and_then(|rest| rest.strip_prefix(item)).is_some_and(|rest| rest.starts_with(['(', '<']))
}

/// The trait that a line implements: `impl<L: RaftLog> Protocol for Replica<L> {`.
fn implemented_trait(line: &str) -> Option<&str> {
    let (before, _) = line.strip_prefix("impl")?.split_once(" for ")?;
    before.rsplit([' ', '>']).next().filter(|name| !name.is_empty())
}

/// The first paragraph of the doc comment at the end of these lines.
fn paragraph_above(lines: &[&str]) -> Vec<String> {
    let attached = lines.iter().rev().take_while(|line| line.trim_start().starts_with(['/', '#']));
    let mut comment: Vec<&str> = attached.filter_map(|line| line.trim_start().strip_prefix("///")).collect();
    comment.reverse();
    comment.iter().map(|line| line.trim().to_string()).take_while(|line| !line.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    /// A function has its own comment, a trait's method that of the trait; of two functions with a name, the one with the
    /// `todo!` is meant.
    #[test]
    fn comments_are_found() {
        let folder = Scratch::new("doc").unwrap();
        let file = "lab2a-election/src/server.rs";
        let place = |item: &str| PlaceToWrite { file: file.to_string(), item: item.to_string(), ..Default::default() };
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let source = format!(
            "impl One {{\n    /// Another.\n    fn vote() {{}}\n}}\n\nimpl<L: Log> Protocol for One<L> {{\n    fn tick(&mut self) {{}}\n}}\n\n\
             /// Votes\n/// once.\n///\n/// # Panics\n#[inline]\nfn vote() {{\n    todo!(\"{}\")\n}}\n\nfn bare() {{}}\n",
            place("vote").message()
        );
        write(file, &source);
        let traits = "pub trait Other {\n    fn tick();\n}\n\npub trait Protocol: Send {\n    /// Does what is due.\n    fn tick(&mut self);\n}\n";
        write(TRAITS_FILE, traits);
        let course = Course::at(folder.path());
        let own = ["What it has to do, from the doc comment above it:", "    Votes", "    once."];
        assert_eq!(first_paragraph(&course, &place("vote")), own);
        let of_trait = [
            "What it has to do, from the doc comment of `Protocol::tick` in labrpc/src/layers.rs:",
            "    Does what is due.",
        ];
        assert_eq!(first_paragraph(&course, &place("tick")), of_trait);
        assert!(first_paragraph(&course, &place("gone")).is_empty());
    }
}
