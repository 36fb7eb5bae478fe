//! `alerts list|test`.

use std::path::Path;

use clap::Subcommand;
use serde::Serialize;

use super::table;
use super::terminal::say;
use super::{Exit, JsonFlag, print_json};
use crate::compose::{Surroundings, load_config};
use crate::core::alerts::{Alert, Condition, Message};
use crate::notify::channels;
use crate::store::{Store, Undelivered};

#[derive(Debug, Subcommand)]
pub enum AlertsCommand {
    /// What is raised now, and which messages did not arrive yet.
    List(JsonFlag),
    /// Send a test message through each channel, and say for each what came of it. Ends with 0 if all took it, 1 if not, 2 without any.
    Test(JsonFlag),
}

/// The object of `alerts list --json`.
#[derive(Serialize)]
struct Listed<'a> {
    channels: Vec<&'static str>,
    raised: Vec<Raised<'a>>,
    undelivered: Vec<Undelivered>,
}

#[derive(Serialize)]
struct Raised<'a> {
    #[serde(flatten)]
    condition: &'a Condition,
    raised_at: chrono::DateTime<chrono::Utc>,
    told_at: chrono::DateTime<chrono::Utc>,
    quiet_since: Option<chrono::DateTime<chrono::Utc>>,
}

/// The object of `alerts test --json`, for each channel.
#[derive(Serialize)]
struct Tried {
    channel: &'static str,
    ok: bool,
    message: String,
}

/// Lists alerts, or tries the channels.
pub async fn alerts(config: &Path, command: AlertsCommand) -> anyhow::Result<Exit> {
    match command {
        AlertsCommand::List(flag) => list(config, flag.json).await,
        AlertsCommand::Test(flag) => test(config, flag.json).await,
    }
}

async fn list(config: &Path, json: bool) -> anyhow::Result<Exit> {
    let loaded = load_config(config)?;
    let channels: Vec<&str> =
        channels(&loaded.settings.alerts)?.iter().map(|channel| channel.name()).collect();
    // Where nobody is told, there need be nothing to tell of.
    let database = &loaded.rules.database;
    let store = match channels.is_empty() {
        true => Store::open_for_reading(database).await?,
        false => Store::open_known(database).await?,
    };
    let all = store.alert_state().await?.alerts;
    let raised: Vec<&Alert> = all.iter().filter(|alert| alert.is_raised()).collect();
    let undelivered = store.undelivered().await?;
    if json {
        let raised = raised.iter().map(|alert| Raised {
            condition: &alert.condition,
            raised_at: alert.raised_at,
            told_at: alert.told_at,
            quiet_since: alert.quiet_since,
        });
        print_json(&Listed { channels, raised: raised.collect(), undelivered })?;
        return Ok(Exit::Done);
    }
    if channels.is_empty() {
        say!("no channel is configured, so nobody looks and nobody is told; see [alerts] in docs/alerts.md");
    }
    if raised.is_empty() {
        say!("nothing is raised");
    }
    // Not in cells: what is to be typed has to be whole.
    for alert in &raised {
        let condition = &alert.condition;
        let (since, told) = (table::time(condition.since), table::time(alert.told_at));
        say!("{} since {since}, told last at {told}", condition.key());
        say!("  {}", condition.what);
        if !condition.employee_ids.is_empty() {
            say!("  Among them: {}", condition.employee_ids.join(", "));
        }
        say!("  {}", condition.to_do);
    }
    for one in &undelivered {
        let error = one.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
        say!(
            "{} has not got message {} about {} yet, after {} attempts{error}",
            one.channel,
            one.message_id,
            one.about,
            one.attempts
        );
    }
    Ok(Exit::Done)
}

async fn test(config: &Path, json: bool) -> anyhow::Result<Exit> {
    let loaded = load_config(config)?;
    let channels = channels(&loaded.settings.alerts)?;
    let surroundings = Surroundings::real();
    let now = surroundings.clock.now();
    let name = loaded.settings.alerts.name.as_deref();
    let message = Message::test(surroundings.random.name(now), name, now);
    let sent = channels.iter().map(async |channel| {
        let (ok, message) = match channel.send(&message, now).await {
            Ok(()) => (true, "took the message".to_owned()),
            Err(error) => (false, error.reason),
        };
        Tried { channel: channel.name(), ok, message }
    });
    // At once: one that does not answer is no reason to wait for the others.
    let tried: Vec<Tried> = futures_util::future::join_all(sent).await;
    if json {
        print_json(&tried)?;
    } else if tried.is_empty() {
        say!(
            "no channel is configured; write [alerts.webhook], [alerts.slack] or [alerts.smtp] (docs/alerts.md)"
        );
    }
    if !json {
        for one in &tried {
            say!("{} {}: {}", if one.ok { "ok  " } else { "FAIL" }, one.channel, one.message);
        }
    }
    Ok(match tried.iter().all(|one| one.ok) {
        _ if tried.is_empty() => Exit::Usage,
        true => Exit::Done,
        false => Exit::Failed,
    })
}
