//! The first configuration as a text.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;

use super::guess::{Meaning, NEEDED};
use super::look::Found;
use crate::config::{Encoding, parse};

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
    /// Answers that a configuration can hold, of nobody.
    pub fn example() -> Self {
        Self {
            base_url: "https://workiva.example.invalid/scim/v2".into(),
            username: "unset".into(),
            password_file: "unset".into(),
            hr: "unset.csv".into(),
            timezone: "UTC".into(),
            found: Found {
                columns: NEEDED.map(|name| (name, name.to_owned())).into(),
                delimiter: ',',
                encoding: Encoding::Utf8,
                words: BTreeSet::new(),
            },
        }
    }

    /// Whether a configuration can hold them, as far as keys that begin so are concerned. The password need not be there yet.
    ///
    /// # Errors
    /// What is wrong with it, key by key.
    pub fn may_be(&self, key: &str) -> Result<(), String> {
        let text = self.text().replace(&self.password_line(), "password = \"unset\"");
        let Err(refused) = parse("(answers)", &text, HashMap::new()) else { return Ok(()) };
        let faults = refused.errors.iter().filter(|error| error.key.starts_with(key));
        let faults: Vec<String> = faults.map(ToString::to_string).collect();
        if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) }
    }

    fn password_line(&self) -> String {
        format!("password_file = {}", quoted(&self.password_file))
    }

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
{encoding}# What it means that the file no longer names somebody: "keep" (nothing), or "deprovision" (they have left). Choose the second once you
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
{password}

[guard]
# More than this at once is held, and somebody is asked.
max_deprovision_count = 25
max_deprovision_percent = 5.0
"#,
            timezone = quoted(&self.timezone),
            hr = quoted(&self.hr),
            delimiter = quoted(&self.found.delimiter.to_string()),
            encoding = match self.found.encoding {
                Encoding::Utf8 => "",
                Encoding::Windows1252 => "encoding = \"windows-1252\"\n",
            },
            active = words(Meaning::Active, "Active"),
            leave = words(Meaning::Leave, "On Leave"),
            terminated = words(Meaning::Terminated, "Terminated"),
            base_url = quoted(&self.base_url),
            username = quoted(&self.username),
            password = self.password_line(),
        )
    }
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
