//! The stage: a temporary folder, the stand-in, a clock that can be put forward, and the engine.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Days, NaiveDate, Utc};
use secrecy::ExposeSecret;
use tokio::sync::watch;

use super::company::Row;
use super::disagreement;
use crate::cli::terminal::say;
use crate::cli::{counts_line, print_actions};
use crate::compose::{Surroundings, engine};
use crate::config::parse;
use crate::core::report::Outcome;
use crate::engine::clock::{Clock, Randomness, Sleep, SystemClock};
use crate::engine::outcome::CycleResult;
use crate::engine::pool::Until;
use crate::engine::telemetry::Telemetry;
use crate::sandbox::{RunningSandbox, SandboxOptions, start};
use crate::store::{Owner, Store};

/// Everything that the demo plays with.
pub struct Stage {
    /// The stand-in.
    pub sandbox: RunningSandbox,
    /// The HR file.
    pub hr_file: PathBuf,
    folder: Folder,
    clock: Arc<DemoClock>,
    store: Store,
    config: String,
}

/// A clock that begins now and is put forward by whole days.
#[derive(Debug, Default)]
struct DemoClock {
    days: Mutex<u64>,
}

impl Clock for DemoClock {
    fn now(&self) -> DateTime<Utc> {
        let days = *self.days.lock().unwrap_or_else(PoisonError::into_inner);
        let now = SystemClock.now();
        now.checked_add_days(Days::new(days)).unwrap_or(now)
    }

    fn elapsed(&self) -> Duration {
        SystemClock.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        SystemClock.sleep(duration)
    }
}

/// A folder that goes when the demo does.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // A leftover in the folder for temporary files does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Stage {
    /// Sets it up.
    pub async fn build() -> anyhow::Result<Self> {
        let random = Randomness::from_system();
        let folder = Folder(
            std::env::temp_dir().join(format!("workiva-sync-demo-{}", random.name(SystemClock.now()))),
        );
        std::fs::create_dir_all(&folder.0)?;
        let options = SandboxOptions::default();
        let password = options.password.expose_secret().to_owned();
        let sandbox = start(options).await?;
        let hr_file = folder.0.join("employees.csv");
        let config = configuration(&folder.0, &sandbox.base_url(), &password);
        std::fs::write(folder.0.join("workiva-sync.toml"), &config)?;
        let store = Store::open(&folder.0.join("state.db")).await?;
        Ok(Self { sandbox, hr_file, folder, clock: Arc::default(), store, config })
    }

    /// The day that the engine sees.
    pub fn today(&self) -> NaiveDate {
        self.clock.now().date_naive()
    }

    /// Puts the clock forward.
    pub fn next_day(&mut self) {
        *self.clock.days.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }

    /// A heading.
    pub async fn act(&self, heading: &str) -> anyhow::Result<()> {
        say!("");
        say!("── {heading}");
        Ok(())
    }

    /// Writes the file, runs one cycle, pushes, and compares.
    pub async fn sync_and_compare(&self, rows: &[Row], wanted: Outcome) -> anyhow::Result<bool> {
        let result = self.sync(rows).await?;
        Ok(self.verdict(&result, wanted, rows))
    }

    /// The same for a file that the guard has to hold: Workiva stays as `before` says.
    pub async fn sync_held(&self, rows: &[Row], before: &[Row]) -> anyhow::Result<bool> {
        let requests = self.sandbox.statistics().requests;
        let result = self.sync(rows).await?;
        let sent = self.sandbox.statistics().requests - requests;
        say!(
            "   {sent} requests were sent; `status` shows the plan, `approve` or `reject` would decide about it."
        );
        Ok(self.verdict(&result, Outcome::Held, before) && sent == 0)
    }

    async fn sync(&self, rows: &[Row]) -> anyhow::Result<CycleResult> {
        write_file(&self.hr_file, rows)?;
        let loaded = parse("the demo's configuration", &self.config, Default::default())?;
        let surroundings = Surroundings {
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            random: Arc::new(Randomness::from_system()),
            telemetry: Arc::new(Telemetry::default()),
            triggers: Arc::default(),
            storing: Arc::default(),
            once: false,
        };
        let engine = engine(loaded, self.store.clone(), &surroundings, true).await?;
        let owner = Arc::new(Owner::register(self.store.path(), &engine.random.name(engine.clock.now()))?);
        let result = engine.cycle("demo").await?;
        let before = engine.store.done().await?;
        if let (Ok(capabilities), true) = (engine.connect().await?, result.committed.queued > 0) {
            let (_keep, stop) = watch::channel(false);
            engine.pool(&owner, capabilities).run(Until::Empty, stop).await?;
        }
        if let Some(planned) = &result.planned {
            if !planned.plan.actions.is_empty() {
                print_actions(&planned.plan.actions);
            }
            for reason in &planned.verdict.reasons {
                say!("   held ({}): {}", reason.code, reason.message);
            }
        }
        let applied = engine.store.done().await?.since(&before);
        let requests = engine.telemetry.requests_sent();
        say!("   {}: done: {}; {requests} requests", result.outcome.name(), counts_line(&applied));
        Ok(result)
    }

    fn verdict(&self, result: &CycleResult, wanted: Outcome, rows: &[Row]) -> bool {
        let mut differences = disagreement(self, rows);
        if result.outcome != wanted {
            differences.push(format!(
                "the run should have ended as {}, not {}",
                wanted.name(),
                result.outcome.name()
            ));
        }
        let active = self.sandbox.users().iter().filter(|user| user["active"] == true).count();
        if differences.is_empty() {
            say!("   Workiva has {active} active users: exactly what HR says.");
        }
        for difference in &differences {
            say!("   NOT AS HR SAYS: {difference}");
        }
        differences.is_empty()
    }

    /// Keeps the stand-in and a daemon up until a signal.
    pub async fn stay(self, rows: &[Row]) -> anyhow::Result<()> {
        write_file(&self.hr_file, rows)?;
        let config = self.folder.0.join("workiva-sync.toml");
        say!("");
        say!("The daemon runs on, every minute, with {}.", config.display());
        say!("Edit {} and watch; Ctrl-C ends it.", self.hr_file.display());
        say!("Workiva's users: curl -u scim-user:sandbox-password {}/Users", self.sandbox.base_url());
        say!("Health and metrics: curl http://127.0.0.1:8080/readyz, /livez, /metrics");
        say!("");
        crate::daemon::run(&config).await?;
        Ok(())
    }
}

fn write_file(path: &std::path::Path, rows: &[Row]) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_path(path)?;
    writer.write_record([
        "Employee ID",
        "First Name",
        "Last Name",
        "Work Email",
        "Status",
        "Department",
        "Job Title",
        "Hire Date",
    ])?;
    for row in rows {
        let hired = row.hired.to_string();
        writer.write_record([
            row.id,
            row.given,
            row.family,
            row.email,
            row.status,
            row.department,
            row.title,
            &hired,
        ])?;
    }
    Ok(writer.flush()?)
}

fn configuration(folder: &std::path::Path, base_url: &str, password: &str) -> String {
    let folder = folder.display();
    format!(
        r#"
[schedule]
cron = "0 * * * * *"
[source]
kind = "csv"
path = "{folder}/employees*.csv"
absence = "deprovision"
[source.columns]
employee_id = "Employee ID"
given_name = "First Name"
family_name = "Last Name"
work_email = "Work Email"
status = "Status"
department = "Department"
job_title = "Job Title"
hire_date = "Hire Date"
[lifecycle]
active = ["Active"]
terminated = ["Terminated"]
leave = ["On Leave"]
[access]
provision = "roles"
[[access.roles]]
name = "finance"
when = "department in ['Finance', 'Legal'] and job_title != 'Intern'"
[attributes]
userName = "{{{{ work_email | lower }}}}"
"name.givenName" = "{{{{ given_name }}}}"
"name.familyName" = "{{{{ family_name }}}}"
"emails.work" = "{{{{ work_email }}}}"
title = "{{{{ job_title }}}}"
externalId = "{{{{ employee_id }}}}"
[workiva]
base_url = "{base_url}"
username = "scim-user"
password = "{password}"
requests_per_second = 0
[guard]
max_deprovision_count = 5
max_deprovision_percent = 30.0
[store]
url = "sqlite://{folder}/state.db"
"#
    )
}
