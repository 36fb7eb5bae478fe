//! The database, looked into and meddled with behind the daemon's back.

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use workiva_sync::store::{AuditReport, Store};

use super::World;

impl World {
    /// Carries out a statement by hand; it has to concern exactly one row.
    pub fn meddle(&self, sql: &'static str) {
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
        self.runtime.block_on(async {
            let mut connection = self.connect().await;
            let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await;
            connection.close().await.unwrap();
            done.map(drop).map_err(|error| error.to_string())
        })
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
