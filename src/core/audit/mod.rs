//! The audit: what was done, when, why and by whom, as one chain of records.
//!
//! Each record's hash covers the record and the hash of the one before. So whoever knows the newest hash can tell whether
//! anything before it was altered, left out, put in or moved.

pub mod configuration;
pub mod export;
mod verify;

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::plan::hex;
use super::value::is_invisible;

pub use verify::{Anchor, Fault, Verifier};

/// What a record tells of. The names are in the database and in exports, so they stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = RecordKind)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Keys of the configuration that have other values than before.
    Configuration,
    /// A connection was found working.
    Connection,
    /// A run, of whatever outcome.
    Run,
    /// A plan that was released or held.
    Plan,
    /// One action that a plan decided on.
    Decision,
    /// A waiting action that a newer run does without. With a state: it stays open, to be looked at and never to be sent.
    Withdrawal,
    /// What became of a held plan: approved, rejected, superseded and so on.
    PlanDecided,
    /// Every request that was sent for an action under one claim, and how that ended.
    Outcome,
    /// Another employee id has taken the account over; told of the old one.
    Moved,
    /// An operator put a parked action back into the queue.
    Retry,
    /// An operator gave a parked action up.
    Discard,
    /// `adopt` linked somebody to a user of Workiva, or what was decided about somebody in doubt.
    Adoption,
    /// Live Workiva was compared with the state table, or what was seen of somebody was taken for the new state.
    Drift,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Configuration,
        Self::Connection,
        Self::Run,
        Self::Plan,
        Self::Decision,
        Self::Withdrawal,
        Self::PlanDecided,
        Self::Outcome,
        Self::Moved,
        Self::Retry,
        Self::Discard,
        Self::Adoption,
        Self::Drift,
    ];

    /// The kind of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The name in the database and in exports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Connection => "connection",
            Self::Run => "run",
            Self::Plan => "plan",
            Self::Decision => "decision",
            Self::Withdrawal => "withdrawal",
            Self::PlanDecided => "plan_decided",
            Self::Outcome => "outcome",
            Self::Moved => "moved",
            Self::Retry => "retry",
            Self::Discard => "discard",
            Self::Adoption => "adoption",
            Self::Drift => "drift",
        }
    }
}

/// Who decided something, and what they said about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct By<'a> {
    /// The name.
    pub name: &'a str,
    /// Why, in their own words; they stand in the audit as they are.
    pub reason: Option<&'a str>,
}

/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;

/// A reason as somebody wrote it, as the audit keeps it; `None`: none was given.
///
/// # Errors
/// What is wrong with it, in words.
pub fn reason(text: &str) -> Result<Option<&str>, String> {
    // What nobody sees says nothing, and may make the rest read as something else.
    let reason = text.trim_matches(|sign: char| sign.is_whitespace() || is_invisible(sign));
    let breaks = |sign: char| sign.is_control() || matches!(sign, '\u{2028}' | '\u{2029}');
    if reason.chars().count() > LONGEST_REASON || reason.chars().any(breaks) || text.chars().any(turns) {
        return Err(format!(
            "has to be one line of at most {LONGEST_REASON} characters, none of which turns the direction of the others"
        ));
    }
    Ok((!reason.is_empty()).then_some(reason))
}

/// Whether a character makes others read in another direction than they are written in.
fn turns(sign: char) -> bool {
    matches!(sign, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl<'a> From<&'a str> for By<'a> {
    fn from(name: &'a str) -> Self {
        Self { name, reason: None }
    }
}

impl<'a> From<&'a String> for By<'a> {
    fn from(name: &'a String) -> Self {
        name.as_str().into()
    }
}

/// Something to be recorded, which has no place in the chain yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it tells of.
    pub kind: Kind,
    /// Whom it concerns, where it concerns one person.
    pub employee_id: Option<String>,
    /// The rest, as a JSON object.
    pub body: String,
}

impl Entry {
    /// An entry that concerns nobody in particular. `body` becomes a JSON object; it must hold no secret, name or address.
    pub fn new(kind: Kind, body: &impl Serialize) -> Self {
        let body = serde_json::to_string(body).expect("a body of strings and numbers has a JSON form");
        Self { kind, employee_id: None, body }
    }

    /// An entry that concerns this person.
    pub fn of_person(kind: Kind, employee_id: &str, body: &impl Serialize) -> Self {
        Self { employee_id: Some(employee_id.to_owned()), ..Self::new(kind, body) }
    }
}

/// One record of the chain, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number, from 1.
    pub seq: i64,
    /// When it was recorded, in milliseconds since 1970.
    pub at: i64,
    /// What it tells of; the name of a [`Kind`].
    pub kind: String,
    /// Whom it concerns, where it concerns one person.
    pub employee_id: Option<String>,
    /// The rest, as the text of a JSON object.
    pub body: String,
    /// The hash over all of this and the hash before it.
    pub hash: String,
}

/// The end of a chain. Its text is an [`Anchor`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Head {
    /// The number of the newest record; 0: there is none.
    pub seq: i64,
    /// Its hash.
    pub hash: String,
}

impl Default for Head {
    fn default() -> Self {
        Self { seq: 0, hash: "0".repeat(64) }
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

impl Head {
    /// The record that an entry becomes behind this head.
    pub fn link(&self, at: DateTime<Utc>, entry: &Entry) -> Record {
        let mut record = Record {
            seq: self.seq + 1,
            at: at.timestamp_millis(),
            kind: entry.kind.name().to_owned(),
            employee_id: entry.employee_id.clone(),
            body: entry.body.clone(),
            hash: String::new(),
        };
        record.hash = hash_behind(&self.hash, &record);
        record
    }
}

/// The hash that a record has behind the one of that hash.
fn hash_behind(previous: &str, record: &Record) -> String {
    let (seq, at) = (record.seq.to_string(), record.at.to_string());
    let who = record.employee_id.as_deref();
    framed([Some(previous), Some(&seq), Some(&at), Some(&record.kind), who, Some(&record.body)])
}

/// What binds a decision to the action that is carried out, without holding anything of a person: SHA-256 over the action's
/// number, plan, employee id, kind and reason, and over its changes and its target as they are stored.
pub fn bound_hash(action_id: i64, rest: [&str; 6]) -> String {
    let action_id = action_id.to_string();
    let [plan_id, employee_id, kind, because, changes, target] = rest.map(Some);
    framed([Some(action_id.as_str()), plan_id, employee_id, kind, because, changes, target])
}

/// SHA-256 over parts, each as its length in bytes, a colon, the part and a line end; one that is not there is a hyphen
/// and a line end. So no two lists of parts come to the same bytes.
fn framed<const N: usize>(parts: [Option<&str>; N]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        match part {
            Some(part) => {
                hasher.update(part.len().to_string());
                hasher.update(":");
                hasher.update(part);
            }
            None => hasher.update("-"),
        }
        hasher.update("\n");
    }
    hex(&hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(body: &str) -> Entry {
        Entry { kind: Kind::Run, employee_id: None, body: body.to_owned() }
    }

    #[test]
    fn a_reason_that_nobody_can_see_is_none_and_one_that_turns_others_is_refused() {
        assert_eq!(reason(" it is so\u{200b} "), Ok(Some("it is so")));
        for nothing in
            ["", "  ", "\u{200b}", "\u{2800}\u{a0}\u{feff}", "\u{3164}", "\u{61c}\u{34f}", "\u{1d173}"]
        {
            assert_eq!(reason(nothing), Ok(None), "{nothing:?}");
        }
        for refused in ["two\nlines", "two\u{2028}lines", "it is \u{202e}os", "\u{202e}abc", "a\u{2066}b"] {
            assert!(reason(refused).is_err(), "{refused:?}");
        }
    }

    #[test]
    fn a_hash_is_what_its_documentation_says() {
        let record = Head::default().link(DateTime::UNIX_EPOCH, &entry("{}"));
        let bytes = format!("64:{}\n1:1\n1:0\n3:run\n-\n2:{{}}\n", "0".repeat(64));
        assert_eq!((record.seq, record.hash), (1, hex(&Sha256::digest(bytes))));
    }

    #[test]
    fn what_moves_from_one_part_to_the_next_changes_the_hash() {
        let whole = framed([Some("a\nb"), Some("c")]);
        assert_ne!(whole, framed([Some("a"), Some("b\nc")]));
        assert_ne!(framed([Some(""), Some("c")]), framed([None, Some("c")]));
    }
}
