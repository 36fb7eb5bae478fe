//! The configuration: one TOML file, overridden by environment variables, checked as a whole before anything starts.

mod alerts;
mod csv;
mod error;
mod groups;
mod http;
mod kinds;
mod load;
mod passed;
mod prefixes;
mod push;
pub mod regular_file;
mod repair;
pub mod rest;
mod rules;
mod secret;
mod settings;
mod sftp;
mod sources;
mod tables;
mod telemetry;
mod variables;

pub use alerts::{AlertSettings, DigestSettings, SlackSettings, SmtpSettings, SmtpTls, WebhookSettings};
pub use csv::CsvDeltaSettings;
pub use error::{ConfigError, ConfigErrors};
pub use http::{HttpSettings, HttpUser, UserRole};
pub use kinds::{Encoding, HeaderChange, SourceKind};
pub use load::{Deciding, Loaded, listen_address, load, load_deciding, parse, schema, secret_files};
pub use passed::{ended_schedules, insist_on_ticks};
pub use push::{
    PushSettings, SIGNED_BODY, SIGNED_TIMESTAMP, SignatureDigest, SignatureEncoding, TriggerSettings,
};
pub use rules::{Rules, compile};
pub use secret::{Secret, told_apart};
pub use settings::*;
pub use sftp::SftpSettings;
pub use sources::{SourceRules, advice};
pub use tables::TableFile;
pub use telemetry::TelemetrySettings;
