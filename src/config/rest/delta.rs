//! From the settings of `[source.rest.delta]` to rules.

use std::time::Duration;

use url::Url;

use super::account::{Account, Place};
use super::compile::{address, behind, detail, field, is_token, query, stream, with_id};
use super::paging::there_values;
use super::rules::*;
use super::{AcknowledgeSettings, DeltaSettings, PagingKind, RestMethod};
use crate::core::happened::ActionWords;
use crate::core::value::compared;

/// Compiles the settings of deltas of this list, whose records have these fields.
pub(super) fn compile(
    settings: &DeltaSettings,
    list: &ListRules,
    (base, fields): (&Url, &FieldRules),
    account: &mut Account<'_>,
) -> Option<DeltaRules> {
    let mut list = list.clone();
    if let Some(path) = &settings.path {
        let path = account.fill("delta.path", path, Place::Address, &[]);
        list.url = address("delta.path", &behind(base, &path), account)?;
        // Parameters, number and pages are those of the other list.
        (list.query, list.total, list.total_header) = (Vec::new(), None, None);
        (list.method, list.paging.kind, list.paging.body) = (RestMethod::Get, PagingKind::None, None);
    }
    let own = query("delta.query", &settings.query, account);
    list.query.retain(|(name, _)| own.iter().all(|(other, _)| other != name));
    list.query.extend(own);
    if let Some(records) = &settings.records {
        list.records = stream("delta.records", records, account)?;
    }
    if let Some(settings) = &settings.detail {
        list.detail = Some(detail("delta.detail", settings, Some(base), account)?);
    }
    let acknowledge = match &settings.acknowledge {
        Some(settings) => Some(acknowledge(settings, base, account)?),
        None => None,
    };
    // A queue knows by itself from where it goes on.
    if acknowledge.is_none() && !list.query.iter().any(|(_, value)| value.contains("{since}")) {
        account.fault("delta.query", "has to hold {since}, which stands for the time from which on");
    }
    let unknown = chrono::format::StrftimeItems::new(&settings.since_format)
        .any(|item| item == chrono::format::Item::Error);
    if unknown {
        account.fault("delta.since_format", "is no format of a time; write %Y-%m-%dT%H:%M:%SZ");
        return None;
    }
    let gone = match &settings.gone {
        Some(gone) => Some(field("source.rest.delta.gone", gone, account)?),
        None => None,
    };
    if gone.is_some() {
        words(settings, account);
    }
    let delta = DeltaRules {
        list,
        since_format: settings.since_format.clone(),
        overlap: Duration::from_secs(settings.overlap_seconds),
        gone,
        actions: ActionWords::new(
            &settings.gone_values,
            &settings.there_values,
            "source.rest.delta.gone_values nor there_values",
        ),
        max_details: settings.max_details,
        acknowledge,
    };
    by_id(&delta, fields, account);
    Some(delta)
}

fn acknowledge(
    settings: &AcknowledgeSettings,
    base: &Url,
    account: &mut Account<'_>,
) -> Option<AcknowledgeRules> {
    if !is_token(&settings.header) {
        account.fault("delta.acknowledge.header", "is no name of a header");
    }
    let url = with_id("delta.acknowledge", &settings.path, Some(base), account)?;
    Some(AcknowledgeRules { header: settings.header.to_lowercase(), url })
}

/// Those who are gone are named by the id in the list of changes. Were it not the employee id, it could be somebody else's.
fn by_id(delta: &DeltaRules, fields: &FieldRules, account: &mut Account<'_>) {
    let Some(detail) = &delta.list.detail else { return };
    if delta.gone.is_some() && delta.actions.can_say_gone() && !fields.is_employee_id(&detail.id) {
        account.fault(
            "delta.gone",
            "would take people for gone by the id in the list of changes (source.rest.delta.detail.id), which is not where \
             source.columns.employee_id leads: another person may have that number; map both to one id, or write \
             source.rest.delta.gone_values = [], so that a full read (source.full_cron) tells who is gone",
        );
    }
}

/// A word cannot mean both. What is usual of those who are there gives way.
fn words(settings: &DeltaSettings, account: &mut Account<'_>) {
    let is_gone = |word: &&String| settings.gone_values.iter().any(|gone| compared(gone) == compared(word));
    if settings.there_values == there_values() {
        return;
    }
    if let Some(word) = settings.there_values.iter().find(is_gone) {
        let told = format!(
            "has '{word}', which is in source.rest.delta.gone_values as well (by default the usual words, and true); keep it in one \
             of them"
        );
        account.fault("delta.there_values", told);
    }
}
