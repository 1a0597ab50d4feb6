//! How far a command is: a bar on a terminal, else a line now and then, both on stderr.

use std::{
    io::{IsTerminal, Write, stderr},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a line is written where there is no terminal.
const EVERY: Duration = Duration::from_secs(10);

/// How far a command is.
pub struct Progress {
    bar: ProgressBar,
    what: &'static str,
    /// `None` on a terminal.
    next_line: Option<Instant>,
}

impl Progress {
    /// Begins to count, such as "messages exported", towards a total where that is known.
    pub fn start(what: &'static str, total: Option<u64>) -> Self {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr_with_hz(4));
        let template = match total {
            Some(_) => "{wide_bar} {human_pos}/{human_len} {msg}, {per_sec}, {eta} left",
            None => "{spinner} {human_pos} {msg}, {per_sec}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what);
        let next_line = (!stderr().is_terminal()).then(|| Instant::now() + EVERY);
        Self {
            bar,
            what,
            next_line,
        }
    }

    /// So many more are done.
    pub fn step(&mut self, count: u64) {
        self.bar.inc(count);
        if let Some(next) = self.next_line
            && Instant::now() >= next
        {
            self.next_line = Some(Instant::now() + EVERY);
            let (done, what) = (self.bar.position(), self.what);
            let rest = match self.bar.length() {
                Some(total) => format!(" of {total}, {:.0?} left", self.bar.eta()),
                None => String::new(),
            };
            // Whoever reads it may be gone.
            let _ = writeln!(stderr(), "{done} {what}{rest}");
        }
    }

    /// Takes the bar away.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}

/// A number of things, such as "1 user" and "2 users".
pub fn counted(count: u64, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {what}{s}")
}
