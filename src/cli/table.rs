//! Readable tables.

use chrono::{DateTime, Utc};
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ContentArrangement, Table};

use crate::core::action::{ActionKind, Change};
use crate::core::plan::PlannedAction;

/// An empty table with these heads, as wide as what is in it, at most 100 columns.
pub fn table(heads: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(100);
    table.set_header(heads.iter().copied());
    table
}

/// How much of an action a table shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Every attribute that changes.
    Whole,
    /// Of a new user the name, and how many attributes there are besides: each of them is a change.
    Short,
}

/// A plan's actions, at most `limit` of them.
pub fn actions(actions: &[PlannedAction], limit: usize, detail: Detail) -> Table {
    let mut table = table(&["employee", "action", "changes", "because"]);
    for action in actions.iter().take(limit) {
        let changes = match (detail, action.kind) {
            (Detail::Short, ActionKind::Create) => new_user(action),
            _ => changes(&action.changes),
        };
        table.add_row([action.employee_id.as_str(), action.kind.name(), &changes, &action.because]);
    }
    if actions.len() > limit {
        let more = format!("and {} more; --json lists all", actions.len() - limit);
        table.add_row(["…", "", more.as_str(), ""]);
    }
    table
}

fn new_user(action: &PlannedAction) -> String {
    let attributes = action.target.attributes();
    let user_name = attributes.get("userName").map_or("–", String::as_str);
    format!("userName: {user_name}, {} more", attributes.len().saturating_sub(1))
}

/// Changes, one a line.
pub fn changes(changes: &[Change]) -> String {
    changes.iter().map(change).collect::<Vec<_>>().join("\n")
}

/// One attribute's change, in one line.
pub fn change(change: &Change) -> String {
    let shown = |value: &Option<String>| value.as_deref().unwrap_or("–").to_owned();
    match &change.from {
        None => format!("{}: {}", change.attribute, shown(&change.to)),
        Some(_) => format!("{}: {} → {}", change.attribute, shown(&change.from), shown(&change.to)),
    }
}

/// A time, to the second, in UTC.
pub fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}
