//! The way from page to page, and what has to hold at its end.

use reqwest::StatusCode;

use super::super::SourceError;
use super::call::Call;
use super::list::{Behind, Page, Reading, Seen};
use super::totals::Totals;
use crate::config::rest::{PageEnd, PagingKind};
use crate::core::pages::Lacking;
use crate::core::record::Columns;

/// It does not take what it was asked for.
const BAD_REQUEST: &[u16] = &[400, 422];
/// There is no such page.
const NO_PAGE: &[u16] = &[404, 410, 416];
/// What may be answered behind the last page: there is no such page, or it does not take the number of one.
const BEHIND: &[u16] = &[400, 404, 410, 416, 422];

impl Reading<'_> {
    /// What the page behind this one is asked for by.
    pub(super) fn next(
        &self,
        call: &Call,
        page: &Page,
        came: u64,
        number: u32,
        totals: &Totals,
        seen: &mut Seen,
    ) -> Result<Option<Call>, SourceError> {
        let paging = &self.list.paging;
        if matches!(paging.kind, PagingKind::Page | PagingKind::Offset) {
            let size = u64::from(paging.page_size);
            seen.longest = seen.longest.max(came);
            let is_reached = seen.total.is_some_and(|total| totals.rows >= total);
            if came == 0 {
                if is_reached || self.ends(PageEnd::EmptyPage) || self.ends(PageEnd::ShortPage) {
                    return Ok(None);
                }
                let reason = "a page of it is empty, which is not how it ends (source.rest.paging.ends_with)";
                return Err(self.http.incomplete(reason.to_owned()));
            }
            // How large a page is to be does not say how large they are: a server may have a limit of its own. A total that counts the
            // page, or up to a limit, is reached at the end of a page as long as any.
            let is_full = came >= seen.longest.min(size);
            let is_short = came < size && self.ends(PageEnd::ShortPage);
            seen.behind = match (is_reached, is_short) {
                (true, _) if is_full => Some(Behind::Total),
                (false, true) if seen.longest < size => Some(Behind::ShortPage),
                (true, _) | (_, true) => return Ok(None),
                (false, false) => None,
            };
            let mut next = call.clone();
            let at = match paging.kind {
                PagingKind::Page => u64::from(paging.first_page) + u64::from(number),
                // A server may send fewer than it was asked for: what came counts.
                _ => totals.rows,
            };
            self.turn_to(&mut next, at.into());
            return Ok(Some(next));
        }
        if page.more == Some(false) {
            return Ok(None);
        }
        seen.longest = seen.longest.max(came);
        // A page as long as any is seldom the last one.
        seen.lost_link = !page.stood && !seen.links.is_empty() && came >= seen.longest;
        let Some(next) = page.next.as_deref().filter(|_| paging.kind != PagingKind::None) else {
            return self.check_last(page, number).map(|()| None);
        };
        if !seen.links.insert(next.to_owned()) {
            let reason =
                "it leads to a page that was read already; correct source.rest.paging.next".to_owned();
            return Err(self.http.incomplete(reason));
        }
        if paging.kind == PagingKind::Cursor {
            let mut first = self.first();
            self.turn_to(&mut first, page.cursor.clone().unwrap_or_else(|| next.into()));
            return Ok(Some(first));
        }
        let url = self.http.follow(&call.url, next)?;
        Ok(Some(Call { url, body: call.body.clone() }))
    }

    /// A page that leads on to no other has to be one that is known to be the last.
    fn check_last(&self, page: &Page, number: u32) -> Result<(), SourceError> {
        let paging = &self.list.paging;
        if paging.kind == PagingKind::LinkHeader && paging.next_required && !page.stood {
            let reason = format!(
                "its page {number} has no Link header, so nobody knows whether there is another one; if its last page is without it, \
                 set source.rest.paging.next_required = false"
            );
            return Err(self.http.incomplete(reason));
        }
        let Some(next) = paging.next.as_ref().filter(|_| paging.kind != PagingKind::None) else {
            return Ok(());
        };
        let next = next.as_str();
        let reason = if page.more == Some(true) {
            format!("its page {number} says that there is another one, and nothing at {next} leads to it")
        } else if paging.next_required && !page.stood {
            format!(
                "its page {number} has nothing at {next}, not even null, so nobody knows whether there is another one; if its last \
                 page is without it, set source.rest.paging.next_required = false"
            )
        } else {
            return Ok(());
        };
        Err(self.http.incomplete(reason))
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
        let list = self.list;
        // A total that was asked for has proved more than this; a queue gives one message after the other.
        if let Some((number, unasked)) =
            seen.unasked.as_ref().filter(|_| seen.total.is_none() && self.queue().is_none())
        {
            self.check_unasked(unasked, totals.rows, &format!("its page {number} is taken for the last"))?;
        }
        let path = list.total.as_ref().map(|path| ("source.rest.total", path.as_str()));
        let header = list.total_header.as_ref().map(|name| ("source.rest.total_header", name.as_str()));
        let owed =
            path.or(header).filter(|_| list.total_required && seen.total.is_none() && seen.has_content);
        if let Some((key, place)) = owed {
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
        let is_by_header = list.paging.kind == PagingKind::LinkHeader && seen.total.is_none();
        if is_by_header && seen.lost_link {
            totals.warning = Some(format!(
                "its last page came without any Link header, though it has as many records as any page ({}): if there are more behind \
                 it, the header was lost; where every page has one, set source.rest.paging.next_required = true",
                seen.longest
            ));
        }
        if is_by_header && !seen.stood && totals.rows >= u64::from(list.paging.page_size) {
            totals.warning = Some(format!(
                "one page of {} records came without any Link header, and more may be behind it; if that is all, let \
                 source.rest.paging.page_size be larger",
                totals.rows
            ));
        }
        Ok(())
    }

    /// No page may lack a column that nearly everybody on the others has.
    pub(super) fn check_columns(&self, seen: &Seen) -> Result<(), SourceError> {
        let columns = Columns::new(self.options.rules.fields.columns.keys().map(String::as_str));
        let name = |column: usize| columns.names()[column].as_str();
        let may_lack = |column| self.list.paging.sparse_columns.iter().any(|sparse| sparse == name(column));
        let Some(lacking) = seen.columns.lacking(may_lack) else { return Ok(()) };
        let (column, Lacking { page, records, elsewhere, filled, .. }) = (name(lacking.column), lacking);
        Err(self.http.incomplete(format!(
            "from its page {page} on, {records} records in a row have nothing at all for {column} (source.columns.{column}), which {filled} of \
             the other {elsewhere} have: these pages are of another kind, and whoever is on them would lose it; if the system leaves \
             out what is empty and sorts by it, add \"{column}\" to source.rest.paging.sparse_columns"
        )))
    }

    fn ends(&self, end: PageEnd) -> bool {
        let paging = &self.list.paging;
        matches!(paging.kind, PagingKind::Page | PagingKind::Offset) && paging.ends_with.contains(&end)
    }

    /// Which statuses besides 200 and 204 a page may have.
    pub(super) fn may(&self, behind: Option<Behind>, number: u32) -> &'static [u16] {
        if behind.is_some() {
            // Where that is no end, it is said how it becomes one.
            return BEHIND;
        }
        match (self.ends(PageEnd::BadRequest), self.ends(PageEnd::NotFound)) {
            _ if number == 1 => &[],
            (true, true) => BEHIND,
            (true, false) => BAD_REQUEST,
            (false, true) => NO_PAGE,
            (false, false) => &[],
        }
    }

    /// Where a page is refused, that has to be how the list ends, and not how far it can be read.
    pub(super) fn check_refusal(&self, status: StatusCode, rows: u64) -> Result<(), SourceError> {
        let status = status.as_u16();
        let (end, word) = match NO_PAGE.contains(&status) {
            true => (PageEnd::NotFound, "not_found"),
            false => (PageEnd::BadRequest, "bad_request"),
        };
        if self.ends(end) {
            return Ok(());
        }
        let reason = format!(
            "behind {rows} records it answers with status {status}, as a system does that lets no more than a certain number be read, \
             or has lost the list, though there are more; if that is how its list ends, add \"{word}\" to source.rest.paging.ends_with"
        );
        Err(self.http.incomplete(reason))
    }

    /// Why a list cannot count that has somebody on two of its pages.
    pub(super) fn moved(&self, number: u32, employee_id: Option<&str>) -> String {
        let who = employee_id.map_or("somebody".to_owned(), |id| format!("'{id}'"));
        let mend = match self.list.paging.several_records {
            false => {
                "; or if it has several records of one person, set source.rest.paging.several_records = true"
            }
            true => "",
        };
        format!(
            "{who} on its page {number} was on an earlier one already: the list moved while it was read, and whoever came into that \
             place may be on no page. Let the system sort it by something that does not change, such as the id \
             (source.rest.query){mend}"
        )
    }

    /// Whether nothing came that did not come before; some servers answer with their last page again. One that does so behind the first
    /// page may as well not know the parameter by which it is asked for further ones.
    pub(super) fn is_behind_all(
        &self,
        behind: Behind,
        page: &Page,
        number: u32,
        seen: &Seen,
    ) -> Result<bool, SourceError> {
        let marks = page.taker.as_ref().map(|taker| &*taker.marks).unwrap_or_default();
        if marks.is_empty() {
            return Ok(true);
        }
        if marks.iter().all(|mark| seen.ids_seen.contains(&mark.id)) {
            let ends_alike = marks.last().map(|mark| mark.id) == seen.last.map(|mark| mark.id);
            if number > 2 && ends_alike {
                return Ok(true);
            }
            let parameter = &self.list.paging.parameter;
            let reason = format!(
                "asked for its page {number}, it answers with nobody but people who came before, as a system does that does not know \
                 the parameter '{parameter}'; correct source.rest.paging.parameter, or if one answer holds everybody, set \
                 source.rest.paging.kind = \"none\""
            );
            return Err(self.http.incomplete(reason));
        }
        if behind == Behind::ShortPage {
            return Ok(false);
        }
        let total = seen.total.unwrap_or_default();
        let reason = format!(
            "it tells of {total} records, and there are more behind them: that number is not the one of all; correct \
             source.rest.total or source.rest.total_header"
        );
        Err(self.http.incomplete(reason))
    }
}
