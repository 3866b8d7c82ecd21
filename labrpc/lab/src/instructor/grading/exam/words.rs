//! The words of a source file, as the compiler takes it apart: what looks through submitted code looks at these.

use std::str::FromStr;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A word or sign of a source file.
#[derive(Debug)]
pub struct Word {
    /// From 1.
    pub line: usize,
    /// A name without `r#`, a literal, a sign, or a bracket.
    pub text: String,
    pub is_literal: bool,
    /// Whether it is part of an attribute that is no comment.
    pub is_in_attribute: bool,
}

impl Word {
    /// Whether it is this name.
    pub fn is_name(&self, name: &str) -> bool {
        self.text == name && !self.is_literal
    }
}

/// The words of a source file, in order, with its brackets. What is no Rust has only words: the compiler refuses it.
pub fn words(text: &str) -> Vec<Word> {
    let words = match TokenStream::from_str(text.strip_prefix('\u{feff}').unwrap_or(text)) {
        Ok(tokens) => words_of(tokens),
        Err(_) => words_of_no_rust(text),
    };
    // Or else the text would be kept for as long as this thread lives.
    proc_macro2::extra::invalidate_current_thread_spans();
    words
}

fn words_of(tokens: TokenStream) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    // Groups may be deeper than the stack, so they are not followed by recursion. Each has its closing bracket, and whether it is
    // part of an attribute.
    let mut open = vec![(tokens.into_iter(), "", false)];
    while let Some((tokens, close, is_in_attribute)) = open.last_mut() {
        let is_in_attribute = *is_in_attribute;
        let mut add = |line: usize, text: String, is_literal: bool| {
            words.push(Word { line, text, is_literal, is_in_attribute });
        };
        match tokens.next() {
            Some(TokenTree::Group(group)) => {
                let (opening, closing) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                let is_attribute = is_attribute(&words) && !is_comment(group.stream());
                words.push(Word {
                    line: group.span_open().start().line,
                    text: opening.to_string(),
                    is_literal: false,
                    is_in_attribute,
                });
                let is_inside = is_in_attribute || opening == "[" && is_attribute;
                open.push((group.stream().into_iter(), closing, is_inside));
            }
            Some(TokenTree::Ident(word)) => {
                add(word.span().start().line, word.to_string().trim_start_matches("r#").to_string(), false);
            }
            Some(TokenTree::Punct(sign)) => add(sign.span().start().line, sign.as_char().to_string(), false),
            Some(TokenTree::Literal(literal)) => add(literal.span().start().line, literal.to_string(), true),
            None => {
                let line = words.last().map_or(1, |word| word.line);
                words.push(Word { line, text: close.to_string(), is_literal: false, is_in_attribute });
                open.pop();
            }
        }
    }
    words
}

/// Whether a bracket after these words begins an attribute.
fn is_attribute(words: &[Word]) -> bool {
    let mut before = words.iter().rev().map(|word| word.text.as_str());
    match before.next() {
        Some("#") => true,
        Some("!") => before.next() == Some("#"),
        _ => false,
    }
}

fn is_comment(attribute: TokenStream) -> bool {
    matches!(attribute.into_iter().next(), Some(TokenTree::Ident(word)) if word == "doc")
}

fn words_of_no_rust(text: &str) -> Vec<Word> {
    let in_lines = text.lines().enumerate();
    let words = in_lines.flat_map(|(nth, line)| {
        let words = line.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
        words.filter(|word| !word.is_empty()).map(move |word| (nth + 1, word.to_string()))
    });
    words.map(|(line, text)| Word { line, text, is_literal: false, is_in_attribute: false }).collect()
}
