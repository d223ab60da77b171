//! Keeps the runtime awake while a write hangs.

use super::queue::Queue;
use std::io;
use std::sync::Weak;
use std::thread;
use std::time::Duration;
use tokio::runtime::Handle;

const PERIOD: Duration = Duration::from_millis(100);

/// Starts a thread that looks after a log whose rows are written by the runtime's own threads.
///
/// One thread of the runtime waits for sockets and timers on behalf of all. If it is this one that then hangs in a write
/// while the others sleep, nobody wakes them: neither for a request nor for the time limit of one. A task from outside
/// wakes one of them, and it takes over the waiting.
pub(super) fn watch(queue: Weak<Queue>, runtime: Handle) -> io::Result<()> {
    let watching = move || {
        while let Some(queue) = queue.upgrade() {
            if queue.has_been_writing_for(PERIOD) {
                runtime.spawn(async {});
            }
            drop(queue);
            thread::sleep(PERIOD);
        }
    };
    thread::Builder::new().name("log-watch".to_owned()).spawn(watching).map(drop)
}
