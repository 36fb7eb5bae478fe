//! Looks whether anything is the matter, and puts what is to be told into the outbox.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use crate::compose::RealEngine;
use crate::core::alerts::{Facts, Message, conditions, turn};
use crate::store::{AlertCommit, AlertState, StoreError};

/// How often it is looked for, beside the end of each run.
const EVERY: Duration = Duration::from_secs(5);
/// With many thousands in the queue a look takes a while: it rests for so many times as long.
const RESTS: u32 = 20;
/// What digests are about.
const DIGEST: &str = "digest";

/// Looks, until asked to stop.
pub(super) async fn run(
    engine: Arc<RealEngine>,
    channels: Vec<&'static str>,
    news: watch::Sender<u64>,
    mut stop: watch::Receiver<bool>,
) {
    let mut cycles = engine.cycles.subscribe();
    let mut is_failing = false;
    loop {
        let begun = engine.clock.elapsed();
        match look(&engine, &channels).await {
            Ok(told) => {
                is_failing = false;
                if told {
                    news.send_modify(|number| *number += 1);
                }
            }
            // Every few seconds the same would be no better.
            Err(error) if !std::mem::replace(&mut is_failing, true) => {
                tracing::error!(%error, "whether anything is the matter cannot be told; it is tried again");
            }
            Err(_) => {}
        }
        let took = engine.clock.elapsed().saturating_sub(begun);
        tokio::select! {
            biased;
            _ = stop.wait_for(|stopped| *stopped) => return,
            _ = cycles.changed() => {}
            () = engine.clock.sleep(EVERY.max(took * RESTS)) => {}
        }
    }
}

/// Looks once. The answer is whether there is something to be sent.
async fn look(engine: &RealEngine, channels: &[&'static str]) -> Result<bool, StoreError> {
    let now = engine.clock.now();
    let before = engine.store.alert_state().await?;
    let facts = facts(engine, &before, now).await?;
    let limits = engine.settings.alerts.limits();
    let turn = turn(&before.alerts, &conditions(&facts, &limits, now), facts.decided_at, &limits, now);
    let name = engine.settings.alerts.name.as_deref();
    let mut messages: Vec<(String, Message)> = Vec::new();
    for told in &turn.told {
        let message = Message::of(told, engine.random.name(now), name, now);
        messages.push((told.alert.condition.key(), message));
    }
    let digest_at = digest_at(engine, before.digest_at, now);
    if let Some(since) = before.digest_at.filter(|since| *since < now && digest_at == Some(now)) {
        let mut digest = engine.store.digest(since, now).await?;
        let raised = turn.alerts.iter().filter(|alert| alert.is_raised());
        digest.raised = raised.map(|alert| alert.condition.key()).collect();
        messages.push((DIGEST.to_owned(), Message::digest(digest, engine.random.name(now), name, now)));
    }
    if turn.alerts == before.alerts && messages.is_empty() && digest_at == before.digest_at {
        return Ok(false);
    }
    let commit =
        AlertCommit { turn: before.turn, alerts: &turn.alerts, messages: &messages, channels, digest_at };
    if !engine.store.commit_alerts(&commit, now).await? {
        // Another process was faster. What it left is looked at the next time.
        return Ok(false);
    }
    for (about, message) in &messages {
        let (event, message_id) = (message.event.name(), &message.id);
        tracing::warn!(
            about,
            event,
            message_id,
            plan_id = message.plan_id,
            run_id = message.run_id,
            "alert: {}",
            message.title
        );
    }
    Ok(!messages.is_empty())
}

async fn facts(engine: &RealEngine, before: &AlertState, now: DateTime<Utc>) -> Result<Facts, StoreError> {
    let settings = &engine.settings.alerts;
    let late_since = now - settings.limits().late;
    let mut facts = engine.store.alert_facts(now, late_since, engine.is_connected().await?).await?;
    // Before a connection was found working no outage is stored. One that is refused needs no run, and no patience.
    if facts.outage.is_none() {
        facts.outage = engine.unconnected().filter(|refused| refused.credentials);
    }
    let audit = settings.verdict(before.audit.as_ref()).cloned();
    Ok(Facts { sources: engine.source_health().await?, audit, ..facts })
}

/// Up to when digests have counted once this look is over: `now`, where one is due. The first counts from when it is switched on.
fn digest_at(
    engine: &RealEngine,
    before: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let schedule = engine.rules.digest_schedule.as_ref()?;
    // A clock that was ahead must not keep the next ones back.
    let Some(before) = before.filter(|before| *before <= now) else { return Some(now) };
    let is_due = schedule.next_after(before).is_some_and(|due| due <= now);
    Some(if is_due { now } else { before })
}
