//! A record of whatever values, judged on whatever day.
//!
//! One byte chooses the configuration; then come lines: the day as days from 1970, status, hire date, termination date,
//! department, e-mail.

use std::collections::HashMap;
use std::sync::OnceLock;

use chrono::{Days, NaiveDate};
use workiva_sync::config::{Loaded, parse};
use workiva_sync::core::person::Person;
use workiva_sync::core::record::{Columns, Record, RecordBatch};
use workiva_sync::core::value::canonical;

use super::tape::Tape;

const NAMES: [&str; 6] =
    ["employee_id", "department", "hire_date", "status", "termination_date", "work_email"];

pub fn check(bytes: &[u8]) {
    static LOADED: OnceLock<Vec<Loaded>> = OnceLock::new();
    let loaded = LOADED.get_or_init(configurations);
    let mut tape = Tape::new(bytes);
    let rulebook = &loaded[tape.below(4)].rules.rulebook;
    let mut next = || canonical(&String::from_utf8_lossy(tape.line())).into_owned();
    let day: u32 = next().parse().unwrap_or(20_000);
    // From 1970 to the year 2900.
    let today = NaiveDate::from_ymd_opt(1970, 1, 1)
        .and_then(|start| start.checked_add_days(Days::new(u64::from(day % 340_000))))
        .expect("a day that exists");
    let (status, hired, left, department, email) = (next(), next(), next(), next(), next());
    let record = record([&department, &hired, &status, &left, &email]);

    let lifecycle = &rulebook.access.lifecycle;
    let person = match Person::read(record.clone(), lifecycle, &rulebook.date_formats) {
        Ok(person) => person,
        Err(rejection) => {
            assert_eq!((rejection.employee_id.as_deref(), rejection.row), (Some("1001"), Some(1)));
            return;
        }
    };
    for has_access in [false, true] {
        let decided = rulebook.access.decide(&person, today, has_access).expect("the conditions cannot fail");
        let Some(next_change) = decided.next_change else { continue };
        assert!(next_change > today, "what is due lies ahead");
        // Until then nothing changes by itself: nobody is looked at before.
        for ahead in [1, 2, 7, 30, 365, 3_650, 400_000] {
            let Some(day) = today.checked_add_days(Days::new(ahead)).filter(|day| *day < next_change) else {
                break;
            };
            let then = rulebook.access.decide(&person, day, has_access).expect("the conditions cannot fail");
            assert_eq!((then.access, then.next_change), (decided.access, decided.next_change), "on {day}");
        }
        let eve = next_change.pred_opt().expect("a day that exists").max(today);
        let then = rulebook.access.decide(&person, eve, has_access).expect("the conditions cannot fail");
        assert_eq!(then.access, decided.access, "on the day before {next_change}");
    }
    if let Ok(attributes) = rulebook.users.map(&person) {
        let name = &attributes["userName"];
        assert!(name.to_lowercase() == *name && !name.contains(char::is_whitespace));
        assert!(attributes["emails.work"].contains('@'));
    }
}

fn record(values: [&str; 5]) -> Record {
    let columns = Columns::new(NAMES);
    let mut batch = RecordBatch::new(columns, 7);
    batch.push(1, ["1001"].into_iter().chain(values));
    let record = batch.record(0);
    assert_eq!(record.fingerprint, batch.head(0).2);
    for (name, value) in NAMES[1..].iter().zip(values) {
        assert_eq!(record.get(name).unwrap_or_default(), value, "a value comes back as it went in");
    }
    record
}

fn configurations() -> Vec<Loaded> {
    let columns: String = NAMES.iter().map(|name| format!("{name} = '{name}'\n")).collect();
    let variants = [
        ("", ""),
        ("provision_days_before_hire = 3650\ndeprovision_days_after_termination = 3650", ""),
        ("on_leave = 'suspend'\ndeprovision_days_after_termination = 1", "keep_on_role_loss = true"),
        ("timezone = 'Pacific/Kiritimati'", ""),
    ];
    let load = |(lifecycle, access): (&str, &str)| {
        let text = format!(
            "[source]\nkind = 'csv'\npath = 'x.csv'\nabsence = 'keep'\n\
             date_formats = ['%Y-%m-%d', '%m/%d/%Y', '%d %b %Y', '%F']\n[source.columns]\n{columns}\n\
             [lifecycle]\nactive = ['Active']\nterminated = ['Terminated']\nleave = ['On Leave']\n{lifecycle}\n\
             [access]\nprovision = 'roles'\n{access}\n\
             [[access.roles]]\nname = 'finance'\nwhen = \"department in ['Finance', 'Legal']\"\n\
             [attributes]\nuserName = '{{{{ work_email | lower }}}}'\n'name.givenName' = 'x'\n\
             'name.familyName' = 'x'\n'emails.work' = '{{{{ work_email }}}}'\n\
             [workiva]\nbase_url = 'https://x.example'\nusername = 'u'\npassword = 'fuzz-password'\n\
             [guard]\nmax_deprovision_count = 1\nmax_deprovision_percent = 1.0\n"
        );
        parse("fuzz", &text, HashMap::new()).expect("the configuration is usable")
    };
    variants.into_iter().map(load).collect()
}
