//! Parsing one line of a source file.

/// A marker line, parsed.
pub enum Marker<'a> {
    Begin { lab: &'a str, rule_and_hint: &'a str },
    End,
    Malformed,
}

/// Parses a marker line. A comment whose first word is BEGIN or END must be a marker: if a
/// malformed one were ignored, the handout would contain a solution.
pub fn parse(line: &str) -> Option<Marker<'_>> {
    let comment = line.trim().strip_prefix("//")?;
    let words = comment.trim_start_matches(['/', '!']).trim_start();
    let (word, rest) = words.split_once(char::is_whitespace).unwrap_or((words, ""));
    if !matches!(word.trim_end_matches(':'), "BEGIN" | "END") {
        return None;
    }
    if comment == " END" {
        return Some(Marker::End);
    }
    if !comment.starts_with(" BEGIN ") {
        return Some(Marker::Malformed);
    }
    let (lab, rule_and_hint) = rest.split_once(' ').unwrap_or((rest, ""));
    let is_complete =
        rule_and_hint.split_once(':').is_some_and(|(rule, hint)| !rule.trim().is_empty() && !hint.trim().is_empty());
    Some(if is_complete { Marker::Begin { lab, rule_and_hint: rule_and_hint.trim() } } else { Marker::Malformed })
}
