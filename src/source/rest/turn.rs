//! The way from page to page, and what has to hold at its end.

use url::Url;

use super::super::SourceError;
use super::http::NO_SUCH_PAGE;
use super::list::{Page, Reading, Seen, Totals};
use crate::config::rest::{PageEnd, PagingKind};

impl Reading<'_> {
    /// The address of the first page.
    pub(super) fn first(&self) -> Url {
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
    pub(super) fn next(
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
                || (came < u64::from(paging.page_size) && ends(PageEnd::ShortPage));
            seen.longest = seen.longest.max(came);
            let is_reached = seen.total.is_some_and(|total| totals.rows >= total);
            // A total that counts the page, or that has an upper limit, is reached at the end of a full one.
            let is_full = match paging.size_parameter {
                Some(_) => came >= u64::from(paging.page_size),
                None => came >= seen.longest.min(u64::from(paging.page_size)),
            };
            let is_full = is_full && came > 0;
            seen.is_doubtful = is_reached && is_full;
            if is_last || (is_reached && !is_full) {
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

    pub(super) fn check_total(&self, seen: &mut Seen, total: Option<u64>) -> Result<(), SourceError> {
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

    /// What was told has to be all that came, and what proves it has to be told.
    pub(super) fn check_end(&self, seen: &Seen, totals: &mut Totals) -> Result<(), SourceError> {
        if let Some(total) = seen.total.filter(|total| *total != totals.rows) {
            let reason = format!("it tells of {total} records, and {} came", totals.rows);
            return Err(self.http.incomplete(reason));
        }
        if let Some(number) = seen.repeats.filter(|_| !seen.has_twins) {
            let reason = format!(
                "somebody on its page {number} was on an earlier one, and all that is read of them is the same: the list moved \
                 while it was read, so that others may be missing. If it holds several records of one person, let it hold one"
            );
            return Err(self.http.incomplete(reason));
        }
        let list = self.list;
        let path = list.total.as_ref().map(|path| ("source.rest.total", path.as_str()));
        let header = list.total_header.as_ref().map(|name| ("source.rest.total_header", name.as_str()));
        if let Some((key, place)) = path.or(header).filter(|_| seen.total.is_none() && seen.has_content) {
            let reason = format!("no page of it tells a total at {place}; correct {key}, or take it out");
            return Err(self.http.incomplete(reason));
        }
        if let Some(next) =
            list.paging.next.as_ref().filter(|_| !seen.stood && seen.total.is_none() && self.delta.is_none())
        {
            totals.warning = Some(format!(
                "no page has anything at {}, not even null, and one page was read: if there are more, correct \
                 source.rest.paging.next",
                next.as_str()
            ));
        }
        Ok(())
    }

    /// Looks behind a total that was reached. Records that did not come before show that it is none; some servers answer with
    /// their last page again, or refuse.
    pub(super) async fn look_behind(
        &self,
        url: &Url,
        seen: &Seen,
        totals: &Totals,
    ) -> Result<(), SourceError> {
        let Some(page) = self.page(url, totals.rows, NO_SUCH_PAGE).await? else { return Ok(()) };
        let marks = page.taker.map(|taker| taker.marks).unwrap_or_default();
        if marks.iter().all(|mark| seen.ids_seen.contains(&mark.id)) {
            return Ok(());
        }
        let total = seen.total.unwrap_or_default();
        let reason = format!(
            "it tells of {total} records, and there are more behind them: that number is not the one of all; correct \
             source.rest.total or source.rest.total_header"
        );
        Err(self.http.incomplete(reason))
    }
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
