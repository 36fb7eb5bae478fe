//! What a source holds beside what is read of it.

use std::collections::{BTreeMap, BTreeSet};

/// What a source holds and nobody reads, and what we would read and it does not hold. Names alone, no values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Its columns or fields that none of ours reads, as `source.columns` would name them; in alphabetical order.
    pub unmapped: Vec<String>,
    /// Our columns that it does not have, in alphabetical order.
    pub absent: Vec<String>,
    /// Of a delta: whose records leave out one of our columns, by column. Employee ids as the source has them.
    pub lacking: BTreeMap<String, Vec<String>>,
}

impl Coverage {
    /// Of names that are there, those that are not wanted. `absent` are our columns for names that are wanted and not there.
    pub fn of_names<'a>(
        there: impl IntoIterator<Item = &'a str>,
        wanted: impl IntoIterator<Item = &'a str>,
        absent: Vec<String>,
    ) -> Self {
        let wanted: BTreeSet<&str> = wanted.into_iter().collect();
        let unmapped: BTreeSet<&str> = there.into_iter().filter(|name| !wanted.contains(name)).collect();
        let unmapped = unmapped.into_iter().map(str::to_owned).collect();
        Self { unmapped, absent, lacking: BTreeMap::new() }
    }
}
