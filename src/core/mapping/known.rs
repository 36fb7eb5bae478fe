//! What of the engine's own is there, and what people call our functions elsewhere.

use minijinja::{Error, Value, filters, functions as builtin, tests};

use super::functions::{Fault, Registry};

/// Registers the engine's filters, tests and functions that help with text. Left out on purpose are those
/// for HTML (`escape`, `safe`), and those that would print a whole person (`debug`, `pprint`).
pub(super) fn register(registry: &mut Registry<'_>) {
    registry.filter("abs", filters::abs);
    registry.filter("bool", filters::bool);
    registry.filter("capitalize", filters::capitalize);
    registry.filter("count", filters::length);
    registry.filter("first", filters::first);
    registry.filter("join", filters::join);
    registry.filter("last", filters::last);
    registry.filter("length", filters::length);
    registry.filter("lines", filters::lines);
    registry.filter("list", filters::list);
    registry.filter("map", filters::map);
    registry.filter("max", filters::max);
    registry.filter("min", filters::min);
    registry.filter("reject", filters::reject);
    registry.filter("replace", filters::replace);
    registry.filter("reverse", filters::reverse);
    registry.filter("round", filters::round);
    registry.filter("select", filters::select);
    registry.filter("sort", filters::sort);
    registry.filter("string", filters::string);
    registry.filter("title", filters::title);
    registry.filter("unique", filters::unique);
    registry.function("namespace", builtin::namespace);
    registry.function("range", builtin::range);
    registry.test("boolean", tests::is_boolean);
    registry.test("defined", tests::is_defined);
    registry.test("divisibleby", is_divisible_by);
    registry.test("endingwith", tests::is_endingwith);
    registry.test("eq", tests::is_eq);
    registry.test("equalto", tests::is_eq);
    registry.test("even", tests::is_even);
    registry.test("false", tests::is_false);
    registry.test("ge", tests::is_ge);
    registry.test("gt", tests::is_gt);
    registry.test("in", tests::is_in);
    registry.test("le", tests::is_le);
    registry.test("lower", tests::is_lower);
    registry.test("lt", tests::is_lt);
    registry.test("ne", tests::is_ne);
    registry.test("none", tests::is_none);
    registry.test("number", tests::is_number);
    registry.test("odd", tests::is_odd);
    registry.test("startingwith", tests::is_startingwith);
    registry.test("string", tests::is_string);
    registry.test("true", tests::is_true);
    registry.test("undefined", tests::is_undefined);
    registry.test("upper", tests::is_upper);
}

/// The engine's own test panics on a divisor of 0, and on -1 with the smallest number.
fn is_divisible_by(value: &Value, divisor: &Value) -> Result<bool, Error> {
    let whole = i128::try_from(divisor.clone()).ok();
    if whole == Some(0) {
        return Err(Fault::Range("divisibleby: nothing can be divided by 0".to_owned()).into());
    }
    let divisor = if whole == Some(-1) { Value::from(1) } else { divisor.clone() };
    Ok(tests::is_divisibleby(value, &divisor))
}

/// What a spreadsheet or another language calls something that has another name here.
pub(super) fn elsewhere(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "if" | "iif" => "if_else",
        "concatenate" => "concat",
        "textjoin" => "text_join",
        "textsplit" | "textbefore" | "textafter" => "split",
        "regexreplace" | "regex_sub" => "regex_replace",
        "regexmatch" | "regextest" => "regex_match",
        "regexextract" => "regex_extract",
        "vlookup" | "xlookup" | "hlookup" | "index" => "lookup",
        "text" | "format_date" | "strftime" => "date_format",
        "datevalue" => "date_parse",
        "value" | "number" => "int",
        "isblank" | "ifblank" | "iferror" | "ifna" | "ifnull" | "nvl" => "coalesce",
        "tolower" | "lowercase" => "lower",
        "toupper" | "uppercase" => "upper",
        "capitalise" => "proper",
        "substr" | "substring" => "mid",
        "lpad" => "pad_left",
        "slugify" | "unaccent" => "slug",
        "startswith" => "starts_with",
        "endswith" => "ends_with",
        _ => return None,
    })
}
