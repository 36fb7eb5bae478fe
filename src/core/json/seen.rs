//! Which paths some records have, and which of them our columns read.

use std::collections::{BTreeSet, VecDeque};

use serde_json::Value;

use super::path::{FieldPath, Step};

/// The most paths that are remembered; a table whose keys are people has as many as there are people.
const MOST_PATHS: usize = 2_000;
/// The most places that are looked at in one record, which may be large.
const MOST_PLACES: usize = 10_000;

type Steps = Vec<Step>;

/// The paths of some records. The elements of an array count as one.
#[derive(Clone, Debug, Default)]
pub struct PathsSeen {
    seen: BTreeSet<Steps>,
    read: BTreeSet<Steps>,
}

impl PathsSeen {
    /// Takes in a record that is read by these fields.
    pub fn look<'f>(&mut self, record: &Value, fields: impl Iterator<Item = &'f FieldPath>) {
        self.read.extend(fields.flat_map(|field| field.places(record)));
        // Level by level, so that what is near the top is told where there is too much.
        let mut places = VecDeque::from([(Steps::new(), record)]);
        let mut looked_at = 0;
        while let Some((path, value)) = places.pop_front() {
            let below: Vec<(Step, &Value)> = match value {
                Value::Object(members) => {
                    members.iter().map(|(name, value)| (Step::Key(name.clone()), value)).collect()
                }
                Value::Array(elements) => elements.iter().map(|value| (Step::Each, value)).collect(),
                _ => Vec::new(),
            };
            for (step, value) in below {
                looked_at += 1;
                if looked_at > MOST_PLACES || self.seen.len() >= MOST_PATHS {
                    return;
                }
                let path: Steps = path.iter().cloned().chain([step]).collect();
                self.seen.insert(path.clone());
                places.push_back((path, value));
            }
        }
    }

    /// Takes in what others have seen.
    pub fn merge(&mut self, other: Self) {
        self.seen.extend(other.seen);
        self.read.extend(other.read);
    }

    /// The paths that no field reads, as `source.columns` would name them. Of a table of which nothing is read, its own path alone.
    pub fn unread(&self) -> Vec<String> {
        let is_read = |path: &Steps| self.read.iter().any(|read| path.starts_with(read));
        let leads_to_one =
            |path: &[Step]| path.is_empty() || self.read.iter().any(|read| read.starts_with(path));
        let is_root =
            |path: &&Steps| !is_read(path) && !leads_to_one(path) && leads_to_one(&path[..path.len() - 1]);
        self.seen.iter().filter(is_root).map(|path| written(path)).collect()
    }
}

/// A path as `source.columns` takes it: the key of a record by itself, anything else as JSONPath.
fn written(path: &[Step]) -> String {
    if let [Step::Key(key)] = path
        && !key.is_empty()
        && !key.starts_with('$')
    {
        return key.clone();
    }
    let mut text = "$".to_owned();
    for step in path {
        match step {
            Step::Each => text += "[*]",
            Step::Key(key) if is_plain(key) => text += &format!(".{key}"),
            Step::Key(key) => text += &format!("['{}']", key.replace('\\', "\\\\").replace('\'', "\\'")),
        }
    }
    text
}

fn is_plain(key: &str) -> bool {
    key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn unread(records: &[Value], fields: &[&str]) -> Vec<String> {
        let fields: Vec<FieldPath> = fields.iter().map(|text| FieldPath::parse(text).unwrap()).collect();
        let mut all = PathsSeen::default();
        for record in records {
            let mut seen = PathsSeen::default();
            seen.look(record, fields.iter());
            all.merge(seen);
        }
        all.unread()
    }

    #[test]
    fn what_no_path_reads_is_named_as_a_column_would_name_it() {
        let record = json!({
            "id": 1, "nick": null, "$odd": 2, "name": {"first": "A", "last": "B", "a b": "C"},
            "jobs": [{"title": "x", "main": true}, {"title": "y", "pay": 3}], "custom": {"a": {"b": 1}}
        });
        let read = ["id", "$.name.first", "$.jobs[?@.main == true].title"];
        let expected = [
            "$['$odd']",
            "custom",
            "$.jobs[*].main",
            "$.jobs[*].pay",
            "$.name['a b']",
            "$.name.last",
            "nick",
        ];
        assert_eq!(unread(&[record], &read), expected);
    }

    #[test]
    fn what_one_of_several_records_is_read_by_counts_for_all() {
        let records =
            [json!({"name": {"first": null}}), json!({"jobs": [{"title": "x"}]}), json!({"jobs": []})];
        assert_eq!(unread(&records, &["$.jobs[*].title", "$.name.first"]), Vec::<String>::new());
        assert_eq!(unread(&records, &["$.jobs[*].title"]), ["name"]);
    }

    #[test]
    fn a_table_with_as_many_keys_as_there_are_people_stays_bounded() {
        let table: serde_json::Map<String, Value> = (0..50_000).map(|n| (n.to_string(), json!(n))).collect();
        let records = [json!({"people": table, "id": 1}), json!({"id": 1})];
        assert_eq!(unread(&records, &["id"]), ["people"]);
    }
}
