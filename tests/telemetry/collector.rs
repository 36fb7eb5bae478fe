//! A collector as small as can be: takes OTLP over HTTP, and keeps what it was sent.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::common::{header, request, until};

/// Never answers.
pub const SILENT: u16 = 0;

/// One request to the collector.
#[derive(Clone)]
pub struct Export {
    /// The head, as it was sent.
    pub head: String,
    /// The body, as it was sent.
    pub body: Vec<u8>,
    /// Whether it was answered with 200.
    pub taken: bool,
}

/// A span, as far as tests look at it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub name: String,
    pub trace: Vec<u8>,
    pub id: Vec<u8>,
    /// Empty: it has none.
    pub parent: Vec<u8>,
    pub attributes: BTreeMap<String, String>,
    pub failed: bool,
    pub started: u64,
    pub ended: u64,
    /// The ids of spans that it is linked with.
    pub links: Vec<Vec<u8>>,
    pub service: String,
}

impl Seen {
    /// An attribute of ours.
    pub fn ours(&self, key: &str) -> &str {
        self.get(&format!("workiva_sync.{key}"))
    }

    /// An attribute; empty: it is not there.
    pub fn get(&self, key: &str) -> &str {
        self.attributes.get(key).map_or("", String::as_str)
    }
}

/// The collector.
pub struct Collector {
    base_url: String,
    status: Arc<AtomicU16>,
    connections: Arc<AtomicU64>,
    exports: Arc<Mutex<Vec<Export>>>,
}

impl Collector {
    /// One that takes everything.
    pub fn start() -> Self {
        Self::start_by("http://127.0.0.1", take)
    }

    /// The same over TLS, as `localhost`.
    pub fn start_tls(config: Arc<ServerConfig>) -> Self {
        Self::start_by("https://localhost", move |stream, status, all| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            take(StreamOwned::new(connection, stream), status, all);
        })
    }

    fn start_by(
        origin: &str,
        serve: impl Fn(TcpStream, &AtomicU16, &Mutex<Vec<Export>>) + Clone + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base_url = format!("{origin}:{}", listener.local_addr().unwrap().port());
        let (status, connections) = (Arc::new(AtomicU16::new(200)), Arc::new(AtomicU64::new(0)));
        let exports = Arc::new(Mutex::new(Vec::new()));
        let (now, came, all) = (Arc::clone(&status), Arc::clone(&connections), Arc::clone(&exports));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                came.fetch_add(1, Ordering::Relaxed);
                let (serve, now, all) = (serve.clone(), Arc::clone(&now), Arc::clone(&all));
                std::thread::spawn(move || serve(stream.unwrap(), &now, &all));
            }
        });
        Self { base_url, status, connections, exports }
    }

    /// Its base address.
    pub fn url(&self) -> String {
        self.base_url.clone()
    }

    /// From now on it answers with this.
    pub fn answers(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    /// How often somebody connected.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Every request.
    pub fn exports(&self) -> Vec<Export> {
        self.exports.lock().unwrap().clone()
    }

    /// All spans that were taken.
    pub fn spans(&self) -> Vec<Seen> {
        self.exports()
            .iter()
            .filter(|export| export.taken)
            .flat_map(|export| spans_of(&export.body))
            .collect()
    }

    /// Those whose name begins so.
    pub fn called(&self, name: &str) -> Vec<Seen> {
        self.spans().into_iter().filter(|span| span.name.starts_with(name)).collect()
    }

    /// Waits for one whose name begins so.
    pub fn wait_for(&self, name: &str) -> Seen {
        until(name, || !self.called(name).is_empty());
        self.called(name).remove(0)
    }
}

fn take(mut stream: impl Read + Write, status: &AtomicU16, all: &Mutex<Vec<Export>>) {
    // Nothing comes from whoever does not believe the certificate.
    let Some((head, body)) = request(&mut stream) else { return };
    assert!(header(&head, "content-length").is_some(), "{head}");
    let status = status.load(Ordering::Relaxed);
    all.lock().unwrap().push(Export { head, body, taken: status == 200 });
    if status == SILENT {
        // Until the sender has had enough.
        let _ = stream.read(&mut [0]);
        return;
    }
    // Many quote in what they refuse what they were sent.
    let quoted = all.lock().unwrap().last().map(|export| export.head.clone()).unwrap_or_default();
    let quoted = if status == 200 { String::new() } else { quoted };
    let length = quoted.len();
    // The sender may be gone.
    let _ = write!(
        stream,
        "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{quoted}"
    );
    let _ = stream.flush();
}

fn spans_of(body: &[u8]) -> Vec<Seen> {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let mut all = Vec::new();
    for of_resource in request.resource_spans {
        let service = pairs(&of_resource.resource.unwrap().attributes).remove("service.name").unwrap();
        for span in of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            assert!(span.events.is_empty(), "no words of a log go along: {span:?}");
            all.push(Seen {
                attributes: pairs(&span.attributes),
                failed: span.status.is_some_and(|status| status.code == StatusCode::Error as i32),
                links: span.links.into_iter().map(|link| link.span_id).collect(),
                name: span.name,
                trace: span.trace_id,
                id: span.span_id,
                parent: span.parent_span_id,
                started: span.start_time_unix_nano,
                ended: span.end_time_unix_nano,
                service: service.clone(),
            });
        }
    }
    all
}

fn pairs(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    attributes.iter().map(|one| (one.key.clone(), text(one.value.as_ref().unwrap()))).collect()
}

fn text(value: &AnyValue) -> String {
    match value.value.as_ref().unwrap() {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::ArrayValue(list) => list.values.iter().map(text).collect::<Vec<_>>().join(","),
        other => panic!("an attribute of another kind: {other:?}"),
    }
}
