//! What is in `packaging/`: that it is right, as far as a test can try it, and names settings that there are.

mod nginx;

use std::{collections::BTreeSet, fs, process::Command};

use yaml_rust2::{Yaml, YamlLoader};

use crate::{
    settings::listed,
    support::{launch::Launch, or_skipped, store::TempDir},
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging");

fn file(name: &str) -> String {
    fs::read_to_string(format!("{FOLDER}/{name}")).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[tokio::test]
async fn the_example_of_a_settings_file_lists_what_help_does_and_changes_nothing() {
    let text = file("chinwag.toml");
    let shown = text.lines().filter_map(|line| {
        let (name, value) = line.strip_prefix('#')?.split_once(" = ")?;
        // A sentence begins with a space.
        (!name.contains(' ')).then(|| (name.to_owned(), value.trim_matches('"').to_owned()))
    });
    let shown = shown.collect::<Vec<_>>();
    let known = listed().await;
    let names = known.iter().map(|(flag, ..)| flag.as_str());
    let names = names
        .filter(|name| *name != "config")
        .collect::<BTreeSet<_>>();
    assert_eq!(
        shown
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<BTreeSet<_>>(),
        names
    );
    assert_eq!(shown.len(), names.len(), "each once");
    for (flag, _, default) in &known {
        let value = shown.iter().find(|(name, _)| name == flag);
        if let (Some(default), Some((_, value))) = (default, value) {
            assert_eq!(value, default, "{flag}");
        }
    }

    let dir = TempDir::new();
    let path = format!("{FOLDER}/chinwag.toml");
    let launch = Launch::over(dir.path()).args(&["--config", &path]);
    let serving = launch.serves().await;
    serving.signal("-TERM");
    let log = serving.ended().await.stderr;
    let told = format!(
        "settings=\"CONFIG={path} PORT=0 DATA_DIR={} BCRYPT_COST=10\"",
        dir.path().display()
    );
    assert!(log.contains(&told), "{log}");
    // Each line is right, taken by itself.
    for line in text.lines().filter_map(|line| line.strip_prefix('#')) {
        let Some((name, _)) = line
            .split_once(" = ")
            .filter(|(name, _)| !name.contains(' '))
        else {
            continue;
        };
        let path = dir.path().join("line.toml");
        fs::write(&path, line).expect("a file");
        let path = path.to_str().expect("UTF-8");
        let ended = Launch::bare()
            .args(&["schema", "--config", path])
            .ends()
            .await;
        let is_there = name.ends_with("-file");
        assert_eq!(
            ended.code,
            Some(i32::from(is_there)),
            "{line}: {}",
            ended.stderr
        );
    }
}

#[tokio::test]
async fn units_and_images_set_what_is_a_setting() {
    let known = listed().await;
    let variables = known.iter().map(|(_, variable, _)| variable.as_str());
    let variables = variables.collect::<BTreeSet<_>>();
    let unit = file("chinwag.service");
    let in_unit = unit
        .lines()
        .filter_map(|line| line.trim_start_matches('#').strip_prefix("Environment="))
        .filter_map(|line| line.split('=').next());
    let image = file("Containerfile");
    let in_image = image
        .lines()
        .filter_map(|line| line.strip_prefix("ENV "))
        .flat_map(|line| line.split(' ').filter_map(|word| word.split('=').next()));
    let compose = YamlLoader::load_from_str(&file("compose.yaml")).expect("YAML");
    let compose = &compose[0]["services"];
    let in_compose = compose["chinwag"]["environment"]
        .as_hash()
        .expect("variables");
    let in_compose = in_compose.keys().filter_map(Yaml::as_str);
    let set = in_unit
        .chain(in_image)
        .chain(in_compose)
        .collect::<Vec<_>>();
    assert!(set.len() > 6, "{set:?}");
    for name in set {
        assert!(variables.contains(name), "{name}");
    }
    let caddyfile = file("Caddyfile");
    let in_caddy = compose["caddy"]["environment"]
        .as_hash()
        .expect("variables");
    for name in in_caddy.keys().filter_map(Yaml::as_str) {
        assert!(caddyfile.contains(&format!("{{${name}:")), "{name}");
    }
}

#[test]
fn systemd_takes_the_units_and_finds_them_hardened() {
    let there = Command::new("systemd-analyze").arg("--version").output();
    if or_skipped("systemd-analyze", there.map_err(|error| error.to_string())).is_none() {
        return;
    }
    let dir = TempDir::new();
    fs::create_dir(dir.path()).expect("a folder");
    // It looks whether the program is there.
    for name in ["chinwag.service", "chinwag.socket"] {
        let unit = file(name).replace("/usr/local/bin/chinwag", env!("CARGO_BIN_EXE_chinwag"));
        fs::write(dir.path().join(name), unit).expect("a file");
    }
    let analyze = |words: &[&str]| {
        let ran = Command::new("systemd-analyze")
            .args(words)
            .current_dir(dir.path())
            .output();
        let ran = ran.expect("systemd-analyze");
        let said = [ran.stdout, ran.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
        (ran.status.success(), said.concat())
    };
    let (is_right, said) = analyze(&["verify", "./chinwag.service", "./chinwag.socket"]);
    assert!(is_right && said.is_empty(), "{said}");
    let (is_hardened, said) = analyze(&[
        "security",
        "--offline=yes",
        "--threshold=15",
        "./chinwag.service",
    ]);
    assert!(is_hardened, "{said}");
}
