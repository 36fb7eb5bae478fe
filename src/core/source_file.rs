//! What is remembered of the file that a run read, and which file may come after it.

use chrono::{DateTime, Utc};

/// How times are written, in UTC.
const AT: &str = "%Y-%m-%d %H:%M:%S%.3f UTC";

/// A file or system that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceFile {
    /// Its name.
    pub name: String,
    /// The digest of its bytes under the configuration, hexadecimal, if the source has such.
    pub digest: Option<String>,
    /// When it was last changed, if the source knows.
    pub modified: Option<DateTime<Utc>>,
    /// Whether it ended with a line end. `None`: not known, or its end is proved by a trailer.
    pub ends_line: Option<bool>,
}

impl SourceFile {
    /// This file as it is remembered, after the newest one that was accepted. The same bytes may come again under an older
    /// time; the newer time stays remembered then.
    ///
    /// # Errors
    /// Why it cannot come after that one, in words.
    pub fn after(mut self, accepted: Option<&Self>) -> Result<Self, String> {
        let Some(accepted) = accepted else { return Ok(self) };
        if self.digest.is_some() && self.digest == accepted.digest {
            self.modified = self.modified.max(accepted.modified);
            return Ok(self);
        }
        if let (Some(ours), Some(theirs)) = (self.modified, accepted.modified)
            && ours.timestamp_millis() < theirs.timestamp_millis()
        {
            return Err(format!(
                "it was last changed at {} and is older than what was read already ({}, {}); put the newer one back, or touch \
                 this file if it is meant to count",
                ours.format(AT),
                accepted.name,
                theirs.format(AT),
            ));
        }
        if (self.ends_line, accepted.ends_line) == (Some(false), Some(true)) {
            return Err(format!(
                "no line end stands behind its last row, as one did in {}: the last value may be cut off; export it again. \
                 Should the export end without one from now on, let it write a trailer (source.trailer)",
                accepted.name
            ));
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(digest: &str, second: i64, ends_line: Option<bool>) -> SourceFile {
        SourceFile {
            name: digest.to_owned(),
            digest: Some(digest.to_owned()),
            modified: DateTime::from_timestamp(second, 0),
            ends_line,
        }
    }

    #[test]
    fn an_older_file_with_other_bytes_cannot_follow_and_the_same_bytes_keep_the_newer_time() {
        let accepted = file("b", 10, Some(true));
        assert!(file("a", 9, Some(true)).after(Some(&accepted)).unwrap_err().contains("older"));
        assert_eq!(file("a", 10, Some(true)).after(Some(&accepted)), Ok(file("a", 10, Some(true))));
        assert_eq!(file("b", 9, Some(true)).after(Some(&accepted)), Ok(file("b", 10, Some(true))));
        assert_eq!(file("a", 9, None).after(None), Ok(file("a", 9, None)));
    }

    #[test]
    fn a_line_end_is_missed_only_where_there_was_one() {
        let cut = || file("b", 10, Some(false));
        assert!(cut().after(Some(&file("a", 9, Some(true)))).unwrap_err().contains("no line end"));
        for before in [Some(false), None] {
            assert!(cut().after(Some(&file("a", 9, before))).is_ok());
        }
        assert!(file("b", 10, None).after(Some(&file("a", 9, Some(true)))).is_ok(), "a trailer proves it");
    }
}
