//! The four kinds of graded tests, each a file in a lab's `tests/`.

use std::path::Path;

/// What a graded test looks at, and thereby in which file it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// One server, driven by a script that plays all others.
    Rules,
    /// A cluster and its faults, step by step.
    Cluster,
    /// A cluster under random work and random faults.
    Chaos,
    /// What it takes: messages, bytes, saves, operations.
    Cost,
}

impl Kind {
    /// All kinds, from the test that says most about a mistake to the one that says least.
    pub const ALL: [Kind; 4] = [Kind::Rules, Kind::Cluster, Kind::Chaos, Kind::Cost];

    /// The name of the test target, and the word for it on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Rules => "rules",
            Kind::Cluster => "cluster",
            Kind::Chaos => "chaos",
            Kind::Cost => "cost",
        }
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The kinds that the lab in this folder has, found as cargo finds its targets.
    pub fn all_in(folder: &Path) -> Vec<Kind> {
        let is_there = |kind: &Kind| {
            let name = kind.name();
            folder.join(format!("tests/{name}.rs")).is_file() || folder.join(format!("tests/{name}/main.rs")).is_file()
        };
        Kind::ALL.into_iter().filter(is_there).collect()
    }
}

/// All names in a row, for messages that say what is accepted.
pub fn kind_names() -> String {
    Kind::ALL.map(Kind::name).join(", ")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::scratch::Scratch;

    /// A kind is a file or a folder with a main file, as cargo has it; other tests are no kinds.
    #[test]
    fn kinds_are_found() {
        let lab = Scratch::new("kinds").unwrap();
        for folder in ["tests/rules", "tests/chaos"] {
            fs::create_dir_all(lab.path().join(folder)).unwrap();
        }
        assert_eq!(Kind::all_in(lab.path()), []);
        for file in ["tests/cost.rs", "tests/rules/main.rs", "tests/chaos/faults.rs", "tests/core.rs"] {
            fs::write(lab.path().join(file), "").unwrap();
        }
        assert_eq!(Kind::all_in(lab.path()), [Kind::Rules, Kind::Cost]);
    }

    /// Each kind is found by its own name.
    #[test]
    fn kinds_have_names() {
        assert_eq!(Kind::ALL.map(|kind| Kind::named(kind.name())), Kind::ALL.map(Some));
        assert_eq!((Kind::named("core"), kind_names().as_str()), (None, "rules, cluster, chaos, cost"));
    }
}
