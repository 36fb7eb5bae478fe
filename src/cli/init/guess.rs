//! What can be guessed from an HR file: which column is which, and what its status words mean.

/// Our names, and headers that mean the same in exports that people have. The first that is there counts.
const COLUMNS: [(&str, &[&str]); 13] = [
    (
        "employee_id",
        &[
            "employee id",
            "employee number",
            "worker id",
            "associate id",
            "personnel number",
            "staff id",
            "id",
        ],
    ),
    ("given_name", &["first name", "given name", "legal first name", "forename"]),
    ("preferred_name", &["preferred name", "preferred first name", "known as"]),
    ("family_name", &["last name", "family name", "legal last name", "surname"]),
    ("work_email", &["work email", "business email", "company email", "email address", "email", "e-mail"]),
    ("status", &["status", "employment status", "worker status", "employee status"]),
    ("hire_date", &["hire date", "start date", "original hire date"]),
    ("termination_date", &["termination date", "end date", "last day of work", "last day"]),
    ("department", &["department", "department name", "business unit"]),
    ("job_title", &["job title", "title", "position", "business title"]),
    ("manager_id", &["manager id", "manager employee id", "supervisor id"]),
    ("location", &["location", "work location", "office"]),
    ("cost_center", &["cost center", "cost centre"]),
];

/// Without these nothing can be provisioned.
pub const NEEDED: [&str; 5] = ["employee_id", "given_name", "family_name", "work_email", "status"];

/// What a status word means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Works here.
    Active,
    /// Is on leave.
    Leave,
    /// Has left.
    Terminated,
    /// Not to be told.
    Unknown,
}

/// Our name to header, in our order.
pub fn columns(header: &[String]) -> Vec<(&'static str, String)> {
    let plain = |text: &str| -> String {
        let parts = text.split(|one: char| !one.is_alphanumeric()).filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join(" ").to_lowercase()
    };
    let squeezed = |text: &str| plain(text).replace(' ', "");
    let find = |names: &[&str]| {
        names.iter().find_map(|name| header.iter().find(|one| squeezed(one) == squeezed(name)).cloned())
    };
    COLUMNS.iter().filter_map(|(ours, names)| Some((*ours, find(names)?))).collect()
}

/// What a status word most likely means.
pub fn meaning(word: &str) -> Meaning {
    let word = word.to_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| word.contains(part));
    // 'Inactive' holds 'active', and 'Leave of absence' no 'left'.
    if has(&["terminat", "inactive", "left", "retired", "resigned", "deceased", "separated", "former"]) {
        Meaning::Terminated
    } else if has(&["leave", "absence", "sabbatical"]) || word == "loa" {
        Meaning::Leave
    } else if has(&["active", "employed", "working"]) || word == "a" {
        Meaning::Active
    } else {
        Meaning::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_known_by_what_exports_call_them_however_they_write_it() {
        let header =
            ["EmployeeID", "first_name", "Last Name", "Work E-mail", "Employment Status", "Shoe size"];
        let found = columns(&header.map(str::to_owned));
        let found: Vec<(&str, &str)> = found.iter().map(|(ours, theirs)| (*ours, theirs.as_str())).collect();
        assert_eq!(
            found,
            [
                ("employee_id", "EmployeeID"),
                ("given_name", "first_name"),
                ("family_name", "Last Name"),
                ("work_email", "Work E-mail"),
                ("status", "Employment Status")
            ]
        );
        assert!(columns(&[]).is_empty());
    }

    #[test]
    fn status_words_are_sorted_and_strange_ones_left_to_the_reader() {
        let cases = [
            ("Active", Meaning::Active),
            ("Inactive", Meaning::Terminated),
            ("On Leave", Meaning::Leave),
            ("Paid Leave of Absence", Meaning::Leave),
            ("Terminated", Meaning::Terminated),
            ("Garden", Meaning::Unknown),
        ];
        for (word, expected) in cases {
            assert_eq!(meaning(word), expected, "{word}");
        }
    }
}
