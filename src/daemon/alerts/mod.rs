//! Alerts: what is the matter is looked for in the database alone, but for what is the matter with the database and with the connection, and
//! each channel is a task of its own. So it works while HR and Workiva are down, keeps no run and no worker waiting, and no channel waits for another.

mod audit;
mod deliver;
mod look;
mod unstored;

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::vitals::DaemonVitals;
use crate::compose::RealEngine;
use crate::notify::Channel;

/// Tells, until asked to stop. What is being sent then is brought to its end, which takes no longer than `alerts.timeout_seconds`.
pub async fn run(
    engine: Arc<RealEngine>,
    channels: Arc<Vec<Channel>>,
    vitals: DaemonVitals,
    stop: watch::Receiver<bool>,
) {
    if let Err(error) = keep(&engine, &channels).await {
        tracing::error!(%error, "messages for channels that are gone could not be forgotten");
    }
    let mut tasks = JoinSet::new();
    // Where nobody is told, the log and the metrics tell.
    if engine.settings.alerts.audit_hours > 0 {
        tasks.spawn(audit::run(Arc::clone(&engine), vitals, stop.clone()));
    }
    if !channels.is_empty() {
        tell(engine, channels, stop, &mut tasks);
    }
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a part of the alerts broke down; it is started again with the daemon or its configuration");
        }
    }
}

/// Starts what looks for what is the matter, and the channels.
fn tell(
    engine: Arc<RealEngine>,
    channels: Arc<Vec<Channel>>,
    stop: watch::Receiver<bool>,
    tasks: &mut JoinSet<()>,
) {
    // Counts up with each new message.
    let news = watch::Sender::new(0_u64);
    for place in 0..channels.len() {
        let (engine, channels) = (Arc::clone(&engine), Arc::clone(&channels));
        tasks.spawn(unstored::run(Arc::clone(&engine), Arc::clone(&channels), place, stop.clone()));
        tasks.spawn(deliver::run(engine, channels, place, news.subscribe(), stop.clone()));
    }
    let names = channels.iter().map(Channel::name).collect();
    tasks.spawn(look::run(engine, names, news, stop));
}

async fn keep(engine: &RealEngine, channels: &[Channel]) -> Result<(), crate::store::StoreError> {
    let names: Vec<&str> = channels.iter().map(Channel::name).collect();
    let gone = engine.store.keep_channels(&names).await?;
    if gone > 0 {
        tracing::warn!(messages = gone, "dropped what waited for channels that are not configured any more");
    }
    Ok(())
}
