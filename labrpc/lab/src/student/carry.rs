//! Starting a lab of the open track from the code for an earlier one.

use std::fs;

use crate::course::begun;
use crate::course::track;
use crate::course::{Course, LABS, LabCrate};
use crate::error::CommandError;
use crate::tree::{self, PlainFile, Tree};

const LIB: &str = "lib.rs";
/// Where a lab's source is, in its folder.
const SOURCE: &str = "src";
/// The source of a lab as it was handed out. The first carry keeps it, so that the lab can be started again.
const HANDED_OUT: &str = "src-as-handed-out";

/// Copies the code of lab `from` into lab `to`, whose `lib.rs` stays. Returns what to do next. With `restart`, lab `to` is
/// first brought back to how it was handed out, and what was there is kept beside it.
///
/// # Errors
///
/// If a lab is not of the open track, if `from` or a lab between the two is not written, or if `to` has code already.
pub fn carry(
    course: &Course,
    from: &'static LabCrate,
    to: &'static LabCrate,
    restart: bool,
) -> Result<String, CommandError> {
    if let Some(reason) = reason_against(course, from, to)? {
        return Err(CommandError::Misuse(reason));
    }
    let (lab, folder) = (course.folder(to), course.folder(to).join(SOURCE));
    let failed = || CommandError::of_system(format!("{} could not be carried to", folder.display()));
    let kept = match (begun::is_begun(course, to)?, restart) {
        (false, _) => None,
        (true, false) => return Err(CommandError::Misuse(has_work(course, from, to))),
        (true, true) => Some(set_aside(course, from, to)?),
    };
    let handed_out = tree::read(&folder)?;
    if !lab.join(HANDED_OUT).exists() {
        tree::write_into(&handed_out, &lab.join(HANDED_OUT))?;
    }
    let carried = carried(from, to, &tree::read(&course.folder(from).join(SOURCE))?);
    let lib_path = folder.join(LIB);
    let lib = fs::read_to_string(&lib_path).map_err(failed())?;
    tree::write_into(&carried.files, &folder)?;
    fs::write(&lib_path, with_modules(&lib, &carried.modules)).map_err(failed())?;
    let files: Vec<&str> = carried.files.keys().map(String::as_str).collect();
    let kept = kept.map(|kept| format!("What was there is in {}/{kept}.\n", to.package)).unwrap_or_default();
    Ok(format!(
        "{}/src has your code of lab {}: {}\n{kept}\nNext: take `boot` over from {} into lib.rs, which says what is new, and \
         delete that file. Then run `cargo lab test {}`.\n",
        to.package,
        from.title(),
        files.join(", "),
        earlier_lib(from),
        to.id
    ))
}

/// Why the code of lab `from` cannot start lab `to`, whatever that has already.
fn reason_against(course: &Course, from: &LabCrate, to: &LabCrate) -> Result<Option<String>, CommandError> {
    let (from_title, to_title) = (from.title(), to.title());
    if !track::is_open(course, to) {
        return Ok(Some(format!(
            "lab {to_title} is of the guided track, in which it builds on the crates of the labs before it: nothing has to \
             be carried"
        )));
    }
    if !track::is_open(course, from) {
        return Ok(Some(format!(
            "lab {from_title} was handed out with its solution, in the guided track's design: use its crate, {}, in \
             lab {to_title}",
            from.package
        )));
    }
    let is_between = |lab: &&LabCrate| lab.id > from.id && lab.id < to.id;
    for lab in std::iter::once(from).chain(LABS.iter().filter(is_between)) {
        if begun::is_written(course, lab)? {
            continue;
        }
        let title = lab.title();
        return Ok(Some(match (lab == from, begun::is_begun(course, lab)?) {
            (true, false) => format!("lab {title} has no code yet: write it first, in {}/src", lab.package),
            (_, true) => format!("lab {title} still has a `todo!`: write it first, in {}/src", lab.package),
            (false, false) => format!(
                "lab {title} comes before lab {to_title} and has no code yet: first run `cargo lab carry {} {}`",
                from.id, lab.id
            ),
        }));
    }
    Ok(None)
}

/// How to start a lab again that has a student's work.
fn has_work(course: &Course, from: &LabCrate, to: &LabCrate) -> String {
    let again = match course.folder(to).join(HANDED_OUT).exists() {
        true => format!(
            "to start it again, run `cargo lab carry {} {} --restart`, which keeps that folder as {}",
            from.id,
            to.id,
            set_aside_name(course, to)
        ),
        false => bring_back(course, to),
    };
    format!("lab {} has work of yours in {}/src, and nothing was changed: {again}", to.title(), to.package)
}

/// The command that brings a lab's source back from the student's own first commit.
fn bring_back(course: &Course, to: &LabCrate) -> String {
    let (package, kept) = (to.package, set_aside_name(course, to));
    format!(
        "no lab was carried to it, so only your first commit has it as it was handed out. To start it again, bring that back \
         with `mv {package}/src {package}/{kept} && git checkout $(git rev-list --max-parents=0 HEAD) -- {package}/src`"
    )
}

/// The first of the names `src-before-1`, `src-before-2`, … that is free in the lab's folder.
fn set_aside_name(course: &Course, lab: &LabCrate) -> String {
    let mut names = (1..).map(|number| format!("{SOURCE}-before-{number}"));
    names.find(|name| !course.folder(lab).join(name).exists()).unwrap_or_default()
}

/// Moves a lab's source aside, and puts the one that was handed out in its place. Returns where it is now.
fn set_aside(course: &Course, from: &LabCrate, to: &LabCrate) -> Result<String, CommandError> {
    let lab = course.folder(to);
    if !lab.join(HANDED_OUT).exists() {
        return Err(CommandError::Misuse(has_work(course, from, to)));
    }
    let handed_out = tree::read(&lab.join(HANDED_OUT))?;
    let name = set_aside_name(course, to);
    let failed = || CommandError::of_system(format!("{} could not be set aside", lab.join(SOURCE).display()));
    fs::rename(lab.join(SOURCE), lab.join(&name)).map_err(failed())?;
    tree::write_into(&handed_out, &lab.join(SOURCE))?;
    Ok(name)
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
    // The `lib.rs` of a still earlier lab has been taken over by now, or never will be.
    let is_earlier_lib = |name: &str| LABS.iter().any(|lab| name == earlier_lib(lab));
    for (name, file) in sources.iter().filter(|(name, _)| !is_earlier_lib(name)) {
        // A file that is not text is copied as it is.
        let text = std::str::from_utf8(&file.bytes).ok().map(|text| text.replace(&crate_of(from), &crate_of(to)));
        let bytes = text.map_or_else(|| file.bytes.clone(), String::into_bytes);
        let mut carried_file = PlainFile { bytes, ..file.clone() };
        if name == LIB {
            let text = String::from_utf8_lossy(&carried_file.bytes).into_owned();
            carried.modules = text.lines().filter(|line| track::is_module(line)).map(str::to_string).collect();
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
        None => track::after_docs(lib, &format!("\n{new}")),
    }
}
