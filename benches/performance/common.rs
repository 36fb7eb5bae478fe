//! What the sections share: an HR file of made-up people, and a configuration for it.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use workiva_sync::compose::Surroundings;
use workiva_sync::config::{Loaded, parse};
use workiva_sync::core::record::RecordBatch;
use workiva_sync::source::{BATCHES_AHEAD, HrSource};

/// Writes `people` rows of about 160 bytes each.
pub fn write_hr_file(path: &Path, people: usize) {
    write_hr_rows(path, people, |_| ("Active", String::from("Senior Analyst")));
}

/// The same, with the status and the job title of each.
pub fn write_hr_rows(path: &Path, people: usize, of: impl Fn(usize) -> (&'static str, String)) {
    let mut file = BufWriter::new(std::fs::File::create(path).unwrap());
    let header = "Employee ID,First Name,Last Name,Preferred Name,Work Email,Status,Worker Type,Hire Date,Termination Date,\
                  Department,Job Title,Manager ID,Location,Cost Center";
    writeln!(file, "{header}").unwrap();
    for number in 0..people {
        let (status, title) = of(number);
        let department = ["Finance", "Legal", "Controlling", "Treasury", "Tax"][number % 5];
        writeln!(
            file,
            "E{number:07},Given{number},Family{number},,given{number}.family{number}@example.com,{status},Employee,20{:02}-{:02}-{:02},,\
             {department},{title},E{:07},Building {} Floor {},CC-{:05}",
            10 + number % 15,
            1 + number % 12,
            1 + number % 28,
            number / 10,
            number % 40,
            number % 9,
            number % 700
        )
        .unwrap();
    }
    file.flush().unwrap();
}

/// A configuration that provisions everybody in `employees.csv`.
pub fn configuration(folder: &Path, base_url: &str, max_in_flight: usize) -> Loaded {
    configuration_of(folder, base_url, max_in_flight, &csv_in(folder))
}

/// A configuration that provisions everybody in a source that begins with these lines.
pub fn configuration_of(folder: &Path, base_url: &str, max_in_flight: usize, source: &str) -> Loaded {
    let text = text_of(folder, base_url, max_in_flight, source);
    parse("the bench's configuration", &text, Default::default()).unwrap()
}

/// The same as a file with further lines behind it.
pub fn write_configuration(folder: &Path, base_url: &str, max_in_flight: usize, further: &str) -> PathBuf {
    let file = folder.join("configuration.toml");
    std::fs::write(&file, text_of(folder, base_url, max_in_flight, &csv_in(folder)) + further).unwrap();
    file
}

fn csv_in(folder: &Path) -> String {
    format!("kind = \"csv\"\npath = \"{}/employees.csv\"\n", folder.display())
}

/// Reads all that a source has. The answer is how many records that is.
pub async fn read_all(source: &impl HrSource) -> usize {
    let (sender, mut batches) = mpsc::channel::<RecordBatch>(BATCHES_AHEAD);
    let counting = async {
        let mut records = 0;
        while let Some(batch) = batches.recv().await {
            records += batch.len();
        }
        records
    };
    let (end, records) = tokio::join!(source.read(None, sender), counting);
    end.unwrap();
    records
}

/// The text of it.
fn text_of(folder: &Path, base_url: &str, max_in_flight: usize, source: &str) -> String {
    let folder = folder.display();
    format!(
        r#"
[source]
absence = "deprovision"
{source}
[source.columns]
employee_id = "Employee ID"
given_name = "First Name"
family_name = "Last Name"
preferred_name = "Preferred Name"
work_email = "Work Email"
status = "Status"
worker_type = "Worker Type"
hire_date = "Hire Date"
termination_date = "Termination Date"
department = "Department"
job_title = "Job Title"
manager_id = "Manager ID"
location = "Location"
cost_center = "Cost Center"
[lifecycle]
active = ["Active"]
terminated = ["Terminated"]
[access]
provision = "roles"
[[access.roles]]
name = "finance"
when = "department in ['Finance', 'Legal', 'Controlling', 'Treasury', 'Tax'] and job_title != 'Intern'"
[attributes]
userName = "{{{{ work_email | lower }}}}"
"name.givenName" = "{{{{ preferred_name or given_name }}}}"
"name.familyName" = "{{{{ family_name }}}}"
"emails.work" = "{{{{ work_email }}}}"
externalId = "{{{{ employee_id }}}}"
[workiva]
base_url = "{base_url}"
username = "scim-user"
password = "sandbox-password"
requests_per_second = 0
max_in_flight = {max_in_flight}
[guard]
max_deprovision_count = 25
max_deprovision_percent = 5.0
[store]
url = "sqlite://{folder}/state.db"
"#
    )
}

pub fn surroundings() -> Surroundings {
    Surroundings {
        random: Arc::new(workiva_sync::engine::clock::Randomness::seeded(1)),
        ..Surroundings::real()
    }
}

#[expect(clippy::disallowed_methods, reason = "a bench measures")]
pub fn now() -> Instant {
    Instant::now()
}

/// The middle one of several measurements: what a noisy machine leaves standing.
pub fn median(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all[all.len() / 2]
}

/// The most memory that this process ever had resident, in MiB.
pub fn peak_mib() -> f64 {
    of_status("VmHWM:")
}

/// The memory that it has resident now, in MiB.
pub fn memory_mib() -> f64 {
    of_status("VmRSS:")
}

fn of_status(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0 kB");
    line.split_whitespace().next().and_then(|number| number.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

/// Two threads, as many as the machines have on which the figures are taken.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Sets the peak of this process's memory to what it holds now.
pub fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}
