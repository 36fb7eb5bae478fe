//! The push: a pool over a connection that works, again and again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::Engine;
use super::connection::CONNECT_AGAIN;
use super::pool::Until;
use super::session::Line;
use crate::core::scim::ScimPort;
use crate::source::HrSource;
use crate::store::Owner;

/// How long a pool waits after the database failed.
const STORE_AGAIN: Duration = Duration::from_secs(5);

/// Pushes what is queued, once there is a connection that was found working, until told to stop. `connected` is told each time of
/// what the workers of the new pool share. `first`: the daemon has just started; where it runs at once, nothing is pushed before
/// that run has looked at HR, which may have taken back what was queued before.
pub async fn run<S: HrSource, P: ScimPort>(
    engine: Arc<Engine<S, P>>,
    owner: Arc<Owner>,
    connected: impl Fn(&Arc<Line<P>>) + Send + 'static,
    mut stop: watch::Receiver<bool>,
    first: bool,
) {
    if first && engine.settings.schedule.run_on_start {
        let mut cycles = engine.cycles.subscribe();
        tokio::select! {
            biased;
            _ = stop.wait_for(|stopped| *stopped) => return,
            _ = cycles.wait_for(|ended| *ended > 0) => {}
        }
    }
    while !*stop.borrow() {
        let wait = match engine.connect().await {
            Ok(Ok(capabilities)) => {
                if let Err(error) = engine.remember_unkept().await {
                    tracing::debug!(%error, "attributes that Workiva does not keep may be told of once more");
                }
                let pool = engine.pool(&owner, capabilities);
                connected(&pool.line);
                match pool.run(Until::Stopped, stop.clone()).await {
                    Ok(_) => return,
                    Err(error) => {
                        tracing::error!(%error, "the pool stopped over the database; it tries again")
                    }
                }
                STORE_AGAIN
            }
            // The run that comes to the same end tells it.
            Ok(Err(_)) => CONNECT_AGAIN,
            Err(error) => {
                tracing::error!(%error, "the pool waits for the database");
                STORE_AGAIN
            }
        };
        tokio::select! {
            biased;
            _ = stop.changed() => return,
            // A run that found a connection has queued what should not wait any longer.
            () = engine.bell.notified() => {}
            () = engine.clock.sleep(wait) => {}
        }
    }
}
