//! What a server says that it can do.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::json::{count, flag, member};

/// The members of a `ServiceProviderConfig` (RFC 7643, section 5) that decide what is sent. `None` means that
/// the server did not say; it never means no.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Capabilities {
    /// Whether users can be changed by PATCH.
    pub patch: Option<bool>,
    /// Whether users can be searched by a filter.
    pub filter: Option<bool>,
    /// How many users one answer holds at most.
    pub max_results: Option<u32>,
    /// Whether several operations can be sent in one request. This crate does not do so.
    pub bulk: Option<bool>,
    /// Whether versions of users are checked. Servers that say so and ignore `If-Match` exist.
    pub etag: Option<bool>,
}

impl Capabilities {
    /// Reads what is there, and takes nothing from what is not. A list with one configuration is read as well.
    pub fn read(config: &Value) -> Self {
        let Some(config) = config.as_object() else { return Self::default() };
        if let Some(inner) = member(config, "Resources").and_then(|all| all.get(0)) {
            return Self::read(inner);
        }
        let max_results = section(config, "filter")
            .and_then(|filter| member(filter, "maxResults"))
            .and_then(count)
            .filter(|most| *most > 0)
            .map(|most| u32::try_from(most).unwrap_or(u32::MAX));
        Self {
            patch: supported(config, "patch"),
            filter: supported(config, "filter"),
            max_results,
            bulk: supported(config, "bulk"),
            etag: supported(config, "etag"),
        }
    }
}

fn section<'a>(config: &'a Map<String, Value>, name: &str) -> Option<&'a Map<String, Value>> {
    member(config, name)?.as_object()
}

/// `{"supported": true}`, or the bare boolean that some servers give.
fn supported(config: &Map<String, Value>, name: &str) -> Option<bool> {
    match member(config, name)? {
        Value::Object(section) => flag(member(section, "supported")?),
        bare => flag(bare),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_full_configuration_is_read() {
        let config = json!({
            "patch": {"supported": true}, "bulk": {"supported": false, "maxOperations": 0},
            "filter": {"supported": true, "maxResults": 200}, "etag": {"supported": "False"},
        });
        let expected = Capabilities {
            patch: Some(true),
            filter: Some(true),
            max_results: Some(200),
            bulk: Some(false),
            etag: Some(false),
        };
        assert_eq!(Capabilities::read(&config), expected);
        assert_eq!(Capabilities::read(&json!({"Resources": [config]})), expected);
    }

    #[test]
    fn a_missing_member_turns_no_feature_off() {
        for config in [
            json!({}),
            json!(null),
            json!("x"),
            json!({"Resources": []}),
            json!({"patch": {}, "filter": {"supported": null, "maxResults": 0}, "bulk": null}),
        ] {
            assert_eq!(Capabilities::read(&config), Capabilities::default(), "{config}");
        }
        let partial = Capabilities::read(&json!({"filter": {"maxResults": "50"}, "patch": true}));
        assert_eq!((partial.filter, partial.max_results, partial.patch), (None, Some(50), Some(true)));
    }

    #[test]
    fn capabilities_survive_being_stored() {
        let stored: Capabilities = serde_json::from_str("{\"patch\":false}").unwrap();
        assert_eq!(stored, Capabilities { patch: Some(false), ..Capabilities::default() });
    }
}
