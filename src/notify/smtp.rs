//! E-mail, by a server that takes it over TLS.

use std::path::Path;
use std::time::Duration;

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::{AsyncSmtpTransport, Error};
use lettre::{AsyncTransport, Tokio1Executor};
use secrecy::ExposeSecret;

use super::{ChannelError, SendError, http};
use crate::config::{SmtpSettings, SmtpTls};
use crate::core::alerts::Message;
use crate::tls;

pub(super) struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl Smtp {
    pub(super) fn new(
        settings: &SmtpSettings,
        authorities: Option<&str>,
        timeout: Duration,
    ) -> Result<Self, ChannelError> {
        let tls = match settings.tls {
            SmtpTls::None => Tls::None,
            SmtpTls::Starttls => Tls::Required(parameters(&settings.host, authorities)?),
            SmtpTls::Tls => Tls::Wrapper(parameters(&settings.host, authorities)?),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)
            .port(settings.port())
            .tls(tls)
            .timeout(Some(timeout));
        if let (Some(username), Some(password)) = (&settings.username, &settings.password) {
            let password = password.as_secret().expose_secret().to_owned();
            builder = builder.credentials(Credentials::new(username.clone(), password));
        }
        let mailbox = |key, text: &str| {
            text.parse::<Mailbox>().map_err(|_| ChannelError { key, problem: "is no address".to_owned() })
        };
        Ok(Self {
            transport: builder.build(),
            from: mailbox("smtp.from", &settings.from)?,
            to: settings.to.iter().map(|to| mailbox("smtp.to", to)).collect::<Result<_, _>>()?,
        })
    }

    pub(super) async fn send(&self, message: &Message) -> Result<(), SendError> {
        let mail = self.mail(message).map_err(|error| SendError {
            is_for_good: true,
            reason: format!("the message cannot be written as an e-mail: {error}"),
            wait: None,
        })?;
        self.transport.send(mail).await.map(drop).map_err(|error| failure(&error))
    }

    fn mail(&self, message: &Message) -> Result<lettre::Message, lettre::error::Error> {
        // A mail program shows what it gets twice once, by this.
        let id = format!("<{}@{}>", message.id, self.from.email.domain());
        let builder = self.to.iter().cloned().fold(lettre::Message::builder(), MessageBuilder::to);
        builder
            .from(self.from.clone())
            .subject(message.subject())
            .message_id(Some(id))
            .date(message.at.into())
            // Nobody's absence notice is to come back (RFC 3834).
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .header(ContentType::TEXT_PLAIN)
            .body(message.text())
    }
}

/// Whom we believe is settled in one place for all that we speak TLS with.
fn parameters(host: &str, authorities: Option<&str>) -> Result<TlsParameters, ChannelError> {
    let refused =
        |error: Error| ChannelError { key: "smtp", problem: format!("TLS could not be set up: {error}") };
    let all = tls::authorities(authorities.map(Path::new)).map_err(http::unusable)?;
    let mut builder = TlsParameters::builder(host.to_owned()).certificate_store(CertificateStore::None);
    for one in all {
        builder = builder.add_root_certificate(Certificate::from_der(one.to_vec()).map_err(refused)?);
    }
    builder.build_rustls().map_err(refused)
}

/// What the server said is left out: it could quote what it was shown.
fn failure(error: &Error) -> SendError {
    let code = error.status().map(|code| code.to_string());
    SendError::may_pass(match code.as_deref() {
        Some(code @ ("530" | "534" | "535" | "538")) => {
            format!("answered {code}: the login is refused; check alerts.smtp.username and its password")
        }
        Some(code) => format!("answered {code}"),
        None if error.is_timeout() => "no answer in time (alerts.timeout_seconds)".to_owned(),
        None if error.is_tls() || tls::fault_of(error).is_some() => {
            "its certificate is not believed, or TLS failed otherwise; see alerts.ca_file and alerts.smtp.tls"
                .to_owned()
        }
        None if error.is_client() => {
            "the server does not offer what is needed: STARTTLS, or a login that we know; see alerts.smtp.tls"
                .to_owned()
        }
        None if error.is_response() => {
            "what it answered is no SMTP; check host, port and alerts.smtp.tls".to_owned()
        }
        None => "no connection, or it broke off: check alerts.smtp.host and port".to_owned(),
    })
}
