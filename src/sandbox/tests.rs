//! The sandbox as a client sees it, through a real connection.

use std::collections::BTreeSet;

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::json;

use super::*;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

struct Fixture {
    sandbox: RunningSandbox,
    client: Client,
}

impl Fixture {
    async fn new() -> Self {
        Self::with(SandboxOptions::default()).await
    }

    async fn with(options: SandboxOptions) -> Self {
        // Only the first installation counts; the later ones of other tests fail without harm.
        rustls::crypto::ring::default_provider().install_default().ok();
        Fixture { sandbox: start(options).await.unwrap(), client: Client::new() }
    }

    fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.sandbox.address()))
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.anonymous(method, path).basic_auth("scim-user", Some("sandbox-password"))
    }

    async fn post(&self, user: &Value) -> reqwest::Result<Response> {
        self.request(Method::POST, "/scim/v2/Users").body(user.to_string()).send().await
    }

    fn only_fault(&self, kind: FaultKind) {
        self.sandbox.set_faults(Faults { rate: 1.0, slow_ms: 0, kinds: [kind].into(), ..Faults::default() });
    }
}

fn person(name: &str) -> Value {
    json!({
        "schemas": [USER], "userName": name, "name": {"givenName": "Given", "familyName": "Family"},
        "emails": [{"value": "x@example.com", "type": "work", "primary": true}],
    })
}

async fn body(response: Response) -> Value {
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_user_is_created_read_patched_replaced_and_deleted() {
    let fixture = Fixture::new().await;
    let created = fixture.post(&person("ada")).await.unwrap();
    assert_eq!(created.status(), StatusCode::CREATED);
    assert_eq!(created.headers()["content-type"], "application/scim+json");
    let location = created.headers()["location"].to_str().unwrap().to_owned();
    let user = body(created).await;
    assert_eq!(location, format!("{}/Users/{}", fixture.sandbox.base_url(), user["id"].as_str().unwrap()));
    let path = format!("/scim/v2/Users/{}", user["id"].as_str().unwrap());

    let read = fixture.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(body(read).await, user);
    let patch = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": "active", "value": false}],
    });
    let patched = fixture.request(Method::PATCH, &path).body(patch.to_string()).send().await.unwrap();
    assert_eq!(patched.status(), StatusCode::OK);
    assert_eq!(body(patched).await["active"], json!(false));
    let replaced = fixture.request(Method::PUT, &path).body(person("ada2").to_string()).send().await.unwrap();
    assert_eq!(body(replaced).await["userName"], json!("ada2"));
    let deleted = fixture.request(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
    let again = fixture.request(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_FOUND);
    assert_eq!(body(again).await["status"], json!("404"));
    let statistics = fixture.sandbox.statistics();
    assert_eq!((statistics.creates, statistics.updates, statistics.deletes), (1, 2, 1));
    assert_eq!(statistics.requests, 6);
    assert_eq!(statistics.largest_concurrent_writes_to_one_user, 1);
}

#[tokio::test]
async fn false_credentials_are_refused_with_a_challenge_and_bearer_is_taken_too() {
    let fixture =
        Fixture::with(SandboxOptions { bearer: Some("token".into()), ..SandboxOptions::default() }).await;
    let path = "/scim/v2/Users";
    let missing = fixture.anonymous(Method::GET, path).send().await.unwrap();
    assert_eq!(missing.status(), StatusCode::UNAUTHORIZED);
    assert!(missing.headers().contains_key("www-authenticate"));
    let bearer = fixture.anonymous(Method::GET, path).bearer_auth("token").send().await.unwrap();
    assert_eq!(bearer.status(), StatusCode::OK);
    fixture.sandbox.set_password(&"rotated".into());
    let old = fixture.request(Method::GET, path).send().await.unwrap();
    assert_eq!(old.status(), StatusCode::UNAUTHORIZED);
    let control = fixture.request(Method::GET, "/_sandbox/users").send().await.unwrap();
    assert_eq!(control.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_duplicate_in_other_letters_is_a_conflict() {
    let fixture = Fixture::new().await;
    fixture.sandbox.seed_user(json!({"userName": "Ada"})).unwrap();
    let conflict = fixture.post(&person("ada")).await.unwrap();
    assert_eq!(conflict.status(), StatusCode::CONFLICT);
    let error = body(conflict).await;
    assert_eq!((&error["scimType"], &error["status"]), (&json!("uniqueness"), &json!("409")));
    fixture.sandbox.set_behaviour(Behaviour {
        conflict_scim_type: false,
        conflict_status_integer: true,
        ..Behaviour::default()
    });
    let error = body(fixture.post(&person("ada")).await.unwrap()).await;
    assert_eq!((error.get("scimType"), &error["status"]), (None, &json!(409)));
}

#[tokio::test]
async fn a_plus_in_a_query_is_a_plus() {
    let fixture = Fixture::new().await;
    fixture.sandbox.seed_user(json!({"userName": "ada+x"})).unwrap();
    let spaces = fixture.request(Method::GET, "/scim/v2/Users?filter=userName%20eq%20%22ada+x%22");
    assert_eq!(body(spaces.send().await.unwrap()).await["totalResults"], json!(1));
    let pluses = fixture.request(Method::GET, "/scim/v2/Users?filter=userName+eq+%22ada%22");
    let refused = pluses.send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert_eq!(body(refused).await["scimType"], json!("invalidFilter"));
}

#[tokio::test]
async fn an_id_with_any_characters_is_reached_at_its_location() {
    let behaviour = Behaviour { awkward_ids: true, ..Behaviour::default() };
    let fixture = Fixture::with(SandboxOptions { behaviour, ..SandboxOptions::default() }).await;
    let created = fixture.post(&person("ada")).await.unwrap();
    let location = created.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(body(created).await["id"], json!("u1@acme/é 1"));
    let path = location.strip_prefix(&format!("http://{}", fixture.sandbox.address())).unwrap();
    let read = fixture.request(Method::GET, path).send().await.unwrap();
    assert_eq!(read.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_lost_answer_was_applied_and_a_reset_was_not() {
    let fixture = Fixture::new().await;
    fixture.only_fault(FaultKind::AnswerLost);
    fixture.post(&person("lost")).await.unwrap_err();
    fixture.only_fault(FaultKind::Reset);
    fixture.post(&person("reset")).await.unwrap_err();
    let names: Vec<Value> = fixture.sandbox.users().iter().map(|user| user["userName"].clone()).collect();
    assert_eq!(names, [json!("lost")]);
}

#[tokio::test]
async fn a_malformed_answer_was_applied_and_cannot_be_read() {
    let fixture = Fixture::new().await;
    fixture.only_fault(FaultKind::Malformed);
    let response = fixture.post(&person("ada")).await.unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
    let text = response.text().await.unwrap();
    assert!(serde_json::from_str::<Value>(&text).is_err());
    assert_eq!(fixture.sandbox.users().len(), 1);
}

#[tokio::test]
async fn faults_that_refuse_apply_nothing() {
    let fixture = Fixture::new().await;
    for (kind, status) in
        [(FaultKind::Throttle, 429), (FaultKind::ServerError, 500), (FaultKind::Unavailable, 503)]
    {
        fixture.only_fault(kind);
        let mut forms = BTreeSet::new();
        for _ in 0..30 {
            let response = fixture.post(&person("ada")).await.unwrap();
            assert_eq!(response.status().as_u16(), status);
            let retry_after = response.headers().get("retry-after").map(|value| value.len());
            assert!(kind != FaultKind::Throttle || retry_after.is_some());
            forms.insert((retry_after, response.headers()["content-type"].to_str().unwrap().to_owned()));
        }
        assert_eq!(forms.len(), 2, "{kind:?} has two forms");
    }
    assert!(fixture.sandbox.users().is_empty());
    assert_eq!(fixture.sandbox.statistics().faults, 90);
}

#[tokio::test]
async fn requests_above_the_limit_are_answered_429_with_retry_after() {
    let options = SandboxOptions { requests_per_second: Some(1), ..SandboxOptions::default() };
    let fixture = Fixture::with(options).await;
    let mut throttled = None;
    for _ in 0..50 {
        let response = fixture.request(Method::GET, "/scim/v2/Users").send().await.unwrap();
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            throttled = Some(response);
            break;
        }
    }
    let throttled = throttled.expect("fifty requests on loopback take less than fifty seconds");
    assert_eq!(throttled.headers()["retry-after"], "1");
    assert_eq!(fixture.sandbox.statistics().throttled, 1);
}

#[tokio::test]
async fn writes_to_one_user_at_once_are_noticed() {
    let fixture = Fixture::new().await;
    let id = fixture.sandbox.seed_user(person("ada")).unwrap();
    // Neither is answered while the test runs, so both are open at one time.
    fixture.sandbox.set_faults(Faults { latency_ms: 3_600_000, ..Faults::default() });
    let path = format!("/scim/v2/Users/{id}");
    for _ in 0..2 {
        tokio::spawn(fixture.request(Method::PUT, &path).body(person("ada").to_string()).send());
    }
    while fixture.sandbox.statistics().largest_concurrent_writes_to_one_user < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(fixture.sandbox.statistics().largest_concurrent_requests, 2);
}

#[tokio::test]
async fn an_update_that_changes_nothing_is_counted() {
    let fixture = Fixture::new().await;
    let id = fixture.sandbox.seed_user(person("ada")).unwrap();
    let path = format!("/scim/v2/Users/{id}");
    let put = |title: &str| {
        let mut user = person("ada");
        user["title"] = json!(title);
        fixture.request(Method::PUT, &path).body(user.to_string()).send()
    };
    put("Countess").await.unwrap();
    put("Countess").await.unwrap();
    let statistics = fixture.sandbox.statistics();
    assert_eq!((statistics.updates, statistics.unchanged_updates), (2, 1));
}

#[tokio::test]
async fn the_control_endpoints_work_through_faults_and_outages() {
    let fixture = Fixture::new().await;
    let put = |path: &str, value: Value| fixture.request(Method::PUT, path).body(value.to_string()).send();
    let faults = put("/_sandbox/faults", json!({"rate": 1.0, "kinds": ["reset"]})).await.unwrap();
    assert_eq!(faults.status(), StatusCode::OK);
    assert!(fixture.post(&person("ada")).await.is_err());
    put("/_sandbox/faults", json!({})).await.unwrap();
    put("/_sandbox/outage", json!({"outage": "dropped"})).await.unwrap();
    assert!(fixture.post(&person("ada")).await.is_err());
    let mut seed = person("bob");
    seed["ownedElsewhere"] = json!(true);
    let seeded =
        fixture.request(Method::POST, "/_sandbox/users").body(seed.to_string()).send().await.unwrap();
    assert_eq!(seeded.status(), StatusCode::CREATED);
    let users = body(fixture.request(Method::GET, "/_sandbox/users").send().await.unwrap()).await;
    assert_eq!(users, Value::Array(fixture.sandbox.users()));
    assert!(users[0].get("ownedElsewhere").is_none());
    let statistics = fixture.request(Method::GET, "/_sandbox/statistics").send().await.unwrap();
    let statistics: Statistics = serde_json::from_value(body(statistics).await).unwrap();
    assert_eq!((statistics.requests, statistics.faults), (2, 1));
    let wrong = put("/_sandbox/faults", json!({"rate": 2.0})).await.unwrap();
    assert_eq!(wrong.status(), StatusCode::BAD_REQUEST);
    fixture.sandbox.set_down(true);
    assert_eq!(fixture.post(&person("ada")).await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    fixture.sandbox.set_down(false);
    assert_eq!(fixture.post(&person("ada")).await.unwrap().status(), StatusCode::CREATED);
}

#[tokio::test]
async fn stopping_breaks_open_connections_and_frees_the_port() {
    let fixture = Fixture::new().await;
    fixture.sandbox.set_faults(Faults { latency_ms: 3_600_000, ..Faults::default() });
    let open = tokio::spawn(fixture.request(Method::GET, "/scim/v2/Users").send());
    while fixture.sandbox.statistics().requests == 0 {
        tokio::task::yield_now().await;
    }
    let address = fixture.sandbox.address();
    fixture.sandbox.stop().await;
    open.await.unwrap().unwrap_err();
    std::net::TcpListener::bind(address).unwrap();
}

#[tokio::test]
async fn dropping_the_handle_stops_the_sandbox() {
    let fixture = Fixture::new().await;
    assert!(fixture.request(Method::GET, "/scim/v2/Users").send().await.is_ok());
    let url = format!("{}/Users", fixture.sandbox.base_url());
    let Fixture { sandbox, client } = fixture;
    drop(sandbox);
    while client.get(&url).send().await.is_ok() {
        tokio::task::yield_now().await;
    }
}

fn patch_members(operations: &Value) -> String {
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations})
        .to_string()
}

/// A sandbox with a workspace, a group inside of it, and a user.
async fn with_groups(hold: std::time::Duration) -> (Fixture, String) {
    let fixture = Fixture::with(SandboxOptions { hold, ..SandboxOptions::default() }).await;
    for (id, name) in [("workspace:Q1", "Finance"), ("workspace:Q1:group:G7", "Editors")] {
        fixture.sandbox.seed_group(id, name).unwrap();
    }
    let created = body(fixture.post(&person("ada")).await.unwrap()).await;
    let id = created["id"].as_str().unwrap().to_owned();
    (fixture, id)
}

impl Fixture {
    async fn change_members(&self, group: &str, operations: Value) -> StatusCode {
        let path = format!("/scim/v2/Groups/{group}");
        let sent = self.request(Method::PATCH, &path).body(patch_members(&operations)).send().await;
        sent.unwrap().status()
    }

    fn is_active(&self, user: &str) -> bool {
        self.sandbox.user(user).unwrap()["active"] == json!(true)
    }
}

#[tokio::test]
async fn groups_are_listed_without_members_where_asked_and_found_by_name() {
    let (fixture, ada) = with_groups(std::time::Duration::ZERO).await;
    fixture.sandbox.set_members("workspace:Q1", [ada.clone()]).unwrap();
    let get = async |query: &str| {
        let path = format!("/scim/v2/Groups{query}");
        body(fixture.request(Method::GET, &path).send().await.unwrap()).await
    };
    let all = get("?count=1&startIndex=2").await;
    assert_eq!((&all["totalResults"], &all["Resources"][0]["displayName"]), (&json!(2), &json!("Editors")));
    let named = get("?filter=displayName%20eq%20%22finance%22&excludedAttributes=members").await;
    assert_eq!((&named["totalResults"], named["Resources"][0].get("members")), (&json!(1), None));
    let one = get("/workspace%3AQ1").await;
    assert_eq!(one["members"], json!([{"value": ada, "type": "User"}]));
    fixture.sandbox.set_behaviour(Behaviour { groups: false, ..Behaviour::default() });
    let none = fixture.request(Method::GET, "/scim/v2/Groups").send().await.unwrap();
    assert_eq!(none.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_inside_of_a_workspace_needs_it_and_goes_with_it() {
    let (fixture, ada) = with_groups(std::time::Duration::ZERO).await;
    let add = json!([{"op": "add", "path": "members", "value": [{"value": ada}]}]);
    assert_eq!(fixture.change_members("workspace:Q1:group:G7", add.clone()).await, StatusCode::BAD_REQUEST);
    assert_eq!(fixture.change_members("workspace:Q1", add.clone()).await, StatusCode::OK);
    assert_eq!(fixture.change_members("workspace:Q1:group:G7", add).await, StatusCode::OK);
    let remove = json!([{"op": "remove", "path": format!("members[value eq \"{ada}\"]")}]);
    assert_eq!(fixture.change_members("workspace:Q1", remove).await, StatusCode::OK);
    assert!(fixture.sandbox.members("workspace:Q1:group:G7").is_empty());
    let statistics = fixture.sandbox.statistics();
    assert_eq!((statistics.members_added, statistics.members_removed), (2, 1));
}

#[tokio::test]
async fn a_request_without_the_workspace_is_held_and_one_that_the_workspace_catches_up_with_goes_well() {
    let (fixture, ada) = with_groups(std::time::Duration::from_millis(300)).await;
    let add = json!([{"op": "add", "path": "members", "value": [{"value": ada}]}]);
    let (inside, outside) = tokio::join!(
        fixture.change_members("workspace:Q1:group:G7", add.clone()),
        fixture.change_members("workspace:Q1", add.clone()),
    );
    assert_eq!((inside, outside), (StatusCode::OK, StatusCode::OK));
}

#[tokio::test]
async fn who_leaves_the_last_workspace_is_suspended_and_activated_when_added_again() {
    let (fixture, ada) = with_groups(std::time::Duration::ZERO).await;
    assert!(fixture.is_active(&ada), "somebody new is in no workspace yet");
    let add = json!([{"op": "add", "value": {"members": [{"value": ada}]}}]);
    let remove = json!([{"op": "remove", "path": "members", "value": [{"value": ada}]}]);
    fixture.change_members("workspace:Q1", add.clone()).await;
    assert_eq!(fixture.change_members("workspace:Q1", remove).await, StatusCode::OK);
    assert!(!fixture.is_active(&ada));
    fixture.change_members("workspace:Q1", add).await;
    assert!(fixture.is_active(&ada));
}

#[tokio::test]
async fn a_change_of_members_is_whole_or_none_and_takes_users_only() {
    let (fixture, ada) = with_groups(std::time::Duration::ZERO).await;
    let add = json!([{"op": "add", "path": "members", "value": [{"value": ada}, {"value": "nobody"}]}]);
    assert_eq!(fixture.change_members("workspace:Q1", add).await, StatusCode::BAD_REQUEST);
    let other = json!([{"op": "replace", "path": "displayName", "value": "x"}]);
    assert_eq!(fixture.change_members("workspace:Q1", other).await, StatusCode::BAD_REQUEST);
    assert!(fixture.sandbox.members("workspace:Q1").is_empty());
    assert_eq!(fixture.change_members("workspace:Q9", json!([])).await, StatusCode::BAD_REQUEST);
}
