//! A list from its first page to its last, and what has to hold along the way for it to count.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, LINK};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::sync::mpsc;
use url::Url;
use xxhash_rust::xxh3::xxh3_64;

use super::super::SourceError;
use super::http::{Http, time_of};
use super::page::{PageError, check_content_type, walk_body};
use super::taker::{Taker, merge};
use super::{RestOptions, link};
use crate::config::rest::{AcknowledgeRules, DeltaRules, ListRules, PageEnd, PagingKind, RestMethod};
use crate::core::json::{PathsSeen, StreamPath, text};
use crate::core::record::RecordBatch;

/// The read of one list.
pub(super) struct Reading<'r> {
    pub(super) http: &'r Http,
    pub(super) list: &'r ListRules,
    pub(super) options: &'r Arc<RestOptions>,
    pub(super) delta: Option<&'r DeltaRules>,
    /// What `{since}` stands for.
    pub(super) since: &'r str,
    pub(super) batches: &'r mpsc::Sender<RecordBatch>,
}

/// What a list came to.
#[derive(Default)]
pub(super) struct Totals {
    /// Records.
    pub(super) rows: u64,
    /// Which columns stood in a record.
    pub(super) matched: Vec<bool>,
    /// What stood in the first records.
    pub(super) seen: PathsSeen,
    /// When the first answer was made.
    pub(super) began: Option<DateTime<Utc>>,
    /// The message that was read, of a queue.
    pub(super) message: Option<String>,
}

/// One answer.
struct Page {
    at: DateTime<Utc>,
    /// Nothing where it has no content.
    taker: Option<Taker>,
    total: Option<u64>,
    next: Option<String>,
    message: Option<String>,
}

/// What is known of the pages so far.
#[derive(Default)]
struct Seen {
    total: Option<u64>,
    pages: HashSet<u64>,
    records: HashSet<u64>,
    links: HashSet<String>,
    ids: Vec<String>,
    /// Rejections and those who are gone, of a list whose records are asked for by themselves.
    waiting: Vec<RecordBatch>,
}

impl Reading<'_> {
    /// Reads every page. Nothing where more records would be asked for by themselves than is sensible.
    pub(super) async fn read(&self) -> Result<Option<Totals>, SourceError> {
        let mut totals = Totals::default();
        let mut seen = Seen::default();
        let mut url = self.first();
        let mut number: u32 = 0;
        loop {
            number += 1;
            let most = self.list.paging.max_pages;
            if number > most {
                let reason = format!("it has more than {most} pages (source.rest.paging.max_pages)");
                return Err(self.http.incomplete(reason));
            }
            let mut page = self.page(&url, totals.rows).await?;
            totals.began.get_or_insert(page.at);
            totals.message = page.message.take().or(totals.message);
            self.check_total(&mut seen, page.total)?;
            let Some(taker) = page.taker.take() else {
                self.check_no_content(number)?;
                break;
            };
            let came = taker.rows;
            self.accept(taker, number, &mut totals, &mut seen).await?;
            let Some(next) = self.next(&url, &page, came, number, &totals, &mut seen)? else { break };
            self.room().await?;
            url = next;
        }
        if let Some(total) = seen.total.filter(|total| *total != totals.rows) {
            let reason = format!("it tells of {total} records, and {} came", totals.rows);
            return Err(self.http.incomplete(reason));
        }
        if let Some(detail) = &self.list.detail {
            let is_too_many = |delta: &DeltaRules| seen.ids.len() > delta.max_details as usize;
            if self.queue().is_none() && self.delta.is_some_and(is_too_many) {
                return Ok(None);
            }
            self.hand_on(seen.waiting).await?;
            self.details(detail, &seen.ids, &mut totals).await?;
        }
        Ok(Some(totals))
    }

    /// Takes what came on a page, once it has shown to be another one than those before.
    async fn accept(
        &self,
        taker: Taker,
        number: u32,
        totals: &mut Totals,
        seen: &mut Seen,
    ) -> Result<(), SourceError> {
        let bytes: Vec<u8> = taker.digests.iter().flat_map(|digest| digest.to_le_bytes()).collect();
        if !bytes.is_empty() && !seen.pages.insert(xxh3_64(&bytes)) {
            let reason = format!("its page {number} is one that it sent already; correct source.rest.paging");
            return Err(self.http.incomplete(reason));
        }
        if taker.digests.iter().any(|digest| seen.records.contains(digest)) {
            let reason = "a record came on two of its pages: the list moved while it was read".to_owned();
            return Err(self.http.incomplete(reason));
        }
        seen.records.extend(&taker.digests);
        totals.rows += taker.rows;
        if self.list.detail.is_some() {
            seen.ids.extend(taker.ids);
            seen.waiting.extend(taker.held);
            return Ok(());
        }
        merge(&mut totals.matched, &taker.matched);
        totals.seen.merge(taker.seen);
        self.hand_on(taker.held).await
    }

    pub(super) async fn hand_on(&self, batches: Vec<RecordBatch>) -> Result<(), SourceError> {
        for batch in batches {
            self.batches.send(batch).await.map_err(|_| SourceError::Stopped(None))?;
        }
        Ok(())
    }

    /// Nothing more is asked for before there is room for it. Whoever has enough closes the channel instead.
    pub(super) async fn room(&self) -> Result<(), SourceError> {
        self.batches.reserve().await.map(drop).map_err(|_| SourceError::Stopped(None))
    }

    fn check_total(&self, seen: &mut Seen, total: Option<u64>) -> Result<(), SourceError> {
        match (seen.total, total) {
            (Some(before), Some(now)) if before != now => {
                let reason = format!(
                    "it told of {before} records and then of {now}: the list moved while it was read"
                );
                Err(self.http.incomplete(reason))
            }
            _ => {
                seen.total = seen.total.or(total);
                Ok(())
            }
        }
    }

    fn check_no_content(&self, number: u32) -> Result<(), SourceError> {
        let paged = matches!(self.list.paging.kind, PagingKind::Page | PagingKind::Offset);
        if (paged && self.list.paging.ends_with.contains(&PageEnd::NoContent)) || self.queue().is_some() {
            return Ok(());
        }
        let reason = format!(
            "its answer {number} has no content (status 204); if that is how the list ends, add \"no_content\" to \
             source.rest.paging.ends_with"
        );
        Err(self.http.incomplete(reason))
    }

    fn queue(&self) -> Option<&AcknowledgeRules> {
        self.delta?.acknowledge.as_ref()
    }

    /// The name of a queue's message. One without a name could never be taken off.
    fn message(&self, headers: &HeaderMap) -> Result<Option<String>, SourceError> {
        let Some(rules) = self.queue() else { return Ok(None) };
        let name = headers.get(&rules.header).and_then(|value| value.to_str().ok());
        match name.map(str::trim).filter(|name| !name.is_empty()) {
            Some(name) => Ok(Some(name.to_owned())),
            None => Err(self.http.incomplete(format!(
                "a message of its queue has no header {}; correct source.rest.delta.acknowledge.header",
                rules.header
            ))),
        }
    }

    /// The address of the first page.
    fn first(&self) -> Url {
        let mut url = self.list.url.clone();
        for (name, value) in &self.list.query {
            set(&mut url, name, &value.replace("{since}", self.since));
        }
        let paging = &self.list.paging;
        if paging.kind != PagingKind::None
            && let Some(name) = &paging.size_parameter
        {
            set(&mut url, name, &paging.page_size.to_string());
        }
        match paging.kind {
            PagingKind::Page => set(&mut url, &paging.parameter, &paging.first_page.to_string()),
            PagingKind::Offset => set(&mut url, &paging.parameter, "0"),
            _ => {}
        }
        url
    }

    /// The address of the page behind this one.
    fn next(
        &self,
        url: &Url,
        page: &Page,
        came: u64,
        number: u32,
        totals: &Totals,
        seen: &mut Seen,
    ) -> Result<Option<Url>, SourceError> {
        let paging = &self.list.paging;
        if matches!(paging.kind, PagingKind::Page | PagingKind::Offset) {
            let ends = |end: PageEnd| paging.ends_with.contains(&end);
            let is_last = (came == 0 && ends(PageEnd::EmptyPage))
                || (came < u64::from(paging.page_size) && ends(PageEnd::ShortPage))
                || seen.total.is_some_and(|total| totals.rows >= total);
            if is_last {
                return Ok(None);
            }
            if came == 0 {
                let reason = "a page of it is empty, which is not how it ends (source.rest.paging.ends_with)";
                return Err(self.http.incomplete(reason.to_owned()));
            }
            let mut next = url.clone();
            let at = match paging.kind {
                PagingKind::Page => u64::from(paging.first_page) + u64::from(number),
                // A server may send fewer than it was asked for: what came counts.
                _ => totals.rows,
            };
            set(&mut next, &paging.parameter, &at.to_string());
            return Ok(Some(next));
        }
        let Some(next) = page.next.as_deref().filter(|_| paging.kind != PagingKind::None) else {
            return Ok(None);
        };
        if !seen.links.insert(next.to_owned()) {
            let reason =
                "it leads to a page that was read already; correct source.rest.paging.next".to_owned();
            return Err(self.http.incomplete(reason));
        }
        if paging.kind == PagingKind::Cursor {
            let mut url = self.first();
            set(&mut url, &paging.parameter, next);
            return Ok(Some(url));
        }
        self.http.follow(url, next).map(Some)
    }

    /// One page; where it breaks on the way, it is asked for again.
    async fn page(&self, url: &Url, rows: u64) -> Result<Page, SourceError> {
        let mut others: Vec<StreamPath> = Vec::new();
        others.extend(self.list.total.clone());
        others.extend(self.list.paging.next.clone());
        let id = self.list.detail.as_ref().map(|detail| &detail.id);
        let hold = self.list.paging.kind != PagingKind::None || id.is_some();
        let method = match self.list.method {
            RestMethod::Get => Method::GET,
            RestMethod::Post => Method::POST,
        };
        let mut attempt = 1;
        loop {
            let response = self.http.ask(&method, url, false).await?;
            let at = time_of(response.headers());
            if response.status() == StatusCode::NO_CONTENT {
                return Ok(Page { at, taker: None, total: None, next: None, message: None });
            }
            self.check(&response)?;
            let headers = response.headers().clone();
            let links = headers.get_all(LINK).into_iter().filter_map(|value| value.to_str().ok());
            let link = link::next(links).map(str::to_owned);
            let told = self.list.total_header.as_ref().and_then(|name| headers.get(name)?.to_str().ok());
            let taker = Taker::new(self.options, id, self.delta, self.batches, hold, rows);
            let (taker, walked) = walk_body(response, &self.list.records, others.clone(), taker).await;
            let handed_on = taker.as_ref().is_none_or(|taker| taker.handed_on);
            match walked {
                Ok(found) => {
                    if !found.has_records {
                        return Err(self.http.incomplete(nothing_at(&self.list.records)));
                    }
                    let mut found = found.others.into_iter();
                    let total = self.list.total.as_ref().and_then(|_| found.next().flatten());
                    let next = found.next().flatten();
                    let total = match told {
                        Some(told) => Some(self.number(&Value::from(told))?),
                        None => total.map(|total| self.number(&total)).transpose()?,
                    };
                    let next = match self.list.paging.kind {
                        PagingKind::LinkHeader => link,
                        _ => next.map(|next| self.link(&next)).transpose()?.flatten(),
                    };
                    return Ok(Page { at, taker, total, next, message: self.message(&headers)? });
                }
                Err(PageError::Stopped(error)) => return Err(error),
                Err(PageError::Incomplete(reason)) => return Err(self.http.incomplete(reason)),
                Err(PageError::Broken(reason)) if handed_on || attempt >= self.http.max_attempts() => {
                    return Err(self.http.incomplete(reason));
                }
                Err(PageError::Broken(_)) => {
                    tokio::time::sleep(self.http.pause(attempt)).await;
                    attempt += 1;
                }
            }
        }
    }

    pub(super) fn check(&self, response: &reqwest::Response) -> Result<(), SourceError> {
        let further = self.options.rules.content_type.as_deref();
        check_content_type(response, further).map_err(|reason| self.http.incomplete(reason))
    }

    fn number(&self, total: &Value) -> Result<u64, SourceError> {
        let number = text(&[total], true).ok().and_then(|total| total.parse().ok());
        number.ok_or_else(|| {
            self.http.incomplete(
                "what it tells as the total is no whole number; correct source.rest.total".to_owned(),
            )
        })
    }

    fn link(&self, next: &Value) -> Result<Option<String>, SourceError> {
        let wrong = |_| {
            let reason = "what leads to its next page is no text; correct source.rest.paging.next".to_owned();
            self.http.incomplete(reason)
        };
        let next = text(&[next], true).map_err(wrong)?;
        Ok(Some(next.into_owned()).filter(|next| !next.is_empty()))
    }
}

pub(super) fn nothing_at(path: &StreamPath) -> String {
    format!(
        "nothing stands at {} in it, as in an answer that tells of an error; correct source.rest.records",
        path.as_str()
    )
}

/// Sets a parameter, in the place of one with this name.
pub(super) fn set(url: &mut Url, name: &str, value: &str) {
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(known, _)| known != name)
        .map(|(a, b)| (a.into_owned(), b.into_owned()))
        .collect();
    url.query_pairs_mut().clear().extend_pairs(kept).append_pair(name, value);
}
