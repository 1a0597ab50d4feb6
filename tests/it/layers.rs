//! Imports run one way, and each framework stays where it belongs.

use std::{
    fs,
    path::{Path, PathBuf},
};

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

/// What a module may import of this crate, besides itself.
fn allowed(module: &str) -> Option<&'static [&'static str]> {
    Some(match module {
        "cache" | "error" | "metrics" => &[],
        "domain" => &["error"],
        "store" | "realtime" => &["cache", "error", "domain"],
        "auth" | "search" => &["cache", "error", "domain", "store"],
        "chat" => &[
            "cache", "error", "metrics", "domain", "store", "realtime", "auth", "search", "chat",
        ],
        "graphql" => &["cache", "error", "metrics", "domain", "auth", "chat"],
        "http" => &["error", "metrics", "domain", "auth", "chat", "graphql"],
        "admin" => &["error", "domain", "store", "auth", "chat"],
        "commands" => &[
            "error", "domain", "store", "auth", "search", "graphql", "admin", "settings", "app",
        ],
        "settings" => &["app", "domain", "http", "store"],
        "telemetry" => &["settings"],
        _ => return None,
    })
}

/// Every source file, with its place below `src`.
fn sources() -> Vec<(String, String)> {
    fn visit(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                visit(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut paths = Vec::new();
    visit(Path::new(SOURCES), &mut paths);
    let read = |path: PathBuf| {
        let place = path.strip_prefix(SOURCES).expect("below the sources");
        let text = fs::read_to_string(&path).expect("a text");
        (place.to_string_lossy().into_owned(), code_of(&text))
    };
    paths.into_iter().map(read).collect()
}

/// The code without comments and without what is for unit tests only.
fn code_of(text: &str) -> String {
    let code = text.split("\n#[cfg(test)]").next().unwrap_or_default();
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    code.lines().filter(is_code).collect::<Vec<_>>().join("\n")
}

/// The modules of this crate that a text names behind `crate::`, also inside braces.
fn imports(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, prefix) in code.match_indices("crate::") {
        let rest = &code[at + prefix.len()..];
        if let Some(list) = rest.strip_prefix('{') {
            let (mut depth, mut name) = (0, String::new());
            for c in list.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ':' | ',' if depth == 0 && !name.trim().is_empty() => {
                        found.push(name.trim().to_owned());
                        name.clear();
                    }
                    _ if depth == 0 => name.push(c),
                    _ => {}
                }
            }
            found.push(name.trim().to_owned());
        } else {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
            found.push(rest[..end.unwrap_or(rest.len())].to_owned());
        }
    }
    found.retain(|name| {
        let folder = !name.is_empty() && Path::new(SOURCES).join(name).is_dir();
        folder || allowed(name).is_some() || name == "app"
    });
    found
}

#[test]
fn imports_run_one_way() {
    let mut wrong = Vec::new();
    let mut looked_at = 0;
    for (place, code) in sources() {
        let module = place.split(['/', '.']).next().unwrap_or_default();
        let Some(allowed) = allowed(module) else {
            continue;
        };
        for import in imports(&code) {
            looked_at += 1;
            if import != module && !allowed.contains(&import.as_str()) {
                wrong.push(format!("{place} imports {import}"));
            }
        }
    }
    assert!(looked_at > 100, "the imports were not found");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_framework_stays_where_it_belongs() {
    let rules: [(&str, &[&str]); 5] = [
        ("apollo_compiler", &["graphql/engine/"]),
        ("async_graphql", &["graphql/", "http/"]),
        ("axum", &["http/", "app.rs"]),
        ("mongodb", &["store/mongo/", "commands/import/backend"]),
        ("rusqlite", &["store/embedded/"]),
    ];
    let mut wrong = Vec::new();
    for (place, code) in sources() {
        for (framework, homes) in rules {
            let uses = code.lines().any(|line| {
                let line = line.trim_start();
                line.contains(&format!("{framework}::"))
                    || line.contains(&format!("use {framework}"))
            });
            if uses && !homes.iter().any(|home| place.starts_with(home)) {
                wrong.push(format!("{place} uses {framework}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
