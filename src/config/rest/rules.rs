//! What the settings of `[source.rest]` are compiled into.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono_tz::Tz;
use serde_json::Value;
use url::Url;

use super::super::secret::Secret;
use super::{ApiKeyPlace, ClientAuth, PageEnd, PagingKind, RestMethod, TokenFormat};
use crate::core::happened::ActionWords;
use crate::core::json::{FieldPath, Slot, StreamPath};

/// How a system is asked and understood.
#[derive(Clone, Debug)]
pub struct RestRules {
    /// The kind, as the configuration names it.
    pub kind: String,
    /// How the list of everybody is asked for.
    pub list: ListRules,
    /// What is sent with POST.
    pub body: Option<String>,
    /// Further headers.
    pub headers: Vec<(String, Secret)>,
    /// A content type of answers besides JSON's own.
    pub content_type: Option<String>,
    /// How records become text.
    pub fields: FieldRules,
    /// How patiently it is asked.
    pub pace: PaceRules,
    /// Whom it believes, and what it shows.
    pub tls: TlsRules,
    /// How it is authenticated.
    pub auth: AuthRules,
    /// How those are asked for who changed.
    pub delta: Option<DeltaRules>,
}

/// A list of records.
#[derive(Clone, Debug)]
pub struct ListRules {
    /// Where.
    pub url: Url,
    /// How it is asked.
    pub method: RestMethod,
    /// Parameters.
    pub query: Vec<(String, String)>,
    /// To the records.
    pub records: StreamPath,
    /// To the number of all.
    pub total: Option<StreamPath>,
    /// The header with the number of all.
    pub total_header: Option<String>,
    /// Whether a usual header with such a number counts against an answer that is taken for the whole list.
    pub heeds_totals: bool,
    /// Whether that number has to be told.
    pub total_required: bool,
    /// To what tells of a failure beside the records.
    pub refuse_if: Option<StreamPath>,
    /// How it goes on.
    pub paging: PagingRules,
    /// Each record by itself.
    pub detail: Option<DetailRules>,
}

/// How a list goes on.
#[derive(Clone, Debug)]
pub struct PagingRules {
    /// The kind.
    pub kind: PagingKind,
    /// What asks for a page, where the kind has such.
    pub parameter: String,
    /// What says how large it is to be.
    pub size_parameter: Option<String>,
    /// Where both stand in what is sent, unless it is the query.
    pub body: Option<BodyRules>,
    /// How large.
    pub page_size: u32,
    /// The number of the first page.
    pub first_page: u32,
    /// To the next cursor or link.
    pub next: Option<StreamPath>,
    /// Whether each page has something there.
    pub next_required: bool,
    /// To what says whether there is a further page.
    pub more: Option<StreamPath>,
    /// What says that there is no further one.
    pub ends_with: Vec<PageEnd>,
    /// Whether it has several records of one person.
    pub several_records: bool,
    /// Columns that no record of some pages may have.
    pub sparse_columns: Vec<String>,
    /// The most pages.
    pub max_pages: u32,
}

/// What is sent for a page that is asked for in the body.
#[derive(Clone, Debug)]
pub struct BodyRules {
    /// What is sent for each page alike.
    pub document: Value,
    /// Where a page is asked for in it.
    pub parameter: Option<Slot>,
    /// Where it says how large a page is to be.
    pub size_parameter: Option<Slot>,
}

/// Each record by itself.
#[derive(Clone, Debug)]
pub struct DetailRules {
    /// The address, with `{id}` in its path.
    pub url: String,
    /// Where the id stands in the list.
    pub id: FieldPath,
    /// Parameters.
    pub query: Vec<(String, String)>,
    /// To the record.
    pub record: StreamPath,
}

/// Those who changed.
#[derive(Clone, Debug)]
pub struct DeltaRules {
    /// The list; `{since}` may stand in its parameters.
    pub list: ListRules,
    /// How the time is written.
    pub since_format: String,
    /// By how much it lies before the moment at which the read before began.
    pub overlap: Duration,
    /// Where a record says that it is gone.
    pub gone: Option<FieldPath>,
    /// What it says then, and what otherwise.
    pub actions: ActionWords,
    /// The most records that are asked for by themselves.
    pub max_details: u32,
    /// How a message is taken off the queue in which changes wait.
    pub acknowledge: Option<AcknowledgeRules>,
}

/// How a message is taken off its queue.
#[derive(Clone, Debug)]
pub struct AcknowledgeRules {
    /// The header that names it, in lower case.
    pub header: String,
    /// The address that is deleted, with `{id}` in its path.
    pub url: String,
}

/// How records become text.
#[derive(Clone, Debug)]
pub struct FieldRules {
    /// Our name = where it stands.
    pub columns: BTreeMap<String, FieldPath>,
    /// Values that mean that there is none.
    pub empty_values: Vec<String>,
    /// Columns whose values become days.
    pub date_columns: Vec<String>,
    /// Whose day an instant counts as.
    pub date_zone: Option<Tz>,
}

impl FieldRules {
    /// Whether the employee id is what this path leads to. Another id may be anybody's employee id.
    pub fn is_employee_id(&self, path: &FieldPath) -> bool {
        self.columns.get("employee_id").is_some_and(|own| own.is_same(path))
    }
}

/// How patiently a system is asked.
#[derive(Clone, Copy, Debug)]
pub struct PaceRules {
    /// Most requests per minute; 0: no limit.
    pub requests_per_minute: u32,
    /// The longest silence.
    pub silence: Duration,
    /// The longest answer.
    pub answer: Duration,
    /// How often a request is tried.
    pub max_attempts: u32,
    /// The wait before the second attempt.
    pub retry_base: Duration,
    /// The longest wait.
    pub retry_cap: Duration,
}

/// Whom a source believes, and what it shows.
#[derive(Clone, Debug)]
pub struct TlsRules {
    /// Further authorities.
    pub ca_file: Option<String>,
    /// The certificate's file, and its key in PEM.
    pub client: Option<(String, Secret)>,
}

/// How requests are authenticated.
#[derive(Clone, Debug)]
pub enum AuthRules {
    /// By nothing, or by what else is configured.
    None,
    /// User name and password.
    Basic {
        /// The user name; some systems take a secret for it.
        username: Secret,
        /// The password.
        password: Secret,
    },
    /// A token that stays.
    Bearer {
        /// The token.
        token: Secret,
    },
    /// A key.
    ApiKey {
        /// The key.
        key: Secret,
        /// Where it is shown; never as a user name.
        place: ApiKeyPlace,
        /// The name of the header or parameter.
        name: String,
    },
    /// A token that is asked for.
    Oauth2(Box<TokenRules>),
}

/// How a token is asked for.
#[derive(Clone, Debug)]
pub struct TokenRules {
    /// Where.
    pub url: Url,
    /// The kind of grant; empty: it is not said.
    pub grant_type: String,
    /// The client.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Option<Secret>,
    /// The scope.
    pub scope: Option<String>,
    /// Where the client shows who it is.
    pub client_auth: ClientAuth,
    /// How the request is written.
    pub format: TokenFormat,
    /// Further parameters.
    pub parameters: Vec<(String, Secret)>,
    /// The assertion that goes with it, where one is made here.
    pub saml: Option<SamlRules>,
    /// To the token in the answer.
    pub token: StreamPath,
}

/// A SAML assertion that is made here.
#[derive(Clone, Debug)]
pub struct SamlRules {
    /// For whom the token is.
    pub subject: String,
    /// Who says so.
    pub issuer: String,
    /// Whom the assertion is for.
    pub audience: String,
    /// Attributes of the subject.
    pub attributes: Vec<(String, String)>,
    /// The key that signs, in PEM.
    pub private_key: Secret,
}
