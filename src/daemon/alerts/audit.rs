//! Looks through the whole audit when the daemon has started and now and then, as `audit verify` does.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::watch;

use crate::compose::RealEngine;
use crate::core::alerts::AuditVerdict;
use crate::daemon::vitals::DaemonVitals;
use crate::store::{Store, StoreError};

/// How often it is asked whether it is time: by the clock, which may be set.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// What a start has to do comes first: to look through millions of records keeps a core busy for a minute.
const AFTER_START: Duration = Duration::from_secs(10);

/// Looks, until asked to stop.
pub(super) async fn run(engine: Arc<RealEngine>, vitals: DaemonVitals, mut stop: watch::Receiver<bool>) {
    tokio::select! {
        biased;
        _ = stop.wait_for(|stopped| *stopped) => {}
        () = look_now_and_then(&engine, &vitals) => {}
    }
}

async fn look_now_and_then(engine: &RealEngine, vitals: &DaemonVitals) {
    // From the start of the process: another configuration begins no new wait.
    engine.clock.sleep(AFTER_START.saturating_sub(engine.clock.elapsed())).await;
    loop {
        if let Err(error) = look_if_due(engine, vitals).await {
            tracing::error!(%error, "the audit could not be looked through");
        }
        engine.clock.sleep(LOOK_EVERY).await;
    }
}

async fn look_if_due(engine: &RealEngine, vitals: &DaemonVitals) -> Result<(), StoreError> {
    let now = engine.clock.now();
    let every = TimeDelta::hours(engine.settings.alerts.audit_hours.into());
    let last = engine.store.alert_state().await?.audit;
    // What a clock that was ahead has noted is still to come, and was looked at nobody knows when.
    let is_fresh = |last: AuditVerdict| last.checked_at <= now && now - last.checked_at < every;
    // What was altered while no daemon ran is not to be found a day later.
    if vitals.has_audit_verdict() && last.is_some_and(is_fresh) {
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
    engine.store.note_audit_verdict(&AuditVerdict { checked_at: now, fault }).await?;
    vitals.audit_looked_through();
    Ok(())
}
