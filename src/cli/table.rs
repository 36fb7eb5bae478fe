//! Readable tables.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ContentArrangement, Table};

use crate::core::plan::PlannedAction;

/// An empty table with these heads, as wide as the terminal or 110 columns.
pub fn table(heads: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(110);
    table.set_header(heads.iter().copied());
    table
}

/// A plan's actions, at most `limit` of them.
pub fn actions(actions: &[PlannedAction], limit: usize) -> Table {
    let mut table = table(&["employee", "action", "changes", "because"]);
    for action in actions.iter().take(limit) {
        table.add_row([action.employee_id.as_str(), action.kind.name(), &changes(action), &action.because]);
    }
    if actions.len() > limit {
        let more = format!("and {} more; --json lists all", actions.len() - limit);
        table.add_row(["…", "", more.as_str(), ""]);
    }
    table
}

fn changes(action: &PlannedAction) -> String {
    let shown = |value: &Option<String>| value.as_deref().unwrap_or("–").to_owned();
    let lines = action.changes.iter().map(|change| match &change.from {
        None => format!("{}: {}", change.attribute, shown(&change.to)),
        Some(_) => format!("{}: {} → {}", change.attribute, shown(&change.from), shown(&change.to)),
    });
    lines.collect::<Vec<_>>().join("\n")
}
