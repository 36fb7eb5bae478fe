//! `check`: configuration, HR source and connection, each with what is wrong and how to mend it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde::Serialize;

use super::terminal::say;
use super::{Exit, open, print_json};
use crate::compose::{Surroundings, engine, load_config};
use crate::config::Settings;
use crate::core::planner::{States, judge};
use crate::engine::connection::{self, ConnectionReport};
use crate::engine::feed::FeedError;

#[derive(Serialize)]
struct CheckReport {
    configuration: Part,
    source: Part,
    workiva: ConnectionReport,
}

#[derive(Serialize)]
struct Part {
    ok: bool,
    message: String,
}

/// Checks everything, and remembers a connection that works.
pub async fn check(config: &Path, json: bool) -> anyhow::Result<Exit> {
    let loaded = load_config(config)?;
    let store = open(&loaded.rules.database).await?;
    let engine = engine(loaded, store, &Surroundings::real(), true).await?;
    engine.insist_on_address().await?;
    let source = match read_source(&engine).await {
        Ok(message) => Part { ok: true, message },
        Err(FeedError::Source(error)) => Part { ok: false, message: error.to_string() },
        Err(FeedError::Store(error)) => return Err(error.into()),
    };
    let workiva = connection::check(&engine).await;
    if workiva.works {
        engine.remember_connection(&workiva.capabilities).await?;
    }
    let message = format!("{} is complete{}", config.display(), exposed(&engine.settings));
    let configuration = Part { ok: true, message };
    let report = CheckReport { configuration, source, workiva };
    if json {
        print_json(&report)?
    } else {
        print_checks(&report)
    }
    Ok(match (report.workiva.works, report.source.ok) {
        (false, _) => Exit::Workiva,
        (_, false) => Exit::Source,
        _ => Exit::Done,
    })
}

/// A word on secrets that any user of this machine can read. It is no fault: in a container there is nobody else.
fn exposed(settings: &Settings) -> String {
    let files = [&settings.workiva.password_file, &settings.workiva.token_file, &settings.http.token_file];
    let exposed = files.into_iter().flatten().filter(|file| {
        std::fs::metadata(file).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
    });
    exposed.map(|file| format!("; every user of this machine can read {file}: chmod 600 {file}")).collect()
}

/// Reads the whole source and judges everybody, as if nobody were known.
async fn read_source(engine: &crate::compose::RealEngine) -> Result<String, FeedError> {
    let read = engine.feed.read_everybody(&engine.store, engine.clock.now()).await?;
    let findings = read.findings;
    let rulebook = &engine.rules.rulebook;
    let today = rulebook.access.lifecycle.today(engine.clock.now());
    let (judged, refused) = judge(findings.changed, &States::new(), rulebook, today);
    let (usable, mut rejected) = (judged.len(), findings.rejected);
    rejected.extend(refused);
    let first = rejected.first().map(|one| {
        let row = one.row.map_or(String::new(), |row| format!("row {row} "));
        format!("; the first rejected: {row}{}", one.reason)
    });
    Ok(format!(
        "{}: complete, {usable} usable rows, {} rejected{}{}",
        read.file.name,
        rejected.len(),
        first.unwrap_or_default(),
        read.warnings.iter().map(|word| format!("; warning: {word}")).collect::<String>()
    ))
}

fn print_checks(report: &CheckReport) {
    let line =
        |ok: bool, name: &str, message: &str| say!("{} {name}: {message}", if ok { "ok  " } else { "FAIL" });
    line(report.configuration.ok, "configuration", &report.configuration.message);
    line(report.source.ok, "HR source", &report.source.message);
    for step in &report.workiva.steps {
        line(step.ok, &format!("Workiva, {}", step.name), &step.message);
    }
}
