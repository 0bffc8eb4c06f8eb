//! The guide says what the code has: every error, every limit and setting, with its defaults; and its links lead somewhere.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use rapace::{Config, Limits};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The pages by their files' names without the ending; README is the index.
fn pages() -> BTreeMap<String, String> {
    let files = fs::read_dir(repository().join("docs")).unwrap().map(|file| file.unwrap().path());
    let pages = files.filter(|path| path.extension().is_some_and(|ending| ending == "md"));
    pages
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap()))
        .collect()
}

/// The lines that are not code.
fn prose(page: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    page.lines().filter(move |line| {
        let is_fence = line.starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// Of a page with tables, the rows under the heading that names this: their cells, the first one without its backticks.
fn rows(page: &str, heading: &str) -> Vec<Vec<String>> {
    let level = |line: &str| line.bytes().take_while(|byte| *byte == b'#').count();
    let from = prose(page).skip_while(|line| level(line) == 0 || !line.contains(heading));
    let under = from.skip(1).take_while(|line| level(line) != 2);
    let rows = under.filter(|line| line.starts_with("| `"));
    let cells = |row: &str| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let mut rows: Vec<_> = rows.map(cells).collect();
    rows.iter_mut().for_each(|row| row[0] = row[0].split('`').nth(1).unwrap().to_owned());
    rows
}

/// The variants of an enum in this source file.
fn variants(source: &str, name: &str) -> BTreeSet<String> {
    let declared = [format!("\npub enum {name} {{\n"), format!("\npub enum {name}<E> {{\n")];
    let body = declared.iter().find_map(|start| source.split_once(start)).unwrap().1.split("\n}").next().unwrap();
    let names =
        body.lines().filter_map(|line| line.strip_prefix("    ")).filter(|line| line.starts_with(char::is_uppercase));
    names.map(|line| line.split(|c: char| !c.is_alphanumeric()).next().unwrap().to_owned()).collect()
}

#[test]
fn every_error_is_on_the_page_of_errors() {
    let page = read("docs/errors.md");
    for (file, names) in [
        ("rapace/src/rpc/error.rs", &["RpcError", "CallError", "StreamError"][..]),
        ("rapace/src/rpc/client.rs", &["ConnectError"]),
        ("rapace/src/error.rs", &["OpenError", "Lost"]),
    ] {
        let source = read(file);
        for name in names {
            let told: BTreeSet<_> =
                rows(&page, &format!("## `{name}`")).into_iter().map(|row| row[0].clone()).collect();
            let variants = variants(&source, name);
            assert!(variants.len() > 1, "{name} in {file}");
            assert_eq!(told, variants, "the table of {name} in docs/errors.md, and {file}");
        }
    }
}

/// The fields of a struct of the outermost level, as its `Debug` shows them.
fn fields(shown: &str) -> BTreeMap<&str, &str> {
    let fields =
        shown.lines().filter_map(|line| line.strip_prefix("    ")).filter(|line| !line.starts_with([' ', '}', ')']));
    fields.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name, value.trim_end_matches(','))).collect()
}

/// As a table says it: `64 MiB`, `1,024`, `500 ms`.
fn in_words(value: &str) -> BTreeSet<String> {
    let Ok(number) = value.parse::<u64>() else {
        let unit = |value: &str| {
            value.find(|c: char| c.is_alphabetic()).map(|at| format!("{} {}", &value[..at], &value[at..]))
        };
        return BTreeSet::from([if value == "None" { "none".to_owned() } else { unit(value).unwrap() }]);
    };
    let digits = number.to_string();
    let places = digits.chars().rev().enumerate();
    let grouped: String =
        places.flat_map(|(at, digit)| (at > 0 && at % 3 == 0).then_some(',').into_iter().chain([digit])).collect();
    let units = [("KiB", 10), ("MiB", 20)].into_iter().filter(|(_, shift)| number.trailing_zeros() >= *shift);
    let units = units.map(|(unit, shift)| format!("{} {unit}", number >> shift));
    units.chain([grouped.chars().rev().collect()]).collect()
}

#[test]
fn every_limit_is_on_the_page_of_limits_with_its_values() {
    let page = read("docs/limits.md");
    let rows = rows(&page, "## Limits");
    let shown = [Limits::default(), Limits::hostile()].map(|limits| {
        // `stall_max` is shown over several lines.
        format!("{limits:#?}").replace("Some(\n        ", "").replace(",\n    ),", ",")
    });
    let [default, hostile] = shown.each_ref().map(|shown| fields(shown));
    assert!(default.len() > 15, "{default:?}");
    let told: Vec<_> = rows.iter().map(|row| &*row[0]).collect();
    assert_eq!(told.iter().copied().collect::<BTreeSet<_>>(), default.keys().copied().collect(), "docs/limits.md");
    for row in &rows {
        for (told, fields) in row[1..3].iter().zip([&default, &hostile]) {
            let is = in_words(fields[&*row[0]]);
            assert!(is.contains(told), "docs/limits.md says that {} is {told}, but it is {is:?}", row[0]);
        }
    }
}

#[test]
fn every_setting_is_on_the_page_of_limits() {
    let page = read("docs/limits.md");
    let shown = format!("{:#?}", Config::default());
    let names = shown.lines().filter_map(|line| line.trim().split_once(": ").map(|(name, _)| name));
    let names: BTreeSet<_> = names.collect();
    assert!(names.contains("spin") && names.contains("ring_entries"), "{names:?}");
    let text = prose(&page).collect::<Vec<_>>().join("\n");
    let words: BTreeSet<_> = text.split('`').skip(1).step_by(2).flat_map(|code| code.split([' ', ',', ':'])).collect();
    for name in names {
        assert!(words.contains(name), "docs/limits.md does not say what {name} is");
    }
}

/// Where a link leads by the definitions at the end of its page.
fn definitions(page: &str) -> BTreeMap<&str, &str> {
    let lines = page.lines().filter_map(|line| line.strip_prefix('[')?.split_once("]: "));
    lines.filter(|(label, _)| !label.contains(']')).collect()
}

/// The heading as the end of an address.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    text.chars().filter(|c| c.is_alphanumeric() || *c == '-' || *c == '_').collect()
}

fn has_anchor(page: &str, anchor_: &str) -> bool {
    prose(page).any(|line| line.starts_with('#') && anchor(line) == anchor_)
}

#[test]
fn every_page_is_in_the_index_and_in_the_documentation_and_says_what_it_is_for() {
    let pages = pages();
    let (index, library) = (definitions(&pages["README"]), read("rapace/src/lib.rs"));
    let listed = library.split_once("guide! {\n").unwrap().1.split('}').next().unwrap();
    let names: BTreeSet<_> = pages.keys().map(String::as_str).filter(|name| *name != "README").collect();
    assert_eq!(index.keys().copied().collect::<BTreeSet<_>>(), names, "docs/README.md");
    assert_eq!(listed.split_whitespace().collect::<BTreeSet<_>>(), names, "rapace/src/lib.rs");
    for name in names {
        let mut lines = pages[name].lines().filter(|line| !line.is_empty());
        assert!(lines.next().is_some_and(|title| title.starts_with("# ")), "{name}");
        assert!(lines.next().is_some_and(|opening| opening.starts_with("After this page you ")), "{name}");
    }
}

#[test]
fn links_of_the_guide_lead_somewhere() {
    let pages = pages();
    let library = read("rapace/src/lib.rs");
    for (name, page) in &pages {
        let defined = definitions(page);
        let text = prose(page).filter(|line| !line.contains("]: ")).collect::<Vec<_>>().join("\n");
        let used: BTreeSet<_> = text.split("][").skip(1).map(|rest| rest.split(']').next().unwrap()).collect();
        assert_eq!(used, defined.keys().copied().collect(), "links of docs/{name}.md, and their definitions");
        for (label, target) in defined {
            let (file, at) = target.split_once('#').unwrap_or((target, ""));
            let to = pages.get(file.strip_suffix(".md").unwrap()).unwrap_or_else(|| panic!("{name}: {target}"));
            assert!(at.is_empty() || has_anchor(to, at), "{name}: {target}");
            // In the documentation of the crate it leads to the same page.
            let module = target.replace(".md", "");
            assert!(library.contains(&format!("[{label}]: crate::guide::{module}\\n")), "{label} in rapace/src/lib.rs");
        }
        let within = text.split("](#").skip(1).map(|rest| rest.split(')').next().unwrap());
        within.for_each(|at| assert!(has_anchor(page, at), "{name}: #{at}"));
    }
}

#[test]
fn every_promise_of_security_names_tests_that_exist() {
    let page = read("SECURITY.md");
    let promises: Vec<_> = prose(&page)
        .skip_while(|line| !line.starts_with("## What is promised"))
        .take_while(|line| !line.starts_with("## What is not"))
        .filter(|line| line.starts_with("| ") && !line.starts_with("| promise"))
        .collect();
    assert!(promises.len() > 15);
    for promise in promises {
        let tests: Vec<_> = promise.split('`').filter_map(|name| name.split_once("::")).collect();
        assert!(!tests.is_empty(), "no test holds this: {promise}");
        for (file, test) in tests {
            let source = match file {
                "simulation" => read("rapace/src/rpc/simulation.rs"),
                file => read(&format!("rapace/tests/{file}.rs")),
            };
            assert!(source.contains(&format!("fn {test}(")) || source.contains(&format!("{test} ")), "{file}::{test}");
        }
    }
}
