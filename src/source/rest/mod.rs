//! A system that is asked by HTTP and answers JSON: everybody, or those who changed since the read before.

mod alone;
mod beside;
mod call;
mod detail;
mod failed;
mod http;
mod link;
mod list;
mod moment;
mod pace;
mod page;
mod saml;
mod taker;
mod tls;
mod token;
mod totals;
mod turn;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, SecondsFormat, Utc};
use reqwest::Method;
use tokio::sync::mpsc;
use url::Url;
use xxhash_rust::xxh3::Xxh3;

use self::http::{Http, NOT_THERE};
use self::list::Reading;
use self::moment::Began;
use self::pace::Pace;
use self::token::Tokens;
use self::totals::Totals;
use super::{Extent, HrSource, SourceDigest, SourceEnd, SourceError};
use crate::config::rest::{DeltaRules, RestRules};
use crate::core::coverage::Coverage;
use crate::core::record::{Columns, RecordBatch};
use crate::core::source_file::SourceFile;

/// Behind so many deltas in a row that fail though the system answers, everybody is read once.
const MOST_FAILED: u32 = 3;

/// How a system is read.
#[derive(Clone, Debug)]
pub struct RestOptions {
    /// How it is asked and understood.
    pub rules: RestRules,
    /// With fewer records than this the list of everybody counts as incomplete.
    pub min_records: u64,
    /// Status words of people who have left, in compared form.
    pub left: Vec<String>,
    /// The configuration's fingerprint, which goes into every record's.
    pub seed: u64,
}

/// The source.
#[derive(Clone, Debug)]
pub struct RestSource {
    options: Arc<RestOptions>,
    tokens: Arc<Tokens>,
    pace: Arc<Pace>,
    /// How many deltas failed since one did not, though the system answered.
    failed: Arc<AtomicU32>,
}

impl RestSource {
    /// A source with these options. Nothing is asked yet.
    pub fn new(options: RestOptions) -> Self {
        let pace = Arc::new(Pace::new(options.rules.pace.requests_per_minute));
        Self { options: Arc::new(options), tokens: Arc::default(), pace, failed: Arc::default() }
    }

    /// A connection. All of them share one token, and one pace.
    fn http(&self) -> Result<Http, SourceError> {
        Http::new(&self.options.rules, Arc::clone(&self.tokens), Arc::clone(&self.pace))
    }

    /// Where a cursor of ours says that the read before began, if it is of this configuration.
    fn since(&self, cursor: &str) -> Option<DateTime<Utc>> {
        let time = cursor.strip_prefix(&self.mark())?;
        DateTime::parse_from_rfc3339(time).ok().map(|time| time.to_utc())
    }

    /// What a cursor begins with: under another address or configuration it would stand for other people.
    fn mark(&self) -> String {
        let mut hasher = Xxh3::with_seed(self.options.seed);
        hasher.update(self.options.rules.list.url.as_str().as_bytes());
        for (name, value) in &self.options.rules.list.query {
            hasher.update(format!("{name}={value}&").as_bytes());
        }
        format!("rest:{:016x}:", hasher.digest())
    }

    async fn everybody(
        &self,
        http: &Http,
        batches: &mpsc::Sender<RecordBatch>,
    ) -> Result<Totals, SourceError> {
        let rules = &self.options.rules;
        let reading =
            Reading { http, list: &rules.list, options: &self.options, delta: None, since: "", batches };
        let read = reading.read().await.map_err(|error| error.while_reading(http.system()));
        let totals = read?.unwrap_or_default();
        let least = self.options.min_records;
        let there = totals.rows - totals.left_out;
        if there < least {
            let reason = format!("it has {there} records; source.min_records is {least}");
            return Err(http.incomplete(reason));
        }
        Ok(totals)
    }

    /// Nothing where so many changed that the whole list is less to ask for.
    async fn changed(
        &self,
        http: &Http,
        delta: &DeltaRules,
        since: DateTime<Utc>,
        batches: &mpsc::Sender<RecordBatch>,
    ) -> Result<Option<Totals>, SourceError> {
        let since = since.format(&delta.since_format).to_string();
        let options = &self.options;
        let reading =
            Reading { http, list: &delta.list, options, delta: Some(delta), since: &since, batches };
        let read = reading.read().await.map_err(|error| error.while_reading(http.system()));
        match &read {
            Err(_) if http.has_answered() => drop(self.failed.fetch_add(1, Ordering::Relaxed)),
            Err(_) => {}
            Ok(_) => self.failed.store(0, Ordering::Relaxed),
        }
        read
    }

    /// Asks once for those who changed from this time on, and drops what comes: whether the system lets us. How many records stood on
    /// the first page; `None`: it is not asked for deltas, or they wait in a queue.
    pub async fn try_delta(&self, from: DateTime<Utc>) -> Option<Result<u64, SourceError>> {
        let delta = self.options.rules.delta.as_ref().filter(|delta| delta.acknowledge.is_none())?;
        Some(self.first_of_delta(delta, from).await)
    }

    async fn first_of_delta(&self, delta: &DeltaRules, from: DateTime<Utc>) -> Result<u64, SourceError> {
        self.tokens.begin().await;
        let http = self.http()?;
        let since = (from - delta.overlap).format(&delta.since_format).to_string();
        let (batches, mut dropped) = mpsc::channel(1);
        tokio::spawn(async move { while dropped.recv().await.is_some() {} });
        let (options, list) = (&self.options, &delta.list);
        let reading =
            Reading { http: &http, list, options, delta: Some(delta), since: &since, batches: &batches };
        reading.first_page().await
    }

    /// What the records hold beside what is read of them. Of the columns, none is absent where nobody could be seen to have it.
    fn coverage(&self, totals: &mut Totals, extent: Extent) -> Coverage {
        let columns = Columns::new(self.options.rules.fields.columns.keys().map(String::as_str));
        let mut told = totals.matched.clone();
        if totals.rows == 0 {
            told.clear();
        } else if extent == Extent::Snapshot {
            // Where no record at all was found, none has any column.
            told.resize(columns.names().len(), false);
        } else {
            // Of whoever is gone the employee id has to be there, and nothing else.
            told.truncate(match (totals.whole, totals.tombstones) {
                (0, 0) => 0,
                (0, _) => 1,
                _ => told.len(),
            });
        }
        let absent = columns.names().iter().zip(&told).filter(|(_, matched)| !**matched);
        let absent = absent.map(|(name, _)| name.clone()).collect();
        Coverage { unmapped: totals.seen.unread(), absent, lacking: std::mem::take(&mut totals.lacking) }
    }

    /// Columns that stood in no record at all: a warning, or the end of it.
    fn judge_columns(
        &self,
        http: &Http,
        records: u64,
        coverage: &Coverage,
        extent: Extent,
    ) -> Result<Option<String>, SourceError> {
        let nowhere = &coverage.absent;
        if let Some(name) = nowhere.iter().find(|name| matches!(name.as_str(), "employee_id" | "status")) {
            return Err(SourceError::NoColumn {
                system: http.system().to_owned(),
                records,
                column: name.clone(),
                coverage: Box::new(coverage.clone()),
            });
        }
        let told = extent == Extent::Snapshot && !nowhere.is_empty();
        Ok(told.then(|| {
            let names = nowhere.join(", ");
            format!(
                "no record has what source.columns has for {names}; correct the path, or take the column out"
            )
        }))
    }
}

impl HrSource for RestSource {
    async fn digest(&self) -> Result<Option<SourceDigest>, SourceError> {
        Ok(None)
    }

    async fn read(
        &self,
        since: Option<String>,
        batches: mpsc::Sender<RecordBatch>,
    ) -> Result<SourceEnd, SourceError> {
        let rules = &self.options.rules;
        self.tokens.begin().await;
        let http = self.http()?;
        let failed = self.failed.load(Ordering::Relaxed);
        let gives_way = failed >= MOST_FAILED && !self.is_queue();
        if gives_way {
            // Should that fail as well, deltas are tried again.
            self.failed.store(0, Ordering::Relaxed);
        }
        let since = since.and_then(|cursor| self.since(&cursor)).filter(|_| !gives_way);
        let changed = match (&rules.delta, since) {
            (Some(delta), Some(since)) => self.changed(&http, delta, since, &batches).await?,
            _ => None,
        };
        let extent = if changed.is_some() { Extent::Delta } else { Extent::Snapshot };
        let mut totals = match changed {
            Some(totals) => totals,
            None => self.everybody(&http, &batches).await?,
        };
        let coverage = self.coverage(&mut totals, extent);
        let columns = self.judge_columns(&http, totals.rows, &coverage, extent)?;
        let instead = gives_way.then(|| {
            format!(
                "{failed} deltas in a row could not be read, so everybody was; correct source.rest.delta, or let \
                 source.rest.delta.enabled be false"
            )
        });
        let began = totals.began.unwrap_or_default();
        let ahead = rules.delta.as_ref().and_then(|delta| clock_ahead(began, delta));
        let told: Vec<String> =
            columns.into_iter().chain(totals.warning).chain(instead).chain(ahead).collect();
        let passed_over = (!told.is_empty()).then(|| told.join("; "));
        let cursor = rules.delta.as_ref().map(|delta| {
            let from = began.at - delta.overlap;
            format!("{}{}", self.mark(), from.to_rfc3339_opts(SecondsFormat::Secs, true))
        });
        let file = SourceFile { name: http.system().to_owned(), ..SourceFile::default() };
        let message = totals.message;
        Ok(SourceEnd { file, passed_over, extent, coverage, cursor, message, ..SourceEnd::default() })
    }

    async fn stored(&self, end: &SourceEnd) -> Result<(), SourceError> {
        let rules = &self.options.rules;
        let acknowledge = rules.delta.as_ref().and_then(|delta| delta.acknowledge.as_ref());
        let (Some(acknowledge), Some(message)) = (acknowledge, &end.message) else { return Ok(()) };
        let http = self.http()?;
        // One that is not there any more was taken off before.
        http.ask(&Method::DELETE, &http.address(&acknowledge.url, message)?, None, NOT_THERE).await?;
        Ok(())
    }

    fn fails_deltas(&self) -> bool {
        self.failed.load(Ordering::Relaxed) > 0 && !self.is_queue()
    }

    fn is_queue(&self) -> bool {
        self.options.rules.delta.as_ref().is_some_and(|delta| delta.acknowledge.is_some())
    }
}

/// A word on a clock that is further ahead of this machine's than deltas overlap.
fn clock_ahead(began: Began, delta: &DeltaRules) -> Option<String> {
    (began.ahead > delta.overlap).then(|| {
        format!(
            "by the Date of its answer it is {} s later there than here, more than source.rest.delta.overlap_seconds ({}): the next delta is \
             asked for by this machine's clock; set right whichever is wrong",
            began.ahead.as_secs(),
            delta.overlap.as_secs()
        )
    })
}

/// An address without its query: it may be shown.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Neither fails where there is a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}
