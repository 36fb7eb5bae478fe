//! What HR systems push: taken in before they are answered, and read by the next run.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::Engine;
use super::clock::Clock;
use crate::core::delivery::{Delivery, DeliveryKind, Format, PushRequest, Receipt, Refusal, RefusedRow};
use crate::core::scim::ScimPort;
use crate::source::push::{Body, Inbox, Parsed, PushOptions, Waited, called};
use crate::source::{HrSource, SourceError};
use crate::store::{Delivered, Idempotent, Part, Store, StoreError};

/// How many rejected rows a sender is told of one by one.
const TOLD_REJECTIONS: usize = 20;

/// The deliveries in the database.
pub struct StoreInbox {
    store: Store,
    clock: Arc<dyn Clock>,
    started: bool,
}

impl StoreInbox {
    /// Those of this database. `started`: only those that a run has begun with.
    pub fn new(store: Store, clock: Arc<dyn Clock>, started: bool) -> Self {
        Self { store, clock, started }
    }
}

impl std::fmt::Debug for StoreInbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreInbox").field("started", &self.started).finish_non_exhaustive()
    }
}

impl Inbox for StoreInbox {
    fn kept<'a>(&'a self, source: &'a str) -> Waited<'a, Vec<Delivery>> {
        Box::pin(async move {
            self.store.kept_deliveries(source, self.started).await.map_err(|error| failed(source, &error))
        })
    }

    fn part(&self, delivery: i64, part: u32) -> Waited<'_, (Format, Vec<u8>)> {
        Box::pin(async move {
            self.store.delivery_part(delivery, part).await.map_err(|error| failed("(any)", &error))
        })
    }

    fn taken<'a>(&'a self, source: &'a str, up_to: i64) -> Waited<'a, ()> {
        Box::pin(async move {
            let taken = self.store.deliveries_taken(source, up_to, self.clock.now()).await;
            taken.map_err(|error| failed(source, &error))
        })
    }
}

fn failed(source: &str, error: &StoreError) -> SourceError {
    SourceError::System { system: called(source), reason: error.to_string() }
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The answer.
    pub receipt: Receipt,
    /// Whether a run has something new to read.
    pub is_new: bool,
}

impl<S: HrSource, P: ScimPort> Engine<S, P> {
    /// Takes in what was pushed to a source. An `Ok` means that it is durable.
    ///
    /// # Errors
    /// Why it is refused; then nothing of it counts.
    pub(super) async fn take_in(
        &self,
        source: &str,
        request: PushRequest,
        body: Vec<u8>,
    ) -> Result<Taken, Refusal> {
        let Some(options) = self.feed.push(source) else {
            return Err(Refusal::Unknown(format!("no source with kind = \"push\" is called '{source}'")));
        };
        let now = self.clock.now();
        let fresh = self.random.name(now);
        match request {
            PushRequest::Begin => {
                self.store.begin_snapshot(source, &fresh, now).await.map_err(broken)?;
                Ok(Taken { receipt: Receipt { delivery: fresh, ..Receipt::default() }, is_new: false })
            }
            PushRequest::Part { snapshot, number, format } => {
                let read =
                    Read::of(options, DeliveryKind::Snapshot, format, body, &snapshot, Some(number)).await?;
                let added = self.store.add_part(source, &snapshot, number, &read.part(), now).await;
                let added = added.map_err(broken)?;
                Ok(Taken { is_new: false, ..taken(added)? })
            }
            PushRequest::Commit { snapshot, parts, records } => {
                let facts = self.store.snapshot_parts(source, &snapshot).await.map_err(broken)?;
                if let Some(facts) = facts {
                    let columns = facts.iter().flat_map(|part| part.columns.iter().cloned()).collect();
                    options
                        .judge(&Parsed { rows: records, columns, ..Parsed::default() })
                        .and_then(|()| options.judge_parts(&facts))
                        .map_err(Refusal::Unusable)?;
                    options.judge_people(&facts).map_err(Refusal::Conflict)?;
                }
                let committed =
                    self.store.commit_snapshot(source, &snapshot, (parts, records), &fresh, now).await;
                taken(committed.map_err(broken)?)
            }
            PushRequest::Deliver { kind, format, key, records } => {
                let digest = hex(Sha256::digest(&body));
                let asked = hex(Sha256::digest(format!("{}\n{}\n{digest}", kind.name(), format.name())));
                let idempotent = Idempotent { key: &key, request: &asked };
                // It may have been accepted under settings by which it could not be read any more.
                if let Some(known) = self.store.answered(source, idempotent).await.map_err(broken)? {
                    return taken(known);
                }
                let name = self.random.name(now);
                let read = Read::of(options, kind, format, body, &name, None).await?;
                if let Some(told) = records.filter(|told| *told != read.parsed.rows) {
                    let came = read.parsed.rows;
                    return Err(Refusal::Unusable(format!(
                        "{told} records are told of, and {came} have come; send all"
                    )));
                }
                if kind == DeliveryKind::Snapshot {
                    options.judge(&read.parsed).map_err(Refusal::Unusable)?;
                }
                let delivered = self.store.deliver(source, kind, &read.part(), idempotent, &fresh, now).await;
                taken(delivered.map_err(broken)?)
            }
        }
    }
}

/// A body that was read once, so that its sender is told at once what is wrong with it.
struct Read {
    format: Format,
    body: Arc<[u8]>,
    digest: String,
    parsed: Parsed,
    people: String,
    receipt: Receipt,
}

impl Read {
    async fn of(
        options: &Arc<PushOptions>,
        kind: DeliveryKind,
        format: Format,
        body: Vec<u8>,
        delivery: &str,
        part: Option<u32>,
    ) -> Result<Self, Refusal> {
        let options = Arc::clone(options);
        let mut receipt = Receipt { delivery: delivery.to_owned(), part, ..Receipt::default() };
        let name = part.map_or_else(|| "as pushed".to_owned(), |part| format!("as pushed, part {part}"));
        let reading = tokio::task::spawn_blocking(move || {
            let body: Arc<[u8]> = body.into();
            let parsed =
                options.parse(Body { name, kind, format, bytes: Arc::clone(&body) }, |batch| {
                    receipt.rejected += batch.rejections.len() as u64;
                    let room = TOLD_REJECTIONS.saturating_sub(receipt.rejections.len());
                    receipt.rejections.extend(batch.rejections.into_iter().take(room).map(|one| {
                        RefusedRow { row: one.row, employee_id: one.employee_id, reason: one.reason }
                    }));
                    Ok(())
                });
            let parsed = parsed.map_err(|error| Refusal::Unusable(reason(error)))?;
            // A line of a delta in NDJSON proves its own end, and lines behind it that are missing nobody can notice.
            let proves_itself = kind == DeliveryKind::Delta && format == Format::Ndjson;
            if parsed.rows > 0 && !proves_itself && !format.is_ended(&body) {
                let what = if format == Format::Csv { "row" } else { "line" };
                return Err(Refusal::Unusable(format!(
                    "no line end stands behind its last {what}, which may be cut off; end each {what} by one"
                )));
            }
            let people: Vec<&str> = parsed.people.iter().map(String::as_str).collect();
            (receipt.records, receipt.people) = (parsed.rows, Some(people.len() as u64));
            let people = people.join("\n");
            Ok(Self { format, digest: hex(Sha256::digest(&body)), body, parsed, people, receipt })
        });
        reading.await.unwrap_or_else(|error| Err(Refusal::Failed(error.to_string())))
    }

    /// As it is kept.
    fn part(&self) -> Part<'_> {
        Part {
            format: self.format,
            body: &self.body,
            digest: &self.digest,
            columns: &self.parsed.columns,
            filled: &self.parsed.filled,
            people: &self.people,
            unmapped: &self.parsed.unmapped,
            receipt: &self.receipt,
        }
    }
}

/// Why a body cannot be read, for the one who sent it.
fn reason(error: SourceError) -> String {
    match error {
        SourceError::Incomplete { reason, .. } | SourceError::SystemIncomplete { reason, .. } => reason,
        SourceError::Header { missing, found, .. } => {
            format!("its header has no column {missing}; it has: {found}")
        }
        other => other.to_string(),
    }
}

fn taken(delivered: Delivered) -> Result<Taken, Refusal> {
    match delivered {
        Delivered::Accepted(receipt) => Ok(Taken { receipt, is_new: true }),
        Delivered::Again(receipt) => Ok(Taken { receipt, is_new: false }),
        Delivered::KeyReused => Err(Refusal::Conflict(
            "this Idempotency-Key was used for another request; take a new one for each".into(),
        )),
        Delivered::NotOpen => Err(Refusal::Unknown(
            "no such snapshot is open: it was committed, a newer one was begun, it was begun more than 24 hours ago, or more than 1 GiB \
             of changes came meanwhile; begin anew"
                .into(),
        )),
        Delivered::OtherPart => Err(Refusal::Conflict(
            "that part has come with other bytes; begin anew, for the two may be of different times".into(),
        )),
        Delivered::SameAs(part) => Err(Refusal::Conflict(format!(
            "the same bytes have come as part {part}, so what belongs into this one is missing; send that, or begin anew"
        ))),
        Delivered::Incomplete(reason) => Err(Refusal::Conflict(reason)),
        Delivered::Full => {
            Err(Refusal::Later("too much waits to be read; send it again later, and see why runs fail".into()))
        }
    }
}

fn broken(error: StoreError) -> Refusal {
    tracing::error!(%error, "what was pushed cannot be kept");
    Refusal::Failed("it cannot be kept; the daemon's log says why".into())
}

fn hex(digest: impl AsRef<[u8]>) -> String {
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
