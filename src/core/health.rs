//! How it is with one of several sources, for whoever looks after them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

/// How it is with a source of the register. What it told last stands, whatever is the matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct SourceHealth {
    /// What it is called.
    pub source: String,
    /// When its newest read began that counts; none yet where it is not there.
    pub read_at: Option<DateTime<Utc>>,
    /// When the first of the reads began that have failed since.
    pub failing_since: Option<DateTime<Utc>>,
    /// When the newest of these began.
    pub failed_at: Option<DateTime<Utc>>,
    /// Why that came to nothing.
    pub failure: Option<String>,
    /// The turn of it that nothing has come of yet.
    pub due_since: Option<DateTime<Utc>>,
    /// When the read began that is under way, as far as this process reads it.
    pub reading_since: Option<DateTime<Utc>>,
    /// Whether something newer is there that could not be read yet.
    pub held_up: bool,
}

/// How times are written, in UTC.
const AT: &str = "%Y-%m-%d %H:%M:%S";

impl SourceHealth {
    /// What is the matter with it, in words, if anything is.
    pub fn trouble(&self) -> Option<String> {
        let since = self.failing_since.map(|since| since.format(AT));
        let read = self.read_at.map_or("never".to_owned(), |at| format!("at {}", at.format(AT)));
        if let (Some(since), Some(failure)) = (since, &self.failure) {
            return Some(format!("fails since {since}, and was read last {read}: {failure}"));
        }
        if let Some(since) = self.reading_since {
            return Some(format!("is being read since {}, and was read last {read}", since.format(AT)));
        }
        if let Some(due) = self.due_since {
            let due = due.format(AT);
            return Some(format!(
                "is due since {due}, and was read last {read}: it is being read, or hangs; or nobody reads it, since no daemon runs"
            ));
        }
        self.held_up
            .then(|| format!("was read last {read}, and has something newer that could not be read yet"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp(second, 0)
    }

    #[test]
    fn a_source_that_fails_or_hangs_is_told_of_with_since_when_and_why() {
        let well = SourceHealth { source: "staff".into(), read_at: at(0), ..SourceHealth::default() };
        assert_eq!(well.trouble(), None);
        let failing = SourceHealth {
            failing_since: at(60),
            failed_at: at(120),
            failure: Some("it answered 403".into()),
            // The turn was taken, and came to nothing.
            due_since: at(60),
            ..well.clone()
        };
        let told =
            "fails since 1970-01-01 00:01:00, and was read last at 1970-01-01 00:00:00: it answered 403";
        assert_eq!(failing.trouble().unwrap(), told);
        let hanging = SourceHealth { due_since: at(60), ..well.clone() };
        assert!(hanging.trouble().unwrap().starts_with("is due since 1970-01-01 00:01:00"));
        let seen = SourceHealth { reading_since: at(61), ..hanging };
        assert!(seen.trouble().unwrap().starts_with("is being read since 1970-01-01 00:01:01"));
        assert!(SourceHealth { held_up: true, ..well }.trouble().unwrap().contains("something newer"));
    }
}
