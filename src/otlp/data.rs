//! A span as OpenTelemetry has it. Names of attributes are those of its semantic conventions, where there is one.

use std::time::SystemTime;

use opentelemetry::trace::{Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{Array, InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use crate::core::action::ActionKind;
use crate::core::spans::{Place, Span, Work};

/// Whether a trace is among those that are sent. The same in every process, as it goes by the trace alone.
pub(super) fn is_among(place: &Place, ratio: f64) -> bool {
    let (_, last) = place.trace.split_at(8);
    let number = last.iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    // In halves, so that 1.0 is beyond all.
    ((number >> 1) as f64) < ratio * 2_f64.powi(63)
}

/// The span.
pub(super) fn of(span: Span) -> SpanData {
    let start_time = SystemTime::from(span.started_at);
    let mut links = SpanLinks::default();
    links.links.extend(span.linked.map(|place| Link::with_context(context(&place))));
    let (name, kind) = match &span.work {
        Work::Run { .. } => ("run".into(), SpanKind::Internal),
        Work::Fetch { .. } => ("fetch".into(), SpanKind::Internal),
        Work::Plan { .. } => ("plan".into(), SpanKind::Internal),
        Work::Action { kind, .. } => (format!("action {}", kind.name()).into(), SpanKind::Internal),
        Work::Drift { .. } => ("drift".into(), SpanKind::Internal),
        Work::Adopt { .. } => ("adopt".into(), SpanKind::Internal),
        Work::Alert { event, .. } => (format!("alert {event}").into(), SpanKind::Client),
        Work::Delivery { step, .. } => (format!("delivery {step}").into(), SpanKind::Server),
        Work::Request { method, route, .. } => (format!("{method} {route}").into(), SpanKind::Client),
    };
    let mut attributes = attributes(span.work);
    attributes.extend(span.failure.map(|kind| KeyValue::new("error.type", kind)));
    SpanData {
        span_context: context(&span.place),
        parent_span_id: span.parent.map_or(SpanId::INVALID, SpanId::from_bytes),
        parent_span_is_remote: false,
        span_kind: kind,
        name,
        start_time,
        end_time: start_time + span.took,
        attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links,
        status: span.failure.map_or(Status::Unset, Status::error),
        instrumentation_scope: InstrumentationScope::builder("workiva-sync")
            .with_version(env!("CARGO_PKG_VERSION"))
            .build(),
    }
}

fn context(place: &Place) -> SpanContext {
    let (trace, span) = (TraceId::from_bytes(place.trace), SpanId::from_bytes(place.span));
    SpanContext::new(trace, span, TraceFlags::SAMPLED, false, TraceState::default())
}

fn attributes(work: Work) -> Vec<KeyValue> {
    let number = |number: u64| Value::I64(number.cast_signed());
    match work {
        Work::Run { run_id, cause, outcome, records, rejected, queued } => vec![
            KeyValue::new("workiva_sync.run_id", run_id),
            KeyValue::new("workiva_sync.cause", cause),
            KeyValue::new("workiva_sync.outcome", outcome.map_or("failed", |outcome| outcome.name())),
            KeyValue::new("workiva_sync.records", number(records)),
            KeyValue::new("workiva_sync.rejected", number(rejected)),
            KeyValue::new("workiva_sync.queued", number(queued)),
        ],
        Work::Fetch { source, records, bytes } => {
            let counts = [("workiva_sync.records", records), ("workiva_sync.bytes", bytes)];
            let known =
                counts.into_iter().filter_map(|(key, count)| Some(KeyValue::new(key, number(count?))));
            std::iter::once(KeyValue::new("workiva_sync.source", source)).chain(known).collect()
        }
        Work::Plan { counts, held } => {
            let of_kind = |kind: ActionKind| {
                KeyValue::new(format!("workiva_sync.planned.{}", kind.name()), number(counts.of(kind)))
            };
            let mut all: Vec<KeyValue> = ActionKind::ALL.into_iter().map(of_kind).collect();
            if !held.is_empty() {
                let codes = held.into_iter().map(StringValue::from).collect();
                all.push(KeyValue::new("workiva_sync.hold_codes", Value::Array(Array::String(codes))));
            }
            all
        }
        Work::Action { run_id, action_id, employee_id, kind, attempt, outcome } => {
            let mut all = vec![
                KeyValue::new("workiva_sync.run_id", run_id),
                KeyValue::new("workiva_sync.action_id", action_id),
                KeyValue::new("workiva_sync.kind", kind.name()),
                KeyValue::new("workiva_sync.attempt", i64::from(attempt)),
                KeyValue::new("workiva_sync.outcome", outcome),
            ];
            // An HR system whose key is an address would name somebody.
            if !employee_id.contains('@') {
                all.push(KeyValue::new("workiva_sync.employee_id", employee_id));
            }
            all
        }
        Work::Drift { drift_id, cause, outcome, counts } => {
            let named = [("drift_id", drift_id), ("cause", cause), ("outcome", outcome.to_owned())];
            let names = ["users", "accounts", "changed", "recorded"];
            named.into_iter().map(ours).chain(counted(names, counts)).collect()
        }
        Work::Adopt { counts } => counted(["records", "users", "linked", "doubtful"], counts).collect(),
        Work::Alert { message_id, event, alert, plan_id, run_id, channel, attempt, outcome } => {
            let known = [
                ("message_id", Some(message_id)),
                ("event", Some(event.to_owned())),
                ("alert", alert.map(str::to_owned)),
                ("plan_id", plan_id),
                ("run_id", run_id),
                ("channel", Some(channel.to_owned())),
                ("outcome", Some(outcome.to_owned())),
            ];
            let attempt = KeyValue::new("workiva_sync.attempt", i64::from(attempt));
            known
                .into_iter()
                .filter_map(|(key, value)| Some(ours((key, value?))))
                .chain(std::iter::once(attempt))
                .collect()
        }
        Work::Delivery { source, step, delivery, run_id, records, bytes, outcome } => {
            let known = [
                ("source", Some(source)),
                ("step", Some(step.to_owned())),
                ("delivery", delivery),
                ("run_id", run_id),
                ("outcome", Some(outcome.to_owned())),
            ];
            let [records, rejected] = records;
            let counts = Some([records, rejected, bytes]);
            known
                .into_iter()
                .filter_map(|(key, value)| Some(ours((key, value?))))
                .chain(counted(["records", "rejected", "bytes"], counts))
                .collect()
        }
        Work::Request { method, route, status, retry_after_seconds } => {
            let numbers = [
                ("http.response.status_code", status.map(u64::from)),
                ("workiva_sync.retry_after_seconds", retry_after_seconds),
            ];
            let known =
                numbers.into_iter().filter_map(|(key, value)| Some(KeyValue::new(key, number(value?))));
            let fixed = [("http.request.method", method), ("url.template", route)];
            fixed.into_iter().map(|(key, value)| KeyValue::new(key, value)).chain(known).collect()
        }
    }
}

/// An attribute that is not OpenTelemetry's own.
fn ours((key, value): (&str, String)) -> KeyValue {
    KeyValue::new(format!("workiva_sync.{key}"), value)
}

/// Counts, where they are known.
fn counted<const N: usize>(
    names: [&'static str; N],
    counts: Option<[u64; N]>,
) -> impl Iterator<Item = KeyValue> {
    let pairs = counts.into_iter().flat_map(move |counts| names.into_iter().zip(counts));
    pairs.map(|(name, count)| KeyValue::new(format!("workiva_sync.{name}"), count.cast_signed()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_runs_the_configured_part_is_among_them_and_those_of_a_smaller_part_are_in_a_larger() {
        let places: Vec<Place> = (0..4000).map(|run| Place::of_run(&format!("run {run}"))).collect();
        let number = |ratio| places.iter().filter(|place| is_among(place, ratio)).count();
        assert_eq!((number(0.0), number(1.0)), (0, 4000));
        assert!((800..1200).contains(&number(0.25)), "{}", number(0.25));
        assert!(places.iter().all(|place| !is_among(place, 0.25) || is_among(place, 0.5)));
    }
}
