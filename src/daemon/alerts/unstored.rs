//! Tells one channel that no run can be stored: from memory, since the database is what fails. What a process was told of ends with it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::deliver::{tell_given_up, tell_not_arrived};
use crate::compose::RealEngine;
use crate::core::alerts::{Event, Message, turn, unstored};
use crate::engine::spans::Outgoing;
use crate::notify::{Channel, SendError};

/// How often it is looked whether there is something to tell.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A message that did not arrive yet, and how often it was tried.
struct Pending {
    message: Message,
    attempts: u32,
}

/// Tells, until asked to stop.
pub(super) async fn run(
    engine: Arc<RealEngine>,
    channels: Arc<Vec<Channel>>,
    place: usize,
    mut stop: watch::Receiver<bool>,
) {
    let channel = &channels[place];
    let mut pending = None;
    loop {
        let wait = look(&engine, channel, &mut pending).await;
        tokio::select! {
            biased;
            _ = stop.wait_for(|stopped| *stopped) => return,
            () = engine.clock.sleep(wait) => {}
        }
    }
}

/// Looks, and tells what there is to tell. The answer is how long to wait for the next look.
async fn look(engine: &RealEngine, channel: &Channel, pending: &mut Option<Pending>) -> Duration {
    let (name, now) = (channel.name(), engine.clock.now());
    let before = engine.storing.told(name);
    let trouble = engine.storing.trouble();
    let present: Vec<_> = trouble.map(|known| unstored(known.since, &known.reason)).into_iter().collect();
    let turn = turn(&before, &present, None, &engine.settings.alerts.limits(), now);
    let Some(told) = turn.told.first() else {
        *pending = None;
        engine.storing.tell(name, turn.alerts);
        return LOOK_EVERY;
    };
    let fresh = || {
        let named = engine.settings.alerts.name.as_deref();
        Pending { message: Message::of(told, engine.random.name(now), named, now), attempts: 0 }
    };
    // What is tried again is the same message, so that nobody has it twice.
    let mut current = pending.take().filter(|known| is_about(known, told.event)).unwrap_or_else(fresh);
    current.attempts += 1;
    let (message_id, about) = (current.message.id.clone(), told.event.name());
    let told_of = |sent: &Result<(), SendError>| match sent {
        Ok(()) => "sent",
        Err(error) if error.is_for_good => "dropped",
        Err(_) => "failed",
    };
    let outgoing = Outgoing { message: &current.message, channel: name, attempt: current.attempts };
    let sending = channel.send(&current.message, now);
    let sent = engine.telemetry.spans.sending(&*engine.clock, outgoing, sending, told_of).await;
    engine.telemetry.alert_message(name, told_of(&sent));
    match &sent {
        Ok(()) => {
            tracing::warn!(channel = name, message_id, event = about, "alert: {}", current.message.title);
        }
        Err(error) if error.is_for_good => {
            tell_given_up(channel, &current.message, current.attempts, error);
        }
        Err(error) => {
            let wait = tell_not_arrived(engine, channel, &current.message, current.attempts, error);
            *pending = Some(current);
            return wait.max(LOOK_EVERY);
        }
    }
    engine.storing.tell(name, turn.alerts);
    LOOK_EVERY
}

fn is_about(pending: &Pending, event: Event) -> bool {
    pending.message.event == event
}
