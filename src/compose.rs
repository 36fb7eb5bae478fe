//! The composition root: the one place where the real clock, client, source and store are made.

mod csv;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::config::{
    AuthKind, ConfigErrors, Deciding, HeaderChange, Loaded, Secret, SourceKind, SourceRules, SourceSettings,
    WorkivaSettings, insist_on_ticks, load, load_deciding,
};
use crate::core::happened::ActionWords;
use crate::core::spans::SpanSink;
use crate::core::value::compared;
use crate::engine::clock::{Clock, Randomness, SystemClock};
use crate::engine::doubt::Noted;
use crate::engine::feed::Feed;
use crate::engine::inbound::StoreInbox;
use crate::engine::member::Member;
use crate::engine::register::Register;
use crate::engine::storing::Storing;
use crate::engine::telemetry::Telemetry;
use crate::engine::trigger::Triggers;
use crate::engine::{Engine, Parts};
use crate::otlp::{Otlp, OtlpError};
use crate::scim::{ClientError, ConnectionSettings, Credentials, ScimClient};
use crate::source::AnySource;
use crate::source::csv::{Announcements, CsvOptions, CsvSource};
use crate::source::push::{Inbox, PushOptions, PushSource};
use crate::source::rest::{RestOptions, RestSource};
use crate::store::{Store, StoreError};

/// The engine as it runs in production.
pub type RealEngine = Engine<AnySource, ScimClient>;

/// Why nothing could be put together.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// The connection's settings, such as the file of certificates.
    #[error("the connection to Workiva cannot be set up: {0}")]
    Client(#[from] ClientError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What lives longer than one configuration.
#[derive(Clone)]
pub struct Surroundings {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The random source.
    pub random: Arc<Randomness>,
    /// What is counted.
    pub telemetry: Arc<Telemetry>,
    /// Runs that were asked for from outside.
    pub triggers: Arc<Triggers>,
    /// Whether runs can be stored.
    pub storing: Arc<Storing>,
    /// Whether one run is made and no further one comes that could heal it.
    pub once: bool,
}

impl Surroundings {
    /// The machine's own.
    pub fn real() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            random: Arc::new(Randomness::from_system()),
            telemetry: Arc::new(Telemetry::default()),
            triggers: Arc::default(),
            storing: Arc::default(),
            once: false,
        }
    }

    /// The machine's own, for one run.
    pub fn of_one_run() -> Self {
        Self { once: true, ..Self::real() }
    }
}

/// Loads the configuration from a file and this process's environment.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load_config(file: &Path) -> Result<Loaded, ConfigErrors> {
    load(file, environment())
}

/// The same where something is to run by it: a schedule that has no tick behind `now` is refused.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load_to_run(file: &Path, now: DateTime<Utc>) -> Result<Loaded, ConfigErrors> {
    let loaded = load_config(file)?;
    insist_on_ticks(&file.display().to_string(), &loaded, now)?;
    Ok(loaded)
}

/// Loads of it what decides about people alone, which needs no secret.
///
/// # Errors
/// Everything that is wrong with that.
pub fn load_rules(file: &Path) -> Result<Deciding, ConfigErrors> {
    load_deciding(file, environment())
}

/// This process's environment, without what is no Unicode.
pub fn environment() -> HashMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Spans on their way to the collector, if one is configured.
pub struct Sending {
    otlp: Option<Arc<Otlp>>,
    telemetry: Arc<Telemetry>,
}

impl Sending {
    /// Prepares what is configured. Nothing goes there yet.
    ///
    /// # Errors
    /// What is wrong with the configuration, beyond what was seen when it was loaded.
    pub fn prepare(loaded: &Loaded, surroundings: &Surroundings) -> Result<Self, OtlpError> {
        let telemetry = Arc::clone(&surroundings.telemetry);
        let otlp = Otlp::start(&loaded.settings.telemetry, telemetry.spans_dropped())?;
        Ok(Self { otlp, telemetry })
    }

    /// From now on all spans go this way.
    #[must_use]
    pub fn begun(self) -> Self {
        let sink = self.otlp.clone().map(|otlp| otlp as Arc<dyn SpanSink>);
        self.telemetry.spans.go_to(sink);
        self
    }

    /// Does something whose spans go this way, and sends the last of them.
    pub async fn during<T>(self, work: impl Future<Output = T>) -> T {
        let sending = self.begun();
        let done = work.await;
        sending.telemetry.spans.go_to(None);
        sending.end().await;
        done
    }

    /// Sends what waits, within a few seconds. Another way has to be begun before, or no spans come any more.
    pub async fn end(self) {
        if let Some(otlp) = self.otlp {
            otlp.end().await;
        }
    }
}

/// Puts the engine together over a store. Where it may write, a configuration that is not the one before is recorded.
///
/// # Errors
/// Where the connection's settings cannot be used, or the database fails.
pub async fn engine(
    loaded: Loaded,
    store: Store,
    surroundings: &Surroundings,
    may_write: bool,
) -> Result<RealEngine, ComposeError> {
    let inbox = StoreInbox::new(store.clone(), Arc::clone(&surroundings.clock), may_write);
    let inbox: Arc<dyn Inbox> = Arc::new(inbox);
    let parts = Parts {
        feed: feed(&loaded, &inbox, surroundings.once),
        port: client(&loaded)?,
        store,
        clock: Arc::clone(&surroundings.clock),
        random: Arc::clone(&surroundings.random),
        telemetry: Arc::clone(&surroundings.telemetry),
        triggers: Arc::clone(&surroundings.triggers),
        storing: Arc::clone(&surroundings.storing),
        may_write,
    };
    let engine = Engine::new(loaded, parts);
    if may_write {
        engine.record_configuration().await?;
    }
    Ok(engine)
}

/// Where records come from, for whoever reads no more than that. What is pushed waits in the database; where nothing is, nobody
/// needs one, and an empty one in memory stands for it.
///
/// # Errors
/// Where something is pushed, and the database cannot be read.
pub async fn feed_alone(loaded: &Loaded, surroundings: &Surroundings) -> Result<Feed<AnySource>, StoreError> {
    let is_pushed = loaded.settings.all_sources().any(|(_, source)| source.kind == SourceKind::Push);
    let database = if is_pushed { &loaded.rules.database } else { Path::new("") };
    let store = Store::open_for_reading(database).await?;
    let inbox: Arc<dyn Inbox> = Arc::new(StoreInbox::new(store, Arc::clone(&surroundings.clock), false));
    Ok(feed(loaded, &inbox, surroundings.once))
}

/// Where records come from, as configured. What is pushed waits in `inbox`; `once`: one run is made.
fn feed(loaded: &Loaded, inbox: &Arc<dyn Inbox>, once: bool) -> Feed<AnySource> {
    let rules = &loaded.rules;
    if !loaded.settings.uses_register() {
        return Feed::direct(source(loaded));
    }
    let member = |((_, settings), one): ((String, &SourceSettings), &SourceRules)| Member {
        origin: one.origin.clone(),
        source: match settings.kind {
            SourceKind::Push => AnySource::Push(pushed(settings, one, inbox)),
            _ => asked(settings, one, one.reading),
        },
        reading: format!("{:016x}", one.reading),
        left: one.left.clone(),
        any_header: settings.header_change == HeaderChange::Allow,
        full_schedule: one.full_schedule.clone(),
        once,
    };
    Feed::Register(Register {
        members: loaded.settings.all_sources().zip(&rules.sources).map(member).collect(),
        precedence: rules.precedence.clone(),
        columns: loaded.settings.columns(),
        left: loaded.settings.lifecycle.terminated.iter().map(|word| compared(word)).collect(),
        seed: rules.rulebook.seed,
        noted: Noted::default(),
    })
}

/// The sources that are asked over HTTP, by their names.
pub fn sources_over_http(loaded: &Loaded) -> Vec<(String, RestSource)> {
    let sources = loaded.settings.all_sources().zip(&loaded.rules.sources);
    let named = sources.filter_map(|((_, settings), rules)| {
        let source = by_http(settings, rules, rules.reading)?;
        Some((rules.origin.name.clone(), source))
    });
    named.collect()
}

/// The first source that is configured, which is the only one unless there is a register.
pub fn source(loaded: &Loaded) -> AnySource {
    let rules = &loaded.rules;
    let (_, settings) =
        loaded.settings.all_sources().next().expect("validation has seen to it that there is one");
    asked(settings, &rules.sources[0], rules.rulebook.seed)
}

fn pushed(source: &SourceSettings, rules: &SourceRules, inbox: &Arc<dyn Inbox>) -> PushSource {
    let push = source.push.clone().unwrap_or_default();
    // It has no name of its own that a pattern or a file beside it could come from.
    let csv =
        CsvOptions { announcements: Announcements::default(), ..csv::options(source, rules, rules.reading) };
    let actions = match push.action_column {
        Some(_) => ActionWords::new(
            &push.delete_values,
            &push.upsert_values,
            "source.push.delete_values nor upsert_values",
        ),
        // Nothing is ever said.
        None => ActionWords::new(&[], &[String::new()], ""),
    };
    let options = PushOptions {
        name: rules.origin.name.clone(),
        csv,
        action_column: push.action_column,
        actions,
        sparse_columns: push.sparse_columns,
        several_records: push.several_records,
        min_records: source.min_records,
    };
    PushSource::new(options, Arc::clone(inbox))
}

/// A source that is asked. `seed` goes into the fingerprints of its records.
fn asked(source: &SourceSettings, rules: &SourceRules, seed: u64) -> AnySource {
    match by_http(source, rules, seed) {
        Some(rest) => AnySource::Rest(rest),
        None => AnySource::Csv(CsvSource::new(csv::options(source, rules, seed))),
    }
}

fn by_http(source: &SourceSettings, rules: &SourceRules, seed: u64) -> Option<RestSource> {
    let (rest, left, min_records) = (rules.rest.clone()?, rules.left.clone(), source.min_records);
    Some(RestSource::new(RestOptions { rules: rest, min_records, left, seed }))
}

fn client(loaded: &Loaded) -> Result<ScimClient, ClientError> {
    let workiva = &loaded.settings.workiva;
    ScimClient::new(ConnectionSettings {
        base_url: loaded.rules.base_url.clone(),
        credentials: credentials(workiva),
        timeout: Duration::from_secs(workiva.timeout_seconds),
        max_connections: workiva.max_in_flight as usize,
        ca_file: workiva.ca_file.as_ref().map(Into::into),
    })
}

/// Validation has seen to it that what the kind of authentication needs is there.
fn credentials(workiva: &WorkivaSettings) -> Credentials {
    let secret = |secret: &Option<Secret>| {
        secret.as_ref().map(|secret| secret.as_secret().clone()).unwrap_or_default()
    };
    match workiva.auth {
        AuthKind::Basic => Credentials::Basic {
            username: workiva.username.clone().unwrap_or_default(),
            password: secret(&workiva.password),
        },
        AuthKind::Bearer => Credentials::Bearer { token: secret(&workiva.token) },
    }
}
