//! How does the cost of a run grow with the work, and how much of it is the oracles'?
//!
//! `cargo bench -p testkit --bench growth` prints a table, and writes a picture of it into the target folder. Each
//! piece of work is done in several sizes, with oracles and without them, and its *growth* is the exponent of the
//! power of the size that fits the times best: 1 is linear. With a word, only the rows that contain it are measured;
//! with `--large`, each row has one more size, which takes minutes.
#![allow(missing_docs, reason = "a program")]

mod checker;
mod picture;
mod table;
mod work;

use std::path::PathBuf;

use table::Row;
use work::Work;

fn main() {
    // Cargo passes `--bench`, which says nothing here.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let is_large = arguments.iter().any(|argument| argument == "--large");
    let words: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    let is_chosen = |work: &&Work| words.is_empty() || words.iter().any(|word| work.name.contains(word.as_str()));

    println!("{}", table::HEADING);
    let rows: Vec<Row> = work::all().iter().filter(is_chosen).map(|work| table::measure(work, is_large)).collect();
    let picture = target_folder().join("growth.svg");
    match std::fs::write(&picture, picture::draw(&rows)) {
        Ok(()) => println!("\nThe same as a picture: {}", picture.display()),
        Err(error) => println!("\nThe picture cannot be written to {}: {error}", picture.display()),
    }
}

/// The folder that cargo builds into. Benches are in its folder `release/deps`.
fn target_folder() -> PathBuf {
    let bench = std::env::current_exe().expect("a program knows where it is");
    bench.ancestors().nth(3).map(PathBuf::from).unwrap_or_default()
}
