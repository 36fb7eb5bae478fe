//! From settings to a CSV source.

use std::time::Duration;

use crate::config::{Secret, SftpSettings, SourceRules, SourceSettings};
use crate::core::happened::ActionWords;
use crate::source::csv::{
    Announcements, CsvOptions, DeltaOptions, HostKeyPin, ServerAddress, SftpLogin, SftpServer,
};

/// How the file is found and read. `seed` goes into the fingerprints of its records.
pub fn options(source: &SourceSettings, rules: &SourceRules, seed: u64) -> CsvOptions {
    CsvOptions {
        server: source.sftp.as_ref().map(sftp_server),
        pattern: source.path.clone().unwrap_or_default(),
        delimiter: rules.delimiter,
        encoding: source.encoding,
        min_records: source.min_records,
        announcements: Announcements {
            done_marker: source.done_marker.clone(),
            control_file: source.control_file.clone(),
            trailer: source.trailer.clone(),
        },
        archive: source.archive.clone(),
        delta: source.delta.as_ref().map(|delta| DeltaOptions {
            pattern: delta.path.clone(),
            action_column: delta.action_column.clone(),
            actions: ActionWords::new(
                &delta.delete_values,
                &delta.upsert_values,
                "source.delta.delete_values nor upsert_values",
            ),
            numbered: delta.numbered,
        }),
        stable_for: Duration::from_secs(source.stable_seconds),
        columns: source.columns.clone(),
        left: rules.left.clone(),
        seed,
    }
}

fn sftp_server(sftp: &SftpSettings) -> SftpServer {
    let secret = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.as_secret().clone());
    SftpServer {
        address: ServerAddress { host: sftp.host.clone(), port: sftp.port },
        login: SftpLogin {
            username: sftp.username.clone(),
            password: secret(&sftp.password),
            private_key: secret(&sftp.private_key),
            passphrase: secret(&sftp.passphrase),
        },
        host_key: match (&sftp.host_key, &sftp.known_hosts_file) {
            (Some(key), _) => HostKeyPin::Key(key.clone()),
            (None, Some(file)) => HostKeyPin::KnownHosts(file.into()),
            (None, None) => HostKeyPin::Nothing,
        },
        timeout: Duration::from_secs(sftp.timeout_seconds),
        transfer_timeout: Duration::from_secs(sftp.transfer_seconds),
    }
}
