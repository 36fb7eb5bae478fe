//! Compares Workiva's users with what HR says: by the rules as a person would say them, not by the engine's code.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde_json::Value;

use super::company::Row;

/// What differs, in words; empty if they agree.
pub fn differences(rows: &[Row], users: &[Value], today: NaiveDate) -> Vec<String> {
    let mut found = Vec::new();
    let mut by_employee: BTreeMap<&str, &Value> = BTreeMap::new();
    for user in users {
        let employee = user["externalId"].as_str().unwrap_or("(none)");
        if by_employee.insert(employee, user).is_some() {
            found.push(format!("employee {employee} has two accounts"));
        }
    }
    for row in rows {
        let user = by_employee.get(row.id);
        let active = user.is_some_and(|user| user["active"] == true);
        match (should_have_access(row, today), active) {
            (true, false) => found.push(format!("employee {} should have access and has none", row.id)),
            (false, true) => found.push(format!("employee {} should have no access and has it", row.id)),
            (true, true) => found.extend(user.into_iter().flat_map(|user| attribute_differences(row, user))),
            (false, false) => {}
        }
    }
    for employee in by_employee.keys().filter(|employee| rows.iter().all(|row| row.id != **employee)) {
        found.push(format!("employee {employee} is in Workiva but not in HR"));
    }
    found
}

fn should_have_access(row: &Row, today: NaiveDate) -> bool {
    let employed = matches!(row.status, "Active" | "On Leave") && row.hired <= today;
    employed && matches!(row.department, "Finance" | "Legal") && row.title != "Intern"
}

fn attribute_differences(row: &Row, user: &Value) -> Vec<String> {
    let wanted = [
        ("/userName", row.email.to_lowercase()),
        ("/name/givenName", row.given.to_owned()),
        ("/name/familyName", row.family.to_owned()),
        ("/emails/0/value", row.email.to_owned()),
        ("/title", row.title.to_owned()),
    ];
    let differs = |(path, value): &(&str, String)| user.pointer(path).and_then(Value::as_str) != Some(value);
    let tell = |(path, _): (&str, String)| format!("employee {} differs at {path}", row.id);
    wanted.into_iter().filter(differs).map(tell).collect()
}
