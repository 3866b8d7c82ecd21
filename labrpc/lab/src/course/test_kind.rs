//! The four kinds of graded tests. Each is a file or folder of a lab's `tests/graded`, and a module of its
//! test binary.

use std::path::Path;

/// The test target that holds all graded tests of a lab.
pub const GRADED_TARGET: &str = "graded";

/// Where a lab's graded tests are, from the lab's folder.
pub const GRADED_FOLDER: &str = "tests/graded";

/// The module around the kinds that run a whole cluster. The test harness sorts by path, and so runs
/// `rules` before them.
const SYSTEM_MODULE: &str = "system::";

/// What a graded test looks at. It is the first module of the test's path, or the one after `system`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TestKind {
    /// One server; a script plays all other servers.
    Rules,
    /// A cluster and its faults, step by step.
    Cluster,
    /// A cluster under random work and random faults.
    Chaos,
    /// The cost: messages, bytes, saves, operations.
    Cost,
}

impl TestKind {
    /// All kinds, from the one that says most about a mistake to the one that says least.
    pub const ALL: [TestKind; 4] = [TestKind::Rules, TestKind::Cluster, TestKind::Chaos, TestKind::Cost];

    /// The name of the module, and of the kind on the command line.
    pub fn name(self) -> &'static str {
        match self {
            TestKind::Rules => "rules",
            TestKind::Cluster => "cluster",
            TestKind::Chaos => "chaos",
            TestKind::Cost => "cost",
        }
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<TestKind> {
        TestKind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The kind of the test with this path: `rules::votes::late_2a` is one of the rules.
    pub fn of_path(path: &str) -> Option<TestKind> {
        TestKind::named(path.strip_prefix(SYSTEM_MODULE).unwrap_or(path).split_once("::")?.0)
    }

    /// The kinds that the lab in this folder has: those whose module has a file.
    pub fn all_in(folder: &Path) -> Vec<TestKind> {
        let graded = folder.join(GRADED_FOLDER);
        if !graded.join("main.rs").is_file() {
            return Vec::new();
        }
        let is_there = |kind: &TestKind| {
            let name = kind.name();
            graded.join(format!("{name}.rs")).is_file() || graded.join(format!("{name}/mod.rs")).is_file()
        };
        TestKind::ALL.into_iter().filter(is_there).collect()
    }
}

/// The names of all kinds, for messages that say what is accepted.
pub fn kind_names() -> String {
    TestKind::ALL.map(TestKind::name).join(", ")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::scratch::Scratch;

    /// A kind is a file or a folder with a mod.rs, in a folder with a main.rs; other modules are no kinds.
    #[test]
    fn kinds_are_found() {
        let lab = Scratch::new("kinds").unwrap();
        for folder in ["tests/graded/rules", "tests/graded/chaos"] {
            fs::create_dir_all(lab.path().join(folder)).unwrap();
        }
        for file in ["graded/cost.rs", "graded/rules/mod.rs", "graded/chaos/faults.rs", "graded/lab.rs", "core.rs"] {
            fs::write(lab.path().join("tests").join(file), "").unwrap();
        }
        assert_eq!(TestKind::all_in(lab.path()), []);
        fs::write(lab.path().join("tests/graded/main.rs"), "").unwrap();
        assert_eq!(TestKind::all_in(lab.path()), [TestKind::Rules, TestKind::Cost]);
    }

    /// Each kind is found by its own name.
    #[test]
    fn kinds_have_names() {
        assert_eq!(TestKind::ALL.map(|kind| TestKind::named(kind.name())), TestKind::ALL.map(Some));
        assert_eq!((TestKind::named("core"), kind_names().as_str()), (None, "rules, cluster, chaos, cost"));
    }

    /// The first module of a path is the kind, or the one after `system`; a test in no such module has none.
    #[test]
    fn a_path_begins_with_its_kind() {
        assert_eq!(TestKind::of_path("rules::votes::late_2a"), Some(TestKind::Rules));
        assert_eq!(TestKind::of_path("chaos::late_2a"), Some(TestKind::Chaos));
        assert_eq!(TestKind::of_path("system::chaos::late_2a"), Some(TestKind::Chaos));
        for path in ["lab::late_2a", "rules", "system::late_2a", "lab::chaos::late_2a"] {
            assert_eq!(TestKind::of_path(path), None, "{path}");
        }
    }
}
