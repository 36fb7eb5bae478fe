//! Readable tables.

use chrono::{DateTime, Utc};
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ContentArrangement, Table};

use super::terminal::{answer, visible};
use crate::core::action::{ActionKind, Change};
use crate::core::plan::PlannedAction;

/// A table in which every cell is visible text.
pub struct Grid(Table);

/// What stands in a cell: one line, or lines that are laid out here.
pub struct Cell(String);

impl<T: AsRef<str>> From<T> for Cell {
    fn from(line: T) -> Self {
        Self(visible(line.as_ref()))
    }
}

impl Grid {
    /// An empty one with these heads, as wide as what is in it, at most 100 columns.
    pub fn new(heads: &[&str]) -> Self {
        let mut table = Table::new();
        table
            .load_preset(UTF8_FULL_CONDENSED)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(100);
        table.set_header(heads.iter().copied());
        Self(table)
    }

    /// One more row.
    pub fn row<C: Into<Cell>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.0.add_row(cells.into_iter().map(|cell| cell.into().0));
    }

    /// Prints it as an answer.
    pub fn print(&self) {
        answer(&self.0.to_string());
    }
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
pub fn actions(actions: &[PlannedAction], limit: usize, detail: Detail) -> Grid {
    let mut table = Grid::new(&["employee", "action", "changes", "because"]);
    for action in actions.iter().take(limit) {
        let changes = match (detail, action.kind) {
            (Detail::Short, ActionKind::Create) => new_user(action).into(),
            _ => changes(&action.changes),
        };
        table.row([
            (&action.employee_id).into(),
            action.kind.name().into(),
            changes,
            (&action.because).into(),
        ]);
    }
    if actions.len() > limit {
        let more = format!("and {} more; --json lists all", actions.len() - limit);
        table.row(["…", "", more.as_str(), ""]);
    }
    table
}

fn new_user(action: &PlannedAction) -> String {
    let attributes = action.target.attributes();
    let user_name = attributes.get("userName").map_or("–", String::as_str);
    format!("userName: {user_name}, {} more", attributes.len().saturating_sub(1))
}

/// Changes, one a line.
pub fn changes(changes: &[Change]) -> Cell {
    Cell(changes.iter().map(|one| visible(&change(one))).collect::<Vec<_>>().join("\n"))
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
