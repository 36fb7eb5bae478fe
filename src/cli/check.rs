//! `check`: configuration, HR source and connection, each with what is wrong and how to mend it.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::looked::{self, LookReport};
use super::terminal::say;
use super::{Exit, open, print_json};
use crate::compose::{RealEngine, Surroundings, engine, load_to_run, sources_over_http};
use crate::config::{Settings, SourceKind, SourceSettings, secret_files};
use crate::core::tally::Count;
use crate::engine::connection::{self, ConnectionReport};
use crate::otlp;
use crate::source::csv::matching;

#[derive(Serialize)]
struct CheckReport {
    configuration: Part,
    source: Part,
    sources: Vec<LookReport>,
    workiva: ConnectionReport,
}

/// Of several sources, what they make together; of one, the same as in `sources`.
#[derive(Serialize)]
struct Part {
    ok: bool,
    message: String,
}

/// Checks everything, and remembers a connection that works.
pub async fn check(config: &Path, json: bool) -> anyhow::Result<Exit> {
    let surroundings = Surroundings::real();
    let loaded = load_to_run(config, surroundings.clock.now())?;
    let over_http = sources_over_http(&loaded);
    let store = open(&loaded.rules.database).await?;
    let engine = engine(loaded, store, &surroundings, true).await?;
    engine.insist_on_address().await?;
    let looks = engine.look().await?;
    let mut sources: Vec<LookReport> = looks.sources.iter().map(LookReport::of).collect();
    // Everybody was read; deltas may be refused all the same.
    for (name, asked) in over_http {
        let Some(report) = sources.iter_mut().find(|report| report.name == name && report.ok) else {
            continue;
        };
        if let Some(tried) = asked.try_delta(engine.clock.now()).await {
            report.tell_of_delta(tried);
        }
    }
    let message = match &sources[..] {
        [only] => only.message.clone(),
        _ => looked::summary(&looks),
    };
    let is_useless = looks.together.as_ref().is_some_and(Count::is_useless);
    let source = Part { ok: !is_useless && sources.iter().all(|one| one.ok), message };
    let failed = sources.iter().any(|one| one.failed);
    let workiva = connection::check(&engine).await;
    if workiva.works {
        engine.remember_connection(&workiva.capabilities).await?;
    }
    let settings = &engine.settings;
    let (exposed, unproven, shared) = (exposed(settings), unproven(settings), shared(settings));
    let untaken = untaken(settings).await?;
    let wrong = if workiva.works { wrong_grants(&engine).await? } else { Vec::new() };
    let message = match &wrong[..] {
        [] => format!("{} is complete{exposed}{unproven}{shared}{untaken}", config.display()),
        wrong => format!("of what roles grant, not all is known: {}", wrong.join("; ")),
    };
    let configuration = Part { ok: wrong.is_empty(), message };
    let report = CheckReport { configuration, source, sources, workiva };
    if json {
        print_json(&report)?
    } else {
        print_checks(&report)
    }
    Ok(match (report.workiva.works, report.configuration.ok, report.source.ok) {
        (false, ..) => Exit::Workiva,
        (_, false, _) => Exit::Usage,
        (.., false) if failed => Exit::Source,
        (.., false) => Exit::Leftovers,
        _ => Exit::Done,
    })
}

/// Grants that mean no group of Workiva's, or more than one.
async fn wrong_grants(engine: &RealEngine) -> anyhow::Result<Vec<String>> {
    Ok(match engine.look_at_groups().await? {
        None => Vec::new(),
        Some(Ok(map)) => map.wrong,
        Some(Err(failure)) => vec![format!("the groups could not be listed ({failure}); try again")],
    })
}

/// A word on secrets that any user of this machine can read. It is no fault: in a container there is nobody else.
fn exposed(settings: &Settings) -> String {
    let exposed = secret_files(settings).into_iter().filter(|file| {
        std::fs::metadata(file).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
    });
    exposed.map(|file| format!("; every user of this machine can read {file}: chmod 600 {file}")).collect()
}

/// A word on a collector that takes no spans. It is no fault: nobody who works waits for it.
async fn untaken(settings: &Settings) -> anyhow::Result<String> {
    let why = otlp::untaken(&settings.telemetry).await?;
    Ok(why
        .map(|why| format!("; spans would not arrive, and nothing else is affected: {why}"))
        .unwrap_or_default())
}

/// A word on files that may be read while they are being written. It is no fault: they may come by a rename.
fn unproven(settings: &Settings) -> String {
    let proves = |source: &&SourceSettings| {
        let announced = [&source.done_marker, &source.control_file, &source.trailer];
        source.kind != SourceKind::Csv
            || source.stable_seconds > 0
            || announced.iter().any(|key| key.is_some())
    };
    let sources = settings.source.as_deref().into_iter().chain(&settings.sources);
    let unproven = sources.filter(|source| !proves(source)).map(|source| {
        let name = source.name.as_ref().map(|name| format!(" of '{name}'")).unwrap_or_default();
        format!(
            "; nothing shows that the file{name} is written to its end: unless it comes by a rename, set done_marker, \
             control_file, trailer or stable_seconds"
        )
    });
    unproven.collect()
}

/// A word on files that the patterns of several sources mean: one of them may read what is for another.
fn shared(settings: &Settings) -> String {
    let mut readers: BTreeMap<PathBuf, BTreeSet<&str>> = BTreeMap::new();
    let csv =
        settings.all_sources().map(|(_, source)| source).filter(|source| source.kind == SourceKind::Csv);
    for source in csv.filter(|source| source.sftp.is_none()) {
        let patterns = source.path.iter().chain(source.delta.iter().map(|delta| &delta.path));
        for file in patterns.filter_map(|pattern| matching(pattern).ok()).flatten().flatten() {
            readers.entry(file).or_default().insert(source.called());
        }
    }
    readers.retain(|_, names| names.len() > 1);
    let told = readers.into_iter().map(|(file, names)| {
        let names: Vec<String> = names.into_iter().map(|name| format!("'{name}'")).collect();
        format!(
            "; {} is meant by the patterns of {}: narrow one of them",
            file.display(),
            names.join(" and ")
        )
    });
    told.take(3).collect()
}

fn print_checks(report: &CheckReport) {
    let line =
        |ok: bool, name: &str, message: &str| say!("{} {name}: {message}", if ok { "ok  " } else { "FAIL" });
    line(report.configuration.ok, "configuration", &report.configuration.message);
    if let [_, _, ..] = &report.sources[..] {
        for source in &report.sources {
            line(source.ok, &format!("HR source '{}'", source.name), &source.message);
            source.print();
        }
        line(report.source.ok, "HR source", &report.source.message);
    } else {
        line(report.source.ok, "HR source", &report.source.message);
        report.sources.iter().for_each(LookReport::print);
    }
    for step in &report.workiva.steps {
        line(step.ok, &format!("Workiva, {}", step.name), &step.message);
    }
}
