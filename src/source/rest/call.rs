//! What one page is asked for by: an address, and what is sent there.

use serde_json::Value;
use url::Url;

use super::list::Reading;
use crate::config::rest::PagingKind;
use crate::core::json::Slot;

/// What one page is asked for by.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) url: Url,
    /// What is sent there, where it is another thing for each page.
    pub(super) body: Option<Value>,
}

impl Reading<'_> {
    /// What the first page is asked for by.
    pub(super) fn first(&self) -> Call {
        let paging = &self.list.paging;
        let mut url = self.list.url.clone();
        for (name, value) in &self.list.query {
            set(&mut url, name, &value.replace("{since}", self.since));
        }
        let body = paging.body.as_ref().map(|body| body.document.clone());
        let mut call = Call { url, body };
        if paging.kind != PagingKind::None
            && let Some(name) = &paging.size_parameter
        {
            let slot = paging.body.as_ref().and_then(|body| body.size_parameter.as_ref());
            call.set(name, slot, paging.page_size.into());
        }
        match paging.kind {
            PagingKind::Page => self.turn_to(&mut call, paging.first_page.into()),
            PagingKind::Offset => self.turn_to(&mut call, 0.into()),
            _ => {}
        }
        call
    }

    /// Makes it ask for the page at this position.
    pub(super) fn turn_to(&self, call: &mut Call, position: Value) {
        let paging = &self.list.paging;
        let slot = paging.body.as_ref().and_then(|body| body.parameter.as_ref());
        call.set(&paging.parameter, slot, position);
    }
}

impl Call {
    fn set(&mut self, name: &str, slot: Option<&Slot>, value: Value) {
        match (&mut self.body, slot) {
            (Some(body), Some(slot)) => slot.put(body, value),
            _ => {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                set(&mut self.url, name, &value);
            }
        }
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
