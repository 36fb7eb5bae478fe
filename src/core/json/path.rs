//! Paths into JSON (JSONPath, RFC 9535): any of them within a record, and those that a stream can be followed by to the records.

use serde_json::Value;
use serde_json_path::{JsonPath, NormalizedPath, PathElement};

/// One step of a path that a stream can be followed by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// The member with this name.
    Key(String),
    /// Every element of an array, or every member's value of an object.
    Each,
}

/// A path of names and `[*]` alone: whoever reads along knows at every byte whether it leads on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamPath {
    text: String,
    steps: Vec<Step>,
}

impl StreamPath {
    /// Reads a path such as `$.d.results[*]`.
    ///
    /// # Errors
    /// Why a stream cannot be followed by it, in words that go on from the key's name.
    pub fn parse(text: &str) -> Result<Self, String> {
        parse(text)?;
        let steps = steps(text).ok_or(
            "cannot be followed while the answer streams in: only names and [*] can, such as \"$.d.results[*]\"; filters, \
             indexes, slices and '..' are for source.columns",
        )?;
        Ok(Self { text: text.to_owned(), steps })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it leads to one place at most.
    pub fn is_single(&self) -> bool {
        !self.steps.contains(&Step::Each)
    }

    /// Whether `other` begins with this path: it leads into what this one takes out whole.
    pub fn holds(&self, other: &Self) -> bool {
        other.steps.starts_with(&self.steps)
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }
}

/// How deep brackets may be nested.
const DEEPEST_BRACKETS: usize = 16;

/// How deep brackets are nested.
fn deepest(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for character in text.chars() {
        match character {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

fn parse(text: &str) -> Result<JsonPath, String> {
    // The parser panics where it waits for the digits of an escape (found by the fuzz target).
    let is_whole =
        |after: &str| after.len() >= 4 && after.bytes().take(4).all(|byte| byte.is_ascii_hexdigit());
    if !text.split("\\u").skip(1).all(is_whole) {
        return Err("is no JSONPath: four hexadecimal digits have to stand behind \\u".to_owned());
    }
    // It goes down for each bracket, some hundred calls deep, until the stack ends (found by the fuzz target).
    if deepest(text) > DEEPEST_BRACKETS {
        return Err(format!("has brackets nested deeper than {DEEPEST_BRACKETS}; write it simpler"));
    }
    JsonPath::parse(text).map_err(|error| format!("is no JSONPath: {error}"))
}

fn steps(text: &str) -> Option<Vec<Step>> {
    let (steps, rest) = beginning(text)?;
    rest.is_empty().then_some(steps)
}

/// The names and `[*]` that a path begins with, and what stands behind them.
fn beginning(text: &str) -> Option<(Vec<Step>, &str)> {
    let mut rest = text.strip_prefix('$')?;
    let mut steps = Vec::new();
    while let Some((step, behind)) = first_step(rest) {
        steps.push(step);
        rest = behind;
    }
    Some((steps, rest))
}

fn first_step(text: &str) -> Option<(Step, &str)> {
    if let Some(behind) = text.strip_prefix("[*]").or_else(|| text.strip_prefix(".*")) {
        return Some((Step::Each, behind));
    }
    if let Some(name) = text.strip_prefix('.') {
        let (name, behind) = name.split_at(name.find(['.', '[']).unwrap_or(name.len()));
        return Some((Step::Key(plain(name)?), behind));
    }
    let bracketed = text.strip_prefix('[')?;
    let quote = bracketed.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    let (name, behind) = bracketed[1..].split_once(quote)?;
    Some((Step::Key(plain(name)?), behind.strip_prefix(']')?))
}

/// A name as it stands in the document: without an escape, and without the spaces that RFC 9535 lets stand between parts.
fn plain(name: &str) -> Option<String> {
    (!name.is_empty() && name == name.trim() && !name.contains('\\')).then(|| name.to_owned())
}

/// Where a field of ours stands in a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldPath {
    /// Under this key of the record itself.
    Key(String),
    /// Where this path leads.
    Path(JsonPath),
    /// Where the first of these leads at which there is something.
    First(Vec<JsonPath>),
}

/// What stands between paths of which the first with something counts.
const OR_ELSE: &str = " ?? ";

impl FieldPath {
    /// Reads a path; what does not begin with `$` is a key.
    ///
    /// # Errors
    /// Why it is no path, in words that go on from the key's name.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("is empty; write the key in a record, or a JSONPath that begins with $".to_owned());
        }
        if !text.starts_with('$') {
            return Ok(Self::Key(text.to_owned()));
        }
        match parse(text) {
            // A filter may compare with a text that looks like two paths.
            Err(_) if text.contains(OR_ELSE) => {
                text.split(OR_ELSE).map(|path| parse(path.trim())).collect::<Result<_, _>>().map(Self::First)
            }
            parsed => parsed.map(Self::Path),
        }
    }

    /// All that stands there.
    pub fn find<'r>(&self, record: &'r Value) -> Vec<&'r Value> {
        match self {
            Self::Key(key) => record.get(key).into_iter().collect(),
            Self::Path(path) => path.query(record).all(),
            Self::First(paths) => {
                let mut found = paths.iter().map(|path| path.query(record).all());
                found.find(|found| found.iter().any(|value| is_something(value))).unwrap_or_default()
            }
        }
    }

    /// Whether a record says what stands there, be it that there is nothing: something does, or a name on the way to it is null or
    /// empty. It does not where such a name is missing. Behind the first filter, wildcard or index nobody can tell what is left out
    /// from what is not there: a record in which nothing is found does not say either.
    pub fn is_said_in(&self, record: &Value) -> bool {
        match self {
            Self::Key(key) => record.get(key).is_some(),
            Self::Path(path) => is_said(path, record),
            // An alternative that is left out may be the one that has something.
            Self::First(paths) => {
                !self.find(record).is_empty() || paths.iter().all(|path| is_said(path, record))
            }
        }
    }

    /// Whether it is a key, or a path of names alone: then whoever writes a record can say there that there is nothing.
    pub fn is_of_names(&self) -> bool {
        let is_name = |step: &Step| matches!(step, Step::Key(_));
        match self {
            Self::Key(_) => true,
            Self::Path(path) => steps(&path.to_string()).is_some_and(|steps| steps.iter().all(is_name)),
            Self::First(_) => false,
        }
    }

    /// Whether both lead to the same place, however they are written: `id`, `$.id` and `$['id']` do.
    pub fn is_same(&self, other: &Self) -> bool {
        let steps = |path: &Self| match path {
            Self::Key(key) => Some(vec![Step::Key(key.clone())]),
            Self::Path(path) => steps(&path.to_string()),
            Self::First(_) => None,
        };
        self == other || steps(self).is_some_and(|own| steps(other) == Some(own))
    }

    /// Whether it may lead along this key.
    pub fn may_lead_along(&self, key: &str) -> bool {
        match self {
            Self::Key(own) => own == key,
            Self::Path(path) => path.to_string().contains(key),
            Self::First(paths) => paths.iter().any(|path| path.to_string().contains(key)),
        }
    }

    /// Where that is in the record.
    pub(super) fn places(&self, record: &Value) -> Vec<Vec<Step>> {
        match self {
            Self::Key(key) => record.get(key).map(|_| vec![Step::Key(key.clone())]).into_iter().collect(),
            Self::Path(path) => places(path, record),
            Self::First(paths) => paths.iter().flat_map(|path| places(path, record)).collect(),
        }
    }
}

fn places(path: &JsonPath, record: &Value) -> Vec<Vec<Step>> {
    path.query_located(record).locations().map(steps_of).collect()
}

/// Whether a record says what one path leads to.
fn is_said(path: &JsonPath, record: &Value) -> bool {
    if !path.query(record).is_empty() {
        return true;
    }
    let text = path.to_string();
    let mut at = record;
    for step in beginning(&text).map(|(steps, _)| steps).unwrap_or_default() {
        let Step::Key(name) = step else { return false };
        match at.get(&name) {
            None => return false,
            Some(value) if !is_something(value) => return true,
            Some(value) => at = value,
        }
    }
    false
}

fn is_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(list) => !list.is_empty(),
        _ => true,
    }
}

fn steps_of(place: &NormalizedPath<'_>) -> Vec<Step> {
    let step =
        |element: &PathElement<'_>| element.as_name().map_or(Step::Each, |name| Step::Key(name.to_owned()));
    place.iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn brackets_that_are_nested_without_end_are_refused_and_end_no_process() {
        let nested = format!("$[ ?@.Q[ ?@.d[ ?{}", "(".repeat(2_000));
        assert!(FieldPath::parse(&nested).unwrap_err().contains("nested deeper"));
        assert!(FieldPath::parse("$.a[?(@.b == 'x' && (@.c[0] > 1))].d").is_ok());
    }

    #[test]
    fn names_and_wildcards_can_be_followed_and_nothing_else() {
        let key = |name: &str| Step::Key(name.to_owned());
        for (text, wanted) in [
            ("$", vec![]),
            ("$[*]", vec![Step::Each]),
            ("$.Report_Entry[*]", vec![key("Report_Entry"), Step::Each]),
            ("$.d.results.*", vec![key("d"), key("results"), Step::Each]),
            ("$['odd.name'][\"b\"][*]", vec![key("odd.name"), key("b"), Step::Each]),
        ] {
            assert_eq!(StreamPath::parse(text).unwrap().steps, wanted, "{text}");
        }
        for text in ["$..employees[*]", "$.a[0]", "$.a[1:2]", "$.a[?@.b]", "$.a['b','c']", "$['a\\'b']"] {
            assert!(StreamPath::parse(text).unwrap_err().contains("while the answer streams in"), "{text}");
        }
        for text in ["", "employees", "$.", "$.a[", "$.a b", "$['\\u", "$['\\ud83d", "$['\\ud83d\\u12"] {
            assert!(StreamPath::parse(text).unwrap_err().contains("is no JSONPath"), "{text}");
        }
    }

    #[test]
    fn a_field_is_a_key_of_the_record_or_where_a_path_leads() {
        let record = json!({"a.b": 1, "jobs": [{"main": false, "title": "x"}, {"main": true, "title": "y"}]});
        let found = |text: &str| FieldPath::parse(text).unwrap().find(&record).len();
        assert_eq!((found("a.b"), found("b"), found("$.jobs[*].title")), (1, 0, 2));
        let main = FieldPath::parse("$.jobs[?@.main == true].title").unwrap();
        assert_eq!(main.find(&record), [&json!("y")]);
        assert!(FieldPath::parse("").is_err() && FieldPath::parse("$.a[").is_err());
    }

    #[test]
    fn of_several_paths_the_first_that_leads_to_something_counts() {
        let path = FieldPath::parse("$.rehired ?? $.dates[*].hired ??  $.hired").unwrap();
        for (record, wanted) in [
            (json!({"rehired": "a", "hired": "b"}), vec![json!("a")]),
            (json!({"rehired": null, "dates": [], "hired": "b"}), vec![json!("b")]),
            (
                json!({"rehired": " ", "dates": [{"hired": "c"}, {"hired": ""}], "hired": "b"}),
                vec![json!("c"), json!("")],
            ),
            (json!({"rehired": ""}), vec![]),
        ] {
            assert_eq!(path.find(&record), wanted.iter().collect::<Vec<_>>(), "{record}");
        }
        assert_eq!(path.places(&json!({"rehired": 1, "hired": 2})).len(), 2);
        let text = FieldPath::parse("$.jobs[?@.name == 'what ?? $.who'].title").unwrap();
        assert!(matches!(text, FieldPath::Path(_)));
        assert!(FieldPath::parse("$.a ?? b").is_err() && FieldPath::parse("$.a ?? ").is_err());
    }

    #[test]
    fn a_record_says_what_stands_there_also_where_that_is_nothing_and_not_where_a_name_is_missing() {
        let said = |path: &str, record: Value| FieldPath::parse(path).unwrap().is_said_in(&record);
        for (path, record, is_said) in [
            ("status", json!({"status": null}), true),
            ("status", json!({"state": "x"}), false),
            ("$.job.status", json!({"job": {"status": "Active"}}), true),
            ("$.job.status", json!({"job": {"status": ""}}), true),
            ("$.job['status']", json!({"job": {"status": null}}), true),
            ("$.job.status", json!({"job": null}), true),
            ("$.job.status", json!({"job": []}), true),
            ("$.job.status", json!({"job": {}}), false),
            ("$.job.status", json!({"job": {"title": "x"}}), false),
            ("$.job.status", json!({"job": "Active"}), false),
            ("$.job.status", json!({"job": [{"status": "Active"}]}), false),
            ("$.job.status", json!({}), false),
            ("$.jobs[?@.main].title", json!({"jobs": [{"main": true, "title": "x"}]}), true),
            ("$.jobs[?@.main].title", json!({"jobs": []}), true),
            ("$.jobs[?@.main].title", json!({"jobs": null}), true),
            ("$.jobs[?@.main].title", json!({"jobs": [{"title": "x"}]}), false),
            ("$.jobs[?@.main].title", json!({}), false),
            ("$.jobs[*].title", json!({"jobs": [{}]}), false),
            ("$.jobs[0].title", json!({"jobs": []}), true),
            ("$..title", json!({"jobs": []}), false),
            ("$.rehired ?? $.hired", json!({"rehired": null, "hired": "x"}), true),
            ("$.rehired ?? $.hired", json!({"hired": "x"}), true),
            ("$.rehired ?? $.hired", json!({"rehired": null, "hired": ""}), true),
            ("$.rehired ?? $.hired", json!({"rehired": null}), false),
        ] {
            assert_eq!(said(path, record.clone()), is_said, "{path} in {record}");
        }
        let of_names = |path: &str| FieldPath::parse(path).unwrap().is_of_names();
        assert!(["status", "$.job.status", "$['job']"].into_iter().all(of_names));
        assert!(
            !["$.jobs[0].title", "$.jobs[*].title", "$..title", "$.jobs[?@.main]", "$.a ?? $.b"]
                .into_iter()
                .any(of_names)
        );
    }

    #[test]
    fn two_ways_to_write_a_place_are_one() {
        let same = |one: &str, other: &str| {
            FieldPath::parse(one).unwrap().is_same(&FieldPath::parse(other).unwrap())
        };
        for (one, other) in
            [("id", "id"), ("id", "$.id"), ("$['id']", "$.id"), ("$.a.b", "$['a']['b']"), ("a b", "$['a b']")]
        {
            assert!(same(one, other) && same(other, one), "{one} {other}");
        }
        for (one, other) in [("id", "$.a.id"), ("id", "$[0].id"), ("$.a[0]", "$.a[1]"), ("id", "ID")] {
            assert!(!same(one, other) && !same(other, one), "{one} {other}");
        }
        assert!(same("$.a[?@.b == 1].c", "$.a[?@.b==1].c"));
    }
}
