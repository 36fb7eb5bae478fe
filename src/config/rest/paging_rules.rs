//! From the settings of `[source.rest.paging]` to rules.

use serde_json::Value;

use super::account::{Account, Place};
use super::compile::{RUN_TIME, single};
use super::rules::*;
use super::{PagingKind, ParameterPlace, RestMethod, RestSettings};
use crate::core::json::{Slot, StreamPath};

/// Compiles how the list of these settings goes on; `records` are where its records stand.
pub(super) fn compile(
    settings: &RestSettings,
    records: Option<&StreamPath>,
    account: &mut Account<'_>,
) -> Option<PagingRules> {
    let paging = &settings.paging;
    let needs_parameter = matches!(paging.kind, PagingKind::Page | PagingKind::Offset | PagingKind::Cursor);
    if needs_parameter && paging.parameter.is_none() {
        account.fault(
            "paging.parameter",
            "is required for this kind of paging; name the parameter, such as \"page\"",
        );
    }
    let needs_next = matches!(paging.kind, PagingKind::Cursor | PagingKind::NextLink);
    let next = match &paging.next {
        None if needs_next => {
            account.fault(
                "paging.next",
                "is required for this kind of paging; write the JSONPath to the next one",
            );
            None
        }
        Some(next) if needs_next => single("paging.next", next, records, account),
        _ => None,
    };
    let more = match &paging.more {
        Some(more) if needs_next => single("paging.more", more, records, account),
        _ => None,
    };
    if paging.next_required && !needs_next && paging.kind != PagingKind::LinkHeader {
        let told = "goes with paging.kind = \"cursor\", \"next_link\" or \"link_header\"; take it out";
        account.fault("paging.next_required", told);
    }
    if paging.more.is_some() && !needs_next {
        account.fault("paging.more", "goes with paging.kind = \"cursor\" or \"next_link\"; take it out");
    }
    if paging.ends_with.is_empty() && matches!(paging.kind, PagingKind::Page | PagingKind::Offset) {
        account.fault("paging.ends_with", "is empty; write [\"empty_page\"]");
    }
    Some(PagingRules {
        kind: paging.kind,
        parameter: paging.parameter.clone().unwrap_or_default(),
        size_parameter: paging.size_parameter.clone(),
        body: body(settings, account),
        page_size: paging.page_size,
        first_page: paging.first_page,
        next,
        next_required: paging.next_required,
        more,
        ends_with: paging.ends_with.clone(),
        several_records: paging.several_records,
        sparse_columns: paging.sparse_columns.clone(),
        max_pages: paging.max_pages,
    })
}

/// What is sent for each page, where a page is asked for in the body.
fn body(settings: &RestSettings, account: &mut Account<'_>) -> Option<BodyRules> {
    let paging = &settings.paging;
    if paging.parameter_in == ParameterPlace::Query || paging.kind == PagingKind::None {
        return None;
    }
    if settings.method != RestMethod::Post {
        let told = "is \"body\", which is sent by POST alone; set source.rest.method = \"POST\"";
        account.fault("paging.parameter_in", told);
        return None;
    }
    let text = settings.body.as_deref().unwrap_or("{}");
    let text = account.fill("body", text, Place::Open, &RUN_TIME);
    let Some(document) = serde_json::from_str(&text).ok().filter(Value::is_object) else {
        let told = "is no JSON object, into which a page could be written (source.rest.paging.parameter_in = \"body\")";
        account.fault("body", told);
        return None;
    };
    let mut sample = document.clone();
    // A size that is put where the page stands, or around it, would be written over.
    let mut slot = |key: &str, path: &Option<String>| {
        let parsed = Slot::parse(path.as_ref()?).and_then(|slot| match slot.fits(&sample) {
            true => Ok(slot),
            false => Err("leads to something in source.rest.body that cannot give way to it".to_owned()),
        });
        let slot = parsed.map_err(|told| account.fault(key, told)).ok()?;
        slot.put(&mut sample, Value::Array(Vec::new()));
        Some(slot)
    };
    let size_parameter = slot("paging.size_parameter", &paging.size_parameter);
    let parameter = slot("paging.parameter", &paging.parameter);
    Some(BodyRules { document, parameter, size_parameter })
}
