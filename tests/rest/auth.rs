use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::json;

use super::server::{Reply, Server};
use super::{people, read, refused, rest};

fn list() -> Reply {
    Reply::json(json!({"list": people(0..1)}))
}

#[test]
fn each_kind_of_credentials_is_shown_where_it_belongs() {
    let basic = format!("Basic {}", BASE64.encode("ana:hunter2"));
    let key_as_user = format!("Basic {}", BASE64.encode("hunter2:x"));
    for (auth, header, wanted) in [
        ("kind = \"basic\"\nusername = \"ana\"\npassword = \"hunter2\"", "authorization", basic.as_str()),
        ("kind = \"bearer\"\ntoken = \"hunter2\"", "authorization", "Bearer hunter2"),
        ("kind = \"api_key\"\napi_key = \"hunter2\"\napi_key_name = \"X-Key\"", "x-key", "hunter2"),
        (
            "kind = \"api_key\"\napi_key = \"hunter2\"\napi_key_in = \"basic_user\"",
            "authorization",
            &key_as_user,
        ),
        (
            "kind = \"none\"\n[source.rest.headers]\nX-Account = \"{account_token}\"\n[source.account]\naccount_token = \"hunter2\"",
            "x-account",
            "hunter2",
        ),
    ] {
        let server = Server::plain(|_, _| list());
        read(&rest(&format!("url = \"{}\"\n[source.rest.auth]\n{auth}", server.url))).unwrap();
        assert_eq!(server.requests()[0].header(header), wanted, "{auth}");
        // A secret may stand in a file, in every section.
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, "hunter2\n").unwrap();
        let auth = ["password", "token", "api_key"].iter().fold(auth.to_owned(), |auth, key| {
            auth.replace(&format!("{key} = \"hunter2\""), &format!("{key}_file = \"{}\"", file.display()))
        });
        read(&rest(&format!("url = \"{}\"\n[source.rest.auth]\n{auth}", server.url))).unwrap();
        assert_eq!(server.requests()[1].header(header), wanted, "{auth}");
    }
    let server = Server::plain(|_, _| list());
    let auth = "[source.rest.auth]\nkind = \"api_key\"\napi_key = \"hunter2\"\napi_key_in = \"query\"\napi_key_name = \"key\"";
    let read = read(&rest(&format!("url = \"{}\"\n{auth}", server.url))).unwrap();
    assert_eq!(server.requests()[0].parameter("key"), "hunter2");
    assert!(!format!("{:?}", read.end).contains("hunter2"));
}

#[test]
fn refused_credentials_are_told_without_showing_them_and_not_tried_again() {
    let server =
        Server::plain(|_, _| Reply::of(401, "application/json", br#"{"you sent":"hunter2"}"#.to_vec()));
    let told = refused(&rest(&format!(
        "url = \"{}\"\n[source.rest.auth]\nkind = \"bearer\"\ntoken = \"hunter2\"",
        server.url
    )));
    assert!(
        told.contains("status 401; it does not take our credentials") && !told.contains("hunter2"),
        "{told}"
    );
    assert_eq!(server.requests().len(), 1);
}

fn oauth(server: &Server, more: &str) -> String {
    rest(&format!(
        "url = \"{}\"\npath = \"/people\"\nmax_attempts = 2\n[source.rest.auth]\nkind = \"oauth2\"\ntoken_url = \"/token\"\n\
         client_id = \"c id\"\nclient_secret = \"hunter2\"\n{more}\n[source.rest.paging]\nkind = \"page\"\nparameter = \"page\"",
        server.url
    ))
}

#[test]
fn a_token_that_expires_in_mid_paging_is_asked_for_anew() {
    let server = Server::plain(|request, before| match request.path.as_str() {
        "/token" => {
            assert_eq!(
                request.body,
                "grant_type=client_credentials&client_id=c+id&client_secret=hunter2&scope=a+b"
            );
            Reply::json(
                json!({"access_token": format!("t{before}"), "expires_in": 3600, "token_type": "Bearer"}),
            )
        }
        _ => match (request.parameter("page"), request.header("authorization")) {
            ("1", "Bearer t0") => Reply::json(json!({"list": people(0..2)})),
            ("2", "Bearer t0") => Reply::status(401),
            ("2", "Bearer t3") => Reply::json(json!({"list": people(2..4)})),
            ("3", "Bearer t3") => Reply::json(json!({"list": []})),
            other => panic!("{other:?}"),
        },
    });
    assert_eq!(read(&oauth(&server, "scope = \"a b\"")).unwrap().ids(), ["0", "1", "2", "3"]);
    let paths: Vec<_> = server.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/token", "/people", "/people", "/token", "/people", "/people"]);
}

#[test]
fn a_token_that_expires_at_once_is_good_for_one_request() {
    let server = Server::plain(|request, before| match request.path.as_str() {
        "/token" => Reply::json(
            json!({"data": {"token": format!("t{before}")}, "expires_in": if before == 0 { json!(0) } else { json!("0") }}),
        ),
        _ => {
            assert_eq!(request.header("authorization"), format!("Bearer t{}", before - 1));
            let list = if request.parameter("page") == "1" { people(0..2) } else { Vec::new() };
            Reply::json(json!({"list": list}))
        }
    });
    let more = "token_path = \"$.data.token\"\ntoken_format = \"json\"\nclient_auth = \"basic\"";
    let read = read(&oauth(&server, more)).unwrap();
    assert_eq!(read.ids(), ["0", "1"]);
    let paths: Vec<_> = server.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/token", "/people", "/token", "/people"]);
    let token = &server.requests()[0];
    assert_eq!(token.body, r#"{"grant_type":"client_credentials"}"#);
    assert_eq!(token.header("authorization"), format!("Basic {}", BASE64.encode("c id:hunter2")));
}

#[test]
fn a_client_that_gets_no_token_asks_for_nothing_else() {
    for (reply, wanted) in [
        (Reply::status(401), "refuses our credentials (status 401"),
        (Reply::status(400), "refuses our credentials (status 400"),
        (Reply::status(503).with("Retry-After", "0"), "attempt 2 of 2"),
        (Reply::json(json!({"token": "hunter2"})), "holds no token"),
        (Reply::of(200, "text/html", b"<html>hunter2".to_vec()), "is no JSON"),
    ] {
        let reply = std::sync::Mutex::new(Some(reply));
        let server = Server::plain(move |request, _| match request.path.as_str() {
            "/token" => reply.lock().unwrap().take().unwrap_or_else(|| Reply::status(503)),
            _ => panic!("asked without a token"),
        });
        let told = refused(&oauth(&server, ""));
        assert!(told.contains(wanted) && told.contains("/token") && !told.contains("hunter2"), "{told}");
    }
    // The token stays refused: one new one is asked for, no third.
    let server = Server::plain(|request, _| match request.path.as_str() {
        "/token" => Reply::json(json!({"access_token": "t"})),
        _ => Reply::status(401),
    });
    assert!(refused(&oauth(&server, "")).contains("status 401"));
    assert_eq!(server.requests().len(), 4);
}

/// An authority, and what it issued.
struct Issued {
    authority: String,
    certificate: String,
    key: String,
}

fn issue(server: bool) -> Issued {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let names = if server { vec!["localhost".to_owned()] } else { vec!["client.test".to_owned()] };
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap().pem();
    Issued { authority, certificate, key: key.serialize_pem() }
}

#[test]
fn a_server_that_wants_a_certificate_gets_it_and_an_unknown_server_gets_nothing() {
    let (server_side, client_side) = (issue(true), issue(false));
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(client_side.authority.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(server_side.certificate.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(server_side.key.as_bytes()).unwrap(),
        )
        .unwrap();
    let server = Server::tls(Arc::new(config), |_, _| list());
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).display().to_string()
    };
    let ca = write("ca.pem", &server_side.authority);
    let certificate = write("client.pem", &client_side.certificate);
    let key = write("client.key", &client_side.key);
    let base = format!("url = \"{}\"\nmax_attempts = 1\n", server.url);
    let mutual =
        format!("client_certificate_file = \"{certificate}\"\nclient_private_key_file = \"{key}\"\n");
    let trust = format!("ca_file = \"{ca}\"\n");
    assert_eq!(read(&rest(&format!("{base}{trust}{mutual}"))).unwrap().ids(), ["0"]);
    assert_eq!(server.requests().len(), 1);
    let told = refused(&rest(&format!("{base}{trust}")));
    assert!(told.to_lowercase().contains("certificate"), "without one: {told}");
    let told = refused(&rest(&format!("{base}{mutual}")));
    assert!(told.contains("certificate"), "an unknown authority: {told}");
    assert_eq!(server.requests().len(), 1, "nobody else got through");
    let broken = write("broken.key", "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n");
    let mutual =
        format!("client_certificate_file = \"{certificate}\"\nclient_private_key_file = \"{broken}\"\n");
    let told = refused(&rest(&format!("{base}{trust}{mutual}")));
    assert!(told.contains("client_private_key_file") && !told.contains("hunter2"), "{told}");
    let told = refused(&rest(&format!("{base}ca_file = \"no/such.pem\"")));
    assert!(told.contains("source.rest.ca_file no/such.pem: it cannot be read"), "{told}");
}
