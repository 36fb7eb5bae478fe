//! Looks through the whole audit now and then, as `audit verify` does.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::watch;

use crate::compose::RealEngine;
use crate::core::alerts::AuditVerdict;
use crate::store::{Store, StoreError};

/// How often it is asked whether it is time: by the clock, which may be set.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Looks, until asked to stop.
pub(super) async fn run(engine: Arc<RealEngine>, mut stop: watch::Receiver<bool>) {
    loop {
        let looked = tokio::select! {
            biased;
            _ = stop.wait_for(|stopped| *stopped) => return,
            looked = look_if_due(&engine) => looked,
        };
        if let Err(error) = looked {
            tracing::error!(%error, "the audit could not be looked through");
        }
        tokio::select! {
            biased;
            _ = stop.wait_for(|stopped| *stopped) => return,
            () = engine.clock.sleep(LOOK_EVERY) => {}
        }
    }
}

async fn look_if_due(engine: &RealEngine) -> Result<(), StoreError> {
    let now = engine.clock.now();
    let every = TimeDelta::hours(engine.settings.alerts.audit_hours.into());
    let last = engine.store.alert_state().await?.audit;
    // What a clock that was ahead has noted is still to come, and was looked at nobody knows when.
    if last.is_some_and(|last| last.checked_at <= now && now - last.checked_at < every) {
        return Ok(());
    }
    // By connections of its own: a large audit takes a while, and nobody is to wait for one of the daemon's two.
    let reader = Store::open_for_reading(engine.store.path()).await?;
    let report = reader.verify_audit(None).await;
    reader.close().await;
    let fault = report?.fault.map(|fault| fault.to_string());
    if let Some(fault) = &fault {
        tracing::error!("the audit is not whole: {fault}");
    }
    engine.store.note_audit_verdict(&AuditVerdict { checked_at: now, fault }).await
}
