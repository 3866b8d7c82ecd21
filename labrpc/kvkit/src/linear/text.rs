//! Histories as text, in the format that the porcupine checker reads for key-value stores.
//!
//! One event per line: a client calls (`:invoke`) or gets its response (`:ok`). The lines are in the
//! order of time, and a Get's value is on its `:ok` line:
//!
//! ```text
//! {:process 1, :type :invoke, :f :append, :key "0", :value "x 1 0 y"}
//! {:process 2, :type :invoke, :f :get, :key "0", :value nil}
//! {:process 1, :type :ok, :f :append, :key "0", :value "x 1 0 y"}
//! {:process 2, :type :ok, :f :get, :key "0", :value "x 1 0 y"}
//! ```

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use super::history::{ClientOperation, History, Input, OperationId, TimeUnit};

/// Reads a history. Its times are line numbers.
///
/// # Errors
///
/// [`TextError`] at the first line that cannot be read or cannot have happened.
///
/// ```
/// use kvkit::linear::text;
///
/// let line = "{:process 7, :type :invoke, :f :put, :key \"k\", :value \"v\"}\n";
/// let history = text::read(line)?;
/// assert_eq!(history.operations()[0].client, 7);
/// assert_eq!(text::write(&history), line);
/// # Ok::<(), text::TextError>(())
/// ```
pub fn read(text: &str) -> Result<History, TextError> {
    let mut history = History::with_unit(TimeUnit::Lines);
    let mut waiting: BTreeMap<u64, OperationId> = BTreeMap::new();
    for (line, content) in (1..).zip(text.lines()) {
        if content.trim().is_empty() {
            continue;
        }
        read_line(&mut history, &mut waiting, line, content).map_err(|problem| TextError { line, problem })?;
    }
    Ok(history)
}

fn read_line(
    history: &mut History,
    waiting: &mut BTreeMap<u64, OperationId>,
    line: u64,
    content: &str,
) -> Result<(), TextProblem> {
    let event = TextEvent::read(content)?;
    let client = event.client;
    if event.is_call {
        let input = match event.function {
            Function::Get => Input::Get,
            Function::Put => Input::Put(event.value.ok_or(TextProblem::Expected("a value to write"))?),
            Function::Append => Input::Append(event.value.ok_or(TextProblem::Expected("a value to write"))?),
        };
        let id = history.call(client, event.key, input, line);
        return waiting.insert(client, id).map_or(Ok(()), |_| Err(TextProblem::CallsWhileWaiting { client }));
    }
    let id = waiting.remove(&client).ok_or(TextProblem::AnsweredWithoutCall { client })?;
    let operation = history.get(id);
    if event.function != Function::of(operation) || event.key != operation.key {
        return Err(TextProblem::AnsweredSomethingElse { client });
    }
    let value = match event.function {
        Function::Get => event.value.ok_or(TextProblem::Expected("the value that the Get returned"))?,
        Function::Put | Function::Append => String::new(),
    };
    history.returned(id, value, line);
    Ok(())
}

/// Writes a history. Only the order of its times is kept.
pub fn write(history: &History) -> String {
    let mut events: Vec<(u64, bool, OperationId)> = Vec::new();
    for (id, operation) in history.iter() {
        events.push((operation.called, false, id));
        events.extend(operation.response.as_ref().map(|answer| (answer.at, true, id)));
    }
    // At equal times calls come first: an operation that returns when another is called overlaps with it.
    events.sort_unstable();

    let mut text = String::new();
    for (_, is_return, id) in events {
        let operation = history.get(id);
        let value = match (&operation.input, &operation.response) {
            (Input::Put(value) | Input::Append(value), _) => quote(value),
            (Input::Get, Some(answer)) if is_return => quote(&answer.value),
            (Input::Get, _) => "nil".into(),
        };
        let kind = if is_return { "ok" } else { "invoke" };
        let (client, function, key) = (operation.client, Function::of(operation).name(), quote(&operation.key));
        writeln!(text, "{{:process {client}, :type :{kind}, :f :{function}, :key {key}, :value {value}}}")
            .expect("writing to a String does not fail");
    }
    text
}

fn quote(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Function {
    Get,
    Put,
    Append,
}

impl Function {
    fn of(operation: &ClientOperation) -> Function {
        match operation.input {
            Input::Get => Function::Get,
            Input::Put(_) => Function::Put,
            Input::Append(_) => Function::Append,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Function::Get => "get",
            Function::Put => "put",
            Function::Append => "append",
        }
    }
}

/// The contents of one line.
struct TextEvent {
    client: u64,
    is_call: bool,
    function: Function,
    key: String,
    value: Option<String>,
}

impl TextEvent {
    fn read(line: &str) -> Result<TextEvent, TextProblem> {
        let mut scanner = Scanner { rest: line.trim() };
        scanner.literal("{:process ")?;
        let client = scanner.number()?;
        scanner.literal(", :type :")?;
        let is_call = scanner.one_of(&[("invoke", true), ("ok", false)], "`invoke` or `ok`")?;
        scanner.literal(", :f :")?;
        let functions = [Function::Get, Function::Put, Function::Append].map(|function| (function.name(), function));
        let function = scanner.one_of(&functions, "`get`, `put` or `append`")?;
        scanner.literal(", :key ")?;
        let key = scanner.quoted()?;
        scanner.literal(", :value ")?;
        let value = match scanner.literal("nil") {
            Ok(()) => None,
            Err(_) => Some(scanner.quoted()?),
        };
        scanner.literal("}")?;
        match scanner.rest {
            "" => Ok(TextEvent { client, is_call, function, key, value }),
            _ => Err(TextProblem::Expected("the end of the line")),
        }
    }
}

/// The rest of a line.
struct Scanner<'t> {
    rest: &'t str,
}

impl Scanner<'_> {
    fn literal(&mut self, literal: &'static str) -> Result<(), TextProblem> {
        self.rest = self.rest.strip_prefix(literal).ok_or(TextProblem::Expected(literal))?;
        Ok(())
    }

    fn one_of<T: Copy>(&mut self, words: &[(&str, T)], expected: &'static str) -> Result<T, TextProblem> {
        let found = words.iter().find(|(word, _)| self.rest.starts_with(word));
        let &(word, parsed) = found.ok_or(TextProblem::Expected(expected))?;
        self.rest = &self.rest[word.len()..];
        Ok(parsed)
    }

    fn number(&mut self) -> Result<u64, TextProblem> {
        let end = self.rest.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        digits.parse().map_err(|_| TextProblem::Expected("a client's number"))
    }

    fn quoted(&mut self) -> Result<String, TextProblem> {
        self.literal("\"")?;
        let mut value = String::new();
        let mut characters = self.rest.char_indices();
        while let Some((at, character)) = characters.next() {
            let value_char = match character {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(value);
                }
                '\\' => match characters.next() {
                    Some((_, 'n')) => '\n',
                    Some((_, escaped @ ('"' | '\\'))) => escaped,
                    _ => return Err(TextProblem::Expected("`n`, `\"` or `\\` after a `\\`")),
                },
                other => other,
            };
            value.push(value_char);
        }
        Err(TextProblem::Expected("a closing `\"`"))
    }
}

/// A text that cannot be read as a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextError {
    /// The line that is wrong, counted from 1.
    pub line: u64,
    /// What is wrong with it.
    pub problem: TextProblem,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextProblem {
    /// The line does not go on as expected.
    Expected(&'static str),
    /// A client calls while it waits for a response.
    CallsWhileWaiting {
        /// The client.
        client: u64,
    },
    /// A client gets a response without having called.
    AnsweredWithoutCall {
        /// The client.
        client: u64,
    },
    /// A client gets a response to another operation or key than it called.
    AnsweredSomethingElse {
        /// The client.
        client: u64,
    },
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line;
        match self.problem {
            TextProblem::Expected(expected) => write!(f, "line {line} is not an event: expected {expected:?}"),
            TextProblem::CallsWhileWaiting { client } => write!(
                f,
                "line {line}: client {client} calls again before it has a response; a client that gives up needs a new number"
            ),
            TextProblem::AnsweredWithoutCall { client } => {
                write!(f, "line {line}: client {client} gets a response, but it has not called")
            }
            TextProblem::AnsweredSomethingElse { client } => {
                write!(f, "line {line}: client {client} gets a response to another operation or key than it called")
            }
        }
    }
}

impl std::error::Error for TextError {}
