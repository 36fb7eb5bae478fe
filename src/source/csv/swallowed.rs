//! Finds values that hold whole rows, though their quotes look well.
//!
//! An export that quotes nothing writes what people typed: a title that begins with a quote opens a value, and the next quote that happens
//! to stand at the end of a value (`24"`) closes it. Nothing stands behind that one, so only what is inside gives it away.

use csv::ByteRecord;

use super::file::is_line_end;

/// Below so many columns a text of several lines looks like rows by chance, and so do a few delimiters.
pub const FEWEST_COLUMNS: usize = 4;

/// Whether a value of this row may hold other rows, where a row has `width` fields.
pub fn may_hold_rows(row: &ByteRecord, width: usize, delimiter: u8) -> bool {
    if memchr::memchr2(b'\n', b'\r', row.as_slice()).is_none() {
        return false;
    }
    let mut texts = row.iter().enumerate().filter(|(_, value)| value.iter().any(|byte| is_line_end(*byte)));
    // Whose row it is cannot be told where its fields are not those of one row.
    row.len() != width || texts.any(|(at, value)| looks_like_rows(value, at, width, delimiter))
}

/// The end of one row, whole ones, and the beginning of another up to the same column; or whole ones among anything.
fn looks_like_rows(value: &[u8], at: usize, width: usize, delimiter: u8) -> bool {
    if width < FEWEST_COLUMNS {
        return false;
    }
    let delimiters = |line: &[u8]| memchr::memchr_iter(delimiter, line).count();
    let lines: Vec<&[u8]> = value.split(|byte| is_line_end(*byte)).collect();
    let [first, whole @ .., last] = lines.as_slice() else { return false };
    // Both bytes of a line end split.
    let mut whole = whole.iter().filter(|line| !line.is_empty()).peekable();
    match whole.peek() {
        None => delimiters(first) == width - 1 - at && delimiters(last) == at,
        Some(_) => whole.any(|line| delimiters(line) == width - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(fields: &[&str]) -> ByteRecord {
        ByteRecord::from(fields.to_vec())
    }

    #[test]
    fn the_end_of_a_row_and_the_beginning_of_another_in_one_value_are_rows() {
        let title = "Lead,Chicago\n38,F,L,Analyst 24";
        assert!(may_hold_rows(&row(&["37", "F", "L", title, "Chicago"]), 5, b','));
        let several = "Lead,Chicago\r\n38,F,L,Analyst,Boston\r\n39,F,L,Fitter 24";
        assert!(may_hold_rows(&row(&["37", "F", "L", several, "Chicago"]), 5, b','));
        assert!(may_hold_rows(&row(&["37", "F", "L", &title.replace('\n', "\r"), "Chicago"]), 5, b','));
        assert!(
            may_hold_rows(&row(&["37", "F", "L", "Lead,Chicago\n38,F,L,x,Dock 3"]), 5, b','),
            "another column"
        );
    }

    #[test]
    fn a_text_of_several_lines_is_none() {
        for text in ["12 Main St, Floor 3\nSpringfield", "one\ntwo\nthree", "\n", "a, b\n\nc, d"] {
            assert!(!may_hold_rows(&row(&["37", "F", "L", text, "Chicago"]), 5, b','), "{text}");
        }
        assert!(!may_hold_rows(&row(&["37", "a\nb, c"]), 2, b','), "a narrow file");
        assert!(!may_hold_rows(&row(&["37", "F", "L", "12, 5\n3, 2, 1", "x"]), 5, b';'), "another delimiter");
    }
}
