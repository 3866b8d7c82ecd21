//! Starting a lab of the open track from the code for an earlier one.

use std::fs;

use crate::begun;
use crate::course::{Course, LabCrate};
use crate::error::CommandError;
use crate::handout::open;
use crate::tree::{self, PlainFile, Tree};

const LIB: &str = "lib.rs";

/// Copies the code of lab `from` into lab `to`, whose `lib.rs` stays. Returns what to do next.
///
/// # Errors
///
/// If a lab is not of the open track, if `from` has no code, or if `to` has some already.
pub fn carry(course: &Course, from: &LabCrate, to: &LabCrate) -> Result<String, CommandError> {
    let refused = |reason: String| Err(CommandError::Misuse(reason));
    let (from_title, to_title) = (from.title(), to.title());
    if !open::is_open(course, to) {
        return refused(format!(
            "lab {to_title} is of the guided track, in which it builds on the crates of the labs before it: nothing has to \
             be carried"
        ));
    }
    if !open::is_open(course, from) {
        return refused(format!(
            "lab {from_title} was handed out with its solution, in the guided track's design: use its crate, {}, in \
             lab {to_title}",
            from.package
        ));
    }
    if !begun::is_begun(course, from)? {
        return refused(format!("lab {from_title} has no code yet: write it first, in {}/src", from.package));
    }
    if begun::is_begun(course, to)? {
        return refused(format!(
            "lab {to_title} has work of yours in {}/src, and nothing was changed: to start it again, first bring that \
             folder back to how it was handed out",
            to.package
        ));
    }
    let folder = course.folder(to).join("src");
    let carried = carried(from, to, &tree::read(&course.folder(from).join("src"))?);
    let lib_path = folder.join(LIB);
    let failed = || CommandError::of_system(format!("{} could not be carried to", lib_path.display()));
    let lib = fs::read_to_string(&lib_path).map_err(failed())?;
    tree::write_into(&carried.files, &folder)?;
    fs::write(&lib_path, with_modules(&lib, &carried.modules)).map_err(failed())?;
    let files: Vec<&str> = carried.files.keys().map(String::as_str).collect();
    Ok(format!(
        "{}/src has your code of lab {from_title}: {}\n\nNext: take `boot` over from {} into lib.rs, where it has to do more \
         now, and delete that file. Then run `cargo lab test {}`.\n",
        to.package,
        files.join(", "),
        earlier_lib(from),
        to.id
    ))
}

/// What a lab takes over from another.
struct Carried {
    files: Tree,
    /// The lines of the earlier `lib.rs` that declare modules.
    modules: Vec<String>,
}

fn carried(from: &LabCrate, to: &LabCrate, sources: &Tree) -> Carried {
    let mut carried = Carried { files: Tree::new(), modules: Vec::new() };
    let crate_of = |lab: &LabCrate| lab.package.replace('-', "_");
    for (name, file) in sources {
        // A file that is not text is copied as it is.
        let text = std::str::from_utf8(&file.bytes).ok().map(|text| text.replace(&crate_of(from), &crate_of(to)));
        let bytes = text.map_or_else(|| file.bytes.clone(), String::into_bytes);
        let mut carried_file = PlainFile { bytes, ..file.clone() };
        if name == LIB {
            let text = String::from_utf8_lossy(&carried_file.bytes).into_owned();
            carried.modules = text.lines().filter(|line| open::is_module(line)).map(str::to_string).collect();
            let header = format!(
                "// This was the lib.rs of lab {}. No module declares it, so it is not compiled: take over what you need, and \
                 delete it.\n",
                from.title()
            );
            carried_file.bytes = (header + &text).into_bytes();
            carried.files.insert(earlier_lib(from), carried_file);
        } else {
            carried.files.insert(name.clone(), carried_file);
        }
    }
    carried
}

/// The name of an earlier lab's `lib.rs` in a later lab.
fn earlier_lib(from: &LabCrate) -> String {
    format!("lib_of_lab{}.rs", from.id)
}

/// Declares the modules that a `lib.rs` does not declare yet.
fn with_modules(lib: &str, modules: &[String]) -> String {
    let is_new = |line: &&String| !lib.lines().any(|declared| declared == *line);
    let new: String = modules.iter().filter(is_new).map(|line| format!("{line}\n")).collect();
    match lib.split_once("mod codec;\n") {
        Some((before, after)) => format!("{before}mod codec;\n{new}{after}"),
        None => open::after_docs(lib, &format!("\n{new}")),
    }
}
