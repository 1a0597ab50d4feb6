//! Embeds the web pages: writes `$OUT_DIR/pages.rs`, the table that `src/http/pages.rs` includes.
//!
//! Every folder under `src/http/pages` goes in as it is, but for `graphiql`, which npm bundles first.
//! Without npm (or network, or patience) the build goes on with one warning, and the server shows the
//! page in `fallback` instead. A finished bundle is kept in the target directory under a hash of its
//! sources, so that npm runs once for all profiles.

use std::env;
use std::fmt::Write;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const PAGES: &str = "src/http/pages";

/// For installing and bundling together: a slow line gets through, a dead one does not hold up the build for long.
const NPM_TIME_LIMIT: Duration = Duration::from_mins(4);

/// The environment variable that leaves GraphiQL out on purpose when it is 1.
const SKIP_NPM: &str = "CHINWAG_NO_NPM";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={PAGES}");
    println!("cargo::rerun-if-env-changed={SKIP_NPM}");
    let pages = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join(PAGES);
    let graphiql = pages.join("graphiql");
    let out = PathBuf::from(variable("OUT_DIR")?);

    let mut table = String::new();
    for page in sorted(&pages)? {
        if page.is_dir() && page != graphiql {
            embed(&page, &mut table)?;
        }
    }
    let mut bundled = false;
    if variable(SKIP_NPM).is_ok_and(|value| value == "1") {
        println!("{SKIP_NPM} is set: GraphiQL is left out");
    } else if let Err(reason) = bundle(&graphiql, &out) {
        println!(
            "cargo::warning=GraphiQL is left out and a small page of our own takes its place, \
             because {reason}; `touch build.rs` makes the next build try again."
        );
    } else {
        embed(&out.join("graphiql"), &mut table)?;
        bundled = true;
    }
    fs::write(
        out.join("pages.rs"),
        format!(
            "/// Whether npm was there to bundle GraphiQL when this was built.\n\
             pub const GRAPHIQL_BUNDLED: bool = {bundled};\n\n\
             static ASSETS: &[Asset] = &[\n{table}];\n"
        ),
    )
}

/// Adds a page's files to the table, called `<page>/<file>`. What ends in `.gz` loses that ending and is marked as
/// gzipped.
fn embed(page: &Path, table: &mut String) -> io::Result<()> {
    for file in sorted(page)? {
        let embedded = name(&file);
        let served = embedded.strip_suffix(".gz").unwrap_or(&embedded);
        let Some(content_type) = content_type(served) else {
            return Err(io::Error::other(format!(
                "build.rs knows no media type for {}",
                file.display()
            )));
        };
        let _ = writeln!(
            table,
            "Asset {{ path: {:?}, content_type: {content_type:?}, gzipped: {}, immutable: {}, \
             etag: \"W/\\\"{:016x}\\\"\", body: include_bytes!({:?}) }},",
            format!("{}/{served}", name(page)),
            served != embedded,
            is_hashed(served),
            hash(&[&file])?,
            file.to_string_lossy(),
        );
    }
    Ok(())
}

fn content_type(name: &str) -> Option<&'static str> {
    Some(match Path::new(name).extension()?.to_str()? {
        "css" => "text/css; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "ttf" => "font/ttf",
        "txt" => "text/plain; charset=utf-8",
        "woff2" => "font/woff2",
        _ => return None,
    })
}

/// Whether the name ends in the bundler's hash of the content, as `main-5Y2IHXOM.js` does.
fn is_hashed(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default();
    stem.rsplit_once('-').is_some_and(|(_, hash)| {
        hash.len() == 8
            && hash
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    })
}

/// Puts GraphiQL's page into `$OUT_DIR/graphiql`, by npm unless the cache has it for the same sources.
fn bundle(sources: &Path, out: &Path) -> io::Result<()> {
    let sources: Vec<PathBuf> = sorted(sources)?
        .into_iter()
        .filter(|path| path.is_file())
        .collect();
    // Cargo marks the target directory with this file.
    let target = out
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").exists());
    let caches = target.unwrap_or(out).join("graphiql-bundles");
    let cache = caches.join(format!("{:016x}", hash(&sources)?));
    if !cache.exists() {
        let work = out.join("npm");
        empty(&work)?;
        copy(&sources, &work)?;
        let made = run_npm(&work, &out.join("npm.log"));
        if made.is_ok() {
            fs::create_dir_all(&caches)?;
            // This fails when another profile's build was faster, with the same bundle.
            let _ = fs::rename(work.join("dist"), &cache);
        }
        // What stays behind is removed by the next build that needs the folder.
        let _ = fs::remove_dir_all(&work);
        made?;
    }
    let finished = out.join("graphiql");
    empty(&finished)?;
    copy(&sorted(&cache)?, &finished)
}

/// Installs what the lock file names, by its checksums and without running packages' scripts, and makes `dist`.
fn run_npm(work: &Path, log: &Path) -> io::Result<()> {
    let deadline = Instant::now() + NPM_TIME_LIMIT;
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let install = "ci --ignore-scripts --no-audit --no-fund --prefer-offline --fetch-retries=0 --fetch-timeout=60000";
    File::create(log)?;
    run(
        Command::new(npm).args(install.split(' ')),
        work,
        log,
        deadline,
    )?;
    fs::create_dir(work.join("dist"))?;
    run(
        Command::new("node").args(["bundle.js", "dist"]),
        work,
        log,
        deadline,
    )
}

/// Runs a program to its end or the deadline; what it prints goes to the log.
fn run(command: &mut Command, work: &Path, log: &Path, deadline: Instant) -> io::Result<()> {
    let program = command.get_program().display().to_string();
    let output = File::options().append(true).open(log)?;
    command
        .current_dir(work)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output);
    let mut child = command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => io::Error::other(format!("{program} was not found")),
        _ => io::Error::other(format!("{program} could not be started: {error}")),
    })?;
    loop {
        if let Some(status) = child.try_wait()? {
            let failed = || io::Error::other(format!("{program} failed (see {})", log.display()));
            return status.success().then_some(()).ok_or_else(failed);
        }
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            let limit = NPM_TIME_LIMIT.as_secs();
            return Err(io::Error::other(format!(
                "{program} was not done after {limit} s"
            )));
        }
        thread::sleep(Duration::from_millis(50));
    }
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(|error| io::Error::other(format!("{name}: {error}")))
}

/// What is in a folder, in an order that is the same everywhere.
fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut paths = entries.collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// Over names and contents.
fn hash<P: AsRef<Path>>(files: &[P]) -> io::Result<u64> {
    let mut hasher = DefaultHasher::new();
    for file in files {
        name(file.as_ref()).hash(&mut hasher);
        fs::read(file)?.hash(&mut hasher);
    }
    Ok(hasher.finish())
}

fn copy(files: &[PathBuf], folder: &Path) -> io::Result<()> {
    for file in files {
        fs::copy(file, folder.join(name(file)))?;
    }
    Ok(())
}

/// Makes the folder, without anything that was in it.
fn empty(folder: &Path) -> io::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
