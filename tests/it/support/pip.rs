//! Packages of `PyPI` for tests: installed below `target`, once for each list.

use std::{
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
};

/// A virtual environment with the packages in a requirements file's text, which names all that they need, to the
/// version. The error says what this machine lacks.
pub fn installed(name: &str, requirements: &str) -> Result<PathBuf, String> {
    let mut hasher = DefaultHasher::new();
    requirements.hash(&mut hasher);
    let folder = format!("{name}-python-{:016x}", hasher.finish());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    let written = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(written)?;
    let lock = File::create(folder.join("lock")).map_err(written)?;
    lock.lock().map_err(written)?;
    // Put there when all is installed.
    let done = folder.join("requirements.txt");
    if !done.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        let asked = folder.join("asked.txt");
        fs::write(&asked, requirements).map_err(written)?;
        let arguments = "-m pip install --quiet --no-deps --only-binary :all: -r";
        let mut pip = Command::new(folder.join("bin/python"));
        run(pip.args(arguments.split(' ')).arg(&asked))?;
        fs::rename(&asked, &done).map_err(written)?;
    }
    Ok(folder)
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().display().to_string();
    let output = command
        .output()
        .map_err(|failure| format!("{program}: {failure}"))?;
    if output.status.success() {
        return Ok(());
    }
    let report = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program}: {}", report.trim()))
}
