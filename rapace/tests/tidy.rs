//! The rules of the source that a compiler does not know: who may name whom, and where unsafe code may stand.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules from the bottom up; each may name those before it in its own line, and all in lines above.
/// A module may always name its own children.
const LAYERS: &[&[&str]] = &[
    &["sync", "error", "limits"],
    &["layout"],
    &["os"],
    &["lock"],
    &["ring", "doorbell", "slots", "segment"],
    &["lane"],
    &["session"],
    &["codec"],
    &["rpc"],
    &["blocking"],
    &["aio"],
    &["plugin"],
    &["local"],
    &["private"],
    &["fuzz"],
];

/// What a lower module may name of a higher one, and why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("error", "layout", "violations and refusals carry the kind of message and the geometry's own error"),
    ("layout", "error", "parsing answers with a violation"),
    ("rpc", "aio", "a call is awaited where it is defined: its timer and the rest of a reply, behind the feature"),
    ("session", "aio", "the shared state holds the reactor's registration, behind the feature"),
];

/// The only files that may contain unsafe code: so few and so small that one person can review them in an hour.
const UNSAFE: &[&str] = &["lock.rs", "os.rs", "segment/view.rs", "slots/bytes.rs"];

fn sources() -> Vec<(String, String)> {
    fn walk(directory: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, files) } else { files.push(path) }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    files.sort();
    let name = |path: &Path| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
    files.into_iter().map(|path| (name(&path), fs::read_to_string(path).unwrap())).collect()
}

/// The product's part of a file: without its tests and its comments.
fn code(text: &str) -> String {
    let text = text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or(text);
    let text = text.split("\n#[cfg(all(test").next().unwrap_or(text);
    text.lines().map(|line| line.split("//").next().unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

fn module_of(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap()
}

/// The modules of this crate that `text` names, as `crate::module`.
fn named(text: &str) -> BTreeSet<&str> {
    let names = text.split("crate::").skip(1);
    names.filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()).collect()
}

fn height(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// Modules that `module` names against the order of the layers.
fn upward<'a>(module: &str, text: &'a str) -> Vec<&'a str> {
    let own = height(module);
    let is_upward = |other: &&str| {
        let excepted = EXCEPTIONS.iter().any(|(lower, higher, _)| *lower == module && higher == other);
        *other != module && height(other) > own && !excepted
    };
    named(text).into_iter().filter(is_upward).collect()
}

#[test]
fn modules_name_only_what_lies_below_them() {
    for (file, text) in sources() {
        let module = module_of(&file);
        if matches!(module, "lib" | "models" | "private") {
            continue;
        }
        assert!(height(module).is_some(), "{file} is in no layer: add it to the table in this test");
        assert_eq!(upward(module, &code(&text)), Vec::<&str>::new(), "{file} names what lies above it");
    }
}

#[test]
fn an_upward_name_would_be_found() {
    assert_eq!(upward("ring", "use crate::session::Session;"), ["session"]);
    assert_eq!(upward("session", "use crate::ring::Entry;"), Vec::<&str>::new());
}

#[test]
fn unsafe_code_stands_only_in_the_files_that_are_listed() {
    let mut found = BTreeSet::new();
    for (file, text) in sources() {
        let is_unsafe = |line: &str| line.contains("allow(unsafe_code)") || line.contains("unsafe {");
        if code(&text).lines().any(is_unsafe) {
            found.insert(file);
        }
    }
    assert_eq!(found, UNSAFE.iter().map(|file| file.to_string()).collect());
}

#[test]
fn only_the_ring_reads_entries_and_only_slots_read_slots() {
    for (file, text) in sources() {
        let code = code(&text);
        for banned in ["ptr::read(", "read_volatile", "copy_nonoverlapping"] {
            let allowed = file == "slots/bytes.rs" && banned == "copy_nonoverlapping";
            assert!(allowed || !code.contains(banned), "{file} uses {banned}, which the compiler may move or repeat");
        }
    }
}

#[test]
fn files_are_named_after_one_noun_and_hold_one() {
    for (file, text) in sources() {
        for vague in ["util", "common", "helper", "types", "misc", "mod.rs"] {
            assert!(!file.contains(vague), "{file}: a thing without a home is a thing not understood");
        }
        assert!(text.starts_with("//!") || text.starts_with("#!["), "{file} does not open with what it is");
        let lines = code(&text).lines().count();
        assert!(lines <= 600, "{file} has {lines} lines without its tests; split it");
        for left_over in ["todo!(", "unimplemented!(", "dbg!(", concat!("TO", "DO"), concat!("FIX", "ME")] {
            assert!(!text.contains(left_over), "{file} contains {left_over}");
        }
    }
}
