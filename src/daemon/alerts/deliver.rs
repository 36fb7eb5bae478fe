//! One channel: takes what is due, sends it, and tries again what did not arrive.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::watch;

use crate::compose::RealEngine;
use crate::core::alerts::Message;
use crate::core::retry::{backoff, longest_wait};
use crate::engine::spans::Outgoing;
use crate::notify::{Channel, SendError};
use crate::store::{ClaimedMessage, StoreError};

/// How often it is looked for what is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long storing what came of it may take, beyond the time for sending: meanwhile nobody else sends it.
const MARGIN: Duration = Duration::from_secs(5);
/// A message that is older says nothing that a reminder does not say better.
const OLDEST: TimeDelta = TimeDelta::days(3);

/// Sends, until asked to stop; what is being sent then is brought to its end.
pub(super) async fn run(
    engine: Arc<RealEngine>,
    channels: Arc<Vec<Channel>>,
    place: usize,
    mut news: watch::Receiver<u64>,
    mut stop: watch::Receiver<bool>,
) {
    let channel = &channels[place];
    let mut is_failing = false;
    loop {
        let sent = next(&engine, channel).await;
        if *stop.borrow() {
            return;
        }
        match sent {
            Ok(true) => {
                is_failing = false;
                continue;
            }
            Ok(false) => is_failing = false,
            Err(error) if !std::mem::replace(&mut is_failing, true) => {
                tracing::error!(%error, channel = channel.name(), "messages of alerts cannot be taken out of the database");
            }
            Err(_) => {}
        }
        tokio::select! {
            biased;
            _ = stop.wait_for(|stopped| *stopped) => return,
            // Where nobody sends news any more, the stop is near.
            Ok(()) = news.changed() => {}
            () = engine.clock.sleep(LOOK_EVERY) => {}
        }
    }
}

/// Sends the next message. The answer is whether there was one.
async fn next(engine: &RealEngine, channel: &Channel) -> Result<bool, StoreError> {
    let (store, retry, name) = (&engine.store, &engine.settings.retry, channel.name());
    let now = engine.clock.now();
    let held = channel.timeout() + MARGIN;
    let horizon = now + longest_wait(retry).max(held);
    let Some(claimed) = store.claim_message(name, now, now + held, horizon).await? else { return Ok(false) };
    let told = |sent: &Result<(), SendError>| match sent {
        Ok(()) => "sent",
        Err(error) if error.is_for_good || now - claimed.created_at >= OLDEST => "dropped",
        Err(_) => "failed",
    };
    let outgoing = Outgoing { message: &claimed.message, channel: name, attempt: claimed.attempt };
    let sending = channel.send(&claimed.message, now);
    let sent = engine.telemetry.spans.sending(&*engine.clock, outgoing, sending, told).await;
    let outcome = told(&sent);
    engine.telemetry.alert_message(name, outcome);
    match sent {
        Err(error) if outcome == "failed" => put_off(engine, channel, &claimed, &error).await?,
        Err(error) => {
            tell_given_up(channel, &claimed.message, claimed.attempt, &error);
            store.end_message(name, &claimed).await?;
        }
        Ok(()) => store.end_message(name, &claimed).await?,
    }
    Ok(true)
}

async fn put_off(
    engine: &RealEngine,
    channel: &Channel,
    claimed: &ClaimedMessage,
    error: &SendError,
) -> Result<(), StoreError> {
    let wait = tell_not_arrived(engine, channel, &claimed.message, claimed.attempt, error);
    engine.store.put_off_message(channel.name(), claimed, engine.clock.now() + wait, &error.reason).await
}

/// Logs that a message is not tried again.
pub(super) fn tell_given_up(channel: &Channel, message: &Message, attempts: u32, error: &SendError) {
    let (message_id, reason) = (&message.id, &error.reason);
    tracing::error!(
        channel = channel.name(),
        message_id,
        attempts,
        "a message of an alert is given up: {reason}"
    );
}

/// Logs that a message did not arrive: with the first failure, and as seldom as it is tried again. The answer is how long to wait until then.
pub(super) fn tell_not_arrived(
    engine: &RealEngine,
    channel: &Channel,
    message: &Message,
    attempt: u32,
    error: &SendError,
) -> Duration {
    let retry = &engine.settings.retry;
    let asked = error.wait.unwrap_or_default().min(Duration::from_secs(retry.cap_seconds));
    let wait = backoff(attempt, retry, engine.random.unit()).max(asked);
    tracing::warn!(
        channel = channel.name(),
        message_id = message.id,
        attempt,
        wait_seconds = wait.as_secs_f64(),
        "a message of an alert did not arrive: {}",
        error.reason
    );
    wait
}
