//! The database, looked into and meddled with behind the daemon's back.

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use workiva_sync::store::{AuditFault, AuditReport, Store};

use super::World;

impl World {
    /// Carries out a statement by hand; it has to concern exactly one row.
    pub fn meddle(&self, sql: &'static str) {
        self.meddled.set(true);
        let concerned = self.runtime.block_on(async {
            let mut connection = self.connect().await;
            let done = sqlx::query(sql).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
            done.rows_affected()
        });
        assert_eq!(concerned, 1, "{sql}");
    }

    /// Carries out statements by hand, however many rows they concern.
    pub fn execute(&self, sql: &str) {
        self.try_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// The same; `Err` is what SQLite says.
    pub fn try_execute(&self, sql: &str) -> Result<(), String> {
        self.meddled.set(true);
        self.runtime.block_on(async {
            let mut connection = self.connect().await;
            let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await;
            connection.close().await.unwrap();
            done.map(drop).map_err(|error| error.to_string())
        })
    }

    /// Makes the database one of the first version: its tables alone, with what is in them.
    pub fn go_back_to_first_schema(&self) {
        let old = self.path("old.db");
        self.execute(&format!(
            "VACUUM INTO '{}'",
            self.database().display().to_string().replace("state.db", "new.db")
        ));
        let new = self.path("new.db");
        self.runtime.block_on(async {
            let first = self.path("first");
            std::fs::create_dir(&first).unwrap();
            let name = "0001_state_and_outbox.sql";
            std::fs::copy(std::path::Path::new("migrations").join(name), first.join(name)).unwrap();
            let options = SqliteConnectOptions::new()
                .filename(&old)
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal);
            let mut connection = options.foreign_keys(false).connect().await.unwrap();
            let migrator = sqlx::migrate::Migrator::new(first).await.unwrap();
            migrator.run(&mut connection).await.unwrap();
            let attach = format!("ATTACH '{}' AS new", new.display());
            sqlx::raw_sql(AssertSqlSafe(attach)).execute(&mut connection).await.unwrap();
            for table in ["person", "account", "run", "plan", "action", "intent", "attempt", "connection"] {
                let columns: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info(?1)")
                    .bind(table)
                    .fetch_all(&mut connection)
                    .await
                    .unwrap();
                let columns = columns.join(", ");
                let copy = format!("INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}");
                sqlx::raw_sql(AssertSqlSafe(copy)).execute(&mut connection).await.unwrap();
            }
            connection.close().await.unwrap();
        });
        std::fs::rename(old, self.database()).unwrap();
    }

    /// `audit verify`, without a process of its own.
    pub fn audit_report(&self) -> AuditReport {
        self.runtime.block_on(async {
            let store = Store::open_for_reading(&self.database()).await.unwrap();
            let report = store.verify_audit(None).await.unwrap();
            store.close().await;
            report
        })
    }

    /// What `audit verify` finds after each statement; the second of each pair undoes it.
    pub fn audit_faults(&self, statements: &[(String, String)]) -> Vec<Option<AuditFault>> {
        self.runtime.block_on(async {
            let store = Store::open_for_reading(&self.database()).await.unwrap();
            let mut connection = self.connect().await;
            let mut faults = Vec::new();
            for (statement, undo) in statements {
                sqlx::raw_sql(AssertSqlSafe(statement.clone())).execute(&mut connection).await.unwrap();
                faults.push(store.verify_audit(None).await.unwrap().fault);
                sqlx::raw_sql(AssertSqlSafe(undo.clone())).execute(&mut connection).await.unwrap();
            }
            connection.close().await.unwrap();
            store.close().await;
            faults
        })
    }

    /// The one text that a query finds.
    pub fn text(&self, sql: &str) -> String {
        self.runtime.block_on(async {
            let mut connection = self.connect().await;
            let text =
                sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut connection).await.unwrap();
            connection.close().await.unwrap();
            text
        })
    }

    /// The number that a query answers.
    pub fn number(&self, sql: &'static str) -> i64 {
        self.runtime.block_on(async {
            let mut connection = self.connect().await;
            let number = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
            connection.close().await.unwrap();
            number
        })
    }

    async fn connect(&self) -> SqliteConnection {
        SqliteConnectOptions::new().filename(self.database()).foreign_keys(true).connect().await.unwrap()
    }
}

/// Whatever a test did, the audit fits to it in the end, unless the test itself altered the database.
impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() && !self.meddled.get() && self.database().exists() {
            assert_eq!(self.audit_report().fault, None, "the audit after the test");
        }
    }
}
