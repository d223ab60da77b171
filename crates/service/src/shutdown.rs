//! The shutdown of the service, visible to everything that must end with it.

use tokio::sync::watch;

/// A handle on the shutdown of one service; clones are handles on the same.
///
/// A response without an end of its own, such as an event stream, must end once the shutdown [has begun](Self::begun):
/// until then it keeps the service from stopping.
#[derive(Debug, Clone, Default)]
pub struct Shutdown(watch::Sender<bool>);

impl Shutdown {
    /// Begins the shutdown.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }

    /// Whether it has begun.
    pub fn has_begun(&self) -> bool {
        *self.0.borrow()
    }

    /// Completes when the shutdown has begun.
    pub async fn begun(&self) {
        let mut begun = self.0.subscribe();
        // The sender is alive as long as `self` is.
        let _ = begun.wait_for(|&begun| begun).await;
    }
}
