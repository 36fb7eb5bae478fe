//! What was found by looking at a source, in words and as JSON.

use serde::Serialize;
use serde_json::{Map, Value};

use super::terminal::say;
use crate::core::mapping::Fields;
use crate::core::mask::masked;
use crate::core::record::{Record, Rejection};
use crate::core::tally::Count;
use crate::engine::look::{Look, Looks};
use crate::source::SourceError;

/// How many names one line lists; JSON has them all.
const NAMES: usize = 30;
/// How many characters of a name or value are shown to people.
const SHOWN: usize = 80;

/// A source, looked at. All keys are always there.
#[derive(Serialize)]
pub struct LookReport {
    /// What it is called.
    pub name: String,
    /// Whether it can be used.
    pub ok: bool,
    /// In one line: what was reached, how many rows, what is wrong.
    pub message: String,
    reached: Option<String>,
    rows: u64,
    usable: u64,
    rejected: u64,
    first_rejected: Vec<RejectionReport>,
    unmapped: Vec<String>,
    absent: Vec<String>,
    sample: Option<RecordReport>,
    warnings: Vec<String>,
    /// Whether it could not be read, or does not count; it may also be read whole, and not one record of it be fit for use.
    #[serde(skip)]
    pub failed: bool,
}

/// A row that cannot be used.
#[derive(Serialize)]
pub struct RejectionReport {
    row: Option<u64>,
    employee_id: Option<String>,
    kind: &'static str,
    reason: Option<String>,
}

/// A record as the engine sees it.
#[derive(Serialize)]
pub struct RecordReport {
    /// Where it stands; `None`: in the register alone.
    pub row: Option<u64>,
    /// Its fields in order; an empty one is null.
    pub fields: Map<String, Value>,
}

impl RejectionReport {
    /// With its reason; or masked: the reason may quote a value, so it is left to its kind.
    pub fn of(rejection: &Rejection, mask: bool) -> Self {
        let id = rejection.employee_id.as_deref();
        Self {
            // What several sources say together stands in no row.
            row: rejection.row.filter(|row| *row > 0),
            employee_id: id.map(|id| if mask { masked(id) } else { id.to_owned() }),
            kind: rejection.kind.name(),
            reason: (!mask).then(|| rejection.reason.clone()),
        }
    }

    /// In one line.
    pub fn line(&self) -> String {
        let row = self.row.map(|row| format!("row {row}"));
        let whose = self.employee_id.as_ref().map(|id| format!("employee {id}"));
        let what: Vec<String> = row.into_iter().chain(whose).collect();
        format!("{}: {}", what.join(", "), self.reason.as_deref().unwrap_or(self.kind))
    }
}

impl RecordReport {
    /// As it is, or masked.
    pub fn of(record: &Record, mask: bool) -> Self {
        let field = |name: &String| {
            let value = record.get(name).map(|value| if mask { masked(value) } else { value.to_owned() });
            (name.clone(), Value::from(value))
        };
        Self {
            row: Some(record.row).filter(|row| *row > 0),
            fields: record.names().iter().map(field).collect(),
        }
    }
}

impl LookReport {
    /// Of one source.
    pub fn of(look: &Look) -> Self {
        let rejections = look.count.first_rejected.iter();
        Self {
            name: look.name.clone(),
            ok: look.failure.is_none() && !look.count.is_useless(),
            message: message(look),
            reached: look.reached.clone(),
            rows: look.count.rows,
            usable: look.count.usable,
            rejected: look.count.rejected,
            first_rejected: rejections.map(|one| RejectionReport::of(one, false)).collect(),
            unmapped: look.coverage.unmapped.clone(),
            absent: look.coverage.absent.clone(),
            sample: look.count.sample.as_ref().map(|sample| RecordReport::of(sample, true)),
            warnings: look.warnings.clone(),
            failed: look.failure.is_some(),
        }
    }

    /// Takes in what came of asking for those who changed.
    pub fn tell_of_delta(&mut self, tried: Result<u64, SourceError>) {
        self.message += &match tried {
            Ok(records) => format!("; asked for what changed just now, it answers with {records} records"),
            Err(error) => {
                (self.ok, self.failed) = (false, true);
                format!(
                    "; but not so for what changed: {error}. Correct source.rest.delta, or let source.rest.delta.enabled be false"
                )
            }
        };
    }

    /// Prints what goes beyond the message.
    pub fn print(&self) {
        if !self.unmapped.is_empty() {
            say!("       not read by any column: {}", listed(&self.unmapped));
        }
        if !self.absent.is_empty() {
            say!("       configured, and not in the source: {}", listed(&self.absent));
        }
        match &self.sample {
            Some(sample) => say!("       sample, masked: {}", sample_line(sample)),
            None if !self.failed => say!("       sample: none, for no record can be used"),
            None => {}
        }
        for rejection in &self.first_rejected {
            say!("       rejected: {}", rejection.line());
        }
        let told = self.first_rejected.len() as u64;
        if told > 0 && self.rejected > told {
            say!("       rejected: and {} more", self.rejected - told);
        }
    }
}

/// Everything that was looked at, in one line.
pub fn summary(looks: &Looks) -> String {
    let names_of = |which: fn(&&Look) -> bool| -> Vec<&str> {
        looks.sources.iter().filter(which).map(|look| look.name.as_str()).collect()
    };
    let (names, failed) = (names_of(|_| true), names_of(|look| look.failure.is_some()));
    let useless = names_of(|look| look.count.is_useless());
    match (&looks.sources[..], &looks.together) {
        ([only], _) => message(only),
        (_, Some(together)) if together.is_useless() || useless.is_empty() => {
            counted(&names.join(", "), together)
        }
        (_, Some(together)) => {
            format!(
                "{}; of {} not one record can be used",
                counted(&names.join(", "), together),
                useless.join(", ")
            )
        }
        _ => format!(
            "{} cannot be used, so what {} say together is not judged",
            failed.join(", "),
            names.join(", ")
        ),
    }
}

fn message(look: &Look) -> String {
    if let Some(failure) = &look.failure {
        return failure.to_string();
    }
    let mut words = counted(look.reached.as_deref().unwrap_or(&look.name), &look.count);
    for warning in &look.warnings {
        words += &format!("; warning: {warning}");
    }
    words
}

fn counted(what: &str, count: &Count) -> String {
    let first = count.first_rejected.first().map(|one| {
        let row = one.row.filter(|row| *row > 0).map_or(String::new(), |row| format!("row {row} "));
        format!("; the first rejected: {row}{}", one.reason)
    });
    let useless = if count.is_useless() { "; not one record can be used" } else { "" };
    format!(
        "{what}: complete, {} usable rows, {} rejected{useless}{}",
        count.usable,
        count.rejected,
        first.unwrap_or_default()
    )
}

fn sample_line(sample: &RecordReport) -> String {
    let filled = sample.fields.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
    let fields: Vec<String> = filled.map(|(name, value)| format!("{name} = {value}")).collect();
    let empty = sample.fields.len() - fields.len();
    let empty = if empty > 0 { format!("; {empty} empty") } else { String::new() };
    let row = sample.row.map_or(String::new(), |row| format!("row {row}: "));
    format!("{row}{}{empty}", listed(&fields))
}

fn listed(names: &[String]) -> String {
    let mut text = names.iter().take(NAMES).map(|name| shortened(name)).collect::<Vec<_>>().join(", ");
    if names.len() > NAMES {
        text += &format!(" and {} more (--json has all)", names.len() - NAMES);
    }
    text
}

/// A text of which no more than a line's worth is shown.
pub fn shortened(text: &str) -> String {
    let short: String = text.chars().take(SHOWN).collect();
    if short.len() < text.len() { short + "…" } else { short }
}
