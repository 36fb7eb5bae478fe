//! The pages or parts of one read beside each other: a column that nearly every record has elsewhere, and that stands nowhere on some in a
//! row, was not emptied by anybody. They are of another version of the API, or of another export.

/// So many records in a row, on pages without the column, say that it is missing; fewer may be people who happen to have none of it.
const MISSING: u64 = 20;
/// And so many have to stand on the other pages, of whom nearly all have a value: a column that is sparse anyway says nothing.
const ELSEWHERE: u64 = 20;
const NEARLY_ALL_PERCENT: u64 = 95;

/// What one page has of a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OnPage {
    /// Whether it stands in any record of the page, be it null or empty.
    pub stands: bool,
    /// In how many of them it has a value.
    pub filled: u64,
}

/// A column that some pages lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lacking {
    /// Its place among the columns.
    pub column: usize,
    /// The first of those pages in a row.
    pub page: u32,
    /// How many records they hold.
    pub records: u64,
    /// How many stand on the pages that have it.
    pub elsewhere: u64,
    /// How many of those have a value.
    pub filled: u64,
}

/// The pages of one read so far.
#[derive(Clone, Debug, Default)]
pub struct Pages {
    columns: Vec<Column>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Column {
    /// Records on pages that have it, and those with a value.
    elsewhere: u64,
    filled: u64,
    /// The pages in a row without it that come now, and the longest row of them: the first page, and records.
    now: (u32, u64),
    longest: (u32, u64),
}

impl Pages {
    /// Takes in a page of so many records.
    pub fn take(&mut self, page: u32, records: u64, columns: impl IntoIterator<Item = OnPage>) {
        for (at, on_page) in columns.into_iter().enumerate().filter(|_| records > 0) {
            if self.columns.len() <= at {
                self.columns.push(Column::default());
            }
            let column = &mut self.columns[at];
            if on_page.stands {
                column.elsewhere += records;
                column.filled += on_page.filled;
                column.now = (0, 0);
                continue;
            }
            column.now = match column.now {
                (_, 0) => (page, records),
                (first, before) => (first, before + records),
            };
            if column.now.1 > column.longest.1 {
                column.longest = column.now;
            }
        }
    }

    /// The first column that some pages lack though the others have it; `may_lack` tells by a column's place that this is how it is.
    pub fn lacking(&self, may_lack: impl Fn(usize) -> bool) -> Option<Lacking> {
        let is_missing = |column: &Column| {
            let is_usual = column.filled * 100 >= column.elsewhere * NEARLY_ALL_PERCENT;
            column.longest.1 >= MISSING && column.elsewhere >= ELSEWHERE && is_usual
        };
        let mut columns = self.columns.iter().enumerate();
        let (at, column) = columns.find(|(at, column)| is_missing(column) && !may_lack(*at))?;
        let (page, records) = column.longest;
        Some(Lacking { column: at, page, records, elsewhere: column.elsewhere, filled: column.filled })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pages of so many records, of which so many have a value; `None`: the column does not stand there.
    fn lacking(pages: &[(u64, Option<u64>)]) -> Option<(u32, u64)> {
        let mut all = Pages::default();
        for (number, (records, filled)) in (1..).zip(pages) {
            let on_page = OnPage { stands: filled.is_some(), filled: filled.unwrap_or_default() };
            // The first column stands everywhere.
            let first = OnPage { stands: true, filled: *records };
            all.take(number, *records, [first, on_page]);
        }
        let told = all.lacking(|_| false);
        assert!(all.lacking(|column| column == 1).is_none());
        told.map(|told| (told.page, told.records))
    }

    #[test]
    fn a_page_without_a_column_that_all_others_fill_is_found_wherever_it_stands() {
        for (pages, told) in [
            (&[(100, Some(100)), (100, None)][..], Some((2, 100))),
            (&[(100, None), (100, Some(96))], Some((1, 100))),
            (&[(100, Some(100)), (30, None), (100, Some(100))], Some((2, 30))),
            // Small pages count together where they come in a row, and a page without anybody is none.
            (&[(10, Some(10)), (10, Some(10)), (10, None), (0, None), (10, None)], Some((3, 20))),
            (&[(10, Some(10)), (10, None), (10, Some(10)), (10, None)], None),
            // A last page of a few, a sparse column, one that is null, one that is nowhere.
            (&[(100, Some(100)), (19, None)], None),
            (&[(100, Some(94)), (100, None)], None),
            (&[(100, Some(3)), (100, None)], None),
            (&[(100, Some(100)), (100, Some(0))], None),
            (&[(100, None), (100, None)], None),
            (&[(19, Some(19)), (100, None)], None),
        ] {
            assert_eq!(lacking(pages), told, "{pages:?}");
        }
    }
}
