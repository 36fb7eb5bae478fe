//! An answer that is taken for the whole list, or for its end: what shows that it is not.

use reqwest::header::{CONTENT_RANGE, HeaderMap, LINK};
use serde_json::Value;

use super::super::SourceError;
use super::link;
use super::list::{Reading, Seen};
use crate::config::rest::PagingKind;
use crate::core::json::StreamPath;

/// Where a body usually says that there is more.
const PLACES: [&str; 6] =
    ["$.next", "$.next_link", "$.nextLink", "$['@odata.nextLink']", "$.has_more", "$.hasMore"];
/// Headers that usually hold the number of all records.
const TOTALS: [&str; 5] =
    ["x-total-count", "x-total", "total-count", "x-pagination-total-count", "x-wp-total"];

impl Reading<'_> {
    /// Where this list's answer is looked at for a word that there is more.
    pub(super) fn places(&self) -> Vec<StreamPath> {
        let records = &self.list.records;
        // Where the whole answer is a record, or a list or object of them, nothing stands beside them.
        if self.list.paging.kind != PagingKind::None || records.is_single() || records.as_str() == "$[*]" {
            return Vec::new();
        }
        PLACES.iter().filter_map(|path| StreamPath::parse(path).ok()).collect()
    }

    /// Whether an answer with so many records may be the whole list; `found` is what stands at each of the places. The answer is a warning.
    pub(super) fn check_alone(
        &self,
        unasked: &Unasked,
        rows: u64,
        found: &[Option<Value>],
    ) -> Result<Option<String>, SourceError> {
        if self.list.paging.kind != PagingKind::None {
            return Ok(None);
        }
        self.check_unasked(unasked, rows, "its answer is taken for the whole list")?;
        let says_more = |found: &Value| match found {
            Value::String(link) => !link.is_empty(),
            Value::Bool(more) => *more,
            _ => false,
        };
        let place = PLACES.iter().zip(found).find(|(_, found)| found.as_ref().is_some_and(says_more));
        Ok(place.map(|(place, _)| {
            format!(
                "its answer is taken for the whole list, and what stands at {place} looks as if there were a next page; set \
                 source.rest.paging"
            )
        }))
    }

    /// Whether a list of so many records can end with an answer that told this; `taken` says for what it is taken.
    pub(super) fn check_unasked(&self, unasked: &Unasked, rows: u64, taken: &str) -> Result<(), SourceError> {
        if unasked.leads_on && self.list.paging.kind != PagingKind::LinkHeader {
            let reason = format!(
                "{taken}, and its Link header leads to a next page; set source.rest.paging.kind = \"link_header\""
            );
            return Err(self.http.incomplete(reason));
        }
        // Of changes many systems tell how many people there are.
        let heeds_totals = self.list.heeds_totals && self.delta.is_none();
        match unasked.totals.iter().find(|(_, total)| heeds_totals && *total > rows) {
            Some((name, total)) => Err(self.http.incomplete(format!(
                "{taken}, and tells of {total} records in its header {name}, while {rows} came; correct source.rest.paging, or if that \
                 number is another one, set source.rest.total_header = \"\""
            ))),
            None => Ok(()),
        }
    }
}

/// What the headers of an answer tell of its list without having been asked.
pub(super) struct Unasked {
    /// Whether a `Link` header leads to a next page that was not asked for.
    pub(super) leads_on: bool,
    /// How many records there are, by the headers' names.
    totals: Vec<(&'static str, u64)>,
}

impl Unasked {
    /// The same where it came on a page without records, behind what `before` came with: that page leads nowhere, and takes nothing back.
    pub(super) fn without_records(mut self, before: Option<Self>) -> Self {
        self.leads_on = false;
        self.totals.extend(before.into_iter().flat_map(|before| before.totals));
        self
    }

    pub(super) fn of(headers: &HeaderMap) -> Self {
        let links = headers.get_all(LINK).into_iter().map(|value| value.to_str().ok());
        let totals = TOTALS.iter().filter_map(|name| Some((*name, headers.get(*name)?.to_str().ok()?)));
        let range = headers.get(CONTENT_RANGE).and_then(|value| value.to_str().ok()?.rsplit_once('/'));
        let range = range.filter(|(of, _)| !of.trim_start().starts_with("bytes"));
        let told = totals.chain(range.map(|(_, total)| ("content-range", total)));
        Self {
            leads_on: matches!(link::next(links), Ok(Some(_))),
            totals: told.filter_map(|(name, total)| Some((name, total.trim().parse().ok()?))).collect(),
        }
    }
}

impl Seen {
    /// Takes in what a page's headers told.
    pub(super) fn note_unasked(&mut self, number: u32, unasked: Option<Unasked>, records: u64) {
        let before = self.unasked.take().map(|(_, before)| before);
        let now = match records {
            0 => unasked.map(|unasked| unasked.without_records(before)),
            _ => unasked,
        };
        self.unasked = now.map(|now| (number, now));
    }
}
