//! A workspace that ends with an earlier lab.

use super::open::is_test_of_solved;
use super::{HandoutPlan, README, manifests};
use crate::course::{LABS, LabCrate};
use crate::tree::Tree;

/// Tests of the kit that read the files of all labs.
const TESTS_OF_ALL_LABS: &str = "labrpc/testkit/tests/hints.rs";

/// How a README counts the labs.
const COUNTS: [&str; 6] = ["One lab", "Two labs", "Three labs", "Four labs", "Five labs", "Six labs"];

/// Takes the labs out that the plan does not have, and what is said of them.
pub fn leave_out_later_labs(tree: &mut Tree, plan: &HandoutPlan) {
    let later: Vec<&LabCrate> = LABS.iter().filter(|lab| !plan.has(lab)).collect();
    if later.is_empty() {
        return;
    }
    for lab in &later {
        manifests::remove_package(tree, lab.package, lab.package);
        tree.remove(&format!("docs/lab{}.md", lab.id));
    }
    // It runs the servers of all labs.
    manifests::remove_crate(tree, "solved");
    manifests::remove_tests_of_solved(tree);
    tree.retain(|name, _| !is_test_of_solved(name) && name != TESTS_OF_ALL_LABS);
    let count = plan.labs().count();
    for (name, file) in tree.iter_mut().filter(|(name, _)| name.ends_with(".md")) {
        let text = String::from_utf8_lossy(&file.bytes).into_owned();
        let mut text = without_rows(&text, &later);
        if name == README {
            text = text.replacen(COUNTS[COUNTS.len() - 1], COUNTS[count - 1], 1);
        }
        file.bytes = text.into_bytes();
    }
}

/// A page without the rows of its tables that are about these labs.
fn without_rows(text: &str, labs: &[&LabCrate]) -> String {
    let is_about = |line: &&str| {
        let cell = line.strip_prefix('|').and_then(|row| row.split('|').next()).unwrap_or_default();
        let name = cell.trim().trim_start_matches(['[', '`']).split([']', '`']).next().unwrap_or_default();
        labs.iter().any(|lab| name == lab.title() || name == lab.package)
    };
    text.split_inclusive('\n').filter(|line| !is_about(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows about a lab go, whether they link to it or not; all other lines stay.
    #[test]
    fn rows_about_later_labs_go() {
        let page = "| [2C](docs/lab2c.md) | x |\n| [2D](docs/lab2d.md) | x |\n| 2D | x |\n| `lab2d-snapshot` | x |\n2D\n| x | 2D |\n";
        let expected = "| [2C](docs/lab2c.md) | x |\n2D\n| x | 2D |\n";
        assert_eq!(without_rows(page, &[&LABS[3]]), expected);
    }
}
