//! A record of whatever values, judged at whatever moment.
//!
//! One byte chooses the configuration; then come lines: the moment as hours from 1970, status, hire date, termination date,
//! department, e-mail, location, reason of termination.

use std::collections::HashMap;
use std::sync::OnceLock;

use chrono::{DateTime, TimeDelta};
use workiva_sync::config::{Loaded, parse};
use workiva_sync::core::lifecycle::Moment;
use workiva_sync::core::person::Person;
use workiva_sync::core::record::{Columns, Record, RecordBatch};
use workiva_sync::core::state::PersonState;
use workiva_sync::core::value::canonical;

use super::tape::Tape;

const NAMES: [&str; 8] = [
    "employee_id",
    "department",
    "hire_date",
    "location",
    "status",
    "termination_date",
    "termination_reason",
    "work_email",
];

pub fn check(bytes: &[u8]) {
    static LOADED: OnceLock<Vec<Loaded>> = OnceLock::new();
    let loaded = LOADED.get_or_init(configurations);
    let mut tape = Tape::new(bytes);
    let rulebook = &loaded[tape.below(5)].rules.rulebook;
    let mut next = || canonical(&String::from_utf8_lossy(tape.line())).into_owned();
    let hours: u32 = next().parse().unwrap_or(480_000);
    // From 1970 to the year 2900.
    let now = DateTime::UNIX_EPOCH + TimeDelta::hours(i64::from(hours % 8_160_000));
    let (status, hired, left, department, email) = (next(), next(), next(), next(), next());
    let (location, reason) = (next(), next());
    let record = record([&department, &hired, &location, &status, &left, &reason, &email]);

    let lifecycle = &rulebook.access.lifecycle;
    let person = match Person::read(record.clone(), lifecycle, &rulebook.date_formats) {
        Ok(person) => person,
        Err(rejection) => {
            assert_eq!((rejection.employee_id.as_deref(), rejection.row), (Some("1001"), Some(1)));
            return;
        }
    };
    for had_access in [false, true] {
        let state = PersonState { had_access, ..PersonState::unknown("1001") };
        let decide = |at| {
            rulebook.access.decide(&person, Moment::At(at), Some(&state)).expect("the conditions cannot fail")
        };
        let decided = decide(now);
        let Some(next_change) = decided.next_change else { continue };
        assert!(next_change > now, "what is due lies ahead");
        // Until then nothing changes by itself: nobody is looked at before.
        for hours in [1, 11, 24, 7 * 24, 365 * 24, 3_650 * 24, 9_600_000] {
            let at = now + TimeDelta::hours(hours);
            if at >= next_change {
                break;
            }
            let then = decide(at);
            assert_eq!((then.access, then.next_change), (decided.access, decided.next_change), "at {at}");
        }
        let before = (next_change - TimeDelta::seconds(1)).max(now);
        assert_eq!(decide(before).access, decided.access, "just before {next_change}");
    }
    if let Ok(attributes) = rulebook.users.map(&person) {
        let name = &attributes["userName"];
        assert!(name.to_lowercase() == *name && !name.contains(char::is_whitespace));
        assert!(attributes["emails.work"].contains('@'));
    }
}

fn record(values: [&str; 7]) -> Record {
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
        (
            "timezones = { Sydney = 'Australia/Sydney', Beirut = 'Asia/Beirut' }\nimmediate = ['For cause']\n\
             deprovision_days_after_termination = 7\nleave_types = { 'On Leave' = 'roles' }",
            "",
        ),
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
