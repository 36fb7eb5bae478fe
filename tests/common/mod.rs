//! A small world for tests: a folder, a stand-in Workiva, an HR file, and the real binary between them.
#![allow(dead_code, unused_imports, reason = "each test crate uses its own part of it")]

mod authority;
mod calendar;
mod daemon;
mod database;
mod front;
mod process;
mod receiver;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use workiva_sync::sandbox::{Behaviour, RunningSandbox, SandboxOptions, Statistics, start};

pub use self::authority::Authority;
pub use self::calendar::Calendar;
pub use self::daemon::{Answer, Daemon};
pub use self::front::{Front, Way};
pub use self::process::{Output, command, run, until};
pub use self::receiver::{MailServer, MailTls, Manner, Received, Receiver, header, request};

/// One employee in the HR file.
#[derive(Clone, Debug)]
pub struct Row {
    /// The key.
    pub id: String,
    /// First name.
    pub given: String,
    /// Last name.
    pub family: String,
    /// Work e-mail; in lower case it is the user name.
    pub email: String,
    /// Active, On Leave or Terminated.
    pub status: String,
    /// Finance and Legal have access.
    pub department: String,
    /// Job title.
    pub title: String,
}

impl Row {
    /// An analyst in Finance.
    pub fn new(id: &str, given: &str, family: &str) -> Self {
        Self {
            id: id.into(),
            given: given.into(),
            family: family.into(),
            email: format!("{given}.{family}@example.com").to_lowercase(),
            status: "Active".into(),
            department: "Finance".into(),
            title: "Analyst".into(),
        }
    }

    /// The same with something else.
    pub fn but(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut row = self.clone();
        change(&mut row);
        row
    }

    /// The same after leaving.
    pub fn left(&self) -> Self {
        self.but(|row| row.status = "Terminated".into())
    }

    fn has_access(&self) -> bool {
        self.status != "Terminated" && matches!(self.department.as_str(), "Finance" | "Legal")
    }
}

/// So many analysts: 1000, 1001 and so on.
pub fn people(number: usize) -> Vec<Row> {
    (0..number).map(|n| Row::new(&(1000 + n).to_string(), "Person", &format!("Number{n}"))).collect()
}

/// The header of the HR file.
pub const HEADER: &str = "Employee ID,First Name,Last Name,Work Email,Status,Department,Job Title\n";

/// Everything that a test plays with.
pub struct World {
    /// The stand-in.
    pub sandbox: RunningSandbox,
    runtime: Runtime,
    folder: TempDir,
    /// The configuration; `write_config` writes it.
    pub config: toml::Table,
    meddled: Cell<bool>,
}

impl World {
    /// With a stand-in that behaves as documented.
    pub fn new() -> Self {
        Self::with(SandboxOptions::default())
    }

    /// With a stand-in that has these ways.
    pub fn behaving(change: impl FnOnce(&mut Behaviour)) -> Self {
        let mut behaviour = Behaviour::default();
        change(&mut behaviour);
        Self::with(SandboxOptions { behaviour, ..SandboxOptions::default() })
    }

    /// With a stand-in of these options.
    pub fn with(options: SandboxOptions) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let password = options.password.expose_secret().to_owned();
        let sandbox = runtime.block_on(start(options)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = configuration(folder.path(), &sandbox.base_url(), &password);
        let world = Self { sandbox, runtime, folder, config, meddled: Cell::new(false) };
        world.write_config();
        world
    }

    /// A path in the world's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The database's file.
    pub fn database(&self) -> PathBuf {
        self.path("state.db")
    }

    /// Changes one key, such as `workiva.update`, and writes the configuration.
    pub fn set(&mut self, key: &str, value: impl Into<toml::Value>) {
        let (tables, last) = key.rsplit_once('.').unwrap();
        let mut table = &mut self.config;
        for name in tables.split('.') {
            let entry = table.entry(name).or_insert_with(|| toml::Table::new().into());
            table = entry.as_table_mut().unwrap();
        }
        table.insert(last.to_owned(), value.into());
        self.write_config();
    }

    /// Removes one key and writes the configuration.
    pub fn unset(&mut self, section: &str, key: &str) {
        let table = section
            .split('.')
            .fold(&mut self.config, |table, name| table.get_mut(name).unwrap().as_table_mut().unwrap());
        table.remove(key);
        self.write_config();
    }

    /// Several sources instead of one, each as the one was, but with this name and its own files `NAME*.csv`, and with these keys.
    pub fn several(&mut self, sources: &[(&str, &[(&str, toml::Value)])]) {
        let one = self.config.remove("source").or_else(|| self.config["sources"].get(0).cloned()).unwrap();
        let several = sources.iter().map(|(name, keys)| {
            let mut source = one.as_table().unwrap().clone();
            source.insert("name".into(), (*name).into());
            source.insert("path".into(), format!("{}/{name}*.csv", self.folder.path().display()).into());
            source.extend(keys.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
            toml::Value::from(source)
        });
        self.config.insert("sources".into(), several.collect::<Vec<_>>().into());
        self.write_config();
    }

    /// Writes the file of one of several sources.
    pub fn hr_of(&self, source: &str, rows: &[Row]) {
        let partial = self.path("writing.partial");
        std::fs::write(&partial, hr_text(rows)).unwrap();
        std::fs::rename(partial, self.path(&format!("{source}.csv"))).unwrap();
    }

    /// Limits that a handful of people can trip: two deprovisions in one run are too many.
    pub fn guard_tightly(&mut self) {
        self.set("guard.max_deprovision_count", 1);
    }

    /// Writes the configuration as it is known here.
    pub fn write_config(&self) {
        std::fs::write(self.path("config.toml"), self.config.to_string()).unwrap();
    }

    /// Writes the HR file.
    pub fn hr(&self, rows: &[Row]) {
        self.hr_text(&hr_text(rows));
    }

    /// Writes the HR file as this text; by a rename, as an export should.
    pub fn hr_text(&self, text: &str) {
        let partial = self.path("employees.csv.partial");
        std::fs::write(&partial, text).unwrap();
        std::fs::rename(partial, self.path("employees.csv")).unwrap();
    }

    /// Every file of the world but the database's own, with what is in it.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let entries = std::fs::read_dir(self.path("")).unwrap().map(|entry| entry.unwrap().path());
        let files = entries.filter(|path| path.is_file());
        let named = |path: PathBuf| {
            (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(path).unwrap())
        };
        let mut files: Vec<(String, Vec<u8>)> =
            files.map(named).filter(|(name, _)| !name.starts_with("state.db")).collect();
        files.sort();
        files
    }

    /// Runs the binary to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        run(&mut self.command(arguments))
    }

    /// A command of the binary with this world's configuration.
    pub fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = command(arguments);
        command.env("WORKIVA_SYNC_CONFIG", self.path("config.toml"));
        command
    }

    /// The same from a shell, behind this command of it, in the world's folder.
    pub fn shell(&self, prelude: &str, arguments: &[&str]) -> std::process::Command {
        let mut shell = std::process::Command::new("/bin/sh");
        let script = format!("{prelude}; exec \"$0\" \"$@\"");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_workiva-sync")]).args(arguments).env_clear();
        shell.env("WORKIVA_SYNC_CONFIG", self.path("config.toml")).current_dir(self.path(""));
        shell
    }

    /// `sync --json`.
    pub fn sync(&self) -> Synced {
        Synced::of(self.run(&["sync", "--json"]))
    }

    /// `sync --json` over these rows, which has to end with this exit code.
    pub fn sync_rows(&self, rows: &[Row], exit: i32) -> Synced {
        self.hr(rows);
        let synced = self.sync();
        if synced.exit != exit {
            panic!("exit {} instead of {exit}: {synced:?}\n{:#?}", synced.exit, self.parked());
        }
        synced
    }

    /// `status --json`.
    pub fn status(&self) -> Value {
        let output = self.run(&["status", "--json"]);
        assert_eq!(output.exit, 0, "{output:?}");
        serde_json::from_str(&output.stdout).unwrap()
    }

    /// Why actions are parked, by employee.
    pub fn parked(&self) -> BTreeMap<String, String> {
        let output = self.run(&["actions", "list", "--json"]);
        let list: Vec<Value> = serde_json::from_str(&output.stdout).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        list.iter().map(|one| (text(&one["employee_id"]), text(&one["reason"]))).collect()
    }

    /// Starts `run`.
    pub fn daemon(&mut self) -> Daemon {
        Daemon::start(self)
    }

    /// The user with this name.
    pub fn user(&self, user_name: &str) -> Option<Value> {
        self.sandbox.users().into_iter().find(|user| user["userName"] == user_name)
    }

    /// What was asked so far.
    pub fn statistics(&self) -> Statistics {
        self.sandbox.statistics()
    }

    /// Requests so far that change users.
    pub fn writes(&self) -> u64 {
        let methods = self.statistics().by_method;
        ["POST", "PUT", "PATCH", "DELETE"].iter().filter_map(|method| methods.get(*method)).sum()
    }

    /// Asserts that Workiva's users are what HR says, compared by user name; others may be there if suspended.
    pub fn assert_agrees(&self, rows: &[Row]) {
        let differences = self.differences(rows);
        assert!(differences.is_empty(), "{differences:#?}");
    }

    /// Whether Workiva's users are what HR says.
    pub fn agrees(&self, rows: &[Row]) -> bool {
        self.differences(rows).is_empty()
    }

    /// What differs between Workiva and HR, in words.
    pub fn differences(&self, rows: &[Row]) -> Vec<String> {
        let users = self.sandbox.users();
        let text = |user: &Value, path: &str| {
            user.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let mut actual: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for user in users.iter().filter(|user| is_active(user)) {
            let seen = ["/name/givenName", "/name/familyName", "/emails/0/value", "/title"];
            let mut seen = seen.map(|path| text(user, path)).to_vec();
            seen[2] = seen[2].to_lowercase();
            actual.insert(text(user, "/userName").to_lowercase(), seen);
        }
        let wanted = rows.iter().filter(|row| row.has_access()).map(|row| {
            let email = row.email.to_lowercase();
            (email.clone(), vec![row.given.clone(), row.family.clone(), email, row.title.clone()])
        });
        let wanted: BTreeMap<String, Vec<String>> = wanted.collect();
        let mut found: Vec<String> = Vec::new();
        for name in actual.keys().chain(wanted.keys()).collect::<std::collections::BTreeSet<_>>() {
            if actual.get(name) != wanted.get(name) {
                found.push(format!("{name}: HR {:?}, Workiva {:?}", wanted.get(name), actual.get(name)));
            }
        }
        let mut external: Vec<String> = users.iter().map(|user| text(user, "/externalId")).collect();
        external.retain(|id| !id.is_empty());
        external.sort_unstable();
        let duplicates = external.windows(2).filter(|pair| pair[0] == pair[1]);
        found.extend(duplicates.map(|pair| format!("two accounts have externalId {}", pair[0])));
        found
    }
}

/// Whether a user has access; Workiva takes an absent `active` for true.
pub fn is_active(user: &Value) -> bool {
    !matches!(&user["active"], Value::Bool(false)) && user["active"] != "false"
}

/// The text of an HR file with these rows.
pub fn hr_text(rows: &[Row]) -> String {
    let mut text = HEADER.to_owned();
    for row in rows {
        let fields = [&row.id, &row.given, &row.family, &row.email, &row.status, &row.department, &row.title];
        let fields: Vec<&str> = fields.iter().map(|field| field.as_str()).collect();
        text += &fields.join(",");
        text.push('\n');
    }
    text
}

/// How a `sync --json` ended.
#[derive(Debug)]
pub struct Synced {
    /// The exit code.
    pub exit: i32,
    /// The object on stdout.
    pub json: Value,
    /// Logs.
    pub stderr: String,
}

impl Synced {
    /// From the output of `sync --json` or `plan --json`.
    pub fn of(output: Output) -> Self {
        let json = serde_json::from_str(&output.stdout)
            .unwrap_or_else(|error| panic!("stdout is no JSON object ({error}): {output:?}"));
        Self { exit: output.exit, json, stderr: output.stderr }
    }

    /// `applied`, without the kinds of which there were none.
    pub fn applied(&self) -> BTreeMap<String, u64> {
        counts(&self.json["applied"])
    }

    /// `planned`, without the kinds of which there were none.
    pub fn planned(&self) -> BTreeMap<String, u64> {
        counts(&self.json["planned"])
    }

    /// `outcome`.
    pub fn outcome(&self) -> &str {
        self.json["outcome"].as_str().unwrap()
    }

    /// `plan_id`, which has to be there.
    pub fn plan_id(&self) -> &str {
        self.json["plan_id"].as_str().unwrap_or_else(|| panic!("no plan_id: {}", self.json))
    }

    /// `requests`.
    pub fn requests(&self) -> u64 {
        self.json["requests"].as_u64().unwrap()
    }

    /// The codes of `hold_reasons`.
    pub fn hold_codes(&self) -> Vec<&str> {
        let reasons = self.json["hold_reasons"].as_array().unwrap();
        reasons.iter().map(|reason| reason["code"].as_str().unwrap()).collect()
    }

    /// Asserts that there was nothing to do, and that nothing was sent.
    pub fn assert_unchanged(&self) {
        assert_eq!((self.outcome(), self.requests()), ("unchanged", 0), "{self:?}");
    }
}

fn counts(value: &Value) -> BTreeMap<String, u64> {
    let all = value.as_object().unwrap().iter();
    all.map(|(kind, number)| (kind.clone(), number.as_u64().unwrap())).filter(|(_, n)| *n > 0).collect()
}

/// Counts by kind, to compare with.
pub fn kinds<const N: usize>(all: [(&str, u64); N]) -> BTreeMap<String, u64> {
    all.into_iter().map(|(kind, number)| (kind.to_owned(), number)).collect()
}

fn configuration(folder: &Path, base_url: &str, password: &str) -> toml::Table {
    let folder = folder.display();
    let password = toml::Value::from(password);
    let text = format!(
        r#"
[schedule]
cron = "0 0 0 1 1 *"
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
[lifecycle]
active = ["Active"]
terminated = ["Terminated"]
leave = ["On Leave"]
[access]
provision = "roles"
[[access.roles]]
name = "finance"
when = "department in ['Finance', 'Legal']"
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
password = {password}
requests_per_second = 0
[retry]
base_seconds = 0.01
cap_seconds = 1
[guard]
max_deprovision_count = 1000
max_deprovision_percent = 100.0
max_create_percent = 100000.0
max_shrink_percent = 100.0
max_reject_percent = 100.0
max_rename_percent = 100.0
max_config_change_percent = 100000.0
[store]
url = "sqlite://{folder}/state.db"
[http]
listen = "127.0.0.1:0"
"#
    );
    text.parse().unwrap()
}
