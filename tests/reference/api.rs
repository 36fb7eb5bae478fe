use serde_json::{Map, Value};

use super::common::{Daemon, World, people};
use super::{cell, check, title};

#[test]
fn the_page_on_the_api_says_what_the_daemons_document_says() {
    let world = World::new();
    world.hr(&people(1));
    let daemon = Daemon::start(&world);
    let document = daemon.get("/v1/openapi.json").expect(200);
    let mut page = title("API", "`/v1/openapi.json`");
    page.push_str(&format!(
        "{} [The dashboard, and `/v1`](../dashboard.md) says how to reach it and who may. What HR systems send, under `/v1/hr/`, is in \
         [An HR system that pushes](../sources/push.md).\n\n",
        document["info"]["description"].as_str().unwrap()
    ));
    let paths = document["paths"].as_object().unwrap();
    page.push_str("| Request | Does |\n|---|---|\n");
    for (path, method, told) in operations(paths) {
        page.push_str(&format!(
            "| [`{method} {path}`](#{}) | {} |\n",
            anchor(&method, path),
            cell(&says(told))
        ));
    }
    for (path, method, told) in operations(paths) {
        operation(&mut page, path, &method, told);
    }
    page.push_str("\n## Objects\n\nKeys that are marked with ? may be null, or left out of a request.\n");
    for (name, shape) in document["components"]["schemas"].as_object().unwrap() {
        object(&mut page, name, shape);
    }
    assert!(paths.len() > 10, "paths were found");
    check("api.md", &page);
}

fn operations(paths: &Map<String, Value>) -> impl Iterator<Item = (&str, String, &Value)> {
    paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap();
        methods.iter().map(move |(method, told)| (path.as_str(), method.to_uppercase(), told))
    })
}

fn says(told: &Value) -> String {
    let of = |key: &str| told[key].as_str().map(str::trim);
    of("description").or(of("summary")).unwrap_or_default().to_owned()
}

fn anchor(method: &str, path: &str) -> String {
    let kept = format!("{method} {path}").to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

fn operation(page: &mut String, path: &str, method: &str, told: &Value) {
    // In backticks, since mdBook takes `{…}` at the end of a heading for something else.
    page.push_str(&format!("\n## `{method} {path}`\n\n{}\n", says(told)));
    let parameters = told["parameters"].as_array().into_iter().flatten();
    let rows: String = parameters
        .map(|one| {
            let name = one["name"].as_str().unwrap();
            let place = one["in"].as_str().unwrap();
            let needed = if one["required"] == true { ", required" } else { "" };
            let of = kind(&one["schema"]);
            format!(
                "| `{name}` | {place}, {of}{needed} | {} |\n",
                cell(one["description"].as_str().unwrap_or_default())
            )
        })
        .collect();
    if !rows.is_empty() {
        page.push_str(&format!("\n| Parameter | Where, type | Meaning |\n|---|---|---|\n{rows}"));
    }
    if let Some(content) = told["requestBody"]["content"].as_object() {
        page.push_str(&format!("\nBody: {}.\n", kind(&content["application/json"]["schema"])));
    }
    page.push_str("\nAnswers: ");
    let answers = told["responses"].as_object().unwrap().iter().map(|(status, answer)| {
        format!("{status} {}", kind(&answer["content"]["application/json"]["schema"]))
    });
    page.push_str(&answers.collect::<Vec<_>>().join(", "));
    page.push_str(".\n");
}

fn object(page: &mut String, name: &str, shape: &Value) {
    page.push_str(&format!("\n### {name}\n"));
    let description = shape["description"].as_str().unwrap_or_default();
    if !description.is_empty() {
        page.push_str(&format!("\n{}\n", description.trim()));
    }
    let parts: Vec<&Value> =
        shape["allOf"].as_array().map_or_else(|| vec![shape], |parts| parts.iter().collect());
    let mut rows = String::new();
    for part in parts {
        if part["$ref"].is_string() {
            page.push_str(&format!("\nThe keys of {}, and:\n", kind(part)));
        }
        for (key, value) in part["properties"].as_object().into_iter().flatten() {
            let (of, may_be_null) = (kind(value), is_nullable(value));
            let mark = if may_be_null { "?" } else { "" };
            let meaning = value["description"].as_str().unwrap_or_default();
            rows.push_str(&format!("| `{key}`{mark} | {of} | {} |\n", cell(meaning)));
        }
    }
    if !rows.is_empty() {
        page.push_str(&format!("\n| Key | Type | Meaning |\n|---|---|---|\n{rows}"));
    } else {
        page.push_str(&format!("\n{}\n", kind(shape)));
    }
}

fn is_nullable(node: &Value) -> bool {
    let of_types = node["type"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "null"));
    let of_ways =
        |key: &str| node[key].as_array().is_some_and(|ways| ways.iter().any(|way| way["type"] == "null"));
    of_types || of_ways("oneOf") || of_ways("anyOf")
}

/// What a value is, in words and links.
fn kind(node: &Value) -> String {
    if let Some(name) = node["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap();
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(values) = node["enum"].as_array() {
        let values: Vec<String> =
            values.iter().map(|value| format!("`{}`", value.as_str().unwrap_or_default())).collect();
        return format!("one of {}", values.join(", "));
    }
    for key in ["oneOf", "anyOf", "allOf"] {
        if let Some(ways) = node[key].as_array() {
            let ways: Vec<String> = ways.iter().filter(|way| way["type"] != "null").map(kind).collect();
            return ways.join(" or ");
        }
    }
    let name = match &node["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        kind => kind.as_str(),
    };
    match name {
        Some("array") => format!("list of {}", kind(&node["items"])),
        Some("string") if node["format"] == "date-time" => "time (RFC 3339)".into(),
        Some("string") if node["format"] == "date" => "day".into(),
        Some("string") => "text".into(),
        Some("integer") => "whole number".into(),
        Some("number") => "number".into(),
        Some("boolean") => "`true` or `false`".into(),
        Some("object") if node["additionalProperties"].is_object() => {
            format!("object: name to {}", kind(&node["additionalProperties"]))
        }
        Some("object") => "object".into(),
        _ => "any value".into(),
    }
}
