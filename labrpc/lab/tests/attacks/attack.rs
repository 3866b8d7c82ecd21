//! The attacks: a TOML file for each, in the folder `list`.
//!
//! ```toml
//! tries = "what it tries, in a sentence"
//! base = "handout"               # or "reference", or "nothing": the files that it begins with
//! lab = "2a"                     # the lab that is graded, or "all"; 2a if left out
//! is_for_points = true           # it must gain nothing without a sandbox either
//! is_slow = true                 # it takes a minute, or needs more labs than the first
//! points_max = 0                 # the most points that the lab may get; 0 if left out
//! points_min = 0                 # the fewest: of an honest submission, which is graded after all attacks
//! endings = ["ran", "crash"]     # how the lab may end in the sandbox
//! uses = ["forge"]               # modules of the folder `parts` that its code uses
//! at_boot = "pub fn attack() {}" # Rust code: `attack` is called whenever a server of lab 2A is made
//!
//! [[edits]]                      # replaces the only place of a text
//! file = "lab2a-election/src/raft.rs"
//! find = "…"
//! replace = "…"
//!
//! [files]                        # adds or replaces files
//! "lab2a-election/build.rs" = "…"
//!
//! [links]                        # adds symbolic links
//! "lab2a-election/src/more.rs" = "/etc/hostname"
//!
//! [repeated]                     # adds files: before, then one text many times, a middle, another text as often, after
//! "lab2a-election/src/deep.rs" = ["const A: u8 = ", "(", "1", ")", ";", 1000]
//! ```
//!
//! The course that grades has a loophole, `labrpc::loophole`: all of std, and calls of the system (`parts/loophole.txt`). So the
//! attacks do what code could do that had found a way around all that refuses code, which some do not need.
//!
//! In all texts, `@OUTSIDE@` is a folder outside of everything that a submission may touch, with a file `secret`; `@COURSE@` is the
//! course's folder; `@PORT@` is a port of this machine that somebody listens at; and `@MARK@` is a word that names the attack.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use toml::de::{DeTable, DeValue};

/// The labs' files that an attack begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// Those that students are given: they earn nothing.
    Handout,
    /// The solutions, which earn everything.
    Reference,
    /// None.
    Nothing,
}

/// An attack, and what must come of it.
#[derive(Debug)]
pub struct Attack {
    /// The name of its file.
    pub name: String,
    pub tries: String,
    pub lab: String,
    pub is_for_points: bool,
    pub is_slow: bool,
    pub points_max: u64,
    pub points_min: u64,
    pub endings: Vec<String>,
    base: Base,
    uses: Vec<String>,
    at_boot: Option<String>,
    edits: Vec<[String; 3]>,
    files: BTreeMap<String, String>,
    links: BTreeMap<String, String>,
    /// Files, by what they hold.
    repeated: BTreeMap<String, String>,
}

/// Where the attacks are.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks")
}

/// All attacks, in the order of their names; honest submissions come last.
pub fn all() -> Vec<Attack> {
    let entries = fs::read_dir(folder().join("list")).expect("the folder of the attacks");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an attack").path()).collect();
    paths.sort();
    let mut attacks: Vec<Attack> = paths.iter().map(|path| Attack::read(path)).collect();
    attacks.sort_by_key(|attack| attack.points_min);
    attacks
}

const KEYS: [&str; 14] = [
    "tries",
    "base",
    "lab",
    "is_for_points",
    "is_slow",
    "points_max",
    "points_min",
    "endings",
    "uses",
    "at_boot",
    "edits",
    "files",
    "links",
    "repeated",
];

impl Attack {
    fn read(path: &Path) -> Attack {
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name of letters").to_string();
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let table = DeTable::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}")).into_inner();
        for key in table.keys() {
            assert!(
                KEYS.contains(&&**key.get_ref()),
                "{name}: there is no key `{}`, but {}",
                key.get_ref(),
                KEYS.join(", ")
            );
        }
        let value = |key: &str| table.get(key).map(|value| value.get_ref());
        let text = |key: &str| value(key).map(|value| text_of(&name, value));
        let base = match text("base").as_deref() {
            Some("handout") => Base::Handout,
            Some("reference") => Base::Reference,
            Some("nothing") => Base::Nothing,
            other => panic!("{name}: `base` is {other:?}, and must be handout, reference or nothing"),
        };
        let edits = value("edits").and_then(DeValue::as_array).into_iter().flatten();
        let edit = |edit: &DeValue<'_>| {
            let edit = edit.as_table().expect("an edit is a table");
            ["file", "find", "replace"]
                .map(|key| text_of(&name, edit.get(key).unwrap_or_else(|| panic!("{name}: {key}")).get_ref()))
        };
        Attack {
            tries: text("tries").unwrap_or_else(|| panic!("{name}: it does not say what it `tries`")),
            lab: text("lab").unwrap_or_else(|| "2a".to_string()),
            is_for_points: value("is_for_points").and_then(DeValue::as_bool).unwrap_or_default(),
            is_slow: value("is_slow").and_then(DeValue::as_bool).unwrap_or_default(),
            points_max: value("points_max").map_or(0, number_of),
            points_min: value("points_min").map_or(0, number_of),
            endings: texts(&name, value("endings")),
            base,
            uses: texts(&name, value("uses")),
            at_boot: text("at_boot"),
            edits: edits.map(|value| edit(value.get_ref())).collect(),
            files: named_texts(&name, value("files")),
            links: named_texts(&name, value("links")),
            repeated: repeated(value("repeated")),
            name,
        }
    }

    /// The word that names the attack wherever it leaves something.
    pub fn mark(&self) -> String {
        format!("attack-{}-of-{}", self.name, std::process::id())
    }

    /// Writes the submission into a folder.
    pub fn write(&self, bases: &Bases, place: &BTreeMap<&str, String>, folder: &Path) {
        let filled = |text: &str| {
            let text = place.iter().fold(text.to_string(), |text, (name, value)| text.replace(name, value));
            text.replace("@MARK@", &self.mark())
        };
        if self.base != Base::Nothing {
            let from = if self.base == Base::Handout { &bases.handout } else { &bases.reference };
            bases.labs.iter().for_each(|lab| copy(&from.join(lab).join("src"), &folder.join(lab).join("src")));
        }
        if let Some(code) = &self.at_boot {
            let parts = self.uses.iter().map(|part| {
                let path = self::folder().join(format!("parts/{part}.rs"));
                let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                format!("pub mod {part} {{\n{text}\n}}\n")
            });
            let parts: String = parts.collect();
            let lib = folder.join("lab2a-election/src/lib.rs");
            let text = fs::read_to_string(&lib).expect("the first lab");
            fs::write(&lib, format!("{text}\n{}\npub mod attack {{\n{}\n}}\n", filled(&parts), filled(code)))
                .expect("a file");
            let find = "timing::assert_sound(&timing);";
            let call = format!("crate::attack::attack();\n        {find}");
            self.replace(&folder.join("lab2a-election/src/election.rs"), find, &call);
        }
        for [file, find, replace] in &self.edits {
            self.replace(&folder.join(file), find, &filled(replace));
        }
        for (name, text) in self.files.iter().chain(&self.repeated) {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().expect("it is in the folder")).expect("a folder");
            fs::write(&path, filled(text)).expect("a file");
        }
        for (name, target) in &self.links {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().expect("it is in the folder")).expect("a folder");
            std::os::unix::fs::symlink(filled(target), &path).expect("a link");
        }
    }

    fn replace(&self, file: &Path, find: &str, replace: &str) {
        let (name, shown) = (&self.name, file.display());
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{name}: {shown}: {error}"));
        assert_eq!(text.matches(find).count(), 1, "{name}: {shown} must have this once: {find}");
        fs::write(file, text.replacen(find, replace, 1)).expect("a file");
    }
}

/// The workspaces that attacks begin with.
pub struct Bases {
    pub handout: PathBuf,
    pub reference: PathBuf,
    /// The folders of the labs.
    pub labs: Vec<String>,
}

/// Folders of a checkout that are no part of the course.
const NOT_COURSE: [&str; 2] = [".git", "target"];

/// Copies the course, with a loophole.
pub fn course_with_loophole(course: &Path, to: &Path) {
    for entry in fs::read_dir(course).expect("the course") {
        let entry = entry.expect("a file");
        let name = entry.file_name();
        let is_folder = entry.file_type().expect("a file").is_dir();
        if is_folder && !NOT_COURSE.iter().any(|other| name == *other) && !entry.path().join("CACHEDIR.TAG").exists() {
            copy(&entry.path(), &to.join(name));
        } else if !is_folder {
            fs::create_dir_all(to).expect("a folder");
            fs::copy(entry.path(), to.join(name)).expect("a copy");
        }
    }
    let library = to.join("labrpc/src/lib.rs");
    let text = fs::read_to_string(&library).expect("labrpc");
    fs::write(&library, format!("{text}\n#[doc(hidden)]\npub mod loophole;\n")).expect("a file");
    fs::copy(folder().join("parts/loophole.txt"), to.join("labrpc/src/loophole.rs")).expect("a copy");
    let manifest = to.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).expect("the manifest");
    fs::write(&manifest, quick_to_compile(&text)).expect("a file");
}

/// The workspace's manifest for grading with little optimization: compiling is most of an attack's work, and how fast its code
/// runs matters little.
fn quick_to_compile(manifest: &str) -> String {
    const RELEASE: &str = "[profile.release]\ndebug = \"line-tables-only\"\n";
    const DEV: &str = "[profile.dev]\nopt-level = 1\ndebug = \"line-tables-only\"\n";
    const QUICK: &str = "[profile.dev]\nopt-level = 0\ndebug = false\n";
    const OF_LABRPC: &str = "[profile.dev.package.labrpc]\n";
    assert!(
        [RELEASE, DEV, OF_LABRPC].iter().all(|part| manifest.contains(part)),
        "the profiles of Cargo.toml have changed"
    );
    let quick = manifest.replace(RELEASE, "").replace(DEV, QUICK);
    // Every operation of a simulated server passes through it.
    quick.replace(OF_LABRPC, &format!("{OF_LABRPC}opt-level = 1\n")).replace("profile.dev", "profile.release")
}

impl Bases {
    /// Makes a handout of the course.
    pub fn new(course: &Path, scratch: &Path, command: &mut Command) -> Bases {
        let handout = scratch.join("handout");
        let made = command.arg("handout").arg(&handout).output().expect("the command");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let folders = fs::read_dir(&handout).expect("the handout").map(|entry| entry.expect("a folder").file_name());
        let names = folders.filter_map(|name| name.into_string().ok());
        let labs = names.filter(|name| name.starts_with("lab") && name.contains('-')).collect();
        Bases { handout, reference: course.to_path_buf(), labs }
    }
}

/// Copies the files of a folder.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let entry = entry.expect("a file");
        match entry.file_type().expect("a file").is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy")),
        }
    }
}

fn text_of(name: &str, value: &DeValue<'_>) -> String {
    value.as_str().unwrap_or_else(|| panic!("{name}: {value:?} is no text")).to_string()
}

fn texts(name: &str, value: Option<&DeValue<'_>>) -> Vec<String> {
    let values = value.and_then(DeValue::as_array).into_iter().flatten();
    values.map(|value| text_of(name, value.get_ref())).collect()
}

fn number_of(value: &DeValue<'_>) -> u64 {
    value.as_integer().and_then(|number| number.as_str().parse().ok()).expect("a number")
}

fn repeated(value: Option<&DeValue<'_>>) -> BTreeMap<String, String> {
    let files = value.and_then(DeValue::as_table).into_iter().flatten();
    let text = |parts: &DeValue<'_>| {
        let parts = parts.as_array().expect("a list");
        let part = |nth: usize| parts[nth].get_ref().as_str().expect("a text");
        let count = number_of(parts[5].get_ref()) as usize;
        [part(0), &part(1).repeat(count), part(2), &part(3).repeat(count), part(4)].concat()
    };
    files.map(|(key, value)| (key.get_ref().to_string(), text(value.get_ref()))).collect()
}

fn named_texts(name: &str, value: Option<&DeValue<'_>>) -> BTreeMap<String, String> {
    let values = value.and_then(DeValue::as_table).into_iter().flatten();
    values.map(|(key, value)| (key.get_ref().to_string(), text_of(name, value.get_ref()))).collect()
}
