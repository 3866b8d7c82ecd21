//! The `use` declarations of a source file, and what names mean by them.

use super::code::{Token, is_name};

/// A path, as names.
type Path = Vec<String>;

/// What a source file imports, wherever it does so: scopes are not told apart.
#[derive(Debug, Default)]
pub struct Imports {
    /// The line, the local name, and the whole path.
    names: Vec<(usize, String, Path)>,
    /// The modules of which everything is imported.
    globs: Vec<Path>,
}

impl Imports {
    /// The whole paths of all names that are imported, with their lines.
    pub fn paths(&self) -> impl Iterator<Item = (usize, &[String])> {
        self.names.iter().map(|(line, _, path)| (*line, path.as_slice()))
    }

    /// The whole paths that a path in the code may stand for.
    pub fn meanings(&self, path: &[String]) -> Vec<Path> {
        let (first, rest) = (&path[0], &path[1..]);
        if let Some((_, _, whole)) = self.names.iter().find(|(_, name, _)| name == first) {
            return vec![whole.iter().chain(rest).cloned().collect()];
        }
        if path == ["std", "thread_local"] && self.names.iter().any(|(_, name, _)| name == "thread_local") {
            return Vec::new();
        }
        let by_globs = self.globs.iter().map(|module| module.iter().chain(path).cloned().collect());
        by_globs.chain([path.to_vec()]).collect()
    }
}

/// Reads all declarations. Returns them, and the other tokens.
pub fn read<'a>(tokens: &[Token<'a>]) -> (Imports, Vec<Token<'a>>) {
    let mut imports = Imports::default();
    let mut others = Vec::new();
    let mut rest = tokens;
    while let [first, after @ ..] = rest {
        // `use<'a>` is a bound.
        let is_use = first.text == "use"
            && after.first().is_some_and(|next| is_name(next.text) || ["::", "{"].contains(&next.text));
        if is_use {
            rest = tree(after, &[], &mut imports);
        } else {
            others.push(*first);
            rest = after;
        }
    }
    (imports, others)
}

/// Reads one tree of a declaration, such as `sync::{Arc, Mutex as Lock}` after `std::`. Returns the tokens after it.
fn tree<'a, 'b>(tokens: &'b [Token<'a>], prefix: &[String], imports: &mut Imports) -> &'b [Token<'a>] {
    let mut path = prefix.to_vec();
    let mut rest = tokens;
    let mut line = tokens.first().map_or(0, |token| token.line);
    while let [first, after @ ..] = rest {
        match first.text {
            "::" => {}
            "{" => return group(after, &path, imports),
            "*" => {
                imports.globs.push(path);
                return after;
            }
            "as" => {
                let name = after.first().map_or("_", |name| name.text);
                imports.names.push((line, name.to_string(), path));
                return after.get(1..).unwrap_or_default();
            }
            name if is_name(name) => {
                line = first.line;
                if name != "self" || path.is_empty() {
                    path.push(name.to_string());
                }
            }
            _ => break,
        }
        rest = after;
    }
    if let Some(name) = path.last().cloned() {
        imports.names.push((line, name, path));
    }
    rest
}

/// Reads the trees up to a closing brace.
fn group<'a, 'b>(tokens: &'b [Token<'a>], prefix: &[String], imports: &mut Imports) -> &'b [Token<'a>] {
    let mut rest = tokens;
    while let [first, after @ ..] = rest {
        match first.text {
            "}" => return after,
            "," => rest = after,
            text if is_name(text) || ["::", "{", "*"].contains(&text) => rest = tree(rest, prefix, imports),
            // The compiler will complain.
            _ => return rest,
        }
    }
    rest
}
