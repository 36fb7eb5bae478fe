//! Which spans a run, its reads, its plan, its actions and their requests make, and below which of them each one is.
//!
//! What is done beside the runs has spans of its own: see `beside`.
//!
//! What is being worked on is known to the task, as it is to `tracing`: a request finds its action without being told. Where spans
//! go nowhere, nothing of this is made.

mod beside;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::clock::Clock;
use super::feed::{Feed, FeedError, Gathered};
use super::outcome::{CycleFailure, CycleResult, Planned};
use super::register::Turn;
use super::session::Line;
use super::{Engine, EngineError};
use crate::core::record::Fingerprint;
use crate::core::scim::answer::RetryAfter;
use crate::core::scim::{Exchange, ScimPort, ScimRequest};
use crate::core::spans::{Place, Span, SpanSink, Work};
use crate::source::HrSource;
use crate::store::{Claimed, Ending, Finished};

pub use self::beside::Outgoing;

tokio::task_local! {
    /// What is being worked on.
    static HERE: Arc<Here>;
}

struct Here {
    sink: Arc<dyn SpanSink>,
    /// Known once a run has a key.
    place: OnceLock<Place>,
    /// Requests so far.
    requests: AtomicU64,
}

impl Here {
    fn new(sink: Arc<dyn SpanSink>) -> Arc<Self> {
        Arc::new(Self { sink, place: OnceLock::new(), requests: AtomicU64::new(0) })
    }
}

/// Where spans go.
#[derive(Default)]
pub struct Spans(RwLock<Option<Arc<dyn SpanSink>>>);

impl Spans {
    /// From now on they go there; `None`: nowhere.
    pub fn go_to(&self, sink: Option<Arc<dyn SpanSink>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = sink;
    }

    fn sink(&self) -> Option<Arc<dyn SpanSink>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// When something began: by the clock on the wall, and by what passes, which is never set back.
#[derive(Clone, Copy)]
pub(super) struct Begun {
    at: DateTime<Utc>,
    since: Duration,
}

impl Begun {
    /// Now.
    pub(super) fn now(clock: &dyn Clock) -> Self {
        Self { at: clock.now(), since: clock.elapsed() }
    }

    fn took(self, clock: &dyn Clock) -> Duration {
        clock.elapsed().saturating_sub(self.since)
    }
}

/// The run that is made here has this key from now on.
pub(super) fn begins(run_id: &str) {
    // A run has one key.
    let _ = HERE.try_with(|here| here.place.set(Place::of_run(run_id)));
}

/// A source was read for the run that is made here: so many records and bytes, or why it was in vain.
pub(super) fn fetched(
    source: &str,
    started_at: DateTime<Utc>,
    took: Duration,
    came: Result<(u64, Option<u64>), &'static str>,
) {
    let (records, bytes) = came.map_or((None, None), |(records, bytes)| (Some(records), bytes));
    let work = Work::Fetch { source: source.to_owned(), records, bytes };
    tell("fetch", source, work, (started_at, took), came.err());
}

/// The run that is made here has decided what is to be done.
pub(super) fn planned(begun: Begun, clock: &dyn Clock, planned: &Planned) {
    let held = planned.verdict.reasons.iter().map(|reason| reason.code.clone()).collect();
    let work = Work::Plan { counts: planned.plan.counts(), held };
    tell("plan", "", work, (begun.at, begun.took(clock)), None);
}

/// A request was sent for the action or run that is worked on here, if one is.
pub(super) fn requested(request: &ScimRequest, sent_at: DateTime<Utc>, exchange: &Exchange) {
    let Ok(number) = HERE.try_with(|here| here.requests.fetch_add(1, Ordering::Relaxed)) else { return };
    let failure = exchange.result.as_ref().err();
    let retry_after_seconds = failure.and_then(|failure| failure.retry_after).map(|after| match after {
        RetryAfter::Seconds(seconds) => seconds,
        RetryAfter::At(at) => (at - sent_at).num_seconds().max(0).unsigned_abs(),
    });
    let work = Work::Request {
        method: request.method(),
        route: request.route(),
        status: exchange.status,
        retry_after_seconds,
    };
    let took = Duration::from_millis(exchange.elapsed_ms);
    tell("request", &number.to_string(), work, (sent_at, took), failure.map(|failure| failure.kind.as_str()));
}

/// Makes a span below what is worked on here.
fn tell(
    kind: &str,
    key: &str,
    work: Work,
    (started_at, took): (DateTime<Utc>, Duration),
    failure: Option<&'static str>,
) {
    let _ = HERE.try_with(|here| {
        let Some(place) = here.place.get() else { return };
        let (parent, place) = (Some(place.span), place.below(kind, key));
        here.sink.take(Span { place, parent, linked: None, work, started_at, took, failure });
    });
}

/// Works on actions, each of which makes a span. Several that share requests have them below the first.
pub(super) async fn of_actions<P: ScimPort>(
    line: &Line<P>,
    actions: &[Claimed],
    work: impl Future<Output = Vec<Finished>>,
) -> Vec<Finished> {
    let Some(sink) = line.telemetry.spans.sink() else { return work.await };
    let Some(first) = actions.first().map(place_of) else { return work.await };
    let here = Here::new(Arc::clone(&sink));
    // Set here and nowhere else.
    let _ = here.place.set(first);
    let begun = Begun::now(&*line.clock);
    let finished = HERE.scope(here, work).await;
    let took = begun.took(&*line.clock);
    for action in actions {
        let Some(one) = finished.iter().find(|one| one.action_id == action.action_id) else { continue };
        let (place, run) = (place_of(action), Place::of_run(&action.run_id));
        let (outcome, failure) = told(one);
        let work = Work::Action {
            run_id: action.run_id.clone(),
            action_id: action.action_id,
            employee_id: action.employee_id.clone(),
            kind: action.kind,
            attempt: action.attempts + 1,
            outcome,
        };
        let linked = (place != first).then_some(first);
        sink.take(Span { place, parent: Some(run.span), linked, work, started_at: begun.at, took, failure });
    }
    finished
}

/// Each claim of an action makes a span of its own.
fn place_of(action: &Claimed) -> Place {
    Place::of_run(&action.run_id).below("action", &format!("{}.{}", action.action_id, action.epoch))
}

/// How the work on an action ended, and the kind of failure, if it failed.
fn told(one: &Finished) -> (&'static str, Option<&'static str>) {
    let last = one.attempts.last().and_then(|attempt| attempt.error_kind).map(|kind| kind.as_str());
    match &one.ending {
        Ending::Done { .. } | Ending::Member { .. } => ("done", None),
        Ending::Withdrawn { .. } => ("superseded", None),
        Ending::Untouched => ("untouched", None),
        Ending::Again { .. } => ("retried", last),
        Ending::Parked { .. } => ("parked", last.or(Some("parked"))),
    }
}

impl<S: HrSource, P: ScimPort> Engine<S, P> {
    /// Makes a run, which makes a span. `came`: what it came to, where it came to be a run.
    pub(super) async fn traced<T>(
        &self,
        cause: &str,
        run: impl Future<Output = Result<T, EngineError>>,
        came: impl FnOnce(&T) -> Option<&CycleResult>,
    ) -> Result<T, EngineError> {
        let Some(sink) = self.telemetry.spans.sink() else { return run.await };
        let (here, begun) = (Here::new(Arc::clone(&sink)), Begun::now(&*self.clock));
        let result = HERE.scope(Arc::clone(&here), run).await;
        let ran = result.as_ref().map(came);
        // One that failed before it had a key is known to nobody.
        if let (Some(place), Some(ran)) = (here.place.get(), ran.transpose()) {
            sink.take(self.span_of(*place, cause, begun, ran));
        }
        result
    }

    fn span_of(
        &self,
        place: Place,
        cause: &str,
        begun: Begun,
        ran: Result<&CycleResult, &EngineError>,
    ) -> Span {
        let failure = match ran.map(|result| &result.failure) {
            Ok(None) => None,
            Ok(Some(CycleFailure::Connection(_))) => Some("connection"),
            Ok(Some(CycleFailure::Source { error, .. })) => Some(error.kind()),
            Err(EngineError::AnotherWorkiva { .. }) => Some("another_workiva"),
            Err(_) => Some("database"),
        };
        let result = ran.ok();
        let plan = result.and_then(|result| result.planned.as_ref()).map(|planned| &planned.plan);
        let work = Work::Run {
            run_id: result.map(|result| result.run_id.clone()).unwrap_or_default(),
            cause: cause.to_owned(),
            outcome: result.map(|result| result.outcome),
            records: plan.map_or(0, |plan| plan.rows),
            rejected: plan.map_or(0, |plan| plan.rejections()),
            queued: result.map_or(0, |result| result.committed.queued),
        };
        Span {
            place,
            parent: None,
            linked: None,
            work,
            started_at: begun.at,
            took: begun.took(&*self.clock),
            failure,
        }
    }

    /// Reads what is selected, which makes a span a source.
    pub(super) async fn fetch(
        &self,
        turn: Turn,
        due: &[String],
        absent: Fingerprint,
    ) -> Result<Gathered, FeedError> {
        let begun = Begun::now(&*self.clock);
        let read = self.feed.read(&self.store, turn, due, absent, &*self.clock).await;
        self.gathered(begun, &read);
        read
    }

    /// What is selected was read. Of several sources each has told for itself.
    pub(super) fn gathered(&self, begun: Begun, read: &Result<Gathered, FeedError>) {
        let Feed::Direct(_) = &self.feed else { return };
        let came = match read {
            Ok(gathered) => Ok((gathered.findings.rows, gathered.bytes)),
            Err(FeedError::Source(error)) => Err(error.kind()),
            Err(FeedError::Store(_)) => Err("database"),
        };
        self.fetched_alone(begun, came);
    }

    /// The only source was read.
    pub(super) fn fetched_alone(&self, begun: Begun, came: Result<(u64, Option<u64>), &'static str>) {
        let name = self.settings.source.as_deref().map_or("source", |source| source.called());
        fetched(name, begun.at, begun.took(&*self.clock), came);
    }
}
