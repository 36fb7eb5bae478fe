//! The database, looked into and meddled with behind the daemon's back.

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

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
