//! A SAML 2.0 assertion that is signed here, by which some systems give a token (RFC 7522).
//!
//! The text is written as exclusive canonical XML has it from the start, so that what is hashed is what is sent and no XML has to be
//! read: namespaces before attributes, attributes by name, no element closed in its own tag. The signature is enveloped, by RSA
//! with SHA-256.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use rustls::SignatureScheme;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::config::rest::SamlRules;

/// For so long it holds, and so much earlier it begins: the clocks of two machines differ.
const LIFETIME: TimeDelta = TimeDelta::minutes(10);
const EARLIER: TimeDelta = TimeDelta::minutes(5);

const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";

/// An assertion in Base64, for a token that is asked for at `recipient`. `id` is used once.
///
/// # Errors
/// Where the key cannot sign, in words that name its key of the configuration and quote nothing of it.
pub(super) fn assertion(
    rules: &SamlRules,
    recipient: &str,
    id: u128,
    now: DateTime<Utc>,
) -> Result<SecretString, String> {
    let id = format!("_{id:032x}");
    let (head, rest) = unsigned(rules, recipient, &id, now);
    let digest = BASE64.encode(Sha256::digest(format!("{head}{rest}")));
    let signed_info = signed_info(&id, &digest);
    // Taken by itself it says its own namespace; within the signature, that is said already.
    let alone = signed_info.replacen("<ds:SignedInfo>", &format!("<ds:SignedInfo xmlns:ds=\"{DSIG}\">"), 1);
    let signature = BASE64.encode(sign(rules, alone.as_bytes())?);
    let whole = format!(
        "{head}<ds:Signature xmlns:ds=\"{DSIG}\">{signed_info}<ds:SignatureValue>{signature}</ds:SignatureValue></ds:Signature>{rest}"
    );
    Ok(BASE64.encode(whole).into())
}

/// The assertion without its signature, up to where that goes and from there on.
fn unsigned(rules: &SamlRules, recipient: &str, id: &str, now: DateTime<Utc>) -> (String, String) {
    let at = |moment: DateTime<Utc>| moment.to_rfc3339_opts(SecondsFormat::Millis, true);
    let (issued, from, until) = (at(now), at(now - EARLIER), at(now + LIFETIME));
    let head = format!(
        "<saml:Assertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"{id}\" IssueInstant=\"{issued}\" Version=\"2.0\">\
         <saml:Issuer>{}</saml:Issuer>",
        text(&rules.issuer)
    );
    let attributes: String = rules
        .attributes
        .iter()
        .map(|(name, value)| {
            format!(
                "<saml:Attribute Name=\"{}\"><saml:AttributeValue>{}</saml:AttributeValue></saml:Attribute>",
                attribute(name),
                text(value)
            )
        })
        .collect();
    let rest = format!(
        "<saml:Subject><saml:NameID Format=\"urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified\">{subject}</saml:NameID>\
         <saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\">\
         <saml:SubjectConfirmationData NotOnOrAfter=\"{until}\" Recipient=\"{recipient}\"></saml:SubjectConfirmationData>\
         </saml:SubjectConfirmation></saml:Subject>\
         <saml:Conditions NotBefore=\"{from}\" NotOnOrAfter=\"{until}\"><saml:AudienceRestriction>\
         <saml:Audience>{audience}</saml:Audience></saml:AudienceRestriction></saml:Conditions>\
         <saml:AuthnStatement AuthnInstant=\"{issued}\"><saml:AuthnContext>\
         <saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:X509</saml:AuthnContextClassRef>\
         </saml:AuthnContext></saml:AuthnStatement>\
         {statement}</saml:Assertion>",
        subject = text(&rules.subject),
        recipient = attribute(recipient),
        audience = text(&rules.audience),
        // A statement without attributes is none.
        statement = if attributes.is_empty() {
            String::new()
        } else {
            format!("<saml:AttributeStatement>{attributes}</saml:AttributeStatement>")
        },
    );
    (head, rest)
}

fn signed_info(id: &str, digest: &str) -> String {
    format!(
        "<ds:SignedInfo><ds:CanonicalizationMethod Algorithm=\"{EXCLUSIVE}\"></ds:CanonicalizationMethod>\
         <ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"></ds:SignatureMethod>\
         <ds:Reference URI=\"#{id}\"><ds:Transforms>\
         <ds:Transform Algorithm=\"{DSIG}enveloped-signature\"></ds:Transform>\
         <ds:Transform Algorithm=\"{EXCLUSIVE}\"></ds:Transform></ds:Transforms>\
         <ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></ds:DigestMethod>\
         <ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
    )
}

fn sign(rules: &SamlRules, message: &[u8]) -> Result<Vec<u8>, String> {
    // A parser's own words could quote the key.
    let no_key = || {
        "source.rest.auth.saml.private_key_file: it holds no key in PEM that can be read; make a pair of your own by `openssl req -x509 \
         -newkey rsa:2048 -nodes -keyout key.pem -out certificate.pem`, and register its certificate"
            .to_owned()
    };
    let no_rsa =
        || "source.rest.auth.saml.private_key_file: it has to be an RSA key of 2,048 bits or more".to_owned();
    let key = PrivateKeyDer::from_pem_slice(rules.private_key.as_secret().expose_secret().as_bytes())
        .map_err(|_| no_key())?;
    let signer = any_supported_type(&key)
        .ok()
        .and_then(|key| key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]))
        .ok_or_else(no_rsa)?;
    signer.sign(message).map_err(|_| no_rsa())
}

/// As canonical XML has a text.
fn text(value: &str) -> String {
    value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\r', "&#xD;")
}

/// As canonical XML has the value of an attribute.
fn attribute(value: &str) -> String {
    let value = value.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    value.replace('\t', "&#x9;").replace('\n', "&#xA;").replace('\r', "&#xD;")
}
