//! What the dashboard asks of a database of many people, with a held plan of a tenth of them: each question once cold, then the median of
//! nine.
//!
//! `cargo bench --bench console [-- PEOPLE]`; 1,000,000 people by default.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and ends by a panic"
)]

#[path = "performance/common.rs"]
#[allow(dead_code, reason = "the other bench uses more of it")]
mod common;

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use common::{median, now};
use sqlx::{Connection, SqliteConnection};
use workiva_sync::store::{PlanSearch, Store, StoreError};

const ROUNDS: usize = 9;
/// One page of the dashboard, and a row more.
const PAGE: u32 = 51;

#[tokio::main]
async fn main() {
    let people: i64 = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    Store::open(&path).await.unwrap().close().await;
    fill(&path, people).await;
    println!("{people} people, {} MB", std::fs::metadata(&path).unwrap().len() / 1_000_000);
    let store = Store::open(&path).await.unwrap();
    let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    let last = format!("{:07}", people - 1);

    ask("headcount", async || store.headcount().await.map(|_| 1)).await;
    ask("held plan and queue", async || store.standing(at).await.map(|_| 1)).await;
    ask("what a run is measured against", async || scale(&store).await).await;
    ask("overview: the rest", async || overview(&store, at).await).await;
    for (what, after, query) in [
        ("people: the first page", None, ""),
        ("people: the last page", Some(last.as_str()), ""),
        ("people: one id", None, last.as_str()),
        ("people: ids that everybody has", None, "0"),
        ("people: user names that everybody has", None, "person."),
        ("people: one last name", None, "family77777"),
        ("people: last names that everybody has", None, "family"),
        ("people: first and last name", None, "given7777 family77777"),
        ("people: words that nobody has", None, "no such words"),
    ] {
        ask(what, async || store.people_behind(after, query, PAGE).await.map(|rows| rows.len())).await;
    }
    ask("one person's history", async || store.history(&last, 50, at).await.map(|told| told.actions.len()))
        .await;
    ask("plan: page", async || store.plan_detail("held", at).await.map(|plan| plan.unwrap().groups.len()))
        .await;
    for (what, query, kind) in [
        ("plan: first actions", "", None),
        ("plan: of a kind that is not in it", "", Some("delete")),
        ("plan: one id", last.as_str(), None),
        ("plan: a user name", "person.77777", None),
        ("plan: user names that everybody has", "person.", None),
        ("plan: nobody", "no such name", None),
    ] {
        let search = PlanSearch { after: None, query, kind };
        ask(what, async || store.plan_actions("held", &search, PAGE).await.map(|rows| rows.len())).await;
    }
}

async fn scale(store: &Store) -> Result<usize, StoreError> {
    let mut scale = store.scale().await?;
    store.scale_of_creates(&mut scale).await?;
    store.stale(DateTime::UNIX_EPOCH).await?;
    Ok(1)
}

async fn overview(store: &Store, at: DateTime<Utc>) -> Result<usize, StoreError> {
    store.undecided().await?;
    store.discarded_ends().await?;
    store.runs_by_day(30, at).await?;
    Ok(store.runs_before(None, 10).await?.len())
}

async fn ask(what: &str, question: impl AsyncFn() -> Result<usize, StoreError>) {
    let mut times = Vec::new();
    let mut rows = 0;
    for _ in 0..=ROUNDS {
        let begun = now();
        rows = question().await.unwrap();
        times.push(begun.elapsed());
    }
    let cold: Duration = times.remove(0);
    println!("{what}: {:.1?}, the first time {cold:.1?} ({rows} rows)", median(times));
}

/// Everybody was created by one plan, has an account but for every fiftieth, and is suspended in each tenth case.
async fn fill(path: &Path, people: i64) {
    let mut database = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    for sql in [
        "PRAGMA synchronous = OFF",
        "BEGIN",
        "CREATE TEMP TABLE them AS WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1) \
           SELECT i, printf('%07d', i) AS id FROM n",
        "INSERT INTO person (employee_id, fingerprint, version) SELECT id, printf('%032x', i), 1 FROM them",
        "INSERT INTO account (employee_id, scim_id, active, attributes, user_name, confirmed_at, had_access) \
           SELECT id, printf('%08x-%d', i * 2654435761 % 4294967296, i), i % 10 > 0, json_object('userName', 'Person.' || i || '@example.com', \
             'name.givenName', 'Given' || (i % 10000), 'name.familyName', 'Family' || i, 'emails.work', 'person.' || i || '@example.com', \
             'externalId', id, 'title', 'Title ' || (i % 300)), 'person.' || i || '@example.com', 1799000000000, 1 FROM them WHERE i % 50 > 0",
        "INSERT INTO run (run_id, started_at, ended_at, cause, outcome, source_rows, rejected, accepted, planned, hold_reasons) \
           SELECT 'r' || i, 1799000000000 + i * 900000, 1799000000000 + i * 900000, 'schedule', 'unchanged', ?1, 0, 1, '{}', '[]' \
           FROM them WHERE i < 3000",
        "INSERT INTO plan (plan_id, run_id, state, created_at, expires_at, input, content_hash, counts, hold_reasons) VALUES \
           ('first', 'r0', 'released', 1799000000000, NULL, 'i', 'h', '{}', '[]'), \
           ('held', 'r1', 'held', 1799900000000, 1900000000000, 'i', 'h', '{}', '[]')",
        "INSERT INTO action (action_id, plan_id, employee_id, kind, rank, state, user_name, base_version, fingerprint, uncertain, \
             not_before, created_at, ended_at) \
           SELECT i + 1, 'first', id, 'create', 6, 'done', 'person.' || i || '@example.com', 0, '', 0, 0, 1799000000000, 1799000000000 FROM them",
        "INSERT INTO action (action_id, plan_id, employee_id, kind, rank, state, base_version, fingerprint, uncertain, not_before, created_at) \
           SELECT ?1 + 1 + i / 10, 'held', id, iif(i % 20 = 9, 'suspend', 'update'), 3, 'held', 1, '', 0, 0, 1799900000000 \
           FROM them WHERE i % 10 = 9",
        "INSERT INTO intent (action_id, changes, because, target) SELECT action_id, '[{\"attribute\":\"title\",\"from\":\"a\",\"to\":\"b\"}]', \
           'because of the reason ' || (action_id % 30), '{}' FROM action",
        "INSERT INTO plan_group SELECT plan_id, kind, because, count(*) FROM action JOIN intent USING (action_id) GROUP BY 1, 2, 3",
        "COMMIT",
    ] {
        sqlx::query(sql).bind(people).execute(&mut database).await.unwrap();
    }
    database.close().await.unwrap();
}
