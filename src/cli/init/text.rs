//! The first configuration as a text.

use std::fmt::Write;

use super::Found;
use super::guess::Meaning;

/// What is known of the company.
pub struct Answers {
    pub base_url: String,
    pub username: String,
    pub password_file: String,
    pub hr: String,
    pub timezone: String,
    pub found: Found,
}

impl Answers {
    /// The file. It gives nobody access whom a role does not name, and holds what is more than a few.
    pub fn text(&self) -> String {
        let mut columns = String::new();
        for (ours, theirs) in &self.found.columns {
            // Writing to a text cannot fail.
            let _ = writeln!(columns, "{ours} = {}", quoted(theirs));
        }
        let words = |meaning: Meaning, usual: &str| {
            let words = self.found.words_of(meaning).into_iter().map(|word| quoted(word)).collect::<Vec<_>>();
            if words.is_empty() { format!("[{}]", quoted(usual)) } else { format!("[{}]", words.join(", ")) }
        };
        let has = |name: &str| self.found.columns.iter().any(|(ours, _)| *ours == name);
        let given = if has("preferred_name") { "preferred_name or given_name" } else { "given_name" };
        let title = if has("job_title") { "title = \"{{ job_title }}\"\n" } else { "" };
        let unknown = self.found.words_of(Meaning::Unknown);
        let unknown: String = match unknown.is_empty() {
            true => String::new(),
            false => format!(
                "# Put each of these into a list; until then the records that have them are rejected: {}\n",
                unknown.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", ")
            ),
        };
        format!(
            r#"# Made by `workiva-sync init`. config/workiva-sync.example.toml explains every key.

[schedule]
cron = "0 */15 * * * *"
timezone = {timezone}

[source]
kind = "csv"
path = {hr}
delimiter = {delimiter}
# What it means that the file no longer names somebody: "keep" (nothing), or "deprovision" (they have left). Choose the second once you
# know that the export always holds everybody.
absence = "keep"
[source.columns]
{columns}
[lifecycle]
timezone = {timezone}
{unknown}active = {active}
leave = {leave}
terminated = {terminated}

[access]
# "all": everybody who is employed gets an account. "roles": whoever a role below names.
provision = "all"
# [[access.roles]]
# name = "finance"
# when = "department in ['Finance', 'Legal']"

[attributes]
userName = "{{{{ work_email | lower }}}}"
"name.givenName" = "{{{{ {given} }}}}"
"name.familyName" = "{{{{ family_name }}}}"
"emails.work" = "{{{{ work_email }}}}"
externalId = "{{{{ employee_id }}}}"
{title}
[workiva]
base_url = {base_url}
username = {username}
password_file = {password_file}

[guard]
# More than this at once is held, and somebody is asked.
max_deprovision_count = 25
max_deprovision_percent = 5.0
"#,
            timezone = quoted(&self.timezone),
            hr = quoted(&self.hr),
            delimiter = quoted(&self.found.delimiter.to_string()),
            active = words(Meaning::Active, "Active"),
            leave = words(Meaning::Leave, "On Leave"),
            terminated = words(Meaning::Terminated, "Terminated"),
            base_url = quoted(&self.base_url),
            username = quoted(&self.username),
            password_file = quoted(&self.password_file),
        )
    }
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
