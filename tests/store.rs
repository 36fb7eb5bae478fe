//! The outbox and the state table on a real SQLite file: what a crash, a lost lease and a second process leave.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;
use workiva_sync::core::action::{ActionKind, Attributes, Target};
use workiva_sync::core::grants::Given;
use workiva_sync::core::header::HeaderNames;
use workiva_sync::core::new_id::Origin;
use workiva_sync::core::plan::{Plan, PlannedAction, Settled, SettledPerson};
use workiva_sync::core::record::Fingerprint;
use workiva_sync::core::report::Outcome;
use workiva_sync::core::source_file::SourceFile;
use workiva_sync::core::state::{Account, OpenState, PersonState};
use workiva_sync::store::{
    AttemptRow, Claim, Claimed, Committed, Ending, Finished, Owner, PlanCommit, RunRecord, Seen, Store,
    StoreError,
};

/// How long a lease lasts here, in seconds.
const LEASE: i64 = 120;
/// Nothing waits for longer, in seconds.
const HORIZON: i64 = 600;

/// So many seconds after a moment that never moves.
fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::seconds(seconds)
}

/// A database in a folder of its own.
struct Outbox {
    folder: TempDir,
    store: Store,
}

impl Outbox {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("state.db")).await.unwrap();
        Self { folder, store }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("state.db")
    }

    fn owner(&self, id: &str) -> Owner {
        Owner::register(&self.path(), id).unwrap()
    }

    /// Stores a run with a plan of these actions, which is released.
    async fn plan(&self, name: &str, now: i64, actions: Vec<PlannedAction>) -> Committed {
        self.try_plan(name, now, actions).await.unwrap()
    }

    async fn try_plan(
        &self,
        name: &str,
        now: i64,
        actions: Vec<PlannedAction>,
    ) -> Result<Committed, StoreError> {
        let settled = SettledPerson {
            employee_id: format!("settled-by-{name}"),
            base_version: 0,
            settled: Settled { fingerprint: Fingerprint(9), ..Settled::default() },
        };
        let plan = Plan { actions, settled: vec![settled], rows: 3, ..Plan::default() };
        self.store_plan(name, now, &plan).await
    }

    async fn store_plan(&self, name: &str, now: i64, plan: &Plan) -> Result<Committed, StoreError> {
        let run = RunRecord {
            run_id: &format!("run-{name}"),
            started_at: at(now),
            ended_at: at(now),
            cause: "test",
            outcome: Outcome::Applied,
            source: Some(&SourceFile { name: "employees.csv".into(), ..SourceFile::default() }),
            message: None,
            seen: self.store.seen().await.unwrap(),
        };
        let commit = PlanCommit {
            plan_id: &format!("plan-{name}"),
            plan,
            hold_reasons: &[],
            only_deprovisions: false,
            yields: false,
            expires_at: at(now),
            register: None,
        };
        self.store.commit_plan(&run, &commit).await
    }

    async fn claim(&self, owner: &str, limit: usize, now: i64) -> Vec<Claimed> {
        let claim = Claim {
            owner,
            limit,
            now: at(now),
            horizon: at(now + HORIZON),
            lease_until: at(now + LEASE),
            batch: 50,
            fresh_from: at(-3_600),
        };
        self.store.turn(&[], &claim).await.unwrap().claimed
    }

    async fn claim_one(&self, owner: &str, now: i64) -> Claimed {
        let mut claimed = self.claim(owner, 10, now).await;
        assert_eq!(claimed.len(), 1, "{claimed:?}");
        claimed.remove(0)
    }

    /// Stores ends and claims nothing. The answer is the employees whose ends counted.
    async fn end(&self, finished: &[Finished], now: i64) -> Vec<String> {
        let claim = Claim {
            owner: "nobody",
            limit: 0,
            now: at(now),
            horizon: at(now + HORIZON),
            lease_until: at(now),
            batch: 50,
            fresh_from: at(-3_600),
        };
        let turn = self.store.turn(finished, &claim).await.unwrap();
        assert!(turn.claimed.is_empty());
        let ours = finished.iter().filter(|one| turn.ours.contains(&one.action_id));
        ours.map(|one| one.employee_id.clone()).collect()
    }

    /// Brings somebody to a confirmed account.
    async fn confirm(&self, employee_id: &str, scim_id: &str) {
        let committed = self.plan(&format!("hire-{employee_id}"), -1000, vec![create(employee_id)]).await;
        assert_eq!(committed.queued, 1);
        let claimed = self.claim_one("setup", -1000).await;
        self.end(&[done(&claimed, scim_id)], -1000).await;
    }

    async fn state(&self, employee_id: &str) -> Option<PersonState> {
        self.store.states(&[employee_id]).await.unwrap().remove(employee_id)
    }

    async fn connect(&self) -> SqliteConnection {
        SqliteConnectOptions::new().filename(self.path()).foreign_keys(true).connect().await.unwrap()
    }

    /// Carries out a statement by hand.
    async fn meddle(&self, sql: &'static str) {
        let mut connection = self.connect().await;
        sqlx::query(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    async fn number(&self, sql: &'static str) -> i64 {
        let mut connection = self.connect().await;
        let number = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        number
    }

    /// The only action's (state, attempts, uncertain, seconds until it is due, error).
    async fn action(&self) -> (String, i64, bool, i64, Option<String>) {
        let mut connection = self.connect().await;
        let sql = "SELECT state, attempts, uncertain = 1, not_before / 1000, error FROM action";
        let all: Vec<(String, i64, bool, i64, Option<String>)> =
            sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        let [(state, attempts, uncertain, due, error)] = all.try_into().unwrap();
        (state, attempts, uncertain, due - at(0).timestamp(), error)
    }
}

fn attributes(employee_id: &str) -> Attributes {
    Attributes::from([("userName".to_owned(), format!("{employee_id}@x.test"))])
}

fn planned(employee_id: &str, kind: ActionKind, base_version: i64) -> PlannedAction {
    let known_as = attributes(employee_id);
    let is_deprovision = kind.is_deprovision();
    PlannedAction {
        employee_id: employee_id.to_owned(),
        kind,
        changes: Vec::new(),
        because: "the test says so".to_owned(),
        target: if is_deprovision { Target::NoAccess { known_as } } else { Target::Access(known_as) },
        scim_id: None,
        base_version,
        verify: false,
        supersedes: None,
        last_workspace: false,
        is_immediate: false,
        settled: Settled { fingerprint: Fingerprint(7), ..Settled::default() },
        moved_from: None,
    }
}

fn create(employee_id: &str) -> PlannedAction {
    planned(employee_id, ActionKind::Create, 0)
}

fn request(line: &str) -> AttemptRow {
    AttemptRow {
        sent_at: at(0),
        request: line.to_owned(),
        status: Some(201),
        duration_ms: 12,
        error: None,
        error_kind: None,
    }
}

fn done(action: &Claimed, scim_id: &str) -> Finished {
    let active = !action.kind.is_deprovision();
    let account =
        Account { scim_id: scim_id.to_owned(), active, attributes: action.target.attributes().clone() };
    Finished::new(action, vec![request("POST Users")], Ending::Done { account: Some(account) })
}

fn again(action: &Claimed, due: i64, counts: bool, uncertain: bool) -> Finished {
    let ending = Ending::Again { not_before: at(due), counts, uncertain, reason: "a hiccup".to_owned() };
    Finished::new(action, Vec::new(), ending)
}

fn parked(action: &Claimed, uncertain: bool) -> Finished {
    Finished::new(action, Vec::new(), Ending::Parked { uncertain, reason: "look at it".to_owned() })
}

fn ids(claimed: &[Claimed]) -> Vec<&str> {
    claimed.iter().map(|action| action.employee_id.as_str()).collect()
}

#[tokio::test]
async fn who_lost_the_lease_can_neither_renew_nor_end_the_action_but_what_they_sent_is_kept() {
    let outbox = Outbox::new().await;
    let (a, b) = (outbox.owner("a"), outbox.owner("b"));
    outbox.plan("one", 0, vec![create("1001")]).await;
    let by_a = outbox.claim_one(a.id(), 0).await;
    assert!(outbox.store.renew(&[(by_a.action_id, by_a.epoch)], at(LEASE)).await.unwrap());
    let seen = outbox.store.leases().await.unwrap();
    assert!(
        outbox.store.renew(&[(by_a.action_id, by_a.epoch)], at(LEASE - 3_600)).await.unwrap(),
        "the clock was set back"
    );
    assert_eq!(outbox.store.reclaim_over(&seen).await.unwrap(), 0, "the lease was made longer");
    assert_eq!(outbox.store.reclaim(b.id()).await.unwrap(), 0, "A lives");
    assert_eq!(outbox.store.reclaim_over(&outbox.store.leases().await.unwrap()).await.unwrap(), 1);

    let by_b = outbox.claim_one(b.id(), LEASE + 1).await;
    assert!(by_b.epoch > by_a.epoch);
    assert!(by_b.uncertain, "what A sent may have taken effect");
    assert!(!outbox.store.renew(&[(by_a.action_id, by_a.epoch)], at(999)).await.unwrap());
    assert!(outbox.end(&[done(&by_a, "id-of-a")], LEASE + 2).await.is_empty());
    assert_eq!(outbox.state("1001").await.unwrap().account, None, "A's end does not count");
    assert_eq!(outbox.store.queue().await.unwrap().leased, 1, "nor does it end B's lease");
    assert!(outbox.store.renew(&[(by_b.action_id, by_b.epoch)], at(999)).await.unwrap());

    assert_eq!(outbox.end(&[done(&by_b, "id-of-b")], LEASE + 3).await, ["1001"]);
    let state = outbox.state("1001").await.unwrap();
    assert_eq!((state.account.unwrap().scim_id, state.version), ("id-of-b".to_owned(), 1));
    let epochs =
        "SELECT count(*) FROM attempt WHERE epoch IN (1, 2) AND number = 1 AND request = 'POST Users'";
    assert_eq!((by_a.epoch, by_b.epoch, outbox.number(epochs).await), (1, 2, 2));

    // Later still, A's end does not open again what is done.
    assert!(outbox.end(&[again(&by_a, 0, true, true)], LEASE + 4).await.is_empty());
    assert_eq!(outbox.action().await.0, "done");
}

#[tokio::test]
async fn of_two_ends_of_one_action_in_one_turn_only_that_of_the_newest_claim_counts() {
    let outbox = Outbox::new().await;
    outbox.plan("one", 0, vec![create("1001"), create("1002")]).await;
    let late = outbox.claim("a", 1, 0).await.remove(0);
    // The machine slept: the process frees its own lease, and claims the action anew while a worker still has it.
    assert_eq!(outbox.store.reclaim_over(&outbox.store.leases().await.unwrap()).await.unwrap(), 1);
    let newest = outbox.claim("a", 2, LEASE + 1).await;
    assert_eq!(ids(&newest), ["1001", "1002"]);
    let ends = [again(&late, 999, true, true), done(&late, "of-late"), done(&newest[0], "of-newest")];
    outbox.end(&ends, LEASE + 2).await;
    let state = outbox.state("1001").await.unwrap();
    assert_eq!((state.open, state.version), (None, 1));
    assert_eq!(state.account.unwrap().scim_id, "of-newest");

    // Nor does a late end take an account from somebody.
    outbox.end(&[done(&late, "of-1002"), done(&newest[1], "of-1002")], LEASE + 3).await;
    assert_eq!(outbox.store.owner_of("of-1002").await.unwrap().as_deref(), Some("1002"));
}

#[tokio::test]
async fn what_a_process_that_is_gone_held_is_free_at_once_and_uncertain_and_what_a_living_one_holds_is_not() {
    let outbox = Outbox::new().await;
    let (living, own) = (outbox.owner("living"), outbox.owner("own"));
    outbox.plan("one", 0, vec![create("1"), create("2"), create("3")]).await;
    let gone = outbox.owner("gone");
    assert_eq!(ids(&outbox.claim(gone.id(), 1, 0).await), ["1"]);
    assert_eq!(ids(&outbox.claim(living.id(), 1, 0).await), ["2"]);
    assert_eq!(ids(&outbox.claim(own.id(), 1, 0).await), ["3"]);
    assert_eq!(outbox.store.reclaim(own.id()).await.unwrap(), 0, "all three live");
    drop(gone);
    assert_eq!(outbox.store.reclaim(own.id()).await.unwrap(), 1);
    let again = outbox.claim_one(own.id(), 1).await;
    assert_eq!((again.employee_id.as_str(), again.uncertain), ("1", true));
    assert_eq!(outbox.number("SELECT count(*) FROM action WHERE uncertain = 1").await, 1);
    assert_eq!(outbox.store.queue().await.unwrap().leased, 3);
    drop(living);
}

#[tokio::test]
async fn a_living_process_keeps_its_leases_from_one_that_came_by_a_link_to_the_file() {
    let outbox = Outbox::new().await;
    std::fs::create_dir(outbox.folder.path().join("links")).unwrap();
    let link = outbox.folder.path().join("links").join("other.db");
    std::os::unix::fs::symlink("../state.db", &link).unwrap();
    let living = Owner::register(outbox.store.path(), "living").unwrap();
    outbox.plan("one", 0, vec![create("1")]).await;
    assert_eq!(ids(&outbox.claim(living.id(), 1, 0).await), ["1"]);
    let by_link = Store::open(&link).await.unwrap();
    assert_eq!(by_link.path(), outbox.store.path());
    assert_eq!(by_link.reclaim("another").await.unwrap(), 0, "it lives");
    by_link.close().await;
    drop(living);
    assert_eq!(outbox.store.reclaim("another").await.unwrap(), 1);
}

#[tokio::test]
async fn no_schema_is_changed_under_a_command_that_sends_and_a_dead_one_is_in_nobodys_way() {
    let outbox = Outbox::new().await;
    let living = outbox.owner("living");
    // As if this version knew one more step of the schema than the one that made the database.
    outbox.meddle("UPDATE _sqlx_migrations SET version = -version WHERE version = (SELECT max(version) FROM _sqlx_migrations)").await;
    let open = || async { Store::open(&outbox.path()).await.unwrap_err() };
    let refused = open().await;
    assert!(matches!(refused, StoreError::InUse { .. }), "{refused}");
    assert!(refused.to_string().contains("-owner-living"), "{refused}");
    drop(living);
    std::fs::write(outbox.folder.path().join("state.db-owner-killed"), "").unwrap();
    // What is in its way now is that the step was made already.
    assert!(matches!(open().await, StoreError::Migrate(_)));
}

/// As a volume may be mounted: the link is there before the file.
#[tokio::test]
async fn a_link_to_a_file_that_is_not_there_yet_makes_that_file_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let link = folder.path().join("state.db");
    std::os::unix::fs::symlink("data/real.db", &link).unwrap();
    let store = Store::open(&link).await.unwrap();
    let real = folder.path().join("data/real.db");
    assert_eq!(store.path(), std::fs::canonicalize(&real).unwrap());
    assert_eq!(std::fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn who_must_lose_access_is_claimed_first_in_one_transaction_with_what_has_ended() {
    let outbox = Outbox::new().await;
    outbox.confirm("5", "id-5").await;
    outbox.confirm("6", "id-6").await;
    let plan = vec![
        create("1"),
        create("2"),
        planned("5", ActionKind::Suspend, 1),
        planned("6", ActionKind::Delete, 1),
    ];
    assert_eq!(outbox.plan("two", 0, plan).await.queued, 4);
    let first = outbox.claim("me", 3, 0).await;
    assert_eq!(ids(&first), ["5", "6", "1"]);
    assert_eq!(first[0].scim_id.as_deref(), Some("id-5"));
    assert_eq!(first[0].run_id, "run-two");

    // Whatever cannot be stored takes the claim with it.
    outbox
        .meddle(
            "CREATE TRIGGER broken BEFORE INSERT ON lease BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
        )
        .await;
    let claim = Claim {
        owner: "me",
        limit: 5,
        now: at(1),
        horizon: at(1 + HORIZON),
        lease_until: at(LEASE),
        batch: 50,
        fresh_from: at(-3_600),
    };
    let ends = [done(&first[0], "id-5")];
    assert!(outbox.store.turn(&ends, &claim).await.is_err());
    assert!(outbox.state("5").await.unwrap().has_access(), "the end was not stored without the claim");
    assert_eq!(outbox.number("SELECT count(*) FROM lease").await, 3);
    outbox.meddle("DROP TRIGGER broken").await;

    let turn = outbox.store.turn(&ends, &claim).await.unwrap();
    assert_eq!((turn.ours.len(), ids(&turn.claimed)), (1, vec!["2"]));
    assert!(!outbox.state("5").await.unwrap().has_access());
    assert_eq!(outbox.number("SELECT count(*) FROM lease").await, 3);
}

#[tokio::test]
async fn who_must_lose_access_at_once_is_claimed_before_whoever_must_lose_it_and_was_planned_earlier() {
    let outbox = Outbox::new().await;
    outbox.confirm("5", "id-5").await;
    outbox.confirm("6", "id-6").await;
    outbox.plan("two", 0, vec![planned("5", ActionKind::Suspend, 1)]).await;
    let at_once = PlannedAction { is_immediate: true, ..planned("6", ActionKind::Suspend, 1) };
    outbox.plan("three", 1, vec![at_once]).await;
    assert_eq!(ids(&outbox.claim("me", 2, 2).await), ["6", "5"]);
}

#[tokio::test]
async fn a_turn_that_was_stored_although_it_seemed_to_fail_can_be_repeated() {
    let outbox = Outbox::new().await;
    outbox.plan("one", 0, vec![create("1001")]).await;
    let claimed = outbox.claim_one("me", 0).await;
    assert_eq!(outbox.end(&[done(&claimed, "id-1")], 1).await, ["1001"]);
    assert!(outbox.end(&[done(&claimed, "id-1")], 2).await.is_empty());
    assert_eq!(outbox.state("1001").await.unwrap().version, 1);
    assert_eq!(outbox.number("SELECT count(*) FROM attempt").await, 1);
}

#[tokio::test]
async fn a_database_that_was_moved_away_or_replaced_is_not_written_any_more() {
    let outbox = Outbox::new().await;
    let path = outbox.store.path().to_path_buf();
    let now = at(0);
    outbox.store.reject("none", "somebody", now).await.unwrap();
    std::fs::rename(&path, path.with_extension("old")).unwrap();
    let refused = outbox.store.reject("none", "somebody", now).await.unwrap_err().to_string();
    assert!(
        refused.contains("moved away or replaced") && refused.contains(path.to_str().unwrap()),
        "{refused}"
    );
    std::fs::copy(path.with_extension("old"), &path).unwrap();
    assert!(outbox.store.reject("none", "somebody", now).await.is_err());
    std::fs::rename(path.with_extension("old"), &path).unwrap();
    outbox.store.reject("none", "somebody", now).await.unwrap();
}

/// A host that takes local time for UTC until it is told better plans by a clock that is hours ahead.
#[tokio::test]
async fn what_was_queued_by_a_clock_that_was_ahead_is_due_once_the_clock_is_set_right() {
    let outbox = Outbox::new().await;
    outbox.plan("one", 7200, vec![create("1001")]).await;
    assert_eq!(outbox.store.next_due(at(HORIZON), at(0)).await.unwrap(), Some(DateTime::UNIX_EPOCH));
    let claimed = outbox.claim_one("me", 0).await;
    outbox.end(&[again(&claimed, 300, true, false)], 0).await;
    assert!(outbox.claim("me", 10, 299).await.is_empty(), "no longer than it may be told to wait");
    assert_eq!(outbox.claim_one("me", 300).await.attempts, 1);
}

#[tokio::test]
async fn an_action_is_not_claimed_before_its_time_nor_twice() {
    let outbox = Outbox::new().await;
    outbox.plan("one", 0, vec![create("1001")]).await;
    let claimed = outbox.claim_one("me", 0).await;
    assert!(outbox.claim("me", 10, 0).await.is_empty(), "it is in somebody's hands");
    assert_eq!(outbox.store.next_due(at(HORIZON), at(0)).await.unwrap(), None);
    outbox.end(&[again(&claimed, 60, true, false)], 1).await;
    assert_eq!(outbox.store.next_due(at(HORIZON), at(0)).await.unwrap(), Some(at(60)));
    assert!(outbox.claim("me", 10, 59).await.is_empty());
    assert_eq!(outbox.claim_one("me", 60).await.attempts, 1);
}

#[tokio::test]
async fn an_action_that_was_not_begun_goes_back_as_it_was() {
    let outbox = Outbox::new().await;
    outbox.plan("one", 0, vec![create("1001")]).await;
    let claimed = outbox.claim_one("me", 0).await;
    outbox.end(&[again(&claimed, 30, true, true)], 1).await;
    let before = outbox.action().await;
    assert_eq!(before, ("queued".into(), 1, true, 30, Some("a hiccup".into())));
    let claimed = outbox.claim_one("me", 40).await;
    assert_eq!(outbox.end(&[Finished::untouched(&claimed)], 50).await, ["1001"]);
    assert_eq!(outbox.action().await, before);
    assert_eq!(outbox.claim_one("me", 50).await.attempts, 1);
}

#[tokio::test]
async fn an_attempt_counts_or_not_as_it_ended_and_uncertainty_stays() {
    let outbox = Outbox::new().await;
    outbox.plan("one", 0, vec![create("1001")]).await;
    let claimed = outbox.claim_one("me", 0).await;
    outbox.end(&[again(&claimed, 1, false, false)], 0).await;
    assert_eq!(outbox.action().await, ("queued".into(), 0, false, 1, Some("a hiccup".into())));
    let claimed = outbox.claim_one("me", 1).await;
    outbox.end(&[again(&claimed, 2, true, true)], 1).await;
    assert_eq!(outbox.action().await, ("queued".into(), 1, true, 2, Some("a hiccup".into())));
    let claimed = outbox.claim_one("me", 2).await;
    outbox.end(&[again(&claimed, 3, false, false)], 2).await;
    assert_eq!(outbox.action().await, ("queued".into(), 1, true, 3, Some("a hiccup".into())));
}

#[tokio::test]
async fn a_parked_action_waits_for_an_operator_who_retries_it_with_fresh_attempts_or_discards_it() {
    let outbox = Outbox::new().await;
    outbox.plan("one", 0, vec![create("1001")]).await;
    let claimed = outbox.claim_one("me", 0).await;
    outbox.end(&[parked(&claimed, true)], 5).await;
    assert_eq!(outbox.action().await, ("parked".into(), 1, true, 5, Some("look at it".into())));
    assert!(outbox.claim("me", 10, 9999).await.is_empty());
    let listed = outbox.store.parked().await.unwrap();
    assert_eq!((listed[0].employee_id.as_str(), listed[0].reason.as_str()), ("1001", "look at it"));

    assert_eq!(
        outbox.store.retry_parked(Some(&[claimed.action_id + 1]), "ops", at(6)).await.unwrap().len(),
        0
    );
    assert_eq!(outbox.store.retry_parked(Some(&[claimed.action_id]), "ops", at(6)).await.unwrap().len(), 1);
    let claimed = outbox.claim_one("me", 6).await;
    assert_eq!((claimed.attempts, claimed.uncertain), (0, true), "what may have been sent is read first");
    assert_eq!(
        outbox.store.discard_parked(None, "ops", at(6)).await.unwrap().len(),
        0,
        "it is not parked any more"
    );

    outbox.end(&[parked(&claimed, false)], 7).await;
    assert_eq!(outbox.store.discard_parked(None, "ops", at(8)).await.unwrap().len(), 1);
    assert_eq!(outbox.store.retry_parked(None, "ops", at(9)).await.unwrap().len(), 0);
    assert!(outbox.claim("me", 10, 9999).await.is_empty());
    assert_eq!(outbox.state("1001").await.unwrap().open.unwrap().state, OpenState::Discarded);
}

#[tokio::test]
async fn a_person_whose_action_is_in_work_gets_no_second_one_and_the_first_is_not_superseded() {
    let outbox = Outbox::new().await;
    outbox.plan("one", 0, vec![create("1001"), create("1002")]).await;
    let claimed = outbox.claim("me", 1, 0).await.remove(0);
    let waiting = outbox.state("1002").await.unwrap().open.unwrap().action_id;
    let newer = |employee_id: &str, supersedes| PlannedAction {
        supersedes: Some(supersedes),
        because: "newer".to_owned(),
        ..create(employee_id)
    };
    // The plan was made before the action was claimed, so it means to supersede both.
    let plan = vec![newer("1001", claimed.action_id), newer("1002", waiting)];
    let committed = outbox.plan("two", 1, plan).await;
    assert_eq!(committed.queued, 1, "the one in work is left out");
    let state = outbox.state("1001").await.unwrap().open.unwrap();
    assert_eq!((state.action_id, state.state), (claimed.action_id, OpenState::Leased));
    let state = outbox.state("1002").await.unwrap().open.unwrap();
    assert_eq!((state.action_id > waiting, state.state), (true, OpenState::Queued));
    let superseded = "SELECT count(*) FROM action WHERE state = 'superseded' AND employee_id = '1002'";
    assert_eq!(outbox.number(superseded).await, 1);
    let intents = "SELECT count(*) FROM action a JOIN intent i USING (action_id) \
                   JOIN plan p USING (plan_id) WHERE i.because = 'newer' AND p.plan_id = 'plan-two'";
    assert_eq!(outbox.number(intents).await, 1, "each action has its own intent");
    assert_eq!(outbox.end(&[done(&claimed, "id-1")], 2).await, ["1001"]);
    let most = "SELECT max(open) FROM (SELECT count(*) AS open FROM action \
                WHERE state IN ('queued', 'parked') GROUP BY employee_id)";
    assert_eq!(outbox.number(most).await, 1);
}

#[tokio::test]
async fn a_plan_made_on_a_state_that_has_moved_since_queues_nothing_for_that_person() {
    let outbox = Outbox::new().await;
    outbox.confirm("1001", "id-1").await;
    assert_eq!(outbox.plan("late", 0, vec![planned("1001", ActionKind::Suspend, 0)]).await.queued, 0);
    assert!(outbox.claim("me", 10, 0).await.is_empty());
    assert_eq!(outbox.plan("new", 1, vec![planned("1001", ActionKind::Suspend, 1)]).await.queued, 1);
}

#[tokio::test]
async fn of_a_run_that_cannot_be_stored_whole_nothing_is_left() {
    let tables = [
        ("run", "CREATE TRIGGER broken BEFORE INSERT ON run BEGIN SELECT RAISE(ABORT, 'no'); END"),
        ("plan", "CREATE TRIGGER broken BEFORE INSERT ON plan BEGIN SELECT RAISE(ABORT, 'no'); END"),
        ("action", "CREATE TRIGGER broken BEFORE INSERT ON action BEGIN SELECT RAISE(ABORT, 'no'); END"),
        (
            "intent",
            "CREATE TRIGGER broken BEFORE INSERT ON intent WHEN (SELECT count(*) FROM intent) > 0 \
             BEGIN SELECT RAISE(ABORT, 'no'); END",
        ),
        (
            "person",
            "CREATE TRIGGER broken BEFORE INSERT ON person WHEN new.employee_id LIKE 'settled-%' \
             BEGIN SELECT RAISE(ABORT, 'no'); END",
        ),
    ];
    for (table, trigger) in tables {
        let outbox = Outbox::new().await;
        outbox.meddle(trigger).await;
        let refused = outbox.try_plan("one", 0, vec![create("1001"), create("1002")]).await;
        assert!(refused.unwrap_err().to_string().contains("no"), "{table}");
        let left = "SELECT (SELECT count(*) FROM run) + (SELECT count(*) FROM plan) + (SELECT count(*) FROM action) \
                    + (SELECT count(*) FROM intent) + (SELECT count(*) FROM person)";
        assert_eq!(outbox.number(left).await, 0, "{table}");
        outbox.meddle("DROP TRIGGER broken").await;
        let stored = outbox.plan("one", 1, vec![create("1001"), create("1002")]).await;
        assert_eq!(stored, Committed { plan_id: Some("plan-one".into()), queued: 2 }, "{table}");
    }
}

#[tokio::test]
async fn a_plan_that_cannot_be_stored_supersedes_nothing() {
    let outbox = Outbox::new().await;
    outbox.plan("one", 0, vec![create("1001")]).await;
    let open = outbox.state("1001").await.unwrap().open.unwrap().action_id;
    outbox.meddle("CREATE TRIGGER broken BEFORE INSERT ON intent BEGIN SELECT RAISE(ABORT, 'no'); END").await;
    let newer = PlannedAction { supersedes: Some(open), ..create("1001") };
    assert!(outbox.try_plan("two", 1, vec![newer]).await.is_err());
    assert_eq!(outbox.claim_one("me", 2).await.action_id, open);
}

#[tokio::test]
async fn a_run_that_did_not_see_what_was_stored_meanwhile_leaves_no_quiet() {
    let outbox = Outbox::new().await;
    outbox.confirm("1001", "id-1").await;
    let source =
        SourceFile { name: "employees.csv".into(), digest: Some("bytes".into()), ..SourceFile::default() };
    let is_quiet = async |name: &str, seen: Seen| {
        let run = RunRecord {
            run_id: name,
            started_at: at(0),
            ended_at: at(0),
            cause: "test",
            outcome: Outcome::Unchanged,
            source: Some(&source),
            message: None,
            seen,
        };
        outbox.store.record_quiet_run(&run, 1).await.unwrap();
        outbox.store.quiet_rows("bytes", at(0), at(0)).await.unwrap().is_some()
    };
    let seen = outbox.store.seen().await.unwrap();
    assert!(is_quiet("first", seen).await);
    assert!(is_quiet("beside the first", seen).await, "the first one was over the same bytes");

    let seen = outbox.store.seen().await.unwrap();
    outbox.plan("other", 1, vec![planned("1001", ActionKind::Suspend, 1)]).await;
    assert!(!is_quiet("behind another file", seen).await);

    let seen = outbox.store.seen().await.unwrap();
    let claimed = outbox.claim_one("me", 2).await;
    outbox.end(&[done(&claimed, "id-1")], 2).await;
    assert!(!is_quiet("beside a push", seen).await);
    assert!(is_quiet("behind all", outbox.store.seen().await.unwrap()).await);
}

#[tokio::test]
async fn who_was_confirmed_since_a_comparison_began_is_known_wherever_the_clock_was_set() {
    let outbox = Outbox::new().await;
    let committed = outbox.plan("hire", 5_000, vec![create("1001")]).await;
    assert_eq!(committed.queued, 1);
    let claimed = outbox.claim_one("me", 5_000).await;
    outbox.end(&[done(&claimed, "id-1")], 5_000).await;
    let since = outbox.store.audit_head().await.unwrap().seq;
    // An hour and more before that.
    outbox.confirm("1002", "id-2").await;
    let accounts = outbox.store.accounts_after("", since).await.unwrap();
    let moving: Vec<_> = accounts.iter().map(|one| (one.employee_id.as_str(), one.is_moving)).collect();
    assert_eq!(moving, [("1001", false), ("1002", true)]);
}

#[tokio::test]
async fn what_is_known_of_a_person_changes_only_with_a_confirmed_end() {
    let outbox = Outbox::new().await;
    outbox.confirm("1001", "id-1").await;
    let before = outbox.state("1001").await.unwrap();
    assert_eq!((before.version, before.open.clone()), (1, None));
    outbox.plan("two", 0, vec![planned("1001", ActionKind::Suspend, 1)]).await;
    let unchanged = async |what: &str| {
        let now = outbox.state("1001").await.unwrap();
        assert_eq!((now.version, &now.account), (1, &before.account), "{what}");
        let settled = "SELECT count(*) FROM person WHERE employee_id = '1001' AND fingerprint LIKE '%7'";
        assert_eq!(outbox.number(settled).await, 1, "{what}");
    };
    unchanged("planned").await;
    let claimed = outbox.claim_one("me", 0).await;
    unchanged("claimed").await;
    outbox.end(&[again(&claimed, 1, true, true)], 1).await;
    unchanged("to be tried again").await;
    let claimed = outbox.claim_one("me", 1).await;
    outbox.end(&[Finished::untouched(&claimed)], 1).await;
    unchanged("not begun").await;
    let claimed = outbox.claim_one("me", 1).await;
    outbox.end(&[parked(&claimed, true)], 1).await;
    unchanged("parked").await;
    outbox.store.retry_parked(None, "ops", at(2)).await.unwrap();
    unchanged("to be retried").await;
    let claimed = outbox.claim_one("me", 2).await;
    assert_eq!(outbox.store.start_over("me").await.unwrap(), 1);
    unchanged("reclaimed").await;
    assert!(outbox.end(&[done(&claimed, "id-1")], 9999).await.is_empty());
    unchanged("ended by who has lost it").await;
    let claimed = outbox.claim_one("me", 9999).await;
    outbox.end(&[done(&claimed, "id-1")], 9999).await;
    let after = outbox.state("1001").await.unwrap();
    assert_eq!((after.version, after.account.unwrap().active), (2, false));
}

#[tokio::test]
async fn a_confirmed_delete_leaves_no_account_and_a_newer_version() {
    let outbox = Outbox::new().await;
    outbox.confirm("1001", "id-1").await;
    outbox.plan("two", 0, vec![planned("1001", ActionKind::Delete, 1)]).await;
    let claimed = outbox.claim_one("me", 0).await;
    outbox.end(&[Finished::new(&claimed, Vec::new(), Ending::Done { account: None })], 1).await;
    let state = outbox.state("1001").await.unwrap();
    assert_eq!((state.version, state.account, state.open), (2, None, None));
    assert_eq!(outbox.store.owner_of("id-1").await.unwrap(), None);
}

#[tokio::test]
async fn of_two_people_who_end_with_one_account_one_is_parked_with_the_reason() {
    let outbox = Outbox::new().await;
    outbox.plan("one", 0, vec![create("1001"), create("1002"), create("1003")]).await;
    let claimed = outbox.claim("me", 10, 0).await;
    // Two in one turn, and a third in a later one.
    outbox.end(&[done(&claimed[0], "shared"), done(&claimed[1], "shared")], 1).await;
    outbox.end(&[done(&claimed[2], "shared")], 2).await;
    assert_eq!(outbox.store.owner_of("shared").await.unwrap().as_deref(), Some("1001"));
    let listed = outbox.store.parked().await.unwrap();
    let who: Vec<&str> = listed.iter().map(|one| one.employee_id.as_str()).collect();
    assert_eq!(who, ["1002", "1003"]);
    for one in &listed {
        assert!(one.reason.contains("linked to employee 1001 already"), "{}", one.reason);
        let state = outbox.state(&one.employee_id).await.unwrap();
        assert_eq!((state.version, state.account), (0, None));
    }
    assert_eq!(outbox.number("SELECT count(*) FROM attempt").await, 3, "what was sent is kept");
}

#[tokio::test]
async fn a_database_of_the_first_version_is_brought_up_to_date_and_whoever_only_reads_says_that_it_is_old() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let mut first = sqlx::migrate!();
    first.migrations = first.iter().take(1).cloned().collect::<Vec<_>>().into();
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal);
    let mut old = SqliteConnection::connect_with(&options).await.unwrap();
    first.run(&mut old).await.unwrap();
    for sql in [
        "INSERT INTO person (employee_id, fingerprint, version) VALUES ('1001', 'ab', 1)",
        "INSERT INTO account VALUES ('1001', 'u1', 1, '{\"userName\":\"ana\"}', 'ana', 0)",
        "INSERT INTO run VALUES ('r', 1, 1, 'sync', 'held', 'p', NULL, 1, 0, 'i', NULL, 0, '{}', '[]', NULL)",
        "INSERT INTO plan VALUES ('p', 'r', 'held', 1000, 'i', 'h', '{}', '[]', NULL, NULL)",
        "INSERT INTO action VALUES \
           (1, 'p', '1001', 'suspend', 0, 'held', NULL, 'u1', 1, '', NULL, NULL, 0, 0, 0, NULL, 1000, NULL)",
        "INSERT INTO intent VALUES (1, '[]', 'left', '{}')",
    ] {
        sqlx::query(sql).execute(&mut old).await.unwrap();
    }
    old.close().await.unwrap();
    let refused = Store::open_for_reading(&path).await.unwrap_err();
    assert!(matches!(refused, StoreError::Outdated), "{refused}");
    assert!(refused.to_string().contains("workiva-sync check"), "{refused}");
    let store = Store::open(&path).await.unwrap();
    assert_eq!(store.states(&["1001"]).await.unwrap()["1001"].account.as_ref().unwrap().scim_id, "u1");
    assert_eq!(store.accounts_after("", 0).await.unwrap().len(), 1);
    let held = store.held_summary(DateTime::UNIX_EPOCH).await.unwrap().unwrap();
    assert_eq!(held.expires_at.unwrap() - held.created_at, TimeDelta::hours(72), "its table was made anew");
    assert_eq!(store.queue().await.unwrap().held, 1);
    let people = store.headcount().await.unwrap();
    assert_eq!((people.active, people.suspended, people.without), (1, 0, 0), "what is kept was counted");
    let groups = store.plan_detail("p", at(0)).await.unwrap().unwrap().groups;
    assert_eq!((groups.len(), groups[0].number, groups[0].because.as_str()), (1, 1, "left"));
    store.close().await;
    Store::open_for_reading(&path).await.unwrap().status(1, at(0)).await.unwrap();
}

#[tokio::test]
async fn a_quiet_run_beside_which_something_ended_keeps_header_and_rules_as_the_yardstick() {
    let outbox = Outbox::new().await;
    let store = &outbox.store;
    let file =
        SourceFile { name: "employees.csv".into(), digest: Some("same".into()), ..SourceFile::default() };
    let run = |run_id, seen| RunRecord {
        run_id,
        started_at: at(0),
        ended_at: at(0),
        cause: "test",
        outcome: Outcome::Applied,
        source: Some(&file),
        message: None,
        seen,
    };
    let header = HeaderNames::new(vec!["Employee ID".into(), "Status".into()]);
    let plan =
        Plan { actions: vec![create("1001")], rows: 1, rules: 7, header: header.clone(), ..Plan::default() };
    let commit = PlanCommit {
        plan_id: "plan",
        plan: &plan,
        hold_reasons: &[],
        only_deprovisions: false,
        yields: false,
        expires_at: at(0),
        register: None,
    };
    store.commit_plan(&run("first", store.seen().await.unwrap()), &commit).await.unwrap();
    let seen = store.seen().await.unwrap();
    let claimed = outbox.claim_one("a", 1).await;
    outbox.end(&[done(&claimed, "u1")], 1).await;
    store.record_quiet_run(&run("second", seen), 1).await.unwrap();
    let yardstick = store.scale().await.unwrap();
    assert_eq!((yardstick.accepted_header, yardstick.accepted_rules), (Some(header), Some(7)));
    let quiet = "SELECT count(*) FROM run WHERE run_id = 'second' AND quiet_digest IS NULL";
    assert_eq!(outbox.number(quiet).await, 1, "the next run looks again");
}

/// A membership of a group that begins or ends.
fn membership(employee_id: &str, kind: ActionKind, group: &str, base_version: i64) -> PlannedAction {
    let target = Target::Membership { group: group.to_owned(), joins: kind == ActionKind::Grant };
    PlannedAction { target, ..planned(employee_id, kind, base_version) }
}

fn member(action: &Claimed, given: Option<Given>) -> Finished {
    Finished::new(action, Vec::new(), Ending::Member { given, is_suspended: false })
}

const WORKSPACE: &str = "workspace:Q1";
const INSIDE: &str = "workspace:Q1:group:G7";

#[tokio::test]
async fn an_account_and_a_membership_of_one_person_are_never_in_hand_together() {
    let outbox = Outbox::new().await;
    outbox.confirm("1001", "u1").await;
    outbox.plan("grant", 10, vec![membership("1001", ActionKind::Grant, WORKSPACE, 1)]).await;
    let grant = outbox.claim_one("a", 11).await;
    outbox.plan("leave", 12, vec![planned("1001", ActionKind::Suspend, 1)]).await;
    assert!(
        outbox.claim("b", 10, 13).await.is_empty(),
        "adding to a workspace would activate who is suspended"
    );
    outbox.end(&[member(&grant, Some(Given::Ours))], 14).await;
    assert_eq!(outbox.claim_one("b", 15).await.kind, ActionKind::Suspend);
}

#[tokio::test]
async fn what_is_inside_of_a_workspace_is_not_to_be_had_before_the_workspace_and_goes_before_it() {
    let outbox = Outbox::new().await;
    outbox.confirm("1001", "u1").await;
    let both = |kind| vec![membership("1001", kind, WORKSPACE, 1), membership("1001", kind, INSIDE, 1)];
    outbox.plan("grants", 10, both(ActionKind::Grant)).await;
    for group in [WORKSPACE, INSIDE] {
        let grant = outbox.claim_one("a", 11).await;
        assert_eq!(grant.group.as_deref(), Some(group));
        outbox.end(&[member(&grant, Some(Given::Ours))], 12).await;
    }
    let mut revokes = both(ActionKind::Revoke);
    revokes[0].last_workspace = true;
    outbox.plan("revokes", 20, revokes).await;
    for group in [INSIDE, WORKSPACE] {
        let revoke = outbox.claim_one("a", 21).await;
        assert_eq!(revoke.group.as_deref(), Some(group));
        outbox.end(&[member(&revoke, None)], 22).await;
    }
}

#[tokio::test]
async fn a_workspace_that_is_not_the_last_is_not_to_be_taken_back_before_another_is_confirmed() {
    let outbox = Outbox::new().await;
    outbox.confirm("1001", "u1").await;
    outbox.plan("first", 10, vec![membership("1001", ActionKind::Grant, WORKSPACE, 1)]).await;
    let grant = outbox.claim_one("a", 11).await;
    outbox.end(&[member(&grant, Some(Given::Ours))], 12).await;
    let other = membership("1001", ActionKind::Grant, "workspace:Q2", 1);
    outbox.plan("move", 20, vec![membership("1001", ActionKind::Revoke, WORKSPACE, 1), other]).await;
    let grant = outbox.claim_one("a", 21).await;
    outbox.end(&[parked(&grant, false)], 22).await;
    assert!(outbox.claim("a", 10, 23).await.is_empty(), "Workiva would suspend who is in none");
    outbox.store.retry_parked(None, "test", at(24)).await.unwrap();
    let grant = outbox.claim_one("a", 25).await;
    assert_eq!(grant.kind, ActionKind::Grant);
    outbox.end(&[member(&grant, Some(Given::Ours))], 26).await;
    assert_eq!(outbox.claim_one("a", 27).await.kind, ActionKind::Revoke);
}

#[tokio::test]
async fn a_grant_waits_for_the_account_and_only_the_last_action_settles_the_person() {
    let outbox = Outbox::new().await;
    let actions = vec![create("1001"), membership("1001", ActionKind::Grant, "role:viewer", 0)];
    outbox.plan("hire", 10, actions).await;
    let create = outbox.claim_one("a", 11).await;
    assert_eq!(create.kind, ActionKind::Create);
    let settled = async || {
        let packed = outbox.store.packed_people("").await.unwrap().unwrap().0;
        packed.iter().find(|(id, _)| *id == "1001").unwrap().1
    };
    outbox.end(&[done(&create, "u1")], 12).await;
    assert_eq!(settled().await, Fingerprint::NONE);
    let grant = outbox.claim_one("a", 13).await;
    assert_eq!((grant.group.as_deref(), grant.scim_id.as_deref()), (Some("role:viewer"), Some("u1")));
    outbox.end(&[member(&grant, Some(Given::Found))], 14).await;
    assert_eq!(settled().await, Fingerprint(7));
}

#[tokio::test]
async fn with_one_membership_of_a_group_others_of_it_are_claimed_beyond_the_limit() {
    let outbox = Outbox::new().await;
    let people: Vec<String> = (0..9).map(|n| format!("10{n}")).collect();
    for id in &people {
        outbox.confirm(id, &format!("u{id}")).await;
    }
    let grants = people.iter().map(|id| membership(id, ActionKind::Grant, WORKSPACE, 1)).collect();
    outbox.plan("grants", 10, grants).await;
    assert_eq!(outbox.claim("a", 2, 11).await.len(), 9);
    let mine = outbox.store.leases().await.unwrap();
    assert_eq!(mine.len(), 9);
    let late = vec![membership("100", ActionKind::Grant, "role:viewer", 1), create("2001")];
    outbox.plan("late", 12, late).await;
    assert_eq!(outbox.claim("b", 10, 13).await.len(), 2, "another group and another person");
}

#[tokio::test]
async fn a_group_in_the_hands_of_another_process_is_left_to_it() {
    let outbox = Outbox::new().await;
    for (id, scim_id) in [("1001", "u1"), ("1002", "u2")] {
        outbox.confirm(id, scim_id).await;
    }
    outbox.plan("one", 10, vec![membership("1001", ActionKind::Grant, WORKSPACE, 1)]).await;
    let first = outbox.claim_one("a", 11).await;
    outbox.plan("two", 12, vec![membership("1002", ActionKind::Grant, WORKSPACE, 1)]).await;
    assert!(outbox.claim("b", 10, 13).await.is_empty());
    outbox.end(&[member(&first, Some(Given::Ours))], 14).await;
    assert_eq!(outbox.claim_one("b", 15).await.employee_id, "1002");
}

#[tokio::test]
async fn memberships_go_with_the_user_whose_they_were() {
    let outbox = Outbox::new().await;
    outbox.confirm("1001", "u1").await;
    outbox.plan("grant", 10, vec![membership("1001", ActionKind::Grant, WORKSPACE, 1)]).await;
    let grant = outbox.claim_one("a", 11).await;
    outbox.end(&[member(&grant, Some(Given::Ours))], 12).await;
    outbox.plan("anew", 20, vec![planned("1001", ActionKind::Update, 1)]).await;
    let update = outbox.claim_one("a", 21).await;
    outbox.end(&[done(&update, "u2")], 22).await;
    let mut states = outbox.store.states(&["1001"]).await.unwrap();
    outbox.store.add_memberships(&mut states).await.unwrap();
    assert!(states["1001"].memberships.is_empty(), "another user is in no group yet");
    let packed = outbox.store.packed_people("").await.unwrap().unwrap().0;
    let settled = packed.iter().find(|(id, _)| *id == "1001").unwrap().1;
    assert_eq!(settled, Fingerprint::NONE, "and a run has to look");
}

#[tokio::test]
async fn a_record_of_whose_grants_one_was_taken_back_settles_nobody_by_the_rest_of_it() {
    let outbox = Outbox::new().await;
    let grant = membership("1001", ActionKind::Grant, "role:viewer", 0);
    outbox.plan("hire", 10, vec![create("1001"), grant]).await;
    let create = outbox.claim_one("a", 11).await;
    let mut states = outbox.store.states(&["1001"]).await.unwrap();
    outbox.store.add_memberships(&mut states).await.unwrap();
    let open = &states["1001"].open_memberships["role:viewer"];
    let plan = Plan { withdrawals: vec![(open.action_id, "1001".into())], ..Plan::default() };
    outbox.store_plan("another-record", 12, &plan).await.unwrap();
    outbox.end(&[done(&create, "u1")], 13).await;
    let packed = outbox.store.packed_people("").await.unwrap().unwrap().0;
    let settled = packed.iter().find(|(id, _)| *id == "1001").unwrap().1;
    assert_eq!(settled, Fingerprint::NONE, "should HR return to that record, the grant is missing");
}

/// `employee_id`, of whom nothing is known, takes over the account of another.
fn takes_over(employee_id: &str, old: &str, base_version: i64) -> PlannedAction {
    let moved_from = Some(Origin { employee_id: old.to_owned(), base_version });
    PlannedAction { moved_from, ..planned(employee_id, ActionKind::Update, 0) }
}

#[tokio::test]
async fn an_account_passes_with_its_memberships_in_the_transaction_that_confirms_it() {
    let outbox = Outbox::new().await;
    outbox.confirm("1001", "u1").await;
    outbox.plan("grant", 10, vec![membership("1001", ActionKind::Grant, WORKSPACE, 1)]).await;
    let grant = outbox.claim_one("a", 11).await;
    outbox.end(&[member(&grant, Some(Given::Ours))], 12).await;
    // What it is to be given as well waits for the account.
    let inside = membership("2001", ActionKind::Grant, INSIDE, 0);
    assert_eq!(outbox.plan("move", 20, vec![takes_over("2001", "1001", 1), inside]).await.queued, 2);
    assert_eq!(outbox.state("1001").await.unwrap().moving_to.as_deref(), Some("2001"));
    let action = outbox.claim_one("a", 21).await;
    assert_eq!((action.scim_id.as_deref(), action.moved_from.as_deref()), (Some("u1"), Some("1001")));
    outbox.end(&[done(&action, "u1")], 22).await;
    let mut states = outbox.store.states(&["1001", "2001"]).await.unwrap();
    outbox.store.add_memberships(&mut states).await.unwrap();
    let (old, new) = (&states["1001"], &states["2001"]);
    assert_eq!((&old.account, old.version, old.moving_to.as_deref()), (&None, 2, None));
    assert!(old.memberships.is_empty());
    assert_eq!(new.account.as_ref().unwrap().scim_id, "u1");
    assert_eq!(new.memberships.get(WORKSPACE), Some(&Given::Ours));
    assert_eq!(outbox.claim_one("a", 23).await.group.as_deref(), Some(INSIDE));
    let told =
        "SELECT count(*) FROM audit WHERE kind = 'moved' AND employee_id = '1001' AND body LIKE '%2001%'";
    assert_eq!(outbox.number(told).await, 1);
}

#[tokio::test]
async fn a_move_is_not_queued_where_the_old_ones_state_has_moved_or_something_of_theirs_is_open() {
    let outbox = Outbox::new().await;
    outbox.confirm("1001", "u1").await;
    assert_eq!(outbox.plan("stale", 10, vec![takes_over("2001", "1001", 0)]).await.queued, 0);
    outbox.plan("leave", 11, vec![planned("1001", ActionKind::Suspend, 1)]).await;
    assert_eq!(outbox.plan("late", 12, vec![takes_over("2001", "1001", 1)]).await.queued, 0);
    // Its own plan does without it.
    let open = outbox.state("1001").await.unwrap().open.unwrap().action_id;
    let plan = Plan {
        actions: vec![takes_over("2001", "1001", 1)],
        withdrawals: vec![(open, "1001".into())],
        ..Plan::default()
    };
    assert_eq!(outbox.store_plan("move", 13, &plan).await.unwrap().queued, 1);
    // Behind it nothing is taken in under the old id, and nobody else gets the account.
    assert_eq!(outbox.plan("again", 14, vec![planned("1001", ActionKind::Suspend, 1)]).await.queued, 0);
    assert_eq!(outbox.plan("another", 15, vec![takes_over("3001", "1001", 1)]).await.queued, 0);
    assert_eq!(outbox.claim_one("a", 16).await.employee_id, "2001");
}

#[tokio::test]
async fn a_move_that_was_taken_back_leaves_what_is_learnt_with_the_old_id() {
    let outbox = Outbox::new().await;
    outbox.confirm("1001", "u1").await;
    outbox.plan("move", 10, vec![takes_over("2001", "1001", 1)]).await;
    let action = outbox.claim_one("a", 11).await;
    let account = Account { scim_id: "u1".into(), active: false, attributes: attributes("1001") };
    let looked = Ending::Withdrawn { learnt: Some(Some(account.clone())) };
    outbox.end(&[Finished::new(&action, Vec::new(), looked)], 12).await;
    assert_eq!(outbox.state("1001").await.unwrap().account, Some(account));
    assert_eq!(outbox.state("2001").await.unwrap().account, None);
}
