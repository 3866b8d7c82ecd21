//! The words of Rust code, without comments, texts and characters.

/// A word or a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// Its line, from 1.
    pub line: usize,
    /// A name, a number, `::`, or one other character.
    pub text: &'a str,
}

/// Whether a token is a name.
pub fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// The tokens of a source file. Code that the compiler refuses has tokens, too.
pub fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let length = skipped(rest);
        if length > 0 {
            line += rest[..length].matches('\n').count();
            rest = &rest[length..];
            continue;
        }
        let length = if first.is_alphanumeric() || first == '_' {
            rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        tokens.push(Token { line, text: &rest[..length] });
        rest = &rest[length..];
    }
    tokens
}

/// How many bytes at the beginning are a space, a comment, a text or a character.
fn skipped(rest: &str) -> usize {
    let until = |end: &str| rest.find(end).unwrap_or(rest.len());
    match rest.as_bytes() {
        [first, ..] if first.is_ascii_whitespace() => 1,
        [b'/', b'/', ..] => until("\n"),
        [b'/', b'*', ..] => block_comment(rest),
        [b'"', ..] => quoted(rest, 1),
        [b'b', b'"', ..] => quoted(rest, 2),
        [b'r', b'"' | b'#', ..] => raw(rest, 1),
        [b'b', b'r', b'"' | b'#', ..] => raw(rest, 2),
        [b'\'', b'\\', ..] => {
            2 + rest[2..].char_indices().skip(1).find(|(_, letter)| *letter == '\'').map_or(0, |(at, _)| at + 1)
        }
        [b'\'', ..] => character(rest),
        _ => 0,
    }
}

/// A character, or nothing if it is a lifetime.
fn character(rest: &str) -> usize {
    let mut letters = rest.char_indices().skip(2);
    match letters.next() {
        Some((at, '\'')) => at + 1,
        _ => 0,
    }
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        let (step, change) = match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (2, 1),
            [b'*', b'/', ..] => (2, -1),
            _ => (1, 0),
        };
        depth += change;
        at += step;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn quoted(rest: &str, begin: usize) -> usize {
    let mut is_escaped = false;
    for (at, byte) in rest.bytes().enumerate().skip(begin) {
        match byte {
            b'"' if !is_escaped => return at + 1,
            b'\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
    rest.len()
}

/// A raw text, or nothing if it is a raw name such as `r#type`.
fn raw(rest: &str, begin: usize) -> usize {
    let hashes = rest[begin..].bytes().take_while(|byte| *byte == b'#').count();
    if rest.as_bytes().get(begin + hashes) != Some(&b'"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let body = begin + hashes + 1;
    rest[body..].find(&end).map_or(rest.len(), |at| body + at + end.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        tokens(text).into_iter().map(|token| token.text).collect()
    }

    /// Names, paths and signs are tokens; comments, texts and characters are not.
    #[test]
    fn code_has_tokens() {
        assert_eq!(words("a::b_2(c) // d\n/* e /* f */ g */ h"), ["a", "::", "b_2", "(", "c", ")", "h"]);
        assert_eq!(
            words(r##"a("b\"c", b"d", r#"e"f"#, 'g', '\'', '\u{1F600}') h"##),
            ["a", "(", ",", ",", ",", ",", ",", ")", "h"]
        );
        assert_eq!(
            words("fn f<'a>(x: &'a u8) r#type"),
            ["fn", "f", "<", "'", "a", ">", "(", "x", ":", "&", "'", "a", "u8", ")", "r", "#", "type"]
        );
        assert_eq!(words("\"never closed"), [""; 0]);
        let lines: Vec<usize> = tokens("a\n/*\n*/ b\n\"\n\" c").into_iter().map(|token| token.line).collect();
        assert_eq!(lines, [1, 3, 5]);
    }
}
