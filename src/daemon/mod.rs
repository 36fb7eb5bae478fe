//! The daemon: a schedule that plans, a pool that pushes, and HTTP that tells; until a signal says otherwise.

mod alerts;
mod anchor;
mod generation;
mod signals;
mod vitals;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use self::generation::Generation;
use self::signals::{Signal, Signals};
use self::vitals::DaemonVitals;
use crate::cli::Exit;
use crate::compose::{RealEngine, Sending, Surroundings, engine, load_to_run};
use crate::config::Loaded;
use crate::console;
use crate::core::audit::configuration;
use crate::http;
use crate::notify::{Channel, channels};
use crate::store::{self, Owner, Store};

/// What runs under one configuration, who is told, and where spans go.
type Put = (Arc<RealEngine>, Arc<Vec<Channel>>, Sending);

/// What draining may take beyond the longest request.
const DRAIN_MARGIN: Duration = Duration::from_secs(5);

/// Runs the daemon until SIGTERM or SIGINT.
///
/// # Errors
/// Where it cannot start: configuration, database, address. Once it runs, nothing ends it but a signal.
pub async fn run(config: &Path) -> anyhow::Result<Exit> {
    let mut signals = Signals::listen()?;
    let surroundings = Surroundings::real();
    let loaded = load_to_run(config, surroundings.clock.now())?;
    let place = store::Daemon::take_place(&loaded.rules.database, &who(surroundings.clock.now()))?;
    let store = Store::open_in_place(&loaded.rules.database, &place).await?;
    let owner = Arc::new(Owner::register(store.path(), &surroundings.random.name(surroundings.clock.now()))?);
    let listener = http::bind(loaded.rules.listen).await?;
    let listen = listener.local_addr()?;
    let (engine, mut channels, sending) = put_together(loaded, &store, &surroundings).await?;
    let mut sending = sending.begun();
    let mut current = engine;
    let vitals = DaemonVitals::new(&current);
    let (stop_telling, stopped) = watch::channel(false);
    let routes = http::routes(vitals.clone()).merge(console::routes(Arc::new(vitals.clone())));
    let server = tokio::spawn(http::serve(listener, routes, http::Bounds::default(), stopped.clone()));
    tracing::info!(version = env!("CARGO_PKG_VERSION"), %listen, database = %store.path().display(), "started");
    let anchor = tokio::spawn(anchor::tell(store.clone(), Arc::clone(&surroundings.clock), stopped));
    let (mut first, mut reloading) = (true, false);
    loop {
        let generation =
            Generation::start(Arc::clone(&current), Arc::clone(&channels), &owner, vitals.clone(), first);
        first = false;
        let asked = std::mem::take(&mut reloading).then_some(Signal::Reload);
        let next =
            wait_for_change(asked, &mut signals, config, &store, &surroundings, &current, &generation).await;
        // While they drain, tasks that end are no sign of ill health.
        vitals.watch([]);
        let bound = Duration::from_secs(current.settings.workiva.timeout_seconds) + DRAIN_MARGIN;
        let drained = generation.drain(bound, &mut signals, next.is_none()).await;
        reloading = drained.reloading;
        match next.filter(|_| !drained.stopping) {
            Some(next) => {
                (current, channels) = (next.0, next.1);
                // The last spans of the configuration before keep nobody waiting.
                tokio::spawn(std::mem::replace(&mut sending, next.2.begun()).end());
                vitals.replace(&current);
            }
            None => break,
        }
    }
    // Nobody waits for an answer any more; a connection that is kept open must not hold the process.
    let _ = stop_telling.send(true);
    let _ = tokio::time::timeout(Duration::from_secs(1), server).await;
    anchor.abort();
    // Whoever asks once more does not want to wait for them.
    tokio::select! {
        () = sending.end() => {}
        _ = signals.next() => {}
    }
    store.close().await;
    tracing::info!("stopped");
    Ok(Exit::Done)
}

/// What a second daemon is told of this one.
fn who(now: DateTime<Utc>) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_else(|_| "this machine".into());
    format!(
        "process {} on {}, since {}",
        std::process::id(),
        host.trim(),
        now.format("%Y-%m-%d %H:%M:%S UTC")
    )
}

/// Waits for a signal that means something; `asked` is one that has come already. `Some`: go on with this engine; `None`: stop.
async fn wait_for_change(
    mut asked: Option<Signal>,
    signals: &mut Signals,
    config: &Path,
    store: &Store,
    surroundings: &Surroundings,
    current: &Arc<RealEngine>,
    generation: &Generation,
) -> Option<Put> {
    loop {
        let signal = match asked.take() {
            Some(asked) => asked,
            None => signals.next().await,
        };
        match signal {
            Signal::Stop => {
                tracing::info!("asked to stop; what is in flight is brought to its end");
                generation.stop();
                return None;
            }
            Signal::Reload => match reload(config, store, surroundings, current).await {
                Ok(next) => {
                    tell_changes(current, &next.0).await;
                    generation.stop();
                    return Some(next);
                }
                Err(error) => tracing::error!("the configuration stays as it was: {error}"),
            },
        }
    }
}

/// Key by key, as the audit has it: secrets are redacted, and what may name a person is a digest. Of a secret it is told that it has changed.
async fn tell_changes(former: &RealEngine, current: &RealEngine) {
    let secrets = current.changed_secrets(former);
    if let Err(error) = current.record_secrets(&secrets).await {
        tracing::error!(%error, "the audit does not tell that secrets have changed");
    }
    let (before, now) = (former.configuration(), current.configuration());
    let change = configuration::change(&before, &now).unwrap_or_default();
    let number = change.changed.len() + change.removed.len() + secrets.len();
    if number == 0 {
        tracing::info!("the configuration was read again; nothing in it has changed");
        return;
    }
    tracing::info!(changes = number, "the configuration was read again");
    for key in &secrets {
        tracing::info!(key, "the configuration has changed: the secret is another one");
    }
    for (key, to) in &change.changed {
        let from = before.get(key).map(String::as_str);
        tracing::info!(key, from, to, "the configuration has changed");
    }
    for key in &change.removed {
        tracing::info!(key, from = before.get(key), "the configuration has changed: the key is gone");
    }
}

async fn reload(
    config: &Path,
    store: &Store,
    surroundings: &Surroundings,
    current: &RealEngine,
) -> Result<Put, anyhow::Error> {
    let loaded: Loaded = load_to_run(config, surroundings.clock.now())?;
    if loaded.rules.database != current.rules.database || loaded.rules.listen != current.rules.listen {
        anyhow::bail!("store.url and http.listen take a restart");
    }
    put_together(loaded, store, surroundings).await
}

/// Puts together what one configuration means. What is wrong with a channel or the collector is told before anything of it is recorded.
async fn put_together(loaded: Loaded, store: &Store, surroundings: &Surroundings) -> anyhow::Result<Put> {
    let channels = channels(&loaded.settings.alerts)?;
    let sending = Sending::prepare(&loaded, surroundings)?;
    let engine = engine(loaded, store.clone(), surroundings, true).await?;
    Ok((Arc::new(engine), Arc::new(channels), sending))
}
