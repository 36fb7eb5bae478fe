//! Sending for one claimed action: through the gate, under the lease, with a row for every request.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::clock::{Clock, Randomness};
use super::directory::Directory;
use super::gate::Gate;
use super::lease::Lease;
use super::managers::Newcomers;
use super::members::Members;
use super::spans;
use super::telemetry::Telemetry;
use super::tenant::{self, Tenant};
use super::unkept::Unkept;
use crate::config::UpdateBy;
use crate::core::blame::Blame;
use crate::core::grants::Removal;
use crate::core::identity::MatchAttribute;
use crate::core::planted::{self, Fault};
use crate::core::retry::{Next, RetrySettings, backoff, longest_wait, next};
use crate::core::scim::{Answer, Capabilities, Exchange, Failure, FailureKind, ScimPort, ScimRequest};
use crate::core::verdict::{Cause, SHOWS_NOBODY_OF_OURS, Trouble, Verdict, verdict};
use crate::store::{AttemptRow, Claimed, Store, StoreError};

/// How often a read is repeated at once: it changes nothing, and repeating the whole action costs more.
const READ_TRIES: u32 = 3;
/// What a 403 for the list of users means.
pub const FORBIDDEN: &str = "Workiva refuses everything (403); check what the SCIM user is allowed to do";

/// How Workiva is spoken to.
#[derive(Clone, Debug)]
pub struct Manner {
    /// How users are changed.
    pub update: UpdateBy,
    /// By what existing users are found.
    pub match_existing: Vec<MatchAttribute>,
    /// Whether user names are chosen among several: then one alone does not tell whose a user is.
    pub chooses_names: bool,
    /// Where the manager is mapped to, if it is.
    pub manager: Option<String>,
    /// How many users a page of a listing asks for.
    pub page_size: u32,
    /// How long a lease lasts.
    pub lease: Duration,
    /// The longest that one request may take.
    pub timeout: Duration,
    /// How failures are retried.
    pub retry: RetrySettings,
    /// Most people whose membership one request changes.
    pub batch: usize,
    /// How members are named who are taken out of a group.
    pub removal: Removal,
    /// Whether the daemon asks for a user while nothing is to be sent: then an outage is found over without an action.
    pub probes: bool,
}

/// What all workers share.
pub struct Line<P> {
    /// The connection.
    pub port: Arc<P>,
    /// What every request passes.
    pub gate: Gate,
    /// How Workiva is spoken to.
    pub manner: Manner,
    /// What Workiva said that it can do.
    pub capabilities: Capabilities,
    /// Whether PATCH was found to be refused, whatever the server said.
    pub patch_refused: std::sync::atomic::AtomicBool,
    /// All users of Workiva, if they were listed.
    pub directory: Directory,
    /// Who is in which group, as read a moment ago.
    pub members: Members,
    /// When the tenant was last seen to be ours.
    pub tenant: Tenant,
    /// What Workiva was seen not to keep.
    pub unkept: Arc<Unkept>,
    /// Who has come to a user that is not stored yet.
    pub newcomers: Newcomers,
    /// The state table and outbox.
    pub store: Store,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The random source.
    pub random: Arc<Randomness>,
    /// What is counted.
    pub telemetry: Arc<Telemetry>,
}

impl<P> Line<P> {
    /// Nothing is ever told to wait for longer than until then.
    pub fn horizon(&self) -> DateTime<Utc> {
        self.clock.now() + longest_wait(&self.manner.retry)
    }
}

/// Why the work on an action stops before its end.
#[derive(Debug)]
pub enum Interrupt {
    /// A request failed.
    Failed(Failure),
    /// An operator has to look.
    Park(String),
    /// Not as wished yet; worth another look.
    NotYet(String),
    /// Another process has the action now.
    LeaseLost,
    /// The pool was told to stop while the action waited for the gate.
    Stopping,
    /// Workiva is down, in these words, so nothing was sent.
    Outage(String),
    /// The database failed.
    Store(StoreError),
}

impl Interrupt {
    /// In words.
    pub fn said(&self) -> String {
        match self {
            Self::Failed(failure) => format!("Workiva, {}: {}", failure.kind, failure.message),
            Self::Park(reason) | Self::NotYet(reason) => reason.clone(),
            Self::Store(error) => error.to_string(),
            Self::Outage(message) => message.clone(),
            Self::LeaseLost | Self::Stopping => "it was broken off".to_owned(),
        }
    }
}

impl From<Failure> for Interrupt {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<StoreError> for Interrupt {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl<P: ScimPort> Line<P> {
    /// Sends one request: waits for the gate, counts, and tells the gate how it went.
    ///
    /// # Errors
    /// Where the pool was told to stop meanwhile, or Workiva is down; then nothing was sent.
    pub async fn exchange(&self, request: &ScimRequest) -> Result<Exchange, Interrupt> {
        self.wait_for_gate().await?;
        let exchange = self.ask(request).await;
        self.tell_gate(None, request, &exchange);
        Ok(exchange)
    }

    /// Asks, while the breaker is open, whether Workiva can be had again.
    ///
    /// # Errors
    /// Where the pool was told to stop meanwhile; then nothing was sent.
    pub async fn probe(&self) -> Result<(), Interrupt> {
        let is_of_tenant = self.gate.pause().is_some_and(|pause| pause.message == SHOWS_NOBODY_OF_OURS);
        let mut trouble = self.list_one().await?;
        if is_of_tenant && trouble.is_none() {
            trouble = tenant::trouble_with(self).await?;
        }
        self.gate.probed(trouble, self.clock.now(), self.random.unit());
        Ok(())
    }

    /// Asks, while the breaker lets actions through, whether Workiva can be had. The gate is told as of an action's request.
    ///
    /// # Errors
    /// Where the pool was told to stop meanwhile; then nothing was sent.
    pub async fn looks_well(&self) -> Result<bool, Interrupt> {
        let Some(trouble) = self.list_one().await? else {
            self.gate.succeeded(true);
            return Ok(true);
        };
        self.gate.failed(None, true, trouble, self.clock.now(), self.random.unit());
        Ok(false)
    }

    /// The cheapest question: a listing of one user. The answer is what is wrong, if anything is.
    async fn list_one(&self) -> Result<Option<Trouble>, Interrupt> {
        let request = ScimRequest::ListUsers { start_index: 1, count: 1 };
        let exchange = self.ask_past_gate(&request).await?;
        let forbidden = matches!(&exchange.result, Err(failure) if failure.kind == FailureKind::Forbidden);
        Ok(match verdict(&request, exchange.result.as_ref()) {
            Verdict::Trouble(trouble) => Some(trouble),
            _ if forbidden => Some(Trouble { cause: Cause::Credentials, message: FORBIDDEN.to_owned() }),
            _ => None,
        })
    }

    /// Asks whatever the breaker says, and tells it nothing: for what asks in its stead.
    pub(super) async fn ask_past_gate(&self, request: &ScimRequest) -> Result<Exchange, Interrupt> {
        self.wait_for_turn().await?;
        let exchange = self.ask(request).await;
        self.heed_throttle(&exchange);
        Ok(exchange)
    }

    async fn ask(&self, request: &ScimRequest) -> Exchange {
        let sent_at = self.clock.now();
        let exchange = self.port.execute(request).await;
        self.telemetry.request(request.method(), &exchange);
        spans::requested(request, sent_at, &exchange);
        exchange
    }

    /// Waits for the turn, unless Workiva is down: what was in hand then waits in the queue.
    async fn wait_for_gate(&self) -> Result<(), Interrupt> {
        let is_up = || self.gate.pause().map_or(Ok(()), |pause| Err(Interrupt::Outage(pause.message)));
        is_up()?;
        self.wait_for_turn().await?;
        // It may have gone down while this one waited.
        is_up()
    }

    /// Waits until the server wants to be asked again, and for the rate.
    async fn wait_for_turn(&self) -> Result<(), Interrupt> {
        loop {
            if let Some(wait) = self.gate.throttled_for() {
                tokio::select! {
                    biased;
                    () = self.gate.closed() => return Err(Interrupt::Stopping),
                    () = self.clock.sleep(wait) => {}
                }
            } else if let Some(wait) = self.gate.paced_for() {
                self.clock.sleep(wait).await;
            } else {
                return Ok(());
            }
        }
    }

    /// Tells the gate how a request of the action `who` went. Whose failure it is, if it failed.
    fn tell_gate(&self, who: Option<i64>, request: &ScimRequest, exchange: &Exchange) -> Blame {
        self.heed_throttle(exchange);
        match verdict(request, exchange.result.as_ref()) {
            Verdict::Works => self.gate.succeeded(request.is_read()),
            Verdict::Nothing => {}
            Verdict::Trouble(trouble) => {
                let (now, random) = (self.clock.now(), self.random.unit());
                return self.gate.failed(who, request.is_read(), trouble, now, random);
            }
        }
        Blame::Action
    }

    fn heed_throttle(&self, exchange: &Exchange) {
        let Err(failure) = &exchange.result else { return };
        let now = self.clock.now();
        if failure.kind == FailureKind::Throttled
            && let Next::Throttle { wait } = next(failure, 1, &self.manner.retry, now, self.random.unit())
        {
            tracing::info!(wait_seconds = wait.as_secs_f64(), "Workiva asks to wait; all workers do");
            self.gate.throttle(wait);
        }
    }

    /// Whether users are changed by PATCH.
    pub fn patches(&self) -> bool {
        match self.manner.update {
            UpdateBy::Patch => true,
            UpdateBy::Put => false,
            UpdateBy::Auto => {
                self.capabilities.patch != Some(false)
                    && !self.patch_refused.load(std::sync::atomic::Ordering::Relaxed)
            }
        }
    }
}

/// One worker's hold on one action.
pub struct Session<'a, P> {
    /// What all workers share.
    pub line: &'a Line<P>,
    /// The action; of several that share requests, the first.
    pub action: &'a Claimed,
    /// All that share requests: this action alone, or a batch of one group and direction.
    pub batch: &'a [Claimed],
    /// Every request so far.
    pub attempts: Vec<AttemptRow>,
    /// Whether a request may have taken effect unseen.
    pub uncertain: bool,
    /// When the work began, by what has passed.
    pub begun_at: Duration,
    /// Whose failure the last request was, if it failed.
    pub blame: Blame,
    lease: Lease,
}

impl<'a, P: ScimPort> Session<'a, P> {
    /// Begins with a lease that was just taken.
    pub fn new(line: &'a Line<P>, action: &'a Claimed, lease: Lease) -> Self {
        Self::of(line, action, std::slice::from_ref(action), lease)
    }

    /// The same for a batch of actions, of which `action` is the first.
    pub fn of(line: &'a Line<P>, action: &'a Claimed, batch: &'a [Claimed], lease: Lease) -> Self {
        let begun_at = line.clock.elapsed();
        Self {
            line,
            action,
            batch,
            attempts: Vec::new(),
            uncertain: batch.iter().any(|one| one.uncertain),
            begun_at,
            blame: Blame::default(),
            lease,
        }
    }

    /// Sends a request that changes nothing; a failure that may pass is tried again at once, a few times.
    ///
    /// # Errors
    /// The last failure, or a lost lease.
    pub async fn read(&mut self, request: &ScimRequest) -> Result<Answer, Interrupt> {
        let mut tries = 1;
        loop {
            match self.send(request).await {
                Err(Interrupt::Failed(failure)) if is_hiccup(&failure) && tries < READ_TRIES => {
                    let random = self.line.random.unit();
                    let wait = backoff(tries, &self.line.manner.retry, random);
                    tokio::select! {
                        biased;
                        () = self.line.gate.closed() => return Err(Interrupt::Stopping),
                        () = self.line.clock.sleep(wait) => {}
                    }
                    tries += 1;
                }
                other => return other,
            }
        }
    }

    /// Sends a request that changes something.
    ///
    /// # Errors
    /// The failure, or a lost lease.
    pub async fn write(&mut self, request: &ScimRequest) -> Result<Answer, Interrupt> {
        if self.action.withdrawn {
            return Err(Interrupt::Park("HR has taken this back, so it is not sent; discard it".into()));
        }
        let result = self.send(request).await;
        match &result {
            _ if planted::is(Fault::ForgottenUncertainty) => {}
            Err(Interrupt::Failed(failure)) => self.uncertain |= failure.may_have_taken_effect(),
            Ok(_) => self.uncertain = true,
            Err(_) => {}
        }
        result
    }

    async fn send(&mut self, request: &ScimRequest) -> Result<Answer, Interrupt> {
        self.line.wait_for_gate().await?;
        self.hold_lease().await?;
        let sent_at = self.line.clock.now();
        let exchange = self.line.ask(request).await;
        self.blame = self.line.tell_gate(Some(self.action.action_id), request, &exchange);
        let error =
            exchange.result.as_ref().err().map(|failure| format!("{}: {}", failure.kind, failure.message));
        self.attempts.push(AttemptRow {
            sent_at,
            request: exchange.line,
            status: exchange.status,
            duration_ms: exchange.elapsed_ms,
            error,
            error_kind: exchange.result.as_ref().err().map(|failure| failure.kind),
        });
        Ok(exchange.result?)
    }

    /// Nothing is sent unless the lease outlives the request.
    async fn hold_lease(&mut self) -> Result<(), Interrupt> {
        loop {
            let (clock, manner) = (&*self.line.clock, &self.line.manner);
            if self.lease.outlives(clock, manner.timeout) {
                return Ok(());
            }
            let lease = Lease::begin(clock, manner.lease);
            let claims: Vec<_> = self.batch.iter().map(|one| (one.action_id, one.epoch)).collect();
            if !self.line.store.renew(&claims, lease.until).await? {
                return Err(Interrupt::LeaseLost);
            }
            // To store that may have taken its time, so what is left of the lease is looked at again.
            self.lease = lease;
        }
    }
}

fn is_hiccup(failure: &Failure) -> bool {
    matches!(
        failure.kind,
        FailureKind::NoAnswer | FailureKind::ServerError | FailureKind::Malformed | FailureKind::Throttled
    )
}
