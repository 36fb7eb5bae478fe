//! A table of decisions, as `adopt --decisions` is given it, of whatever text.

use workiva_sync::core::adopt::sheet::{COLUMNS, read};

pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let decided = read(text);
    assert_eq!(decided, read(text));
    // A spreadsheet may have taken the header; most bytes that are made up have none at all.
    let table = format!("{}\n{text}", COLUMNS.join(","));
    for decided in [decided, read(&table)] {
        match decided {
            Err(faults) => {
                assert!(!faults.is_empty() && faults.iter().all(|fault| fault.starts_with("row ")))
            }
            Ok(rows) => {
                let numbers: Vec<u64> = rows.iter().map(|row| row.row).collect();
                assert!(numbers.is_sorted_by(|one, next| one < next), "each row is decided about once");
                let lines = table.matches(['\n', '\r']).count() as u64 + 1;
                assert!(numbers.iter().all(|number| (2..=lines).contains(number)));
            }
        }
    }
    // What is no decision is not passed over, wherever it stands.
    assert!(read(&format!("{table}\n1,u,n,e,true,r,x,perhaps\n")).is_err());
}
