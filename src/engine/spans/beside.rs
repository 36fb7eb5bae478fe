//! What is done beside the runs: Workiva is compared, users are linked, messages of alerts are sent, HR systems push. Where something belongs to
//! a run, its span is in the trace of that, and otherwise in a trace of its own.

use std::sync::Arc;

use super::{Begun, HERE, Here, Spans};
use crate::core::alerts::Message;
use crate::core::delivery::{PushRequest, Refusal};
use crate::core::scim::ScimPort;
use crate::core::spans::{Place, Span, Work};
use crate::engine::Engine;
use crate::engine::adopt::{AdoptError, Adoption};
use crate::engine::clock::Clock;
use crate::engine::drift::{DriftError, DriftRun};
use crate::engine::inbound::Taken;
use crate::source::HrSource;
use crate::store::DriftOutcome;

/// A message on its way.
pub struct Outgoing<'a> {
    /// The message.
    pub message: &'a Message,
    /// By which channel.
    pub channel: &'static str,
    /// Which attempt this is, from 1.
    pub attempt: u32,
}

impl Outgoing<'_> {
    fn span(&self, clock: &dyn Clock, begun: Begun, outcome: &'static str) -> Span {
        let message = self.message;
        let key = format!("{} {} {}", message.id, self.channel, self.attempt);
        let run = message.run_id.as_deref().map(Place::of_run);
        let above = run.unwrap_or_else(|| Place::of("alert", &message.id));
        let work = Work::Alert {
            message_id: message.id.clone(),
            event: message.event.name(),
            alert: message.alert.map(|kind| kind.name()),
            plan_id: message.plan_id.clone(),
            run_id: message.run_id.clone(),
            channel: self.channel,
            attempt: self.attempt,
            outcome,
        };
        Span {
            place: above.below("alert", &key),
            parent: run.map(|run| run.span),
            linked: None,
            work,
            started_at: begun.at,
            took: begun.took(clock),
            failure: (outcome != "sent").then_some(outcome),
        }
    }
}

impl Spans {
    /// Sends a message of an alert, which makes a span. `outcome`: what is said of how it went.
    pub async fn sending<T>(
        &self,
        clock: &dyn Clock,
        outgoing: Outgoing<'_>,
        send: impl Future<Output = T>,
        outcome: impl FnOnce(&T) -> &'static str,
    ) -> T {
        let Some(sink) = self.sink() else { return send.await };
        let begun = Begun::now(clock);
        let sent = send.await;
        sink.take(outgoing.span(clock, begun, outcome(&sent)));
        sent
    }

    /// Does something that is a trace of its own: its reads and requests are below it.
    async fn alone<T>(
        &self,
        clock: &dyn Clock,
        place: impl FnOnce() -> Place,
        work: impl Future<Output = T>,
        told: impl FnOnce(&T) -> (Work, Option<&'static str>),
    ) -> T {
        let Some(sink) = self.sink() else { return work.await };
        let (here, begun, place) = (Here::new(Arc::clone(&sink)), Begun::now(clock), place());
        // Set here and nowhere else.
        let _ = here.place.set(place);
        let done = HERE.scope(here, work).await;
        let (work, failure) = told(&done);
        let (started_at, took) = (begun.at, begun.took(clock));
        sink.take(Span { place, parent: None, linked: None, work, started_at, took, failure });
        done
    }
}

/// What a request of an HR system that pushes is, before it is taken in.
struct Asked {
    step: &'static str,
    snapshot: Option<String>,
    bytes: u64,
}

impl Asked {
    fn of(request: &PushRequest, body: &[u8]) -> Self {
        let (step, snapshot) = match request {
            PushRequest::Deliver { kind, .. } => (kind.name(), None),
            PushRequest::Begin => ("begin", None),
            PushRequest::Part { snapshot, .. } => ("part", Some(snapshot.clone())),
            PushRequest::Commit { snapshot, .. } => ("commit", Some(snapshot.clone())),
        };
        Self { step, snapshot, bytes: body.len() as u64 }
    }
}

impl<S: HrSource, P: ScimPort> Engine<S, P> {
    /// Takes in what was pushed to a source, which makes a span. An `Ok` means that it is durable.
    ///
    /// # Errors
    /// Why it is refused; then nothing of it counts.
    pub async fn receive(&self, source: &str, request: PushRequest, body: Vec<u8>) -> Result<Taken, Refusal> {
        let Some(sink) = self.telemetry.spans.sink() else {
            return self.take_in(source, request, body).await;
        };
        let (asked, begun) = (Asked::of(&request, &body), Begun::now(&*self.clock));
        let taken = self.take_in(source, request, body).await;
        sink.take(self.span_of_delivery(source, &asked, begun, &taken));
        taken
    }

    /// What a run reads is in its trace. What comes before a snapshot is whole is in a trace of that, with which its commit is linked.
    fn span_of_delivery(
        &self,
        source: &str,
        asked: &Asked,
        begun: Begun,
        taken: &Result<Taken, Refusal>,
    ) -> Span {
        let receipt = taken.as_ref().ok().map(|taken| &taken.receipt);
        let of_snapshot = |name: &str| Place::of("delivery", &format!("{source}\0{name}"));
        let snapshot = asked.snapshot.as_deref().map(of_snapshot);
        let run = receipt.and_then(|receipt| receipt.run_id.as_deref()).map(Place::of_run);
        let fresh = self.random.name(begun.at);
        let (place, parent) = match (run.or(snapshot), asked.step, receipt) {
            (Some(above), _, _) => (above.below("delivery", &fresh), Some(above.span)),
            (None, "begin", Some(receipt)) => (of_snapshot(&receipt.delivery), None),
            _ => (of_snapshot(&fresh), None),
        };
        let outcome = match (asked.step, taken) {
            (_, Err(_)) => "refused",
            ("begin", _) => "begun",
            ("part", _) => "taken",
            (_, Ok(taken)) if taken.is_new => "accepted",
            _ => "again",
        };
        let work = Work::Delivery {
            source: source.to_owned(),
            step: asked.step,
            delivery: receipt.map(|receipt| receipt.delivery.clone()),
            run_id: receipt.and_then(|receipt| receipt.run_id.clone()),
            records: receipt.map_or([0, 0], |receipt| [receipt.records, receipt.rejected]),
            bytes: asked.bytes,
            outcome,
        };
        let failure = taken.as_ref().err().map(|refusal| match refusal {
            Refusal::Unusable(_) => "unusable",
            Refusal::Conflict(_) => "conflict",
            Refusal::Unknown(_) => "unknown",
            Refusal::Later(_) => "later",
            Refusal::Failed(_) => "failed",
        });
        let linked = snapshot.filter(|_| run.is_some());
        Span { place, parent, linked, work, started_at: begun.at, took: begun.took(&*self.clock), failure }
    }

    /// Compares Workiva with what was confirmed, which makes a span.
    pub(in crate::engine) async fn traced_drift(
        &self,
        drift_id: &str,
        cause: &str,
        comparing: impl Future<Output = Result<DriftRun, DriftError>>,
    ) -> Result<DriftRun, DriftError> {
        let told = |compared: &Result<DriftRun, DriftError>| {
            let failure = compared.as_ref().err().map(|error| match error {
                DriftError::Connection(_) => "connection",
                DriftError::Paused(_) => "paused",
                DriftError::Listing(_) => "listing",
                DriftError::Nobody(_) => "nobody",
                DriftError::Engine(_) => "database",
            });
            let run = compared.as_ref().ok();
            let counts = run.map(|run| {
                let (users, changed) = (run.roster.users().len() as u64, run.comparison.people.len() as u64);
                [users, run.comparison.accounts, changed, run.recorded]
            });
            let outcome = run.map_or(DriftOutcome::Failed, |run| run.outcome).name();
            (Work::Drift { drift_id: drift_id.to_owned(), cause: cause.to_owned(), outcome, counts }, failure)
        };
        let place = || Place::of("drift", drift_id);
        self.telemetry.spans.alone(&*self.clock, place, comparing, told).await
    }

    /// Links users to people, which makes a span.
    pub(in crate::engine) async fn traced_adopt(
        &self,
        linking: impl Future<Output = Result<Adoption, AdoptError>>,
    ) -> Result<Adoption, AdoptError> {
        let told = |linked: &Result<Adoption, AdoptError>| {
            let failure = linked.as_ref().err().map(|error| match error {
                AdoptError::Connection(_) => "connection",
                AdoptError::Source(error) => error.kind(),
                AdoptError::Listing(_) => "listing",
                AdoptError::Decisions(_) => "decisions",
                AdoptError::Engine(_) => "database",
            });
            let counts = linked.as_ref().ok().map(|adoption| {
                let users = adoption.roster.users().len() as u64;
                [adoption.rows, users, adoption.linked, adoption.matching.doubtful.len() as u64]
            });
            (Work::Adopt { counts }, failure)
        };
        // It has no key that is stored.
        let place = || Place::of("adopt", &self.random.name(self.clock.now()));
        self.telemetry.spans.alone(&*self.clock, place, linking, told).await
    }
}
