//! Spans out by OTLP over HTTP, in the background. Whatever becomes of them, nobody who works waits for it: the queue is bounded,
//! and what does not fit or is not taken is dropped and counted.

mod collector;
mod data;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::{Protocol, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanExporter, SpanProcessor,
};
use prometheus_client::metrics::counter::Counter;
use tokio::sync::oneshot;

use self::collector::{Collector, Why};
use crate::config::TelemetrySettings;
use crate::core::spans::{Span, SpanSink};

/// Most spans that wait to be sent or are on their way; about 1 KB each.
const QUEUE: usize = 4096;
/// Most spans in one request.
const BATCH: usize = 512;
/// How often what waits is sent, if fewer than a batch do.
const SEND_EVERY: Duration = Duration::from_secs(2);
/// The longest that anybody waits for the last spans to be sent.
const LAST_WITHIN: Duration = Duration::from_secs(4);

/// Why spans cannot be sent as configured.
#[derive(Debug, thiserror::Error)]
#[error("telemetry.{key}: {problem}")]
pub struct OtlpError {
    key: &'static str,
    problem: String,
}

/// Whether the collector that is configured takes spans, by a request without any. `Ok(None)`: it does, or none is configured; else why
/// not.
///
/// # Errors
/// As [`Otlp::start`].
pub async fn untaken(settings: &TelemetrySettings) -> Result<Option<String>, OtlpError> {
    let Some(url) = settings.traces_url() else { return Ok(None) };
    let timeout = Duration::from_secs(settings.timeout_seconds.into());
    Ok(Collector::new(settings, url, timeout, Why::default())?.untaken().await)
}

/// A way to a collector.
pub struct Otlp {
    processor: BatchSpanProcessor,
    state: Arc<State>,
    ratio: f64,
}

impl Otlp {
    /// Prepares the way that is configured; `None`: none is. Nothing is sent before the first span. `dropped` counts spans that are
    /// not taken. It has to be called by a task of tokio's.
    ///
    /// # Errors
    /// What is wrong with the file of further authorities, or with TLS.
    pub fn start(settings: &TelemetrySettings, dropped: Counter) -> Result<Option<Arc<Self>>, OtlpError> {
        let Some(url) = settings.traces_url() else { return Ok(None) };
        let timeout = Duration::from_secs(settings.timeout_seconds.into());
        let why = Why::default();
        // The library reads variables of the environment (OTEL_EXPORTER_OTLP_…). The collector's own address and headers go before.
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(Collector::new(settings, url.clone(), timeout, why.clone())?)
            .with_endpoint(url.as_str())
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(timeout)
            .build()
            .map_err(|error| OtlpError { key: "otlp_endpoint", problem: error.to_string() })?;
        let state = Arc::new(State {
            dropped,
            waiting: AtomicUsize::default(),
            given_up: AtomicBool::default(),
            trouble: Mutex::default(),
        });
        let config = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(SEND_EVERY)
            .build();
        let watched = Watched { exporter, why, state: Arc::clone(&state) };
        let mut processor = BatchSpanProcessor::new(watched, config);
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = Resource::builder_empty()
            .with_service_name(settings.service_name.trim().to_owned())
            .with_attribute(version)
            .build();
        processor.set_resource(&resource);
        Ok(Some(Arc::new(Self { processor, state, ratio: settings.sample_ratio })))
    }

    /// Sends what waits, for a few seconds at most. Spans that come later are dropped.
    pub async fn end(self: Arc<Self>) {
        let state = Arc::clone(&self.state);
        let (done, is_done) = oneshot::channel();
        // The library waits by blocking its thread. That is none of tokio's, for which the process would wait at its end.
        let sending = std::thread::Builder::new().name("last-spans".into()).spawn(move || {
            let _ = self.processor.shutdown_with_timeout(LAST_WITHIN);
            let _ = done.send(());
        });
        if sending.is_ok() {
            let _ = is_done.await;
        }
        state.given_up.store(true, Ordering::Relaxed);
        let left = state.waiting.load(Ordering::Relaxed);
        if left > 0 {
            state.lost(left, "the last of them could not be sent in time");
        }
    }
}

impl SpanSink for Otlp {
    fn take(&self, span: Span) {
        if !data::is_among(&span.place, self.ratio) {
            return;
        }
        if self.state.waiting.fetch_add(1, Ordering::Relaxed) >= QUEUE {
            self.state.waiting.fetch_sub(1, Ordering::Relaxed);
            self.state.lost(1, "more of them come than the collector takes");
            return;
        }
        self.processor.on_end(data::of(span));
    }
}

/// How it goes.
#[derive(Debug)]
struct State {
    /// Spans in the queue and on their way. The library bounds its queue as well, and tells nobody what it drops.
    waiting: AtomicUsize,
    /// Whether nobody waits for them any more: they are counted by then.
    given_up: AtomicBool,
    dropped: Counter,
    /// While spans are dropped: how many were.
    trouble: Mutex<Option<usize>>,
}

impl State {
    fn lost(&self, number: usize, why: &str) {
        self.dropped.inc_by(number as u64);
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.is_none() {
            tracing::warn!("spans are dropped, and nothing else is affected: {why}");
        }
        *trouble.get_or_insert(0) += number;
    }

    fn taken(&self) {
        // As long as others wait, it may be too slow still.
        if self.waiting.load(Ordering::Relaxed) > 0 {
            return;
        }
        let over = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(dropped) = over {
            tracing::info!(dropped, "the collector takes spans again");
        }
    }
}

/// The exporter, and whether its spans arrive.
#[derive(Debug)]
struct Watched {
    exporter: opentelemetry_otlp::SpanExporter,
    why: Why,
    state: Arc<State>,
}

impl SpanExporter for Watched {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let number = batch.len();
        let result = self.exporter.export(batch).await;
        if self.state.given_up.load(Ordering::Relaxed) {
            return result;
        }
        self.state.waiting.fetch_sub(number, Ordering::Relaxed);
        match &result {
            Ok(()) => self.state.taken(),
            Err(_) => self.state.lost(number, &self.why.take()),
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
