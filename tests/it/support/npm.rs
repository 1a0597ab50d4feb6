//! Packages of npm for tests in a browser or with clients: installed below `target`, once for each lock file.

use std::{
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The oldest Node that everything installed here runs on.
const NODE: u32 = 20;

/// A folder with `node_modules` as the lock file in `sources` has it. It belongs to these tests, to put into it what
/// is to find the packages. The error says what this machine lacks.
pub fn installed(sources: &Path) -> Result<PathBuf, String> {
    let version = output(Command::new("node").arg("--version"))?;
    let major = version.trim_start_matches('v').split('.').next();
    if major.and_then(|major| major.parse().ok()) < Some(NODE) {
        return Err(format!("Node {NODE} is needed, this is {version}"));
    }
    let files = ["package.json", "package-lock.json"].map(|name| sources.join(name));
    let name = sources.file_name().unwrap_or_default().to_string_lossy();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", hash(&files)));
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let lock = File::create(folder.join("lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    // npm writes it when all is there.
    if !folder.join("node_modules/.package-lock.json").exists() {
        for file in &files {
            fs::copy(file, folder.join(file.file_name().unwrap_or_default()))
                .map_err(|error| format!("{}: {error}", file.display()))?;
        }
        let arguments =
            "ci --ignore-scripts --no-audit --no-fund --prefer-offline --fetch-retries=1";
        let mut npm = Command::new("npm");
        output(npm.args(arguments.split(' ')).current_dir(&folder))?;
    }
    Ok(folder)
}

/// The folder of [`installed`] with the scripts of `sources` as they are now.
pub fn with_scripts(sources: &Path) -> Result<PathBuf, String> {
    let folder = installed(sources)?;
    let copied = fs::read_dir(sources).and_then(|mut entries| {
        entries.try_for_each(|entry| {
            let path = entry?.path();
            match path.file_name() {
                Some(name) if path.is_file() => fs::copy(&path, folder.join(name)).map(drop),
                _ => Ok(()),
            }
        })
    });
    copied.map_err(|error| error.to_string())?;
    Ok(folder)
}

/// What a program printed; the error has all of it.
pub fn output(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().display().to_string();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    let [out, err] =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    if output.status.success() {
        Ok(out)
    } else {
        Err(format!("{program} failed:\n{out}{err}"))
    }
}

/// Over names and contents.
pub fn hash(files: &[PathBuf]) -> String {
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.hash(&mut hasher);
        fs::read(file).unwrap_or_default().hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}
