//! A list from its first page to its last, and what has to hold along the way for it to count.

use std::collections::HashSet;
use std::sync::Arc;

use reqwest::header::{HeaderMap, LINK};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::sync::mpsc;
use xxhash_rust::xxh3::xxh3_64;

use super::super::SourceError;
use super::RestOptions;
use super::alone::Unasked;
use super::call::Call;
use super::http::Http;
use super::moment::{Asked, Began};
use super::page::{PageError, check_content_type, walk_body};
use super::taker::{Mark, Taker};
use super::totals::Totals;
use crate::config::rest::{AcknowledgeRules, DeltaRules, ListRules, PageEnd, PagingKind, RestMethod};
use crate::core::json::StreamPath;
use crate::core::pages::Pages;
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

/// One answer.
pub(super) struct Page {
    began: Began,
    /// Nothing where it has no content.
    pub(super) taker: Option<Taker>,
    total: Option<u64>,
    pub(super) next: Option<String>,
    /// The next cursor as it stood there.
    pub(super) cursor: Option<Value>,
    /// Whether anything stood where the next page is told, were it null.
    pub(super) stood: bool,
    /// Whether it says that there is a further one.
    pub(super) more: Option<bool>,
    /// Whether its list is an object.
    is_object: bool,
    message: Option<String>,
    /// What shows that it may not be the whole list.
    warning: Option<String>,
    /// What its headers tell of the list.
    unasked: Option<Unasked>,
}

impl Page {
    fn without_content(began: Began) -> Self {
        let (taker, total, next, cursor, more) = (None, None, None, None, None);
        let (message, warning, unasked, stood, is_object) = (None, None, None, false, false);
        Self { began, taker, total, next, cursor, stood, more, is_object, message, warning, unasked }
    }
}

/// What one thing came to that was asked for.
enum Answer {
    Page(Box<Page>),
    /// One of the statuses that it may have.
    Status(StatusCode),
}

/// What may be the end of a list, as the pages were so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behind {
    /// As many records as are told of. Where there are more, that number is not the one of all.
    Total,
    /// A short page. Where there are more, the server sends smaller pages than it was asked for.
    ShortPage,
}

/// What is known of the pages so far.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) total: Option<u64>,
    /// What the next request looks behind, where the list may be at its end.
    pub(super) behind: Option<Behind>,
    /// The most records of a page.
    pub(super) longest: u64,
    /// Whether the newest page has no `Link` header, is as long as any, and an earlier one led on.
    pub(super) lost_link: bool,
    /// Whether a page had content.
    pub(super) has_content: bool,
    /// Whether anything stood where the next page is told.
    pub(super) stood: bool,
    /// Whether the list of a page was an array.
    had_array: bool,
    pages: HashSet<u64>,
    /// The records' [`Mark`]s: whom they are about, and all that stands in them where several may be about one person.
    pub(super) ids_seen: HashSet<u64>,
    wholes: HashSet<u64>,
    /// The last record of the newest page.
    pub(super) last: Option<Mark>,
    /// The newest page, and what its headers told of the list, or those of the newest one with records.
    pub(super) unasked: Option<(u32, Unasked)>,
    pub(super) links: HashSet<String>,
    /// Which columns they have.
    pub(super) columns: Pages,
    ids: Vec<String>,
    /// Rejections and those who are gone, of a list whose records are asked for by themselves.
    waiting: Vec<RecordBatch>,
}

impl Reading<'_> {
    /// Reads every page. Nothing where more records would be asked for by themselves than is sensible.
    pub(super) async fn read(&self) -> Result<Option<Totals>, SourceError> {
        let mut totals = Totals::default();
        let mut seen = Seen::default();
        let mut call = self.first();
        let mut number: u32 = 0;
        loop {
            number += 1;
            let most = self.list.paging.max_pages;
            let behind = seen.behind.take();
            if number > most.saturating_add(u32::from(behind.is_some())) {
                let reason = format!("it has more than {most} pages (source.rest.paging.max_pages)");
                return Err(self.http.incomplete(reason));
            }
            let mut page = match self.page(&call, totals.rows, self.may(behind, number)).await? {
                Answer::Page(page) => page,
                Answer::Status(status) => {
                    self.check_refusal(status, totals.rows)?;
                    break;
                }
            };
            if let Some(behind) = behind
                && self.is_behind_all(behind, &page, number, &seen)?
            {
                break;
            }
            totals.began.get_or_insert(page.began);
            totals.message = page.message.take().or(totals.message);
            totals.warning = page.warning.take().or(totals.warning);
            self.check_total(&mut seen, page.total)?;
            let Some(taker) = page.taker.take() else {
                self.check_no_content(number)?;
                break;
            };
            (seen.has_content, seen.stood) = (true, seen.stood || page.stood);
            if page.is_object && seen.had_array {
                let reason = format!("on its page {number} an object stands where a list stood before");
                return Err(self.http.incomplete(reason));
            }
            seen.had_array |= !page.is_object;
            let came = taker.rows;
            seen.note_unasked(number, page.unasked.take(), came);
            self.accept(taker, number, &mut totals, &mut seen).await?;
            let Some(next) = self.next(&call, &page, came, number, &totals, &mut seen)? else { break };
            self.room().await?;
            seen.unasked.iter_mut().for_each(|(_, unasked)| unasked.leads_on = false);
            call = next;
        }
        self.check_end(&seen, &mut totals)?;
        self.check_columns(&seen)?;
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

    /// How many records stand on the first page, which is looked at for itself.
    pub(super) async fn first_page(&self) -> Result<u64, SourceError> {
        let call = self.first();
        let Answer::Page(page) = self.page(&call, 0, &[]).await? else { return Ok(0) };
        let Some(taker) = &page.taker else { return self.check_no_content(1).map(|()| 0) };
        let totals = Totals { rows: taker.rows, ..Totals::default() };
        self.next(&call, &page, taker.rows, 1, &totals, &mut Seen::default())?;
        Ok(taker.rows)
    }

    /// Takes what came on a page, once it has shown to be another one than those before.
    async fn accept(
        &self,
        taker: Taker,
        number: u32,
        totals: &mut Totals,
        seen: &mut Seen,
    ) -> Result<(), SourceError> {
        // By those who are on it: a server may write something else beside them in each answer.
        let is_one_each = !self.list.paging.several_records;
        let known_by = |mark: &Mark| if is_one_each { mark.id } else { mark.read };
        let bytes: Vec<u8> = taker.marks.iter().flat_map(|mark| known_by(mark).to_le_bytes()).collect();
        if !bytes.is_empty() && !seen.pages.insert(xxh3_64(&bytes)) {
            let reason = format!("its page {number} is one that it sent already; correct source.rest.paging");
            return Err(self.http.incomplete(reason));
        }
        let came_before = |mark: &&Mark| match is_one_each {
            true => seen.ids_seen.contains(&mark.id),
            false => seen.wholes.contains(&mark.whole),
        };
        if let Some(mark) = taker.marks.iter().find(came_before) {
            return Err(self.http.incomplete(self.moved(number, taker.name_of(mark))));
        }
        for mark in &taker.marks {
            seen.ids_seen.insert(mark.id);
            if !is_one_each {
                seen.wholes.insert(mark.whole);
            }
        }
        seen.last = taker.marks.last().copied().or(seen.last);
        totals.rows += taker.rows;
        totals.left_out += taker.left_out;
        if self.list.detail.is_some() {
            seen.ids.extend(taker.ids);
            seen.waiting.extend(taker.held);
            return Ok(());
        }
        seen.columns.take(number, taker.whole, taker.columns());
        totals.look_at(&taker);
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

    pub(super) fn queue(&self) -> Option<&AcknowledgeRules> {
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

    /// One page; where it breaks on the way, it is asked for again. It `may` have another status than 200 and 204.
    async fn page(&self, call: &Call, rows: u64, may: &[u16]) -> Result<Answer, SourceError> {
        let ListRules { total, paging, refuse_if, .. } = self.list;
        let beside = [total, &paging.next, &paging.more, refuse_if];
        let mut others: Vec<StreamPath> = beside.iter().filter_map(|path| (*path).clone()).collect();
        others.extend(self.places());
        let id = self.list.detail.as_ref().map(|detail| &detail.id);
        let hold = self.list.paging.kind != PagingKind::None || id.is_some();
        let method = match self.list.method {
            RestMethod::Get => Method::GET,
            RestMethod::Post => Method::POST,
        };
        let body = call.body.as_ref().map(Value::to_string);
        let mut attempt = 1;
        loop {
            let asked = Asked::now();
            let response = self.http.ask(&method, &call.url, body.as_deref(), may).await?;
            if !response.status().is_success() {
                return Ok(Answer::Status(response.status()));
            }
            let began = asked.answered(response.headers());
            if response.status() == StatusCode::NO_CONTENT {
                return Ok(Answer::Page(Box::new(Page::without_content(began))));
            }
            self.check(&response)?;
            let headers = response.headers().clone();
            let told = self.list.total_header.as_ref().and_then(|name| headers.get(name)?.to_str().ok());
            let taker = Taker::new(self.options, id, self.delta, self.batches, hold, rows);
            let (taker, walked) = walk_body(response, &self.list.records, others.clone(), taker).await;
            let handed_on = taker.as_ref().is_none_or(|taker| taker.handed_on);
            match walked {
                Ok(found) => {
                    if !found.has_records {
                        return Err(self.http.incomplete(nothing_at(&self.list.records)));
                    }
                    let is_object = found.is_object;
                    let mut found = found.others.into_iter();
                    let [total, next, more, failed] =
                        beside.map(|path| path.as_ref().and_then(|_| found.next().flatten()));
                    self.check_failure(failed.as_ref())?;
                    let places: Vec<Option<Value>> = found.collect();
                    let rows = taker.as_ref().map_or(0, |taker| taker.rows);
                    let unasked = Unasked::of(&headers);
                    let warning = self.check_alone(&unasked, rows, &places)?;
                    let unasked = Some(unasked);
                    let is_by_header = paging.kind == PagingKind::LinkHeader;
                    let stood = next.is_some() || (is_by_header && headers.contains_key(LINK));
                    let more = self.more(more.as_ref())?;
                    let total = match told {
                        Some(told) => Some(self.number(&Value::from(told))?),
                        None => total.map(|total| self.number(&total)).transpose()?,
                    };
                    let cursor = next.clone();
                    let next = match self.list.paging.kind {
                        PagingKind::LinkHeader => self.link_header(&headers)?,
                        _ => next.map(|next| self.link(&next)).transpose()?.flatten(),
                    };
                    let message = self.message(&headers)?;
                    let page = Page {
                        began,
                        taker,
                        total,
                        next,
                        cursor,
                        stood,
                        more,
                        is_object,
                        message,
                        warning,
                        unasked,
                    };
                    return Ok(Answer::Page(Box::new(page)));
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
}

pub(super) fn nothing_at(path: &StreamPath) -> String {
    format!(
        "nothing stands at {} in it, as in an answer that tells of an error; correct source.rest.records",
        path.as_str()
    )
}
