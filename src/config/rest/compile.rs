//! From the settings of `[source.rest]` to rules; everything that is wrong is told at once.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono_tz::Tz;
use url::Url;

use super::super::error::ConfigError;
use super::account::{Account, Place};
use super::rules::*;
use super::{AccountSettings, DetailSettings, RestMethod, RestSettings};
use crate::core::json::{FieldPath, StreamPath};
use crate::core::scim::address::is_loopback;

/// Names that stand for something at run time.
pub(super) const RUN_TIME: [&str; 2] = ["id", "since"];

/// Compiles the settings of a source of this kind.
pub fn compile(
    kind: &str,
    settings: &RestSettings,
    account: Option<&AccountSettings>,
    columns: &BTreeMap<String, String>,
    errors: &mut Vec<ConfigError>,
) -> Option<RestRules> {
    let before = errors.len();
    let none = AccountSettings::default();
    let mut account = Account::new(kind, account.unwrap_or(&none), super::presets::hints(kind), errors);
    let account = &mut account;
    let base = base(settings, account);
    let fields = fields(settings, columns, account);
    let list = list(settings, base.as_ref(), account);
    if settings.method == RestMethod::Get && settings.body.is_some() {
        account.fault("body", "is sent with POST alone; set source.rest.method = \"POST\" or remove it");
    }
    let body = settings.body.as_ref().map(|body| account.fill("body", body, Place::Open, &RUN_TIME));
    let mut headers = Vec::new();
    for (name, value) in &settings.headers {
        use secrecy::ExposeSecret as _;
        let key = format!("headers.{name}");
        let value = account.fill(&key, value.as_secret().expose_secret(), Place::Secret, &[]);
        if !is_token(name) || value.chars().any(|c| c.is_control()) {
            account.fault(&key, "is no header that can be sent");
        }
        headers.push((name.clone(), super::super::secret::Secret::new(value)));
    }
    let auth = super::auth_rules::compile(&settings.auth, base.as_ref(), account);
    let delta = match (settings.deltas(), &list) {
        (Some(delta), Some(list)) => {
            Some(super::delta::compile(delta, list, (base.as_ref()?, fields.as_ref()?), account)?)
        }
        _ => None,
    };
    let tls = tls(settings, account);
    let rules = RestRules {
        kind: kind.to_owned(),
        list: list?,
        body,
        headers,
        content_type: settings.content_type.as_ref().map(|text| text.trim().to_lowercase()),
        fields: fields?,
        pace: PaceRules {
            requests_per_minute: settings.requests_per_minute,
            silence: Duration::from_secs(settings.timeout_seconds),
            answer: Duration::from_secs(settings.answer_seconds),
            max_attempts: settings.max_attempts,
            retry_base: Duration::try_from_secs_f64(settings.retry_base_seconds).unwrap_or_default(),
            retry_cap: Duration::from_secs(settings.retry_cap_seconds),
        },
        tls: tls?,
        auth: auth?,
        delta,
    };
    (errors.len() == before).then_some(rules)
}

/// The configured address, without `path`.
fn base(settings: &RestSettings, account: &mut Account<'_>) -> Option<Url> {
    let Some(url) = &settings.url else {
        account.fault("url", "is required; it is the address of the list of employees");
        return None;
    };
    let url = account.fill("url", url, Place::Address, &[]);
    address("url", &url, account)
}

/// An address that may be asked and shown.
pub(super) fn address(key: &str, text: &str, account: &mut Account<'_>) -> Option<Url> {
    let told = match Url::parse(text) {
        Err(error) => format!("is no URL ({error}); write it with https://"),
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            "holds a user name or password; put them into source.rest.auth".to_owned()
        }
        Ok(url) if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(&url)) => {
            "has to begin with https:// (plain http:// is for loopback only)".to_owned()
        }
        Ok(url) if url.query().is_some() || url.fragment().is_some() => {
            "ends with a query or fragment; move the parameters into source.rest.query".to_owned()
        }
        Ok(url) => return Some(url),
    };
    account.fault(key, told);
    None
}

/// `base` with `path` behind it, as text: `{id}` may stand in it.
pub(super) fn behind(base: &Url, path: &str) -> String {
    format!("{}/{}", base.as_str().trim_end_matches('/'), path.trim_start_matches('/'))
}

fn list(settings: &RestSettings, base: Option<&Url>, account: &mut Account<'_>) -> Option<ListRules> {
    let records = stream("records", &settings.records, account);
    let paging = super::paging_rules::compile(settings, records.as_ref(), account);
    let total = settings.total.as_ref().filter(|total| !total.is_empty());
    let total = total.and_then(|total| single("total", total, records.as_ref(), account));
    let refuse_if =
        settings.refuse_if.as_ref().and_then(|path| single("refuse_if", path, records.as_ref(), account));
    let query = query("query", &settings.query, account);
    let detail = match &settings.detail {
        Some(detail) => self::detail("detail", detail, base, account),
        None => None,
    };
    let url = match &settings.path {
        Some(path) => {
            let path = account.fill("path", path, Place::Address, &[]);
            base.and_then(|base| address("path", &behind(base, &path), account))
        }
        None => base.cloned(),
    };
    Some(ListRules {
        url: url?,
        method: settings.method,
        query,
        records: records?,
        total,
        heeds_totals: settings.total_header.as_deref() != Some(""),
        total_header: settings
            .total_header
            .as_ref()
            .map(|name| name.to_lowercase())
            .filter(|name| !name.is_empty()),
        total_required: settings.total_required,
        refuse_if,
        paging: paging?,
        detail,
    })
}

pub(super) fn detail(
    key: &str,
    detail: &DetailSettings,
    base: Option<&Url>,
    account: &mut Account<'_>,
) -> Option<DetailRules> {
    let url = with_id(key, &detail.path, base, account);
    let record = stream(&format!("{key}.record"), &detail.record, account);
    let id = field(&format!("source.rest.{key}.id"), &detail.id, account);
    let query = query(&format!("{key}.query"), &detail.query, account);
    Some(DetailRules { url: url?, id: id?, query, record: record? })
}

/// The address of one thing, with `{id}` in it.
pub(super) fn with_id(
    key: &str,
    path: &str,
    base: Option<&Url>,
    account: &mut Account<'_>,
) -> Option<String> {
    let key = format!("{key}.path");
    let path = account.fill(&key, path, Place::Address, &RUN_TIME);
    if !path.contains("{id}") {
        account.fault(&key, "has to hold {id}, which stands for the id");
    }
    // A sample id shows whether the whole is an address of the same server.
    let url = base.map(|base| behind(base, &path))?;
    let sample = address(&key, &url.replace("{id}", "0"), account)?;
    if base.is_some_and(|base| base.origin() != sample.origin()) {
        account.fault(&key, "leads to another server");
    }
    Some(url)
}

fn fields(
    settings: &RestSettings,
    columns: &BTreeMap<String, String>,
    account: &mut Account<'_>,
) -> Option<FieldRules> {
    let mut paths = BTreeMap::new();
    for (name, text) in columns {
        if let Some(path) = field(&format!("source.columns.{name}"), text, account) {
            paths.insert(name.clone(), path);
        }
    }
    let dates = settings.date_columns.iter().map(|name| ("date_columns", name));
    let sparse = settings.paging.sparse_columns.iter().map(|name| ("paging.sparse_columns", name));
    for (key, name) in dates.chain(sparse).filter(|(_, name)| !columns.contains_key(*name)) {
        // A preset's column may have been taken out.
        if super::presets::hints(account.kind()).is_empty() {
            account.fault(key, format!("names {name}, which is no column; name some of source.columns"));
        }
    }
    let date_zone = match settings.date_timezone.as_ref().map(|zone| zone.parse::<Tz>()) {
        Some(Err(_)) => {
            account.fault("date_timezone", "is no IANA time zone, such as \"Europe/Berlin\"");
            None
        }
        Some(Ok(zone)) => Some(zone),
        None => None,
    };
    Some(FieldRules {
        columns: paths,
        empty_values: settings.empty_values.iter().map(|value| value.trim().to_owned()).collect(),
        date_columns: settings.date_columns.clone(),
        date_zone,
    })
}

fn tls(settings: &RestSettings, account: &mut Account<'_>) -> Option<TlsRules> {
    let client = match (&settings.client_certificate_file, &settings.client_private_key) {
        (Some(file), Some(key)) => {
            let file = account.fill("client_certificate_file", file, Place::Open, &[]);
            Some((file, account.secret("client_private_key", key)))
        }
        (None, None) => None,
        _ => {
            let message = "has to stand beside source.rest.client_private_key_file; mutual TLS takes both";
            account.fault("client_certificate_file", message);
            None
        }
    };
    Some(TlsRules { ca_file: settings.ca_file.clone(), client })
}

pub(super) fn query(
    key: &str,
    query: &BTreeMap<String, String>,
    account: &mut Account<'_>,
) -> Vec<(String, String)> {
    let fill = |(name, value): (&String, &String)| {
        (name.clone(), account.fill(&format!("{key}.{name}"), value, Place::Open, &RUN_TIME))
    };
    query.iter().map(fill).collect()
}

pub(super) fn stream(key: &str, text: &str, account: &mut Account<'_>) -> Option<StreamPath> {
    StreamPath::parse(text).map_err(|error| account.fault(key, error)).ok()
}

/// A path to a single value beside the records.
pub(super) fn single(
    key: &str,
    text: &str,
    records: Option<&StreamPath>,
    account: &mut Account<'_>,
) -> Option<StreamPath> {
    let path = stream(key, text, account)?;
    if !path.is_single() || records.is_some_and(|records| !records.is_single() && records.holds(&path)) {
        account.fault(key, "has to lead to one value beside the records, by names alone");
        return None;
    }
    Some(path)
}

pub(super) fn field(key: &str, text: &str, account: &mut Account<'_>) -> Option<FieldPath> {
    FieldPath::parse(text).map_err(|error| account.note(key, text, error)).ok()
}

/// Whether a text is a token of RFC 9110, as a header's name has to be.
pub(super) fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
