//! Everything that goes into the program may be used by anyone: the licences of all packages that it is built from.

use std::{fs, path::Path, process::Command};

/// Licences that ask for a notice at most, and MPL, which asks for its own files only.
const PERMISSIVE: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "Zlib",
];

/// Whether an SPDX expression, of the forms that packages use, leaves a permissive choice.
fn is_permissive(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    // `AND` binds tighter than `OR` but for brackets, which packages put around alternatives.
    let all = split(&expression, " AND ");
    if all.len() > 1 && split(&expression, " OR ").len() == 1 {
        return all.iter().all(|part| is_permissive(part));
    }
    let any = split(&expression, " OR ");
    if any.len() > 1 {
        return any.iter().any(|part| is_permissive(part));
    }
    let one = expression.trim();
    match one
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
    {
        Some(inner) => is_permissive(inner),
        None => PERMISSIVE.contains(&one),
    }
}

/// Splits outside brackets.
fn split(expression: &str, by: &str) -> Vec<String> {
    let (mut parts, mut depth, mut from) = (Vec::new(), 0_i32, 0);
    for (at, c) in expression.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ if depth == 0 && at >= from && expression[at..].starts_with(by) => {
                parts.push(expression[from..at].to_owned());
                from = at + by.len();
            }
            _ => {}
        }
    }
    parts.push(expression[from..].to_owned());
    parts
}

/// The licence of a package that gives its text alone.
fn in_a_file(package: &serde_json::Value) -> Option<String> {
    let manifest = Path::new(package["manifest_path"].as_str()?);
    let text = fs::read_to_string(manifest.with_file_name(package["license_file"].as_str()?));
    let begins = text.ok()?.trim_start().starts_with("MIT License\n");
    begins.then(|| "MIT".to_owned())
}

#[test]
fn every_package_is_permissively_licensed() {
    // For this platform only: what goes into the program elsewhere need not be on this machine.
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--offline"])
        .args(["--filter-platform", "host-tuple"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    assert!(packages.len() > 100, "the packages were not found");
    let licence = |package: &serde_json::Value| match package["license"].as_str() {
        Some(licence) => licence.to_owned(),
        None => in_a_file(package).unwrap_or_else(|| "none given".to_owned()),
    };
    let wrong = packages
        .iter()
        .filter(|package| !is_permissive(&licence(package)))
        .map(|package| format!("{}: {}", package["name"], licence(package)))
        .collect::<Vec<_>>();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn expressions_are_read_as_they_are_meant() {
    for good in [
        "MIT",
        "MIT/Apache-2.0",
        "GPL-3.0 OR MIT",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
    ] {
        assert!(is_permissive(good), "{good}");
    }
    for bad in [
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "(MIT OR Apache-2.0) AND AGPL-3.0",
        "none given",
        "",
    ] {
        assert!(!is_permissive(bad), "{bad}");
    }
}
