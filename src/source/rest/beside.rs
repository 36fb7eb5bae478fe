//! What an answer says beside its records: how many there are, how it goes on, and whether something went wrong.

use reqwest::header::{HeaderMap, LINK};
use serde_json::Value;

use super::super::SourceError;
use super::link;
use super::list::Reading;
use crate::config::rest::PagingKind;
use crate::core::json::text;

impl Reading<'_> {
    pub(super) fn number(&self, total: &Value) -> Result<u64, SourceError> {
        let number = text(&[total], true).ok().and_then(|total| total.parse().ok());
        number.ok_or_else(|| {
            self.http.incomplete(
                "what it tells as the total is no whole number; correct source.rest.total".to_owned(),
            )
        })
    }

    pub(super) fn link_header(&self, headers: &HeaderMap) -> Result<Option<String>, SourceError> {
        let links = headers.get_all(LINK).into_iter().map(|value| value.to_str().ok());
        let next = link::next(links).map_err(|link::Unreadable| {
            let reason = "its Link header cannot be read, so nobody knows whether there is a next page";
            self.http.incomplete(reason.to_owned())
        })?;
        Ok(next.map(str::to_owned))
    }

    /// Something may have gone wrong although records came.
    pub(super) fn check_failure(&self, told: Option<&Value>) -> Result<(), SourceError> {
        let is_nothing = match told {
            None | Some(Value::Null | Value::Bool(false)) => true,
            Some(Value::Bool(true)) => false,
            Some(Value::Number(number)) => number.as_f64() == Some(0.0),
            Some(Value::String(text)) => text.is_empty(),
            Some(Value::Array(list)) => list.is_empty(),
            Some(Value::Object(members)) => members.is_empty(),
        };
        let Some(path) = self.list.refuse_if.as_ref().filter(|_| !is_nothing) else { return Ok(()) };
        let reason = format!("it tells of a failure at {} (source.rest.refuse_if)", path.as_str());
        Err(self.http.incomplete(reason))
    }

    /// Whether there is a further page, where the system says so on each.
    pub(super) fn more(&self, told: Option<&Value>) -> Result<Option<bool>, SourceError> {
        let paging = &self.list.paging;
        let Some(path) = paging.more.as_ref().filter(|_| paging.kind != PagingKind::None) else {
            return Ok(None);
        };
        let told = told.and_then(|told| text(&[told], false).ok());
        match told.as_deref().map(str::to_lowercase).as_deref() {
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            _ => Err(self.http.incomplete(format!(
                "neither true nor false stands at {}, so nobody knows whether there is a next page; correct source.rest.paging.more",
                path.as_str()
            ))),
        }
    }

    pub(super) fn link(&self, next: &Value) -> Result<Option<String>, SourceError> {
        if *next == Value::Bool(false) {
            return Ok(None);
        }
        let wrong = |_| {
            let reason = "what leads to its next page is no text; correct source.rest.paging.next".to_owned();
            self.http.incomplete(reason)
        };
        let next = text(&[next], true).map_err(wrong)?;
        Ok(Some(next.into_owned()).filter(|next| !next.is_empty()))
    }
}
