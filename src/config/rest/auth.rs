//! How a source's requests are authenticated, and what a customer has at hand for that.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::secret::Secret;

/// `[source.rest.auth]`
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestAuthSettings {
    /// The kind.
    #[serde(default)]
    pub kind: RestAuthKind,
    /// Basic: the user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Basic: the password; better in `password_file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// A file that holds the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<String>,
    /// Bearer: the token; better in `token_file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// A file that holds the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<String>,
    /// API key: the key; better in `api_key_file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<Secret>,
    /// A file that holds the API key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_file: Option<String>,
    /// API key: where it is shown.
    #[serde(default)]
    pub api_key_in: ApiKeyPlace,
    /// API key: the name of the header or parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_name: Option<String>,
    /// OAuth 2: where a token is asked for: an address, or a path behind `source.rest.url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_url: Option<String>,
    /// OAuth 2: the kind of grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_type: Option<String>,
    /// OAuth 2: the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// OAuth 2: its secret; better in `client_secret_file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<Secret>,
    /// A file that holds the client's secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret_file: Option<String>,
    /// OAuth 2: the scope that is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// OAuth 2: where the client's id and secret are shown.
    #[serde(default)]
    pub client_auth: ClientAuth,
    /// OAuth 2: how the request for a token is written.
    #[serde(default)]
    pub token_format: TokenFormat,
    /// OAuth 2: further parameters of that request. Their values are kept as secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub token_parameters: BTreeMap<String, Secret>,
    /// OAuth 2: the JSONPath to the token in the answer. Absent: `$.access_token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_path: Option<String>,
    /// OAuth 2: an assertion that goes with the request for a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saml: Option<SamlSettings>,
}

/// `[source.rest.auth.saml]`: a SAML 2.0 assertion that the daemon makes and signs for each token that it asks for. It becomes the
/// parameter `assertion`, unless `token_parameters` has one.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SamlSettings {
    /// The user for whom the token is.
    pub subject: String,
    /// Who says so.
    pub issuer: String,
    /// Whom the assertion is for. Its recipient is `token_url`.
    pub audience: String,
    /// Attributes of the user.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// The RSA key that signs, in PEM; better in `private_key_file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_key: Option<Secret>,
    /// A file that holds the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_key_file: Option<String>,
}

/// How requests to an API are authenticated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RestAuthKind {
    /// Not at all, or by a client certificate or `headers` alone.
    #[default]
    None,
    /// User name and password.
    Basic,
    /// A token that does not expire.
    Bearer,
    /// A key in a header, in the query, or as a user name.
    ApiKey,
    /// A token that is asked for and expires (RFC 6749, section 4.4).
    Oauth2,
}

/// Where an API key is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApiKeyPlace {
    /// In the header `api_key_name`.
    #[default]
    Header,
    /// In the parameter `api_key_name` of the query.
    Query,
    /// As the user name of Basic, with an `x` for a password.
    BasicUser,
}

/// Where an OAuth client shows who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// In the body.
    #[default]
    Body,
    /// As user name and password of Basic.
    Basic,
}

/// How a request for a token is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenFormat {
    /// As a form, as RFC 6749 has it.
    #[default]
    Form,
    /// As JSON.
    Json,
}

/// `[source.account]`: what a customer has at hand, for `{name}` in presets.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountSettings {
    /// The company, as its address or the vendor's console has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// The host of the company's own service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The address of a report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_url: Option<String>,
    /// The user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// A file that holds the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<String>,
    /// The API key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<Secret>,
    /// A file that holds the API key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_file: Option<String>,
    /// The token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// A file that holds the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<String>,
    /// The token of one linked account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_token: Option<Secret>,
    /// A file that holds the token of one linked account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_token_file: Option<String>,
    /// The OAuth client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Its secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<Secret>,
    /// A file that holds the client's secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret_file: Option<String>,
    /// A SAML assertion in Base64 that was signed elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assertion: Option<Secret>,
    /// A file that holds that assertion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assertion_file: Option<String>,
    /// A PEM file with the client's certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_file: Option<String>,
    /// The certificate's key in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_key: Option<Secret>,
    /// A PEM file with the certificate's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_key_file: Option<String>,
}
