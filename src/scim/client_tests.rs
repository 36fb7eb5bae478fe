use secrecy::SecretString;
use serde_json::{Value, json};

use super::scripted_server::{Act, Server, answer, gzip_of_zeros};
use super::*;
use crate::core::scim::address::AddressError;
use crate::scim::Credentials;

const SECRET: &str = "hunter2-hunter2";

fn client_at(base: &str, timeout: Duration) -> ScimClient {
    ScimClient::new(ConnectionSettings {
        base_url: Url::parse(base).unwrap(),
        credentials: Credentials::Bearer { token: SecretString::from(SECRET) },
        timeout,
        max_connections: 2,
        ca_file: None,
    })
    .unwrap()
}

fn client(server: &Server) -> ScimClient {
    client_at(&server.base, Duration::from_secs(20))
}

fn get(id: &str) -> ScimRequest {
    ScimRequest::GetUser { id: id.into() }
}

fn patch() -> ScimRequest {
    ScimRequest::PatchUser {
        id: "1".into(),
        body: json!({"schemas": ["x"], "Operations": [{"op": "replace"}]}),
    }
}

/// One request to a server that answers it so.
async fn ask(request: &ScimRequest, act: Act) -> Exchange {
    let server = Server::start(vec![act]).await;
    client(&server).execute(request).await
}

async fn failure(request: &ScimRequest, act: Act) -> Failure {
    ask(request, act).await.result.unwrap_err()
}

#[tokio::test]
async fn a_request_carries_its_body_and_the_headers_that_strict_servers_want() {
    let server = Server::start(vec![
        Act::Say(answer("201 Created", "Location: /Users/7\r\n", r#"{"id":"7"}"#)),
        Act::Say(answer("200 OK", "", "{}")),
    ])
    .await;
    let client = client(&server);
    let created = client.execute(&ScimRequest::CreateUser { body: json!({"userName": "jane"}) }).await;
    let answered = created.result.unwrap();
    assert_eq!((answered.body, answered.location.as_deref()), (Some(json!({"id": "7"})), Some("/Users/7")));
    assert_eq!((created.line.as_str(), created.status), ("POST /Users", Some(201)));
    client.execute(&ScimRequest::ServiceProviderConfig).await.result.unwrap();

    let sent = server.requests();
    for part in [
        "POST /scim/v2/Users HTTP/1.1\r\n",
        "authorization: Bearer hunter2-hunter2\r\n",
        "accept: application/scim+json, application/json\r\n",
        "content-type: application/scim+json\r\n",
        concat!("user-agent: workiva-sync/", env!("CARGO_PKG_VERSION"), "\r\n"),
        "\r\n\r\n{\"userName\":\"jane\"}",
    ] {
        assert!(sent[0].contains(part), "{part} in {}", sent[0]);
    }
    assert!(sent[1].starts_with("GET /scim/v2/ServiceProviderConfig HTTP/1.1\r\n"));
    assert!(!sent[1].contains("content-type"));
}

#[tokio::test]
async fn paths_are_appended_to_the_base_with_and_without_a_slash_and_ids_arrive_encoded() {
    let server = Server::start(vec![
        Act::Say(answer("200 OK", "", "{}")),
        Act::Say(answer("200 OK", "", "{}")),
        Act::Say(answer("200 OK", "", "{}")),
    ])
    .await;
    let id = get("u1@acme/é 1");
    client_at(&format!("{}/", server.base), Duration::from_secs(20)).execute(&id).await.result.unwrap();
    let find = ScimRequest::FindUsers { attribute: "userName".into(), value: "o'neil \"x\"+y".into() };
    client(&server).execute(&find).await.result.unwrap();
    let root = server.base.trim_end_matches("/scim/v2").to_owned();
    client_at(&root, Duration::from_secs(20)).execute(&get("7")).await.result.unwrap();

    let lines: Vec<String> =
        server.requests().iter().map(|sent| sent.lines().next().unwrap().to_owned()).collect();
    assert_eq!(
        lines,
        [
            "GET /scim/v2/Users/u1%40acme%2F%C3%A9%201 HTTP/1.1",
            "GET /scim/v2/Users?filter=userName%20eq%20%22o%27neil%20%5C%22x%5C%22%2By%22 HTTP/1.1",
            "GET /Users/7 HTTP/1.1",
        ]
    );
}

#[tokio::test]
async fn each_class_of_status_arrives_as_its_kind() {
    use FailureKind::*;
    for (status, headers, kind) in [
        ("307 Temporary Redirect", "Location: /x\r\n", Redirected),
        ("400 Bad Request", "", Invalid),
        ("401 Unauthorized", "WWW-Authenticate: Bearer\r\n", Unauthorized),
        ("403 Forbidden", "", Forbidden),
        ("404 Not Found", "", NotFound),
        ("405 Method Not Allowed", "", NotSupported),
        ("408 Request Timeout", "", NoAnswer),
        ("409 Conflict", "", Conflict),
        ("413 Too Large", "", Invalid),
        ("422 Unprocessable", "", Invalid),
        ("429 Too Many Requests", "Retry-After: 7\r\n", Throttled),
        ("500 Oops", "", ServerError),
        ("501 Not Implemented", "", NotSupported),
        ("502 Bad Gateway", "", ServerError),
        ("503 Unavailable", "", ServerError),
        ("503 Unavailable", "Retry-After: 7\r\n", Throttled),
    ] {
        let exchange = ask(&patch(), Act::Say(answer(status, headers, ""))).await;
        let failure = exchange.result.unwrap_err();
        let number: u16 = status[..3].parse().unwrap();
        assert_eq!((exchange.status, failure.status, failure.kind), (Some(number), Some(number), kind));
        let waits = headers.starts_with("Retry-After");
        let expected = waits.then_some(crate::core::scim::answer::RetryAfter::Seconds(7));
        assert_eq!(failure.retry_after, expected);
    }
}

#[tokio::test]
async fn a_401_with_an_empty_body_says_so() {
    let refused = failure(&get("1"), Act::Say(answer("401 Unauthorized", "", ""))).await;
    assert_eq!(refused.message, "HTTP 401 without an explanation");
}

#[tokio::test]
async fn a_conflict_whose_status_is_a_number_is_a_conflict() {
    let body = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":409,"detail":"taken"}"#;
    let taken = failure(&patch(), Act::Say(answer("409 Conflict", "", body))).await;
    assert_eq!((taken.kind, taken.scim_type, taken.message.as_str()), (FailureKind::Conflict, None, "taken"));
}

#[tokio::test]
async fn a_login_page_with_status_200_is_not_taken_for_success() {
    let page = "<html><head><title>Sign in</title></head></html>";
    let html = answer("200 OK", "Content-Type: text/html\r\n", page);
    let failure = failure(&patch(), Act::Say(html)).await;
    assert_eq!((failure.kind, failure.status), (FailureKind::Malformed, Some(200)));
    assert!(failure.message.contains("Sign in") && failure.may_have_taken_effect());
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_carries_the_credentials_nowhere() {
    let elsewhere = Server::start(vec![Act::Say(answer("200 OK", "", "{}"))]).await;
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let location = format!("Location: {}/Users/1?token=x\r\n", elsewhere.base);
        let failure = failure(&get("1"), Act::Say(answer(status, &location, ""))).await;
        assert_eq!(failure.kind, FailureKind::Redirected);
        assert!(
            failure.message.contains(&format!(" to '{}/Users/1'; ", elsewhere.base)),
            "{}",
            failure.message
        );
    }
    assert_eq!(elsewhere.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_write_answered_204_is_done() {
    let done = ask(&patch(), Act::Say(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())).await;
    assert_eq!(done.result.unwrap(), Answer { status: 204, body: None, location: None });
}

#[tokio::test]
async fn chunked_bodies_and_closed_connections_are_fine() {
    let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunked = format!("{head}5\r\n{{\"id\"\r\n5\r\n:\"1\"}}\r\n0\r\n\r\n");
    let server = Server::start(vec![Act::Say(chunked.clone().into()), Act::Say(chunked.into())]).await;
    let client = client(&server);
    for _ in 0..2 {
        let answered = client.execute(&get("1")).await.result.unwrap();
        assert_eq!(answered.body, Some(json!({"id": "1"})));
    }
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_connection_is_used_again_and_one_that_closes_without_an_answer_is_no_answer() {
    let server = Server::start(vec![
        Act::Keep(answer("200 OK", "", "{}")),
        Act::Keep(answer("200 OK", "", "{}")),
        Act::Close,
        Act::Say(answer("200 OK", "", "{}")),
    ])
    .await;
    let client = client(&server);
    for _ in 0..2 {
        client.execute(&get("1")).await.result.unwrap();
    }
    let failure = client.execute(&patch()).await.result.unwrap_err();
    assert_eq!((failure.kind, failure.status), (FailureKind::NoAnswer, None));
    assert!(failure.may_have_taken_effect());
    assert_eq!((server.requests().len(), server.connections()), (3, 1), "the request must not be sent again");
}

#[tokio::test]
async fn a_reset_before_the_answer_is_no_answer() {
    let failure = failure(&patch(), Act::Reset).await;
    assert_eq!((failure.kind, failure.status), (FailureKind::NoAnswer, None));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_answer_whose_status_is_known() {
    for cut in [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"id\":",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"id\"\r\n",
    ] {
        let failure = failure(&patch(), Act::Say(cut.into())).await;
        assert_eq!((failure.kind, failure.status), (FailureKind::NoAnswer, Some(200)));
    }
}

#[tokio::test]
async fn a_refusal_is_believed_even_if_its_explanation_breaks_off() {
    let cut = "HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nowned elsewhere";
    let failure = failure(&patch(), Act::Say(cut.into())).await;
    assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Forbidden, "owned elsewhere"));
}

#[tokio::test]
async fn silence_ends_with_the_time_out_before_and_within_a_body() {
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{".to_vec();
    for (said, status) in [(Vec::new(), None), (half, Some(200))] {
        let server = Server::start(vec![Act::Hang(said)]).await;
        let client = client_at(&server.base, Duration::from_millis(300));
        let failure = client.execute(&patch()).await.result.unwrap_err();
        assert_eq!((failure.kind, failure.status), (FailureKind::NoAnswer, status));
    }
}

#[tokio::test]
async fn an_address_where_nobody_listens_is_unreachable() {
    let base = Server::start(Vec::new()).await.stop().await;
    let exchange = client_at(&base, Duration::from_secs(20)).execute(&patch()).await;
    let failure = exchange.result.unwrap_err();
    assert_eq!((failure.kind, exchange.status), (FailureKind::Unreachable, None));
    assert!(!failure.may_have_taken_effect());
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_unreachable_and_gets_no_credentials() {
    let server = Server::start(vec![Act::Greet(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())]).await;
    let client = client_at(&server.base.replace("http://", "https://"), Duration::from_secs(20));
    let failure = client.execute(&patch()).await.result.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreachable, "{}", failure.message);
    assert_eq!(server.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn an_answer_beyond_the_bound_is_not_read_on() {
    let body = " ".repeat(LARGEST_ANSWER_BYTES + 1);
    let failure = failure(&get("1"), Act::Say(answer("200 OK", "", &body))).await;
    assert_eq!(failure.kind, FailureKind::Malformed);
    assert!(failure.message.contains("larger than"));
}

#[tokio::test]
async fn the_bound_holds_for_what_a_compressed_answer_becomes() {
    let bomb = gzip_of_zeros(LARGEST_ANSWER_BYTES + 1);
    assert!(bomb.len() < LARGEST_ANSWER_BYTES / 100);
    let mut said =
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", bomb.len())
            .into_bytes();
    said.extend(bomb);
    let failure = failure(&get("1"), Act::Say(said)).await;
    assert_eq!(failure.kind, FailureKind::Malformed);
    assert!(failure.message.contains("larger than"), "{}", failure.message);
}

#[tokio::test]
async fn a_group_may_show_more_members_than_another_answer_is_long_and_has_a_bound_as_well() {
    for request in [
        ScimRequest::GetGroup { id: "g".into() },
        ScimRequest::PatchGroup {
            id: "g".into(),
            body: json!({"schemas": ["x"], "Operations": [{"op": "add"}]}),
        },
    ] {
        let body = format!("{{\"id\": \"g\"{}}}", " ".repeat(LARGEST_ANSWER_BYTES));
        let answered = ask(&request, Act::Say(answer("200 OK", "", &body))).await.result.unwrap();
        assert_eq!(answered.body, Some(json!({"id": "g"})));
    }
    let bomb = gzip_of_zeros(LARGEST_GROUP_BYTES + 1);
    let mut said =
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", bomb.len())
            .into_bytes();
    said.extend(bomb);
    let failure = failure(&ScimRequest::GetGroup { id: "g".into() }, Act::Say(said)).await;
    assert_eq!(failure.kind, FailureKind::Malformed);
    assert!(
        failure.message.contains(&format!("larger than {LARGEST_GROUP_BYTES} bytes")),
        "{}",
        failure.message
    );
}

#[tokio::test]
async fn a_request_at_fault_is_not_sent() {
    let server = Server::start(vec![Act::Say(answer("204 No Content", "", ""))]).await;
    for request in [
        ScimRequest::DeleteUser { id: String::new() },
        ScimRequest::DeleteUser { id: "..".into() },
        ScimRequest::PatchUser { id: "1".into(), body: Value::Null },
    ] {
        let exchange = client(&server).execute(&request).await;
        let failure = exchange.result.unwrap_err();
        assert_eq!((failure.kind, exchange.status), (FailureKind::Invalid, None));
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn credentials_that_a_server_quotes_back_are_taken_out() {
    let quoting = format!("you sent authorization: Bearer {SECRET}, which is wrong");
    let failure = failure(&get("1"), Act::Say(answer("400 Bad Request", "", &quoting))).await;
    assert_eq!(failure.message, "you sent authorization: Bearer [redacted], which is wrong");
}

#[tokio::test]
async fn debug_of_the_client_shows_no_secret() {
    let shown = format!("{:?}", client_at("https://x.example/scim", Duration::from_secs(40)));
    assert!(shown.contains("x.example") && !shown.contains(SECRET), "{shown}");
}

#[test]
fn settings_that_would_send_credentials_in_the_clear_make_no_client() {
    let refused = ScimClient::new(ConnectionSettings {
        base_url: Url::parse("http://scim.example").unwrap(),
        credentials: Credentials::Basic { username: "ops".into(), password: SECRET.into() },
        timeout: Duration::from_secs(40),
        max_connections: 0,
        ca_file: None,
    });
    assert!(matches!(refused, Err(ClientError::Address(AddressError::NotHttps { .. }))));
}
