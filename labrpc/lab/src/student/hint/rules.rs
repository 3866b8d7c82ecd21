//! What the rules say that failures name.

/// The rules of the test kit, one a line: name, source, text, what to look for.
const LIST: &str = include_str!("../../../../testkit/rules.tsv");

/// A promise that every server keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its short name: `vote-once`.
    pub name: &'static str,
    /// Where it comes from: figure, rule, section of the paper.
    pub source: &'static str,
    /// The rule, in a sentence without its full stop.
    pub text: &'static str,
    /// What to look for if it is broken, without a full stop.
    pub look_for: &'static str,
}

/// The rule with this name.
pub fn named(name: &str) -> Option<Rule> {
    let rules = LIST.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut fields = line.split('\t');
        Some(Rule { name: fields.next()?, source: fields.next()?, text: fields.next()?, look_for: fields.next()? })
    });
    rules.into_iter().find(|rule| rule.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A rule is found by its name, with its place in the paper.
    #[test]
    fn rules_have_names() {
        let rule = named("vote-once").unwrap();
        assert_eq!(rule.text, "A server votes for at most one candidate in a term");
        assert_eq!(rule.source, "Figure 2, RequestVote rule 2; §5.2");
        assert_eq!((named("vote-twice"), named("#")), (None, None));
    }
}
