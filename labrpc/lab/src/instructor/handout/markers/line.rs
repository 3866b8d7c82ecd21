//! Parsing one line of a source file.

/// A marker line, parsed.
pub enum Marker<'a> {
    Begin { lab: &'a str, rule: &'a str },
    Hint(&'a str),
    End,
    Malformed,
}

/// Parses a marker line. A comment whose first word is BEGIN, HINT or END must be a marker: if a
/// malformed one were ignored, the handout would contain a solution.
pub fn parse(line: &str) -> Option<Marker<'_>> {
    let comment = line.trim().strip_prefix("//")?;
    let words = comment.trim_start_matches(['/', '!']).trim_start();
    let (word, rest) = words.split_once(char::is_whitespace).unwrap_or((words, ""));
    if !matches!(word.trim_end_matches(':'), "BEGIN" | "HINT" | "END") {
        return None;
    }
    if comment == " END" {
        return Some(Marker::End);
    }
    let rest = rest.trim();
    if comment.starts_with(" HINT ") && !rest.is_empty() {
        return Some(Marker::Hint(rest));
    }
    let (lab, rule) = rest.split_once(' ').unwrap_or((rest, ""));
    let is_begin = comment.starts_with(" BEGIN ") && !rule.trim().is_empty();
    Some(if is_begin { Marker::Begin { lab, rule: rule.trim() } } else { Marker::Malformed })
}
