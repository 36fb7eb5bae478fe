//! From file and environment to settings.

use std::collections::{BTreeSet, HashMap};
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::LazyLock;

use config::{Config, Environment, File, FileFormat};
use jsonschema::Validator;
use jsonschema::error::ValidationErrorKind;
use serde_json::{Map, Value};

use super::error::{ConfigError, ConfigErrors, is_secret};
use super::http::HttpSettings;
use super::regular_file;
use super::repair::further_faults;
use super::rest::presets;
use super::rules::{Rules, compile, compile_deciding};
use super::settings::Settings;
use super::tables;
use super::variables::{insist_on_one_word_for_each_key, overlay};
use crate::core::planner::Rulebook;

/// What environment variables that override a key begin with: `WORKIVA_SYNC__WORKIVA__BASE_URL`.
pub(super) const PREFIX: &str = "WORKIVA_SYNC";
/// The largest file that is read as a secret.
const LARGEST_SECRET_BYTES: u64 = 64 * 1024;

// Both take longer to make than a file takes to read.
static SCHEMA: LazyLock<Value> = LazyLock::new(|| schemars::schema_for!(Settings).to_value());
static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
    jsonschema::validator_for(&SCHEMA).expect("the schema is generated and a test compiles it")
});

/// A configuration that can be used.
#[derive(Debug)]
pub struct Loaded {
    /// The settings, secrets resolved.
    pub settings: Settings,
    /// What was compiled from them.
    pub rules: Rules,
}

/// What of a configuration decides about people, and no more.
pub struct Deciding {
    /// The settings. Secrets that stand in files are not in them.
    pub settings: Settings,
    /// What was compiled of them.
    pub rulebook: Rulebook,
}

/// Loads `file` and the variables of `environment`.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn load(file: &Path, environment: HashMap<String, String>) -> Result<Loaded, ConfigErrors> {
    parse(&file.display().to_string(), &text_of(file)?, environment)
}

/// Loads what decides about people. Neither secrets nor the address of Workiva have to be there: where rules are tested, they are not.
///
/// # Errors
/// Everything that is wrong with the form of the file and with what decides, at once.
pub fn load_deciding(file: &Path, environment: HashMap<String, String>) -> Result<Deciding, ConfigErrors> {
    let name = file.display().to_string();
    let text = text_of(file)?;
    let settings = read(&text, environment).map_err(|error| vec![error]).and_then(|mut tree| {
        if let Some(workiva) = tree.get_mut("workiva").and_then(Value::as_object_mut) {
            workiva.entry("base_url").or_insert_with(|| "https://workiva.invalid/scim/v2".into());
        }
        settings_of(tree, Scope::Deciding)
    });
    let compiled = settings.and_then(|settings| Ok((compile_deciding(&settings)?, settings)));
    let (rulebook, settings) = compiled.map_err(|errors| all_of(&name, errors))?;
    Ok(Deciding { settings, rulebook })
}

fn text_of(file: &Path) -> Result<String, ConfigErrors> {
    std::fs::read_to_string(file).map_err(|error| {
        let message = format!(
            "cannot be read ({error}); name it with --config or WORKIVA_SYNC_CONFIG, or have `workiva-sync init` write one"
        );
        all_of(&file.display().to_string(), vec![ConfigError::new("(file)", message)])
    })
}

fn all_of(name: &str, mut errors: Vec<ConfigError>) -> ConfigErrors {
    // The tree keeps no order of its own, and equal faults are to be told equally.
    errors.sort_by(|one, other| (&one.key, &one.message).cmp(&(&other.key, &other.message)));
    ConfigErrors { file: name.to_owned(), errors }
}

/// The same for a text; `name` is what errors call it.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn parse(name: &str, text: &str, environment: HashMap<String, String>) -> Result<Loaded, ConfigErrors> {
    let settings = read(text, environment)
        .map_err(|error| vec![error])
        .and_then(|tree| settings_of(tree, Scope::Whole))
        .map_err(|errors| all_of(name, errors))?;
    let rules = compile(&settings).map_err(|errors| all_of(name, errors))?;
    Ok(Loaded { settings, rules })
}

/// How much of a configuration is needed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Whole,
    /// What decides about people: no secret is read.
    Deciding,
}

impl Scope {
    fn faults_of(self, settings: &Settings) -> Vec<ConfigError> {
        let faults = match self {
            Self::Whole => compile(settings).err(),
            Self::Deciding => compile_deciding(settings).err(),
        };
        faults.unwrap_or_default()
    }
}

/// From a tree to settings.
fn settings_of(mut tree: Value, scope: Scope) -> Result<Settings, Vec<ConfigError>> {
    let mut errors = presets::expand(&mut tree);
    errors.extend(check_against_schema(&tree));
    if tree.get("source").is_none() && tree.get("sources").is_none() {
        let message =
            "is required: say where employees come from, in [source], or in [[sources]] if from several";
        errors.push(ConfigError::new("source", message));
    }
    errors.extend(tables::read_files(&mut tree));
    if scope == Scope::Whole {
        errors.extend(resolve_secret_files(&mut tree));
    }
    if !errors.is_empty() {
        errors.extend(further_faults(&tree, &errors, |settings| scope.faults_of(settings)));
        return Err(errors);
    }
    serde_json::from_value(tree).map_err(|error| {
        vec![ConfigError::new("(file)", format!("does not have the form of `config schema`: {error}"))]
    })
}

/// The JSON schema of the configuration.
pub fn schema() -> &'static Value {
    &SCHEMA
}

/// The address of `http.listen` and nothing else, from whatever can be read: the default where it cannot.
pub fn listen_address(file: &Path, environment: HashMap<String, String>) -> SocketAddr {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let tree = read(&text, environment).unwrap_or_default();
    let configured = tree.pointer("/http/listen").and_then(Value::as_str).and_then(|text| text.parse().ok());
    configured.unwrap_or_else(|| HttpSettings::default().listen.parse().expect("the default is an address"))
}

fn read(text: &str, environment: HashMap<String, String>) -> Result<Value, ConfigError> {
    let of_file = |error: config::ConfigError| {
        // A parser's error quotes the line that it stumbles on, which may hold a secret.
        let message = error.to_string();
        let first = message.lines().next().unwrap_or("is no TOML").to_owned();
        ConfigError::new("(file)", format!("is not well-formed TOML: {first}"))
    };
    let file =
        Config::builder().add_source(File::from_str(text, FileFormat::Toml)).build().map_err(of_file)?;
    let mut tree: Value = file.try_deserialize().map_err(of_file)?;
    insist_on_one_word_for_each_key(&environment)?;
    let environment =
        Environment::with_prefix(PREFIX).prefix_separator("__").separator("__").source(Some(environment));
    let overrides: Value = Config::builder()
        .add_source(environment)
        .build()
        .and_then(Config::try_deserialize)
        .map_err(|error| {
            ConfigError::new("(environment)", format!("variables with {PREFIX}__ cannot be read: {error}"))
        })?;
    overlay(&mut tree, overrides, &SCHEMA, &SCHEMA);
    Ok(tree)
}

pub(super) fn resolve<'a>(node: &'a Value, root: &'a Value) -> &'a Value {
    let target =
        node.get("$ref").and_then(Value::as_str).and_then(|path| root.pointer(path.trim_start_matches('#')));
    target.map_or(node, |target| resolve(target, root))
}

pub(super) fn type_of(node: &Value) -> &str {
    match node.get("type") {
        Some(Value::String(name)) => name,
        Some(Value::Array(names)) => {
            names.iter().filter_map(Value::as_str).find(|name| *name != "null").unwrap_or("")
        }
        _ => "",
    }
}

fn check_against_schema(tree: &Value) -> Vec<ConfigError> {
    VALIDATOR.iter_errors(tree).flat_map(|error| describe(&error, &SCHEMA)).collect()
}

fn describe(error: &jsonschema::ValidationError<'_>, schema: &Value) -> Vec<ConfigError> {
    let key = error.instance_path().as_str().trim_start_matches('/').replace('/', ".").replace("~1", "/");
    // A key can be the empty text, in TOML and by a variable that is only the prefix.
    let written = |name: &str| if name.is_empty() { "\"\"".to_owned() } else { name.to_owned() };
    let below = |name: &str| if key.is_empty() { written(name) } else { format!("{key}.{}", written(name)) };
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let known = keys_at(&key, schema);
            let mend = |name: &str| match nearest(name, &known) {
                Some(near) => format!("is not a known key; did you mean '{near}'?"),
                None => format!("is not a known key; known here: {}", known.join(", ")),
            };
            unexpected.iter().map(|name| ConfigError::new(below(name), mend(name))).collect()
        }
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            vec![ConfigError::new(
                below(name),
                "is required; config/workiva-sync.example.toml shows what it is for",
            )]
        }
        ValidationErrorKind::OneOfNotValid { .. } | ValidationErrorKind::Enum { .. } => {
            let allowed = allowed_at(&key, schema).join(", ");
            vec![fault(key, error, format!("is not one of {allowed}"))]
        }
        _ if is_secret(&key) => vec![ConfigError::with_value(key, "", "has to be a text")],
        // The validator's own words name the type or the limit.
        _ => vec![fault(key, error, error.masked().to_string())],
    }
}

/// With the value, but for a whole table or list: it may hold a secret, and its order is by chance.
fn fault(key: String, error: &jsonschema::ValidationError<'_>, said: String) -> ConfigError {
    match error.instance().as_ref() {
        Value::Object(_) | Value::Array(_) => ConfigError::new(key, said),
        value => ConfigError::with_value(key, value, said),
    }
}

fn node_at<'a>(key: &str, schema: &'a Value) -> &'a Value {
    key.split('.').filter(|part| !part.is_empty()).fold(resolve(schema, schema), |node, part| {
        let next = node.get("properties").and_then(|all| all.get(part)).or_else(|| node.get("items"));
        next.or_else(|| node.get("additionalProperties")).map_or(node, |next| resolve(next, schema))
    })
}

fn keys_at(key: &str, schema: &Value) -> Vec<String> {
    let properties = node_at(key, schema).get("properties").and_then(Value::as_object);
    properties.map(|all| all.keys().cloned().collect()).unwrap_or_default()
}

fn allowed_at(key: &str, schema: &Value) -> Vec<String> {
    let node = node_at(key, schema);
    let consts =
        node.get("oneOf").and_then(Value::as_array).into_iter().flatten().filter_map(|one| one.get("const"));
    let list = node.get("enum").and_then(Value::as_array).into_iter().flatten();
    consts.chain(list).map(Value::to_string).collect()
}

fn nearest(name: &str, known: &[String]) -> Option<String> {
    let distance = |other: &String| strsim::damerau_levenshtein(name, other);
    known
        .iter()
        .filter(|other| distance(other) <= 2.max(name.len() / 4))
        .min_by_key(|other| distance(other))
        .cloned()
}

/// Puts the content of every `*_file` in the place of the secret that it names.
fn resolve_secret_files(tree: &mut Value) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    resolve_below(tree, "", &mut errors);
    errors
}

fn resolve_below(node: &mut Value, key: &str, errors: &mut Vec<ConfigError>) {
    match node {
        Value::Object(map) => {
            resolve_in(map, key, errors);
            // Their keys are people's own names.
            let own = |name: &str| matches!(name, "attributes" | "attribute_policies" | "tables" | "columns");
            for (name, below) in map.iter_mut().filter(|(name, _)| !own(name)) {
                let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                resolve_below(below, &key, errors);
            }
        }
        Value::Array(list) => {
            for (at, below) in list.iter_mut().enumerate() {
                resolve_below(below, &format!("{key}.{at}"), errors);
            }
        }
        _ => {}
    }
}

fn resolve_in(map: &mut Map<String, Value>, section: &str, errors: &mut Vec<ConfigError>) {
    let is_named = |name: &&str| is_secret(&format!("{section}.{name}"));
    let named = |key: &String| key.strip_suffix("_file").filter(is_named).map(str::to_owned);
    let names: Vec<String> = map.keys().filter_map(named).collect();
    for name in names {
        let file_key = format!("{name}_file");
        let Some(path) = map.get(&file_key).and_then(Value::as_str).map(str::to_owned) else { continue };
        if map.contains_key(&name) {
            let message = format!("stands beside {section}.{name}; keep one of the two");
            errors.push(ConfigError::with_value(format!("{section}.{file_key}"), path, message));
            continue;
        }
        match read_secret(Path::new(&path)) {
            Ok(text) => {
                map.insert(name, Value::from(text.trim_end_matches(['\r', '\n'])));
            }
            Err(error) => {
                let message = format!("cannot be read ({error}); create the file or correct the path");
                errors.push(ConfigError::with_value(format!("{section}.{file_key}"), path, message));
            }
        }
    }
}

/// The files of all secrets, wherever they are named.
pub fn secret_files(settings: &Settings) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    let mut below = vec![(String::new(), serde_json::to_value(settings).unwrap_or_default())];
    while let Some((section, node)) = below.pop() {
        match node {
            Value::Object(map) => {
                for (key, value) in map {
                    let key = if section.is_empty() { key } else { format!("{section}.{key}") };
                    match (key.strip_suffix("_file").filter(|name| is_secret(name)), value) {
                        (Some(_), Value::String(file)) => drop(files.insert(file)),
                        (_, value) => below.push((key, value)),
                    }
                }
            }
            Value::Array(list) => below.extend(list.into_iter().map(|one| (section.clone(), one))),
            _ => {}
        }
    }
    files
}

/// Reads what no secret outgrows: a path may be mistaken for one of a device that never ends.
fn read_secret(path: &Path) -> std::io::Result<String> {
    let too_large = || std::io::Error::other("it is larger than 64 KiB, so it is no secret");
    read_within(path, LARGEST_SECRET_BYTES)?.ok_or_else(too_large)
}

/// A file's text; `None`: it is larger than so many bytes, and was read no further.
pub(super) fn read_within(path: &Path, bytes: u64) -> std::io::Result<Option<String>> {
    let mut text = String::new();
    regular_file::open(path)?.take(bytes + 1).read_to_string(&mut text)?;
    Ok((text.len() as u64 <= bytes).then_some(text))
}
