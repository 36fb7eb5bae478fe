//! The company: who works there, day by day.

use chrono::{Days, NaiveDate};

/// A row of the HR file.
#[derive(Clone, Debug)]
pub struct Row {
    /// The key.
    pub id: &'static str,
    /// First name.
    pub given: &'static str,
    /// Last name.
    pub family: &'static str,
    /// Work e-mail, in HR's own letter case.
    pub email: &'static str,
    /// Active, On Leave or Terminated.
    pub status: &'static str,
    /// Department.
    pub department: &'static str,
    /// Job title.
    pub title: &'static str,
    /// First day of work.
    pub hired: NaiveDate,
}

const fn long_ago() -> NaiveDate {
    match NaiveDate::from_ymd_opt(2021, 3, 1) {
        Some(day) => day,
        None => NaiveDate::MIN,
    }
}

#[rustfmt::skip]
const FIRST: [(&str, &str, &str, &str, &str, &str, &str); 14] = [
    ("0001", "Ana",     "Ruiz",       "Ana.Ruiz@example.com",       "Active",     "Finance", "CFO"),
    ("0002", "Björn",   "Åkesson",    "bjorn.akesson@example.com",  "Active",     "Finance", "Controller"),
    ("0003", "Chidi",   "Okafor",     "chidi.okafor@example.com",   "Active",     "Finance", "Analyst"),
    ("0004", "Dana",    "Levi",       "dana.levi@example.com",      "Active",     "Legal",   "Counsel"),
    ("0005", "Emre",    "Yılmaz",     "emre.yilmaz@example.com",    "Active",     "Finance", "Intern"),
    ("0006", "Fatima",  "Haddad",     "fatima.haddad@example.com",  "On Leave",   "Finance", "Analyst"),
    ("0007", "George",  "Müller-Łoś", "g.mueller-los@example.com",  "Active",     "Finance", "Treasurer"),
    ("0008", "Hana",    "Sato",       "hana.sato@example.com",      "Active",     "Sales",   "Director"),
    ("0009", "Ivan",    "Petrov",     "ivan.petrov@example.com",    "Active",     "Legal",   "Paralegal"),
    ("0010", "Jo",      "Smith",      "jo.smith@example.com",       "Active",     "Finance", "Contractor"),
    ("0011", "Kavya",   "Nair",       "kavya.nair@example.com",     "Active",     "Finance", "Analyst"),
    ("0012", "Liam",    "O'Brien",    "liam.obrien@example.com",    "Terminated", "Finance", "Analyst"),
    ("0013", "Mei",     "Chen",       "mei.chen@example.com",       "Active",     "Finance", "Auditor"),
    ("0014", "Noah",    "Brandt",     "noah.brandt@example.com",    "Active",     "Legal",   "Counsel"),
];

/// The first file. One hire begins tomorrow only.
pub fn day_one(today: NaiveDate) -> Vec<Row> {
    let mut rows: Vec<Row> = FIRST
        .into_iter()
        .map(|(id, given, family, email, status, department, title)| Row {
            id,
            given,
            family,
            email,
            status,
            department,
            title,
            hired: long_ago(),
        })
        .collect();
    rows[13].hired = today.checked_add_days(Days::new(1)).unwrap_or(today);
    rows
}

/// The contractor has left.
pub fn day_one_evening(today: NaiveDate) -> Vec<Row> {
    let mut rows = day_one(today);
    change(&mut rows, "0010", |row| row.status = "Terminated");
    rows
}

/// Hires, a leaver, a move, a title, a name, a rehire; and whoever was hired for today.
pub fn day_two(today: NaiveDate) -> Vec<Row> {
    let mut rows = day_one(today.pred_opt().unwrap_or(today));
    change(&mut rows, "0003", |row| row.status = "Terminated");
    change(&mut rows, "0009", |row| row.department = "Sales");
    change(&mut rows, "0011", |row| row.title = "Senior Analyst");
    change(&mut rows, "0004", |row| {
        row.family = "Levi-Stern";
        row.email = "dana.levi-stern@example.com";
    });
    change(&mut rows, "0010", |row| row.hired = today);
    let hire = |id, given, family, email, title| Row {
        id,
        given,
        family,
        email,
        status: "Active",
        department: "Finance",
        title,
        hired: today,
    };
    rows.push(hire("0015", "Olga", "Kowalska", "olga.kowalska@example.com", "Accountant"));
    rows.push(hire("0016", "Paul", "Martin", "paul.martin@example.com", "Accountant"));
    rows
}

fn change(rows: &mut [Row], id: &str, change: impl FnOnce(&mut Row)) {
    if let Some(row) = rows.iter_mut().find(|row| row.id == id) {
        change(row);
    }
}
