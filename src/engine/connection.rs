//! Connection first: nothing is planned or sent until these settings have been found working once.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Serialize;
use sha2::{Digest, Sha256};
use url::Url;

use super::groups::has_none;
use super::{Engine, EngineError, spans};
use crate::config::{UpdateBy, WorkivaSettings};
use crate::core::breaker::Pause;
use crate::core::plan::hex;
use crate::core::retry::{Next, next};
use crate::core::scim::group::GroupWalk;
use crate::core::scim::list::UserPage;
use crate::core::scim::{
    Capabilities, Exchange, Failure, FailureKind, RemoteGroup, ScimPort, ScimRequest, address,
};
use crate::source::HrSource;

/// How long a pool waits before it asks again whether there is a connection.
pub(super) const CONNECT_AGAIN: Duration = Duration::from_secs(30);
/// How often a question is asked before its failure is believed: one 503 says little about a connection.
const TRIES: u32 = 3;
/// The longest wait between two tries: whoever checks a connection would rather be told than wait for minutes.
const PATIENCE: Duration = Duration::from_secs(10);

impl<S: HrSource, P: ScimPort> Engine<S, P> {
    /// What Workiva can do: as remembered from a check that went well, or by a check now.
    ///
    /// # Errors
    /// Where the database fails. A connection that does not work is in the `Err` of the inner result.
    pub async fn connect(&self) -> Result<Result<Capabilities, ConnectionReport>, EngineError> {
        self.insist_on_address().await?;
        if let Some(known) = self.store.checked_connection(&self.connection_key).await? {
            // Another process may have found it working meanwhile.
            self.note_connection(None);
            return Ok(Ok(known));
        }
        let report = check(self).await;
        self.note_connection(Some(&report).filter(|report| !report.works));
        if !report.works {
            return Ok(Err(report));
        }
        self.users_at_first.store(report.users.unwrap_or(0), Ordering::Relaxed);
        if self.may_write {
            self.remember_connection(&report.capabilities).await?;
        }
        Ok(Ok(report.capabilities))
    }

    /// Why this process found no connection working under this configuration, when it asked last. It is told as an outage is, which it is to
    /// whoever waits; the database keeps none before there was a connection.
    pub fn unconnected(&self) -> Option<Pause> {
        self.unconnected.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// `failed`: what was found, where no connection works.
    fn note_connection(&self, failed: Option<&ConnectionReport>) {
        let now = self.clock.now();
        let mut known = self.unconnected.lock().unwrap_or_else(PoisonError::into_inner);
        *known = failed.map(|report| Pause {
            credentials: report.refused,
            message: report.failure(),
            since: known.as_ref().map_or(now, |known| known.since),
            until: now + CONNECT_AGAIN,
            streak: known.as_ref().map_or(0, |known| known.streak) + 1,
            failed_probes: 0,
            failed_trials: 0,
        });
    }

    /// A database is of one Workiva: elsewhere its ids mean nothing, and users who are not found would count as gone.
    ///
    /// # Errors
    /// Where it is of another one, or the database fails.
    pub async fn insist_on_address(&self) -> Result<(), EngineError> {
        let ours = address::canonical(&self.rules.base_url);
        match self.store.workiva_address().await? {
            // An earlier version may have stored it as it was written.
            Some((theirs, _)) if address::is_same(&theirs, &ours) => Ok(()),
            Some((theirs, true)) => Err(EngineError::AnotherWorkiva {
                database: self.store.path().display().to_string(),
                theirs,
                ours,
            }),
            _ if self.may_write => Ok(self.store.belongs_to(&ours).await?),
            _ => Ok(()),
        }
    }

    /// Remembers that these settings have been found working.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn remember_connection(&self, capabilities: &Capabilities) -> Result<(), EngineError> {
        Ok(self.store.connection_works(&self.connection_key, capabilities, self.clock.now()).await?)
    }
}

/// What a check found.
#[derive(Clone, Debug, Serialize)]
pub struct ConnectionReport {
    /// Whether users can be listed with these credentials: all that is needed to begin.
    pub works: bool,
    /// Whether it is the credentials that Workiva refuses.
    #[serde(skip)]
    pub refused: bool,
    /// What was tried, with what came of it.
    pub steps: Vec<CheckStep>,
    /// What the server says that it can do.
    pub capabilities: Capabilities,
    /// How many users it says there are.
    pub users: Option<u64>,
}

/// One thing that was tried.
#[derive(Clone, Debug, Serialize)]
pub struct CheckStep {
    /// What was tried.
    pub name: String,
    /// Whether it went well enough.
    pub ok: bool,
    /// What came of it, and the mend.
    pub message: String,
}

impl ConnectionReport {
    /// What does not work, in words.
    pub fn failure(&self) -> String {
        let failed = self.steps.iter().find(|step| !step.ok);
        failed.map_or_else(String::new, |step| format!("Workiva, {}: {}", step.name, step.message))
    }
}

/// What tells one connection from another. The secret is not part of it, since nothing made from a secret belongs into a
/// database: a secret that changed shows itself by a 401, which pauses everything.
pub fn settings_key(base_url: &Url, workiva: &WorkivaSettings, needs_groups: bool) -> String {
    let mut parts = serde_json::json!([base_url.as_str(), workiva.auth, workiva.username]);
    if let Some(parts) = parts.as_array_mut().filter(|_| needs_groups) {
        parts.push("groups".into());
    }
    hex(&Sha256::digest(parts.to_string()))
}

/// Tries credentials, listing and discovery.
pub async fn check<S: HrSource, P: ScimPort>(engine: &Engine<S, P>) -> ConnectionReport {
    let mut report = ConnectionReport {
        works: false,
        refused: false,
        steps: Vec::new(),
        capabilities: Capabilities::default(),
        users: None,
    };
    let mut step = |name: &str, ok: bool, message: String| {
        report.steps.push(CheckStep { name: name.to_owned(), ok, message });
    };
    let listing = ask(engine, ScimRequest::ListUsers { start_index: 1, count: 1 }).await;
    match listing.result.and_then(|answer| UserPage::read(&answer)) {
        Ok(page) => {
            step("credentials", true, "accepted".into());
            let number = page.total.map_or("the number is not told".into(), |total| format!("{total} users"));
            step("listing of users", true, number);
            report.users = page.total;
            report.works = true;
        }
        Err(failure) => {
            let refused = matches!(failure.kind, FailureKind::Unauthorized | FailureKind::Forbidden);
            step(if refused { "credentials" } else { "listing of users" }, false, explain(&failure));
            report.refused = failure.kind == FailureKind::Unauthorized;
            return report;
        }
    }
    let discovery = ask(engine, ScimRequest::ServiceProviderConfig).await;
    let mut note =
        |message: String| report.steps.push(CheckStep { name: "discovery".into(), ok: true, message });
    match discovery.result {
        Ok(answer) => {
            report.capabilities = answer.body.as_ref().map(Capabilities::read).unwrap_or_default();
            note(describe(&report.capabilities));
        }
        // Nobody knows whether Workiva has discovery; without it the usual is assumed.
        Err(failure) => note(format!(
            "not offered ({}); PATCH and filters are tried, and given up where refused",
            failure.kind
        )),
    }
    let how = match (engine.settings.workiva.update, report.capabilities.patch) {
        (UpdateBy::Put, _) | (UpdateBy::Auto, Some(false)) => "read, merge, PUT",
        (UpdateBy::Patch, _) | (UpdateBy::Auto, Some(true)) => "PATCH",
        (UpdateBy::Auto, None) => "PATCH, and PUT should it be refused",
    };
    report.steps.push(CheckStep { name: "updates".into(), ok: true, message: how.into() });
    check_groups(engine, &mut report).await;
    report
}

/// Whether there are groups, where roles grant some.
async fn check_groups<S: HrSource, P: ScimPort>(engine: &Engine<S, P>, report: &mut ConnectionReport) {
    let needed = !engine.rules.rulebook.access.references().is_empty();
    let listed = if needed { engine.list_groups().await } else { first_group(engine).await };
    let (ok, message) = match listed {
        Ok(groups) if needed => (true, format!("{} groups", groups.len())),
        Ok(_) => (true, "offered; no role grants any".into()),
        Err(failure) if has_none(&failure) && needed => {
            let message = "this server has no Groups, and access grants some: take the grants out of the configuration, or ask Workiva \
                           for a connection with Groups";
            (false, format!("{message} ({failure})"))
        }
        Err(failure) if has_none(&failure) => (true, "not offered; no role grants any".into()),
        Err(failure) => (!needed, explain(&failure)),
    };
    report.works &= ok;
    report.steps.push(CheckStep { name: "groups".into(), ok, message });
}

/// One group is enough to see that there are some.
async fn first_group<S: HrSource, P: ScimPort>(engine: &Engine<S, P>) -> Result<Vec<RemoteGroup>, Failure> {
    let mut walk = GroupWalk::new(1);
    walk.accept(&ask(engine, walk.next_request()).await.result?)?;
    Ok(walk.into_groups())
}

/// Asks, and asks again after a failure that may pass. Where no connection can be made at all, the operator is told at
/// once.
pub(super) async fn ask<S: HrSource, P: ScimPort>(engine: &Engine<S, P>, request: ScimRequest) -> Exchange {
    let mut attempt = 1;
    loop {
        let sent_at = engine.clock.now();
        let exchange = engine.port.execute(&request).await;
        engine.telemetry.request(request.method(), &exchange);
        spans::requested(&request, sent_at, &exchange);
        let Err(failure) = &exchange.result else { return exchange };
        let now = engine.clock.now();
        let wait = match next(failure, attempt, &engine.settings.retry, now, engine.random.unit()) {
            Next::Again { wait } | Next::Throttle { wait } if attempt < TRIES && wait <= PATIENCE => wait,
            _ => return exchange,
        };
        engine.clock.sleep(wait).await;
        attempt += 1;
    }
}

fn describe(capabilities: &Capabilities) -> String {
    let word = |one: Option<bool>| match one {
        Some(true) => "yes",
        Some(false) => "no",
        None => "not told",
    };
    let most = capabilities.max_results.map_or("not told".into(), |most| most.to_string());
    format!(
        "PATCH: {}, filters: {}, most users an answer: {most}, ETag: {}, bulk: {}",
        word(capabilities.patch),
        word(capabilities.filter),
        word(capabilities.etag),
        word(capabilities.bulk)
    )
}

/// What a failed connection means to whoever has to mend it.
pub fn explain(failure: &Failure) -> String {
    let mend = match failure.kind {
        FailureKind::Unreachable => {
            "no connection; check workiva.base_url, DNS, firewall and workiva.ca_file"
        }
        FailureKind::NoAnswer => {
            "no answer: the connection broke off, or nothing came within workiva.timeout_seconds; try again"
        }
        FailureKind::Unauthorized => {
            "the credentials are refused; check workiva.username, and make a new secret in Workiva: Actions > Regenerate"
        }
        FailureKind::Forbidden => {
            "the SCIM user may not list users; check its role, and whether Workiva restricts IP ranges"
        }
        FailureKind::NotFound => {
            "nothing is at this address; copy workiva.base_url from Workiva exactly as shown"
        }
        FailureKind::Redirected => {
            "redirected, which is never followed; copy workiva.base_url exactly as Workiva's settings show it"
        }
        FailureKind::Malformed => {
            "the answer is no SCIM (a login page?); copy workiva.base_url exactly as shown"
        }
        FailureKind::Throttled => "Workiva asks to wait; try again later",
        _ => "Workiva refuses; see its words",
    };
    let status = failure.status.map_or(String::new(), |status| format!("{status}: "));
    format!("{mend} ({status}{})", failure.message)
}
