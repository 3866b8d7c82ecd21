//! The workspace's manifests without the crates that a handout does not have.

use crate::tree::Tree;

/// The workspace's manifest, and its line that a student's workspace does not have: students may leave
/// their own functions undocumented.
const MANIFEST: &str = "Cargo.toml";
const DOCS_LINT: &str = "missing_docs = \"warn\"\n";
const LOCK: &str = "Cargo.lock";
const PACKAGE: &str = "[[package]]\n";

/// The command's manifest, and its line that decides whether the instructor's commands are built.
const COMMAND_MANIFEST: &str = "labrpc/lab/Cargo.toml";
const WITH_INSTRUCTOR: &str = "default = [\"instructor\"]\n";
const WITHOUT_INSTRUCTOR: &str = "default = []\n";

/// What the test kit needs for tests of the labs' finished servers: packages, and parts of its manifest.
const KIT: &str = "testkit";
const KIT_MANIFEST: &str = "labrpc/testkit/Cargo.toml";
const KIT_FOR_SOLVED: [&str; 2] = ["kvkit", "solved"];
const KIT_DEV_PARTS: [&str; 2] = ["[dev-dependencies]", "[[bench]]"];

/// Takes a crate of `labrpc` out of the workspace: its files, and what the manifests say of it.
pub fn remove_crate(tree: &mut Tree, package: &str) {
    remove_package(tree, package, &format!("labrpc/{package}"));
}

/// Takes a package out of the workspace: the files of its folder, and what the manifests say of it.
pub fn remove_package(tree: &mut Tree, package: &str, folder: &str) {
    tree.retain(|name, _| !name.starts_with(&format!("{folder}/")));
    edit(tree, MANIFEST, |text| {
        let is_about =
            |line: &str| line.trim() == format!("\"{folder}\",") || line.starts_with(&format!("{package} = "));
        text.split_inclusive('\n').filter(|line| !is_about(line)).collect()
    });
    edit(tree, LOCK, |text| {
        let is_of = |block: &&str| block.starts_with(&format!("name = \"{package}\"\n"));
        let left = text.split(PACKAGE).filter(|block| !is_of(block)).collect::<Vec<_>>().join(PACKAGE);
        format!("{}\n", left.trim_end())
    });
}

/// Takes out of the test kit what runs the labs' finished servers, which a workspace of the open track does not have.
pub fn remove_tests_of_solved(tree: &mut Tree) {
    edit(tree, KIT_MANIFEST, |text| {
        let parts = text.split_inclusive("\n\n");
        let is_dev = |part: &&str| part.lines().any(|line| KIT_DEV_PARTS.contains(&line));
        parts.filter(|part| !is_dev(part)).collect()
    });
    edit(tree, LOCK, |text| {
        let without = |block: &str| -> String {
            let is_gone = |line: &&str| KIT_FOR_SOLVED.iter().any(|name| line.trim() == format!("\"{name}\","));
            block.split_inclusive('\n').filter(|line| !is_gone(line)).collect()
        };
        let is_kit = |block: &str| block.starts_with(&format!("name = \"{KIT}\"\n"));
        let blocks = text.split(PACKAGE).map(|block| if is_kit(block) { without(block) } else { block.to_string() });
        blocks.collect::<Vec<_>>().join(PACKAGE)
    });
}

/// Gives a lab of the open track what a server of any design needs: messages of its own, log lines, a generator for its timeouts. It
/// keeps what it has, such as the labs before it.
pub fn add_dependencies(tree: &mut Tree, package: &str) {
    const NEEDED: [&str; 3] = ["log", "rand", "serde"];
    edit(tree, &format!("{package}/Cargo.toml"), |text| {
        let Some((before, rest)) = text.split_once("\n[dependencies]\n") else { return text.to_string() };
        let section = rest.split("\n[").next().unwrap_or(rest);
        let has = |name: &str| section.lines().any(|line| line.starts_with(&format!("{name}.")));
        let missing = NEEDED.iter().filter(|name| !has(name));
        let lines: String = missing.map(|name| format!("{name}.workspace = true\n")).collect();
        format!("{before}\n[dependencies]\n{lines}{rest}")
    });
    edit(tree, LOCK, |text| {
        let with_needed = |block: &str| {
            let Some((head, rest)) = block.split_once("dependencies = [\n") else { return block.to_string() };
            let Some((list, tail)) = rest.split_once("]\n") else { return block.to_string() };
            let mut lines: Vec<String> = list.lines().map(str::to_string).collect();
            lines.extend(NEEDED.iter().map(|name| format!(" \"{name}\",")));
            lines.sort();
            lines.dedup();
            format!("{head}dependencies = [\n{}\n]\n{tail}", lines.join("\n"))
        };
        let is_of = |block: &str| block.starts_with(&format!("name = \"{package}\"\n"));
        let blocks = text.split(PACKAGE).map(|block| if is_of(block) { with_needed(block) } else { block.to_string() });
        blocks.collect::<Vec<_>>().join(PACKAGE)
    });
}

/// Builds the command without the instructor's part, which no handout has.
pub fn remove_instructor(tree: &mut Tree) {
    edit(tree, COMMAND_MANIFEST, |text| text.replacen(WITH_INSTRUCTOR, WITHOUT_INSTRUCTOR, 1));
}

/// No lint asks students for docs.
pub fn remove_docs_lint(tree: &mut Tree) {
    edit(tree, MANIFEST, |text| text.replacen(DOCS_LINT, "", 1));
}

fn edit(tree: &mut Tree, name: &str, edited: impl FnOnce(&str) -> String) {
    if let Some(file) = tree.get_mut(name) {
        file.bytes = edited(&String::from_utf8_lossy(&file.bytes)).into_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;
    use crate::tree;

    fn tree_of(files: &[(&str, &str)]) -> Tree {
        let folder = Scratch::new("manifests").unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        tree::read(folder.path()).unwrap()
    }

    fn text<'a>(tree: &'a Tree, name: &str) -> &'a str {
        std::str::from_utf8(&tree[name].bytes).unwrap()
    }

    /// A crate leaves no trace: no member, no dependency, no package in the lock file.
    #[test]
    fn a_crate_leaves_no_trace() {
        let mut tree = tree_of(&[
            (
                "Cargo.toml",
                "members = [\n    \"labrpc\",\n    \"labrpc/solved\",\n]\nsolved = { path = \"labrpc/solved\" }\n",
            ),
            (
                "Cargo.lock",
                "version = 4\n\n[[package]]\nname = \"serde\"\n\n[[package]]\nname = \"solved\"\nversion = \"1\"\n\n",
            ),
            ("labrpc/solved/src/lib.rs", ""),
        ]);
        remove_crate(&mut tree, "solved");
        assert_eq!(text(&tree, "Cargo.toml"), "members = [\n    \"labrpc\",\n]\n");
        assert_eq!(text(&tree, "Cargo.lock"), "version = 4\n\n[[package]]\nname = \"serde\"\n");
        assert_eq!(tree.len(), 2);
    }

    /// A lab gets what it lacks, once, and the lock file agrees.
    #[test]
    fn dependencies_are_added() {
        let manifest = "[package]\nname = \"lab2b-log\"\n\n[dependencies]\nlabrpc.workspace = true\nlog.workspace = true\n\n[dev-dependencies]\nrand.workspace = true\n";
        let lock = "[[package]]\nname = \"lab2b-log\"\ndependencies = [\n \"labrpc\",\n \"log\",\n \"testkit\",\n]\n";
        let mut tree = tree_of(&[("lab2b-log/Cargo.toml", manifest), ("Cargo.lock", lock)]);
        add_dependencies(&mut tree, "lab2b-log");
        let expected = "[package]\nname = \"lab2b-log\"\n\n[dependencies]\nrand.workspace = true\nserde.workspace = true\n\
                        labrpc.workspace = true\nlog.workspace = true\n\n[dev-dependencies]\nrand.workspace = true\n";
        assert_eq!(text(&tree, "lab2b-log/Cargo.toml"), expected);
        let expected = "[[package]]\nname = \"lab2b-log\"\ndependencies = [\n \"labrpc\",\n \"log\",\n \"rand\",\n \"serde\",\n \
                        \"testkit\",\n]\n";
        assert_eq!(text(&tree, "Cargo.lock"), expected);
    }

    /// The test kit keeps its own dependencies, and those of other packages are not touched.
    #[test]
    fn the_test_kit_needs_no_lab() {
        let kit = "[package]\nname = \"testkit\"\n\n[dependencies]\nlog = \"1\"\n\n# For the bench.\n[dev-dependencies]\nsolved = \"1\"\n\n\
                   [[bench]]\nname = \"growth\"\n\n[lints]\nworkspace = true\n";
        let lock = "[[package]]\nname = \"lab3a-kv\"\ndependencies = [\n \"kvkit\",\n]\n\n[[package]]\nname = \"testkit\"\n\
                    dependencies = [\n \"kvkit\",\n \"log\",\n \"solved\",\n]\n";
        let mut tree = tree_of(&[("labrpc/testkit/Cargo.toml", kit), ("Cargo.lock", lock)]);
        remove_tests_of_solved(&mut tree);
        let expected = "[package]\nname = \"testkit\"\n\n[dependencies]\nlog = \"1\"\n\n[lints]\nworkspace = true\n";
        assert_eq!(text(&tree, "labrpc/testkit/Cargo.toml"), expected);
        let expected = "[[package]]\nname = \"lab3a-kv\"\ndependencies = [\n \"kvkit\",\n]\n\n[[package]]\nname = \"testkit\"\n\
                        dependencies = [\n \"log\",\n]\n";
        assert_eq!(text(&tree, "Cargo.lock"), expected);
    }
}
