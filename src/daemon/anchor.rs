//! Says the newest record of the audit, so that a log kept elsewhere holds anchors for `audit verify`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::engine::clock::Clock;
use crate::store::Store;

/// How often it is said.
const EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// Says it at once, and then each day until asked to stop.
pub async fn tell(store: Store, clock: Arc<dyn Clock>, mut stop: watch::Receiver<bool>) {
    loop {
        match store.audit_head().await {
            Ok(head) => tracing::info!(anchor = %head, "the newest record of the audit"),
            Err(error) => tracing::error!(%error, "the audit cannot be read"),
        }
        tokio::select! {
            _ = stop.changed() => return,
            () = clock.sleep(EVERY) => {}
        }
    }
}
