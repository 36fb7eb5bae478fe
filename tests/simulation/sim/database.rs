//! The database as somebody beside the processes sees it: for the judge, and for who locks it.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{ConnectOptions, Connection, Row};
use tokio::runtime::{Builder, Runtime};
use workiva_sync::store::Store;

/// A view into the database.
pub struct Database {
    path: PathBuf,
    runtime: Runtime,
    lock: Option<SqliteConnection>,
    view: RefCell<Option<SqliteConnection>>,
}

impl Database {
    /// Of this file, which may not be there yet.
    pub fn new(path: &Path) -> Self {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        Self { path: path.to_path_buf(), runtime, lock: None, view: RefCell::default() }
    }

    fn options(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new().filename(&self.path)
    }

    /// Locks the database, or lets go.
    pub fn lock(&mut self, locked: bool) {
        if !locked {
            if let Some(lock) = self.lock.take() {
                self.runtime.block_on(lock.close()).unwrap();
            }
        } else if self.lock.is_none() && self.path.exists() {
            let options = self.options();
            self.lock = self.runtime.block_on(async {
                let mut connection = options.connect().await.ok()?;
                sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await.ok()?;
                Some(connection)
            });
        }
    }

    /// The rows of a query, each as texts.
    pub fn rows(&self, sql: &'static str) -> Vec<Vec<String>> {
        let mut view = self.view.borrow_mut();
        let rows = self.runtime.block_on(async {
            if view.is_none() {
                *view = Some(self.options().read_only(true).connect().await.unwrap());
            }
            sqlx::query(sql).fetch_all(view.as_mut().unwrap()).await.unwrap()
        });
        let texts = |row: &SqliteRow| {
            (0..row.len()).map(|at| row.get::<Option<String>, _>(at).unwrap_or_default()).collect()
        };
        rows.iter().map(texts).collect()
    }

    /// What `audit verify` finds wrong.
    pub fn audit_fault(&self) -> Option<String> {
        self.runtime.block_on(async {
            let store = Store::open_for_reading(&self.path).await.unwrap();
            let report = store.verify_audit(None).await.unwrap();
            store.close().await;
            report.fault.map(|fault| format!("{fault:?}"))
        })
    }
}
