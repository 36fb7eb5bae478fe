//! The table of doubtful people: written for a spreadsheet, and read back strictly.

use super::decisions::{DecidedRow, Decision};
use super::matching::Matching;
use crate::core::roster::Roster;
use crate::core::state::AdoptionMark;

/// The table's columns. The last one is for whoever decides.
pub const COLUMNS: [&str; 8] = [
    "employee_id",
    "candidate_scim_id",
    "candidate_user_name",
    "candidate_email",
    "candidate_active",
    "reason",
    "explanation",
    "decision",
];

/// Letters at the beginning of a cell by which a spreadsheet takes it for a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The doubtful people as CSV, one row a candidate.
pub fn write(matching: &Matching, roster: &Roster) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing into memory cannot fail, and every row has as many cells as the header.
    let _ = writer.write_record(COLUMNS);
    for doubtful in &matching.doubtful {
        for at in &doubtful.candidates {
            let user = &roster.users()[*at];
            let value = |path| roster.value(user, path).unwrap_or_default();
            let decision = if doubtful.mark == Some(AdoptionMark::Skip) { "skip" } else { "" };
            let active = user.active.map_or("", |active| if active { "true" } else { "false" });
            let explanation = doubtful.doubt.to_string();
            let cells = [
                doubtful.employee_id.as_str(),
                &user.id,
                value("userName"),
                value("emails.work"),
                active,
                doubtful.doubt.code(),
                &explanation,
                decision,
            ];
            let _ = writer.write_record(cells.map(guarded));
        }
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

/// The decided rows of a table that was given back; rows without a decision say nothing.
///
/// # Errors
/// Every fault with its row.
pub fn read(text: &str) -> Result<Vec<DecidedRow>, Vec<String>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut records = reader.records();
    let header: Vec<String> = match records.next() {
        Some(Ok(header)) => header.iter().map(|cell| cell.trim().to_owned()).collect(),
        _ => Vec::new(),
    };
    if header != COLUMNS {
        return Err(vec![format!(
            "row 1: the header is '{}', not '{}'; keep the columns as `adopt --csv` wrote them, with commas between",
            header.join(","),
            COLUMNS.join(",")
        )]);
    }
    let (mut rows, mut faults) = (Vec::new(), Vec::new());
    for (row, record) in (2..).zip(records) {
        let record = match record {
            Ok(record) if record.len() == COLUMNS.len() => record,
            Ok(record) => {
                faults.push(format!("row {row}: has {} cells, not {}", record.len(), COLUMNS.len()));
                continue;
            }
            Err(error) => {
                faults.push(format!("row {row}: cannot be read: {error}"));
                continue;
            }
        };
        let cell = |at: usize| unguarded(record[at].trim()).to_owned();
        let word = cell(COLUMNS.len() - 1);
        match Decision::parse(&word) {
            Some(decision) => {
                rows.push(DecidedRow { row, employee_id: cell(0), scim_id: cell(1), decision });
            }
            None if word.is_empty() => {}
            None => faults.push(format!("row {row}: '{word}' is no decision; write link, new or skip")),
        }
    }
    if faults.is_empty() { Ok(rows) } else { Err(faults) }
}

/// An apostrophe before what could be taken for a formula, and before an apostrophe, so that it can be told apart.
fn guarded(cell: &str) -> String {
    if cell.starts_with(FORMULA) || cell.starts_with('\'') { format!("'{cell}") } else { cell.to_owned() }
}

fn unguarded(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if rest.starts_with(FORMULA) || rest.starts_with('\'') => rest,
        _ => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[&str]) -> String {
        format!("{}\n{}", COLUMNS.join(","), rows.join("\n"))
    }

    #[test]
    fn a_cell_is_never_taken_for_a_formula_and_reads_back_as_it_was() {
        for cell in ["=1+1", "+1", "-5", "@x", "'=1", "''", "plain", ""] {
            let written = guarded(cell);
            assert!(!written.starts_with(FORMULA), "{written}");
            assert_eq!(unguarded(&written), cell);
        }
    }

    #[test]
    fn rows_are_read_with_what_was_decided_and_those_without_a_decision_say_nothing() {
        let rows = read(&table(&["0001,'-u1,n,e,true,same_email,x,Link", "0002,u2,n,e,true,same_email,x,"]));
        let wanted = DecidedRow {
            row: 2,
            employee_id: "0001".into(),
            scim_id: "-u1".into(),
            decision: Decision::Link,
        };
        assert_eq!(rows, Ok(vec![wanted]));
    }

    #[test]
    fn a_header_that_does_not_fit_is_refused_and_every_bad_row_is_named() {
        assert!(read("employee_id;decision\n").unwrap_err()[0].contains("row 1"));
        assert!(read("").unwrap_err()[0].contains("row 1"));
        let faults = read(&table(&["1,u,n,e,true,r,x,yes", "1,u", "2,u,n,e,true,r,x,new"])).unwrap_err();
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].contains("row 2: 'yes'") && faults[1].contains("row 3: has 2 cells"), "{faults:?}");
    }
}
