//! Shows a story that a test has written: `tell STORY.json [OPTIONS]`. `cargo lab replay` calls it, and reads the command
//! line for people.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use story::{Columns, Story, columns, explanation, when_lost};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(complaint) => {
            eprintln!("error: {complaint}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), String> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("the story's file is missing: tell STORY.json [OPTIONS]")?;
    let mut options = Columns { is_coloured: is_coloured(), ..Columns::default() };
    let mut page: Option<PathBuf> = None;
    while let Some(option) = arguments.next() {
        if option == "--heartbeats" {
            options.has_heartbeats = true;
            continue;
        }
        if option == "--repeats" {
            options.has_repeats = true;
            continue;
        }
        let value = arguments.next().ok_or_else(|| format!("{option} needs a value"))?;
        let number = || value.parse().map_err(|_| format!("{option} {value}: this is no number"));
        match option.as_str() {
            "--server" => options.filter.lanes.push(value),
            "--kind" => options.filter.topics.push(value.parse().map_err(|error| format!("{error}"))?),
            "--from" => options.filter.from = Some(number()?),
            "--until" => options.filter.until = Some(number()?),
            "--rows" => options.rows_max = Some(number()? as usize),
            "--page" => page = Some(value.into()),
            _ => return Err(format!("there is no option {option}")),
        }
    }
    let text = fs::read(&path).map_err(|error| format!("{path} cannot be read: {error}"))?;
    let story: Story = serde_json::from_slice(&text).map_err(|error| format!("{path} is no story: {error}"))?;
    if story.v != story::VERSION {
        return Err(format!(
            "{path} is a story of version {}, and this program reads version {}",
            story.v,
            story::VERSION
        ));
    }
    let mut shown = columns(&story, &options);
    if story.meta.failed {
        shown += &format!("\n{}\n\n{}", story.meta.report.trim_end(), explanation(&story));
        shown += &when_lost(&story);
    } else {
        shown += &format!("\n{} {} ({})\n", story.meta.lab, story.meta.verdict, story.meta.token);
    }
    if let Some(page) = page {
        fs::write(&page, page::page(&story))
            .map_err(|error| format!("{} cannot be written: {error}", page.display()))?;
        shown += &format!("\nThe page: {}\n", page.display());
    }
    // A reader that has seen enough is no error.
    let _ = io::stdout().lock().write_all(shown.as_bytes());
    Ok(())
}

/// Colours are for terminals, unless `NO_COLOR` forbids them.
fn is_coloured() -> bool {
    io::stdout().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}
