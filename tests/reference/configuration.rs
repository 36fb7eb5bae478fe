use serde_json::Value;

use super::common::{command, run};
use super::{cell, check, title};

#[test]
fn the_page_on_the_configuration_says_what_the_schema_says_of_each_key() {
    let schema: Value = serde_json::from_str(&run(&mut command(&["config", "schema"])).stdout).unwrap();
    let mut book =
        Book { schema: &schema, page: title("Configuration keys", "`workiva-sync config schema`"), keys: 0 };
    book.page.push_str(
        "[The configuration](../configuration.md) says which chapter explains what, and how keys are given by the environment and secrets \
         by files. A section that is not required may be left out.\n",
    );
    for (name, node) in schema["properties"].as_object().unwrap() {
        book.section(name, node);
    }
    assert!(book.keys > 150, "keys were found: {}", book.keys);
    check("configuration.md", &book.page);
}

struct Book<'a> {
    schema: &'a Value,
    page: String,
    keys: usize,
}

/// What a key takes.
struct Kind {
    words: String,
    /// What its values mean, where it is one of some.
    values: String,
}

impl<'a> Book<'a> {
    /// A node without references and without null.
    fn node(&self, node: &'a Value) -> &'a Value {
        if let Some(name) = node["$ref"].as_str() {
            return &self.schema["$defs"][name.strip_prefix("#/$defs/").unwrap()];
        }
        let some = node["anyOf"].as_array().and_then(|all| all.iter().find(|one| one["type"] != "null"));
        some.map_or(node, |some| self.node(some))
    }

    fn section(&mut self, path: &str, node: &'a Value) {
        if path == "sources" {
            let description = node["description"].as_str().unwrap();
            self.page.push_str(&format!(
                "\n## `[[sources]]`\n\n{description} Each has the keys of `[source]`, and `name` is required. What is a section below \
                 `[source]` is one below the source: `[sources.columns]` and so on.\n"
            ));
            return;
        }
        let shape = self.node(node);
        let level = "#".repeat(2 + path.matches('.').count().min(2));
        let (open, close) = if node["type"] == "array" { ("[[", "]]") } else { ("[", "]") };
        let description = node["description"].as_str().unwrap_or_default();
        self.page
            .push_str(&format!("\n{level} `{open}{path}{close}`\n\n{}\n", description.replace('\n', " ")));
        let element = if node["type"] == "array" { self.node(&node["items"]) } else { shape };
        match element["properties"].as_object() {
            Some(keys) => self.keys_of(path, element, keys),
            None => self.map_of(path, element),
        }
    }

    /// A table with names of your own.
    fn map_of(&mut self, path: &str, node: &'a Value) {
        let value = self.node(&node["additionalProperties"]);
        if value["properties"].is_object() || value["additionalProperties"].is_object() {
            return self.section(&format!("{path}.NAME"), &node["additionalProperties"]);
        }
        self.keys += 1;
        let kind = self.kind(value);
        self.page.push_str(&format!(
            "\nAny number of keys; the value of each is {}.{}\n",
            kind.words, kind.values
        ));
    }

    fn keys_of(&mut self, path: &str, node: &'a Value, keys: &'a serde_json::Map<String, Value>) {
        let required: Vec<&str> =
            node["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let is_section = |node: &Value| {
            let shape = self.node(node);
            let element = if shape["type"] == "array" { self.node(&shape["items"]) } else { shape };
            element["properties"].is_object()
        };
        let (sections, plain): (Vec<_>, Vec<_>) = keys.iter().partition(|(_, node)| is_section(node));
        if !plain.is_empty() {
            self.page.push_str("\n| Key | Takes | Default | Meaning |\n|---|---|---|---|\n");
        }
        for (name, node) in plain {
            self.keys += 1;
            let kind = self.kind(node);
            let default = match (&node["default"], required.contains(&name.as_str())) {
                (_, true) => "**required**".to_owned(),
                (Value::Null, false) => "–".to_owned(),
                (value, false) => format!("`{value}`"),
            };
            let meaning =
                node["description"].as_str().unwrap_or_else(|| panic!("{path}.{name} says nothing"));
            self.page.push_str(&format!(
                "| `{name}` | {} | {} | {}{} |\n",
                cell(&kind.words),
                cell(&default),
                cell(meaning),
                cell(&kind.values)
            ));
        }
        for (name, node) in sections {
            self.section(&format!("{path}.{name}"), node);
        }
    }

    fn kind(&self, node: &'a Value) -> Kind {
        let shape = self.node(node);
        let plain = |words: String| Kind { words, values: String::new() };
        if let Some(values) = shape["oneOf"].as_array() {
            let name = |value: &Value| format!("`{}`", value["const"]);
            let says =
                |value: &Value| format!(" {}: {}", name(value), value["description"].as_str().unwrap());
            let words: Vec<String> = values.iter().map(name).collect();
            return Kind { words: words.join(", "), values: values.iter().map(says).collect() };
        }
        if shape["writeOnly"] == true {
            return plain("a secret".into());
        }
        let kind = match &shape["type"] {
            Value::Array(kinds) => {
                kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap()
            }
            kind => kind.as_str().unwrap(),
        };
        match kind {
            "string" => plain("text".into()),
            "boolean" => plain("`true` or `false`".into()),
            "integer" => plain(format!("whole number{}", bounds(shape))),
            "number" => plain(format!("number{}", bounds(shape))),
            "array" => {
                let of = self.kind(&shape["items"]);
                Kind { words: format!("list of {}", of.words), values: of.values }
            }
            "object" => {
                let of = self.kind(&shape["additionalProperties"]);
                Kind { words: format!("table: name = {}", of.words), values: of.values }
            }
            other => panic!("what is {other}?"),
        }
    }
}

fn bounds(node: &Value) -> String {
    match (&node["minimum"], &node["maximum"]) {
        (Value::Null, Value::Null) => String::new(),
        (least, Value::Null) if least.as_f64() == Some(0.0) => String::new(),
        (least, Value::Null) => format!(", at least {least}"),
        (Value::Null, most) => format!(", at most {most}"),
        (least, most) => format!(", {least} to {most}"),
    }
}
