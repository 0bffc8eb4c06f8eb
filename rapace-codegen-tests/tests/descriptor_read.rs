//! The peer can write a descriptor while it is read. So each of its words must be loaded once and the private copy be
//! used from then on, in the code that the compiler emits and not only in ours.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(target_arch = "x86_64")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use rapace_codegen_tests::{function, loads_through_first_argument};

/// The release assembly of `rapace`, with the function that only this test compiles.
fn assembly() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let target = root.join("target/codegen");
    let output = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
        .args(["rustc", "--release", "--lib", "-p", "rapace", "--target-dir"])
        .arg(&target)
        .args(["--", "--emit", "asm", "-C", "codegen-units=1", "-C", "debuginfo=0"])
        .env("RUSTFLAGS", "--cfg rapace_codegen")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .current_dir(root)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let emitted = fs::read_dir(target.join("release/deps")).unwrap().map(|entry| entry.unwrap().path());
    let newest = emitted
        .filter(|path| path.extension().is_some_and(|extension| extension == "s"))
        .max_by_key(|path| fs::metadata(path).unwrap().modified().unwrap());
    fs::read_to_string(newest.expect("rustc wrote no assembly")).unwrap()
}

#[test]
fn each_shared_word_of_a_descriptor_is_loaded_once_and_only_the_copy_is_used() {
    let assembly = assembly();
    let body = function(&assembly, "read_check_use").expect("the function is not in the assembly");
    let loads = loads_through_first_argument(&body);
    let once = (0..8).map(|word| (word * 8, 1)).collect::<BTreeMap<i64, u32>>();
    assert_eq!(loads, Some(once), "\n{}", body.join("\n"));
}
