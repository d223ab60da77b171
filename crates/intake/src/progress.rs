//! Progress on standard error of what takes longer than two seconds.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write, stderr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Nothing is said of what is done sooner.
const QUIET: Duration = Duration::from_secs(2);
/// Between two lines where standard error is no terminal.
const LINES: Duration = Duration::from_secs(5);
/// Between two pictures of the bar.
const BAR: Duration = Duration::from_millis(200);

/// Shows what the program is doing until it is dropped: a bar on a terminal, else a line each few seconds.
#[derive(Debug)]
pub struct Progress {
    stage: Arc<Mutex<Stage>>,
    bar: ProgressBar,
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Clone)]
struct Stage {
    what: String,
    since: Instant,
    /// How much is done, of how much.
    done: Option<(Arc<AtomicU64>, u64)>,
}

impl Progress {
    /// Begins to show progress as that of `program`.
    pub fn new(program: &'static str) -> Self {
        let stage = Stage { what: "starting".to_owned(), since: Instant::now(), done: None };
        let stage = Arc::new(Mutex::new(stage));
        let (stop, stopped) = mpsc::channel();
        let bar = ProgressBar::with_draw_target(Some(100), ProgressDrawTarget::stderr());
        bar.set_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar()));
        let (shown, drawn) = (Arc::clone(&stage), bar.clone());
        let thread = thread::spawn(move || show(program, &shown, &drawn, &stopped));
        Progress { stage, bar, stop: Some(stop), thread: Some(thread) }
    }

    /// Says what is done from now on.
    pub fn stage(&self, what: impl Into<String>) {
        self.set(Stage { what: what.into(), since: Instant::now(), done: None });
    }

    /// The same, with how much of `all` is done.
    pub fn counted_stage(&self, what: impl Into<String>, done: &Arc<AtomicU64>, all: u64) {
        self.set(Stage { what: what.into(), since: Instant::now(), done: Some((Arc::clone(done), all)) });
    }

    fn set(&self, stage: Stage) {
        let mut present = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        *present = stage;
        // What the program prints next begins on a line of its own.
        self.bar.set_message("");
        self.bar.suspend(|| {});
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has shown its message.
            let _ = thread.join();
        }
    }
}

fn show(program: &str, stage: &Mutex<Stage>, bar: &ProgressBar, stopped: &mpsc::Receiver<()>) {
    let is_terminal = stderr().is_terminal();
    let mut said = Instant::now();
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(BAR) {
        let stage = stage.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if stage.since.elapsed() < QUIET {
            bar.set_message("");
            continue;
        }
        if is_terminal {
            bar.set_message(format!("[{program}] {}", stage.line()));
            bar.tick();
        } else if said.elapsed() >= LINES {
            said = Instant::now();
            // Ignored if standard error is closed.
            let _ = writeln!(stderr(), "[{program}] {}", stage.line());
        }
    }
    bar.finish_and_clear();
}

impl Stage {
    fn line(&self) -> String {
        let seconds = self.since.elapsed().as_secs();
        match &self.done {
            Some((done, all)) if *all > 0 => {
                let share = (100.0 * done.load(Ordering::Relaxed) as f64 / *all as f64).min(100.0);
                format!("{}: {share:.0}%, {seconds} s", self.what)
            }
            _ => format!("{}: {seconds} s", self.what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_much_is_done() {
        let stage = |done| Stage { what: "reading".to_owned(), since: Instant::now(), done };
        assert_eq!(stage(None).line(), "reading: 0 s");
        let counted = |read, all| stage(Some((Arc::new(AtomicU64::new(read)), all))).line();
        assert_eq!(counted(25, 100), "reading: 25%, 0 s");
        assert_eq!(counted(150, 100), "reading: 100%, 0 s");
        assert_eq!(counted(150, 0), "reading: 0 s");
    }

    #[test]
    fn what_is_dropped_ends_at_once() {
        let progress = Progress::new("test");
        progress.stage("waiting");
        drop(progress);
    }
}
