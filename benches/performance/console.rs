//! What the dashboard asks of a database of many people, with a held plan of a tenth of them: each question once cold, then the median of
//! nine. Then its whole pages, by HTTP from the real binary: once after it has started, then the median of nine.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{Connection, SqliteConnection};
use workiva_sync::store::{PeopleSearch, PlanSearch, Standing, Store, StoreError};

use crate::common::{median, now, runtime, write_configuration};
use crate::process::{Process, answer};
use crate::table::{self, thousands};

const ROUNDS: usize = 9;
/// One page of the dashboard, and a row more.
const PAGE: u32 = 51;
/// What is not as in the other benches: no run.
const OTHERWISE: [(&str, &str); 2] = [("SCHEDULE__CRON", "0 0 0 1 1 *"), ("SCHEDULE__RUN_ON_START", "false")];
const TOKEN: &str = "a-viewers-token-of-the-bench";
/// A page for which the source is read takes seconds, so the median is of fewer.
const ROUNDS_WITH_SOURCE: usize = 3;

pub fn measure(people: Option<usize>) {
    let people = people.unwrap_or(1_000_000);
    table::head();
    let folder = tempfile::tempdir().unwrap();
    runtime().block_on(ask_store(folder.path(), i64::try_from(people).unwrap()));
    by_http(folder.path(), people);
}

async fn ask_store(folder: &Path, people: i64) {
    let path = folder.join("state.db");
    Store::open(&path).await.unwrap().close().await;
    fill(&path, people).await;
    let bytes = std::fs::metadata(&path).unwrap().len() / people.unsigned_abs();
    table::figure("the database, a person", format!("{bytes} bytes"), "");
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
        ("people: names of which one is everybody's", None, "given family77777"),
        ("people: names that are everybody's, and a third word", None, "given family x"),
        ("people: words that nobody has", None, "no such words"),
        ("people: words of many", None, "title 77"),
        ("people: one mail address", None, "mail.77779"),
        ("people: somebody who waits for an account", None, "newcomer77750"),
    ] {
        let search = PeopleSearch { after, query, standing: None };
        ask(what, async || store.people_behind(&search, PAGE).await.map(|found| found.rows.len())).await;
    }
    for (what, query, standing) in [
        ("people: active", "", Standing::Active),
        ("people: suspended", "", Standing::Suspended),
        ("people: without an account", "", Standing::WithoutAccount),
        ("people: suspended, of a user name that everybody has", "person.", Standing::Suspended),
        ("people: without an account, words that nobody has", "no such words", Standing::WithoutAccount),
    ] {
        let search = PeopleSearch { after: None, query, standing: Some(standing) };
        ask(what, async || store.people_behind(&search, PAGE).await.map(|found| found.rows.len())).await;
    }
    ask("one person's history", async || store.history(&last, 50, at).await.map(|told| told.actions.len()))
        .await;
    ask("plan: page", async || store.plan_detail("held", at).await.map(|plan| plan.unwrap().groups.len()))
        .await;
    for (what, query, kind) in [
        ("plan: first actions", "", None),
        ("plan: of a kind that is not in it", "", Some("delete")),
        ("plan: one id", last.as_str(), None),
        ("plan: a user name", "person.77779", None),
        ("plan: user names that everybody has", "person.", None),
        ("plan: a last name", "family77779", None),
        ("plan: first and last name", "given7779 family77779", None),
        ("plan: somebody who is to be created", "newcomer77750", None),
        ("plan: nobody", "no such name", None),
    ] {
        let search = PlanSearch { after: None, query, kind };
        ask(what, async || store.plan_actions("held", &search, PAGE).await.map(|found| found.rows.len()))
            .await;
    }
    store.close().await;
}

/// The whole pages.
fn by_http(folder: &Path, people: usize) {
    write_source(&folder.join("employees.csv"), people);
    let (sandbox, base_url) = Process::sandbox(&[]);
    let users = format!("[[http.users]]\nname = \"Ben\"\nrole = \"viewer\"\ntoken = \"{TOKEN}\"\n");
    let file = write_configuration(folder, &base_url, 8, &users);
    let (daemon, address) = Process::daemon(&file, &OTHERWISE);
    let form = format!("token={TOKEN}&next=/");
    let login = format!(
        "POST /login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{form}",
        form.len()
    );
    let logged_in = answer(&address, &login);
    let cookie = logged_in.split("set-cookie: ").nth(1).unwrap().split(';').next().unwrap();
    let (one, near_end) = (format!("{:07}", people / 13 / 10 * 10 + 9), format!("{:07}", people - 52));
    let people = thousands(people);
    for (what, path) in [
        ("overview", "/".to_owned()),
        ("people: the first page", "/people".to_owned()),
        ("people: the last page", format!("/people?after={near_end}")),
        ("people: one id", format!("/people?query={one}")),
        ("people: a last name", "/people?query=family7777".to_owned()),
        ("people: first and last name", "/people?query=given7777+family77777".to_owned()),
        ("people: words that nobody has", "/people?query=no+such+words".to_owned()),
        ("people: somebody who waits for an account", "/people?query=newcomer77750".to_owned()),
        ("people: suspended", "/people?state=suspended".to_owned()),
        ("people: without an account", "/people?state=without_account".to_owned()),
        ("held plan", "/plans/held".to_owned()),
        ("held plan: one id", format!("/plans/held?query={one}")),
        ("held plan: a user name", "/plans/held?query=person.77779".to_owned()),
        ("held plan: somebody who is to be created", "/plans/held?query=newcomer77750".to_owned()),
        ("held plan: nobody", "/plans/held?query=no+such+name".to_owned()),
        ("parked", "/parked".to_owned()),
        ("runs", "/runs".to_owned()),
        ("a run", "/runs/r1000".to_owned()),
        ("audit", "/audit".to_owned()),
        ("audit of one person", format!("/audit?employee_id={one}")),
        ("configuration", "/configuration".to_owned()),
        ("person, explained, with the source read", format!("/people/{one}")),
    ] {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: {cookie}\r\n\r\n"
        );
        let rounds = if path.starts_with("/people/") { ROUNDS_WITH_SOURCE } else { ROUNDS };
        let mut bytes = 0;
        let mut times = Vec::new();
        for _ in 0..=rounds {
            let begun = now();
            let page = answer(&address, &request);
            times.push(begun.elapsed());
            assert!(page.starts_with("HTTP/1.1 200 "), "{path}: {page}");
            bytes = page.len();
        }
        let cold: Duration = times.remove(0);
        let figure = format!("{:.1?}, the first time {cold:.1?} ({bytes} bytes)", median(times));
        table::figure(&format!("page, {people} people: {what}"), figure, "below 50 ms");
    }
    daemon.stop();
    sandbox.stop();
}

/// A file of the same people.
fn write_source(path: &Path, people: usize) {
    let mut file = BufWriter::new(std::fs::File::create(path).unwrap());
    let header = "Employee ID,First Name,Last Name,Preferred Name,Work Email,Status,Worker Type,Hire Date,Termination Date,\
                  Department,Job Title,Manager ID,Location,Cost Center";
    writeln!(file, "{header}").unwrap();
    for i in 0..people {
        writeln!(
            file,
            "{i:07},Given{},Family{i},,person.{i}@example.com,Active,Employee,2015-01-01,,Finance,Title {},,Here,CC",
            i % 10_000,
            i % 300
        )
        .unwrap();
    }
    file.flush().unwrap();
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
    let figure = format!("{:.1?}, the first time {cold:.1?} ({rows} rows)", median(times));
    table::figure(&format!("question: {what}"), figure, "");
}

/// Everybody was created by one plan and has an account, but for every fiftieth, who is to be created by the held one; each tenth is suspended.
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
             'name.givenName', 'Given' || (i % 10000), 'name.familyName', 'Family' || i, 'emails.work', iif(i % 50 = 29, 'mail.', 'person.') || i || '@example.com', \
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
           SELECT ?1 + 1 + row_number() OVER (ORDER BY i % 50 = 0, i), 'held', id, iif(i % 50 = 0, 'create', iif(i % 20 = 9, 'suspend', 'update')), \
             3, 'held', 1, '', 0, 0, 1799900000000 FROM them WHERE i % 10 = 9 OR i % 50 = 0",
        "INSERT INTO intent (action_id, changes, because, target, names) \
           SELECT action_id, '[{\"attribute\":\"title\",\"from\":\"a\",\"to\":\"b\"}]', 'because of the reason ' || (action_id % 30), \
             json_object('access', json_object('userName', 'person.' || i || '@example.com', 'name.givenName', 'Given' || (i % 10000), \
               'name.familyName', iif(i % 50 = 0, 'Newcomer', 'Family') || i, 'emails.work', 'person.' || i || '@example.com', \
               'externalId', id, 'title', 'Title ' || (i % 300))), \
             iif(i % 50 = 0, 'newcomer', 'family') || i || char(10) || 'given' || (i % 10000) || char(10) || 'person.' || i || '@example.com' \
           FROM action JOIN them ON id = employee_id",
        "INSERT INTO plan_group SELECT plan_id, kind, because, count(*) FROM action JOIN intent USING (action_id) GROUP BY 1, 2, 3",
        "INSERT INTO action (action_id, plan_id, employee_id, kind, rank, state, base_version, fingerprint, uncertain, not_before, created_at, \
             error) \
           SELECT 2 * ?1 + i, 'first', id, 'update', 3, 'parked', 1, '', 0, 0, 1799900000000, 'refused as invalid' FROM them WHERE i % 500 = 3",
        "INSERT INTO intent (action_id, changes, because, target) SELECT action_id, '[]', 'because', '{}' FROM action WHERE action_id >= 2 * ?1",
        "INSERT INTO audit (seq, at, kind, employee_id, body, hash) SELECT i + 1, 1799000000000, 'action', id, \
             json_object('action_id', i, 'kind', 'create', 'state', 'done'), printf('%064x', i) FROM them",
        "UPDATE audit_head SET seq = ?1",
        "COMMIT",
    ] {
        sqlx::query(sql).bind(people).execute(&mut database).await.unwrap();
    }
    database.close().await.unwrap();
}
