//! Each preset against a server that answers as its vendor documents, from what a customer has at hand to records, and to the plan that the real binary makes.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::server::{Reply, Request, Server};
use super::{Read, configured, read, refused};

/// A preset with its account's keys, towards this server.
fn preset(kind: &str, server: &Server, account: &str, more: &str) -> String {
    format!(
        "kind = \"{kind}\"\n[source.account]\n{account}\n[source.rest]\nurl = \"{}\"\nretry_base_seconds = 0.01\nmax_attempts = 2\n\
         requests_per_minute = 0\n{more}",
        server.url
    )
}

fn basic(pair: &str) -> String {
    format!("Basic {}", BASE64.encode(pair))
}

/// Asserts that the first record is Ana, as every server here sends her.
fn assert_ana(read: &Read, but: &[(&str, &str)]) {
    let mut wanted = BTreeMap::from([
        ("employee_id", "000123"),
        ("given_name", "Ana"),
        ("family_name", "Ruiz"),
        ("work_email", "ana@x.test"),
        ("hire_date", "2026-12-01"),
        ("job_title", "Analyst"),
        ("department", "Finance"),
    ]);
    wanted.extend(but.iter().copied());
    let fields = read.fields(0);
    for (name, value) in wanted {
        assert_eq!(fields.get(name), Some(&value), "{name} of {fields:?}");
    }
    assert_eq!(fields.get("termination_date"), None);
    assert_eq!(read.rejections, []);
}

/// What the real binary plans for this source, by the preset's own status values: as many accounts, Ana's first.
fn assert_planned(lines: &str, accounts: u64) {
    let planned = planned(lines).run(&["plan", "--json", "--as-of", "2027-01-01"]);
    let planned = super::common::Synced::of(planned);
    assert_eq!(planned.exit, 0, "{planned:?}");
    assert_eq!(planned.planned(), super::common::kinds([("create", accounts)]), "{planned:?}");
    assert_eq!(planned.json["actions"][0]["employee_id"], "000123");
}

/// A world with this source, by the preset's own status values.
fn planned(lines: &str) -> super::common::World {
    let mut world = super::common::World::new();
    let own: toml::Table = toml::from_str(&format!("[source]\nabsence = \"deprovision\"\n{lines}")).unwrap();
    world.config.remove("lifecycle");
    world.config.extend(own);
    world.config["access"] = toml::toml! { provision = "all" }.into();
    world.config["attributes"] = toml::toml! {
        userName = "{{ employee_id | lower }}@x.test"
        externalId = "{{ employee_id }}"
        "name.givenName" = "{{ given_name }}"
        "name.familyName" = "{{ family_name }}"
        "emails.work" = "{{ work_email }}"
    }
    .into();
    world.write_config();
    world
}

fn bamboo(id: &str, status: &str) -> Value {
    json!({"id": id, "firstName": "Ana", "lastName": "Ruiz", "preferredName": null, "workEmail": "ana@x.test", "status": status,
        "employmentHistoryStatus": "Full-Time", "hireDate": "2026-12-01", "terminationDate": "0000-00-00", "department": "Finance",
        "division": "", "jobTitle": "Analyst", "supervisorEId": "9", "location": "Madrid"})
}

#[test]
fn bamboohr_sends_one_report_and_takes_the_key_for_a_user_name() {
    let server = Server::plain(|request, before| {
        assert_eq!(request.header("authorization"), basic("hunter2:x"));
        // Its throttling was a 503 once.
        if before == 0 {
            return Reply::status(503).with("Retry-After", "0");
        }
        let body: Value = serde_json::from_str(&request.body).unwrap();
        assert!(body["fields"].as_array().unwrap().contains(&json!("terminationDate")));
        Reply::json(
            json!({"title": "workiva-sync", "fields": [], "employees": [bamboo("000123", "Active"), bamboo("2", "Inactive")]}),
        )
    });
    let account = "company = \"acme\"\napi_key = \"hunter2\"";
    let lines = preset("bamboohr", &server, account, "");
    let read = read(&lines).unwrap();
    assert_ana(&read, &[("status", "Active"), ("manager_id", "9"), ("location", "Madrid")]);
    assert_eq!(server.asked()[1], "POST /api/v1/reports/custom?format=JSON&onlyCurrent=false");
    assert!(read.end.cursor.is_some());
    assert_planned(&lines, 1);
    let own = lines
        + "\n[source.rest.delta]\ngone_values = []\n[source.columns]\nemployee_id = \"supervisorEId\"\nlocation = \"\"";
    let read = super::read(&own).unwrap();
    assert_eq!(
        (read.ids()[0], read.fields(0).get("location")),
        ("9", None),
        "single columns can be replaced or taken out"
    );
}

#[test]
fn workday_sends_one_report_without_its_empty_columns() {
    let server = Server::plain(|request, _| {
        assert_eq!(request.header("authorization"), basic("isu@tenant:hunter2"));
        Reply::json(json!({"Report_Entry": [
            {"Employee_ID": "000123", "First_Name": "Ana", "Last_Name": "Ruiz", "Work_Email": "ana@x.test", "Active": "1",
                "Hire_Date": "2026-12-01-08:00", "Department": "Finance", "Manager_ID": "20009", "Business_Title": "Analyst"},
            {"Employee_ID": "21002", "Active": "0"}
        ]}))
    });
    let account = format!(
        "report_url = \"{}/ccx/service/customreport2/tenant/owner/Report\"\nusername = \"isu@tenant\"\npassword = \"hunter2\"",
        server.url
    );
    let lines = format!("kind = \"workday\"\n[source.account]\n{account}");
    let read = read(&lines).unwrap();
    assert_ana(&read, &[("status", "1"), ("manager_id", "20009")]);
    assert_eq!(read.fields(1).len(), 2);
    assert_eq!(server.asked(), ["GET /ccx/service/customreport2/tenant/owner/Report?format=json"]);
    let warning = read.end.passed_over.unwrap();
    assert!(warning.contains("termination_date") && !warning.contains("hire_date"), "{warning}");
    assert_planned(&lines, 1);
}

pub fn adp(id: &str) -> Value {
    json!({"associateOID": format!("G{id}"), "workerID": {"idValue": id}, "person": {"legalName": {"givenName": "Ana", "familyName1": "Ruiz"}},
        "businessCommunication": {"emails": [{"emailUri": "ana@x.test"}]},
        "workerDates": {"originalHireDate": "2026-12-01", "terminationDate": null},
        "workerStatus": {"statusCode": {"codeValue": "Active"}},
        "workAssignments": [
            {"primaryIndicator": false, "jobTitle": "Teacher"},
            {"primaryIndicator": true, "jobTitle": "Analyst",
                "homeOrganizationalUnits": [{"typeCode": {"codeValue": "Branch"}, "nameCode": {"codeValue": "X"}},
                    {"typeCode": {"codeValue": "Department"}, "nameCode": {"codeValue": "FIN"}}],
                "reportsTo": [{"associateOID": "G3M", "workerID": {"idValue": "9"}}]}]})
}

/// What a customer of ADP has at hand, with a certificate that lies in this folder.
pub fn adp_account(folder: &Path) -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate =
        rcgen::CertificateParams::new(vec!["client.test".to_owned()]).unwrap().self_signed(&key).unwrap();
    let (certificate_file, key_file) = (folder.join("client.pem"), folder.join("client.key"));
    std::fs::write(&certificate_file, certificate.pem()).unwrap();
    std::fs::write(&key_file, key.serialize_pem()).unwrap();
    format!(
        "client_id = \"c\"\nclient_secret = \"hunter2\"\ncertificate_file = \"{}\"\nprivate_key_file = \"{}\"",
        certificate_file.display(),
        key_file.display()
    )
}

/// A server of ADP's workers: so many of them, by hundreds; each answer tells what is made of their number.
fn adp_workers(all: usize, meta: impl Fn(usize) -> Value + Send + Sync + 'static) -> Server {
    Server::plain(move |request, _| {
        if request.path == "/token" {
            return Reply::json(json!({"access_token": "t", "expires_in": 3600}));
        }
        assert_eq!(request.parameter("count"), "true");
        let skip: usize = request.parameter("$skip").parse().unwrap();
        if skip >= all {
            return Reply::status(204);
        }
        let workers: Vec<Value> =
            (skip..(skip + 100).min(all)).map(|n| adp(&format!("{:06}", 123 + n))).collect();
        Reply::json(json!({"workers": workers, "meta": meta(all)}))
    })
}

#[test]
fn what_adp_tells_as_the_number_of_all_is_held_against_what_came_and_need_not_be_told() {
    let folder = tempfile::tempdir().unwrap();
    let account = adp_account(folder.path());
    let lines = |server: &Server, rest: &str| {
        let token = format!("{rest}\n[source.rest.auth]\ntoken_url = \"{}/token\"", server.url);
        preset("adp", server, &account, &token)
    };
    for all in [100, 130] {
        for meta in [|all| json!({"totalNumber": all}), |_| json!(null), |_| json!({"startSequence": 1})] {
            let server = adp_workers(all, meta);
            assert_eq!(read(&lines(&server, "")).unwrap().records.len(), all);
        }
    }
    let server = adp_workers(130, |all| json!({"totalNumber": all + 1}));
    let told = refused(&lines(&server, ""));
    assert!(told.contains("it tells of 131 records, and 130 came"), "{told}");
    // Where a company's number is another one, the preset's can be taken out, or insisted upon where it is told.
    assert_eq!(read(&lines(&server, "total = \"\"")).unwrap().records.len(), 130);
    let server = adp_workers(130, |_| json!(null));
    let told = refused(&lines(&server, "total_required = true"));
    assert!(told.contains("no page of it tells a total at $.meta.totalNumber"), "{told}");
}

#[test]
fn adp_pages_by_skip_until_there_is_no_content() {
    let server = Server::plain(|request, _| match request.path.as_str() {
        "/auth/oauth/v2/token" => {
            Reply::json(json!({"access_token": "t", "token_type": "Bearer", "expires_in": 3600}))
        }
        _ => {
            assert_eq!((request.header("authorization"), request.parameter("$top")), ("Bearer t", "100"));
            match request.parameter("$skip") {
                "0" => Reply::json(
                    json!({"workers": (0..100).map(|n| adp(&format!("{:06}", 123 + n))).collect::<Vec<_>>()}),
                ),
                // Hired again: the last day is that of the employment before.
                "100" => {
                    let mut again = adp("000900");
                    again["workerDates"] = json!({"originalHireDate": "2015-02-01", "rehireDate": "2026-03-01",
                        "terminationDate": "2020-06-30"});
                    Reply::json(json!({"workers": [again]}))
                }
                _ => Reply::status(204),
            }
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let account = adp_account(folder.path());
    let token = format!("[source.rest.auth]\ntoken_url = \"{}/auth/oauth/v2/token\"", server.url);
    let lines = preset("adp", &server, &account, &token);
    let read = read(&lines).unwrap();
    assert_ana(&read, &[("department", "FIN"), ("manager_id", "9"), ("status", "Active")]);
    assert_eq!(read.records.len(), 101);
    assert_eq!(read.fields(100)["hire_date"], "2026-03-01");
    assert_eq!(server.asked()[3], "GET /hr/v2/workers?$skip=101&$top=100&count=true");
    assert_planned(&lines, 101);
}

fn sap(id: &str) -> Value {
    json!({"personIdExternal": id, "personalInfoNav": {"results": [{"firstName": "Ana", "lastName": "Ruiz"}]},
        "emailNav": {"results": [{"emailAddress": "home@x.test", "isPrimary": false}, {"emailAddress": "ana@x.test", "isPrimary": true}]},
        "employmentNav": {"results": [{"userId": "aruiz", "startDate": "/Date(1796083200000)/", "endDate": "/Date(253402214400000)/",
            "jobInfoNav": {"results": [{"emplStatus": "4595", "emplStatusNav": {"externalCode": "A"}, "department": "Finance", "jobTitle": "Analyst", "managerId": "9"}]}}]}})
}

#[test]
fn successfactors_goes_on_by_next_and_its_dates_are_milliseconds() {
    let server = Server::plain(|request, _| match request.path.as_str() {
        "/oauth/token" => {
            let form: HashMap<_, _> = form_urlencoded::parse(request.body.as_bytes()).into_owned().collect();
            assert_eq!((form["client_id"].as_str(), form["company_id"].as_str()), ("key", "acme"));
            assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:saml2-bearer");
            // tests/interop/assertion.py verifies its signature.
            let assertion = String::from_utf8(BASE64.decode(&form["assertion"]).unwrap()).unwrap();
            let host = request.header("host");
            assert!(assertion.contains(&format!(" Recipient=\"http://{host}/oauth/token\"")), "{assertion}");
            assert!(assertion.contains(">r&amp;d@acme</saml:NameID>"), "{assertion}");
            Reply::json(json!({"access_token": "t", "expires_in": 600}))
        }
        _ if request.parameter("$skiptoken").is_empty() => {
            assert_eq!((request.parameter("$format"), request.parameter("paging")), ("json", "snapshot"));
            // Whatever is selected of a navigation has to be expanded, and the status is an id without it.
            for (parameter, part) in [
                ("$select", "employmentNav/jobInfoNav/emplStatusNav/externalCode"),
                ("$expand", "employmentNav/jobInfoNav/emplStatusNav"),
            ] {
                assert!(request.parameter(parameter).split(',').any(|one| one == part), "{}", request.target);
            }
            let next =
                format!("http://{}/odata/v2/PerPerson?$format=json&$skiptoken=abc", request.header("host"));
            Reply::json(json!({"d": {"results": [sap("000123")], "__next": next}}))
        }
        _ => {
            assert_eq!(request.parameter("$skiptoken"), "abc");
            Reply::json(json!({"d": {"results": [sap("1002")]}}))
        }
    });
    let account = "company = \"acme\"\nhost = \"api4.example\"\nclient_id = \"key\"\nusername = \"r&d@acme\"";
    let with_key =
        |key: &str| preset("successfactors", &server, &format!("{account}\nprivate_key = '{key}'"), "");
    let lines = with_key(&format!("''{}''", include_str!("signing_key.pem")));
    let read = read(&lines).unwrap();
    assert_ana(&read, &[("status", "A"), ("manager_id", "9")]);
    assert_eq!(read.ids(), ["000123", "1002"]);
    assert_planned(&lines, 2);
    let told = super::read(&with_key("hunter2")).map(|_| ()).unwrap_err().to_string();
    assert!(told.contains("source.rest.auth.saml.private_key_file: it holds no key in PEM"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");

    // An assertion that was signed elsewhere.
    let server = Server::plain(|request, _| match request.path.as_str() {
        "/oauth/token" => {
            assert_eq!(request.body.split("&assertion=PHNhbWw%2B&").count(), 2, "{}", request.body);
            Reply::json(json!({"access_token": "t", "expires_in": 600}))
        }
        _ => Reply::json(json!({"d": {"results": [sap("000123")]}})),
    });
    let account = "host = \"api4.example\"\nclient_id = \"key\"\nassertion = \"PHNhbWw+\"";
    let elsewhere = "[source.rest.auth.token_parameters]\nassertion = \"{assertion}\"\ncompany_id = \"acme\"";
    assert_eq!(
        super::read(&preset("successfactors", &server, account, elsewhere)).unwrap().ids(),
        ["000123"]
    );

    // A bearer token that a tool of the customer's keeps fresh, instead of an assertion.
    let server = Server::plain(|request, _| {
        assert_eq!(request.header("authorization"), "Bearer hunter2");
        Reply::json(json!({"d": {"results": [sap("000123")]}}))
    });
    let bearer = "[source.rest.auth]\nkind = \"bearer\"\ntoken = \"hunter2\"";
    assert_eq!(
        super::read(&preset("successfactors", &server, "host = \"api4.example\"", bearer)).unwrap().ids(),
        ["000123"]
    );
}

#[test]
fn ukg_pro_wants_a_key_beside_the_password() {
    let server = Server::plain(|request, _| {
        assert_eq!(request.header("authorization"), basic("svc:hunter2"));
        assert_eq!(request.header("us-customer-api-key"), "KEY");
        match request.parameter("page") {
            "1" => Reply::json(
                json!([{"employeeId": "000123", "employeeNumber": 123, "firstName": "Ana", "lastName": "Ruiz",
                "emailAddress": "ana@x.test", "employeeStatus": "A", "dateOfLastHire": "2026-12-01T00:00:00", "terminationDate": null,
                "orgLevel1Code": "Finance", "alternateJobTitle": "Analyst", "supervisorId": "9"}]),
            ),
            _ => Reply::json(json!([])),
        }
    });
    let account =
        "host = \"service5.example\"\nusername = \"svc\"\npassword = \"hunter2\"\napi_key = \"KEY\"";
    let lines = preset("ukgpro", &server, account, "");
    assert_ana(&read(&lines).unwrap(), &[("status", "A"), ("manager_id", "9")]);
    assert_planned(&lines, 1);
}

#[test]
fn whoever_has_two_records_in_ukg_pro_is_rejected_where_they_differ_and_blocks_nobody() {
    let one = |id: &str, status: &str| {
        json!({"employeeId": id, "firstName": "Ana", "lastName": "Ruiz", "emailAddress": "ana@x.test", "employeeStatus": status,
            "dateOfLastHire": "2026-12-01T00:00:00", "companyID": status})
    };
    // Hired again in another company: on one page, and on two.
    let pages = [
        vec![one("000123", "A"), one("000124", "T"), one("000124", "A"), one("000125", "T")],
        vec![one("000125", "A"), one("000126", "A")],
    ];
    let server = Server::plain(move |request, _| {
        let page: usize = request.parameter("page").parse().unwrap();
        Reply::json(json!(pages.get(page - 1).cloned().unwrap_or_default()))
    });
    let account =
        "host = \"service5.example\"\nusername = \"svc\"\npassword = \"hunter2\"\napi_key = \"KEY\"";
    let planned = |more: &str| {
        let lines = preset("ukgpro", &server, account, more);
        let planned =
            super::common::Synced::of(planned(&lines).run(&["plan", "--json", "--as-of", "2027-01-01"]));
        let actions = planned.json["actions"].as_array().unwrap().iter();
        let ids: Vec<String> = actions.map(|one| one["employee_id"].as_str().unwrap().to_owned()).collect();
        (planned.exit, ids, planned.json["source"]["rejected"].clone())
    };
    assert_eq!(planned(""), (4, vec!["000123".into(), "000126".into()], json!(2)));
    // What docs/sources/ukgpro.md says for those: the records of employments that have ended are left out.
    let narrowed = "[source.rest.delta]\ngone = \"employeeStatus\"\ngone_values = [\"T\", \"Terminated\"]\n\
                    there_values = [\"A\", \"Active\", \"L\", \"Leave\", \"S\"]";
    let all = ["000123", "000124", "000125", "000126"].map(str::to_owned).to_vec();
    assert_eq!(planned(narrowed), (0, all, json!(0)));
}

#[test]
fn personio_wraps_every_value_and_its_totals_are_held_against_it() {
    let employee = |id: &str| {
        let value = |value: Value| json!({"label": "x", "value": value});
        json!({"type": "Employee", "attributes": {"id": value(json!(id)), "first_name": value(json!("Ana")), "last_name": value(json!("Ruiz")),
            "email": value(json!("ana@x.test")), "status": value(json!("active")), "hire_date": value(json!("2026-12-01T00:00:00+01:00")),
            "termination_date": value(json!(null)), "position": value(json!("Analyst")),
            "department": value(json!({"type": "Department", "attributes": {"id": 1, "name": "Finance"}})),
            "supervisor": value(json!({"type": "Employee", "attributes": {"id": value(json!(9))}}))}})
    };
    let answer = move |moved: bool| {
        move |request: &Request, _: usize| match request.path.as_str() {
            "/v1/auth" => {
                assert_eq!(
                    request.body,
                    r#"{"grant_type":"client_credentials","client_id":"c","client_secret":"hunter2"}"#
                );
                Reply::json(json!({"success": true, "data": {"token": "t"}}))
            }
            _ => {
                let offset: usize = request.parameter("offset").parse().unwrap();
                let data: Vec<Value> =
                    (offset..(offset + 100).min(150)).map(|n| employee(&format!("{:06}", 123 + n))).collect();
                let total = if moved && offset > 0 { 151 } else { 150 };
                Reply::json(
                    json!({"success": true, "data": data, "metadata": {"total_elements": total}, "offset": offset, "limit": 100}),
                )
            }
        }
    };
    let account = "client_id = \"c\"\nclient_secret = \"hunter2\"";
    let server = Server::plain(answer(false));
    let lines = preset("personio", &server, account, "");
    let read = read(&lines).unwrap();
    assert_ana(&read, &[("status", "active"), ("manager_id", "9")]);
    assert_eq!((read.records.len(), server.requests().len()), (150, 3));
    assert_planned(&lines, 150);
    let server = Server::plain(answer(true));
    assert!(
        refused(&preset("personio", &server, account, "")).contains("told of 150 records and then of 151")
    );
}

#[test]
fn hibob_is_searched_by_a_post() {
    let server = Server::plain(|request, _| {
        assert_eq!(request.header("authorization"), basic("SERVICE-1:hunter2"));
        assert!(request.body.contains("\"showInactive\":true"), "{}", request.body);
        let value = |value: &str| json!({"value": value});
        Reply::json(
            json!({"employees": [{"id": "000123", "/root/firstName": value("Ana"), "/root/surname": value("Ruiz"),
            "/root/email": value("ana@x.test"), "/internal/status": value("Active"), "/work/startDate": value("2026-12-01"),
            "work": {"department": "209", "title": "7", "reportsTo": {"id": "9"}},
            "humanReadable": {"work": {"department": "Finance", "title": "Analyst", "startDate": "12/01/2026"}}}]}),
        )
    });
    let account = "username = \"SERVICE-1\"\npassword = \"hunter2\"";
    let lines = preset("hibob", &server, account, "");
    assert_ana(&read(&lines).unwrap(), &[("status", "Active"), ("manager_id", "9")]);
    assert_eq!(server.asked(), ["POST /v1/people/search"]);
    assert_planned(&lines, 1);
}

#[test]
fn paylocity_lists_ids_and_is_asked_for_each() {
    let server = Server::plain(|request, _| match request.path.as_str() {
        "/IdentityServer/connect/token" => {
            assert_eq!(request.header("authorization"), basic("c:hunter2"));
            assert_eq!(request.body, "grant_type=client_credentials&scope=WebLinkAPI");
            Reply::json(json!({"access_token": "t", "expires_in": 3600}))
        }
        "/api/v2/companies/B100/employees" => match request.parameter("pagenumber") {
            "0" => Reply::json(
                json!([{"employeeId": "000123", "statusCode": "A"}, {"employeeId": "7", "statusCode": "T"}]),
            )
            .with("X-Pcty-Total-Count", "2"),
            _ => Reply::json(json!([])),
        },
        path => {
            let mut one = json!({"employeeId": path.rsplit('/').next().unwrap(), "firstName": "Ana", "lastName": "Ruiz",
            "workAddress": {"emailAddress": "ana@x.test"}, "status": {"employeeStatus": "A", "hireDate": "2026-12-01", "terminationDate": null},
            "departmentPosition": {"costCenter1": "Finance", "jobTitle": "Analyst"}});
            if path.ends_with("/7") {
                one["status"] = json!({"employeeStatus": "A", "hireDate": "2015-02-01", "reHireDate": "2026-03-01",
                    "terminationDate": "2020-06-30"});
            }
            Reply::json(one)
        }
    });
    let account = "company = \"B100\"\nclient_id = \"c\"\nclient_secret = \"hunter2\"";
    let lines = preset("paylocity", &server, account, "");
    let read = read(&lines).unwrap();
    assert_ana(&read, &[("status", "A")]);
    assert_eq!(read.ids(), ["000123", "7"]);
    assert_eq!(read.fields(1)["hire_date"], "2026-03-01");
    assert_planned(&lines, 2);
}

#[test]
fn rippling_goes_on_by_its_next_link() {
    let server = Server::plain(|request, _| {
        assert_eq!(request.header("authorization"), "Bearer hunter2");
        let worker = |id: &str| {
            json!({"id": id, "work_email": "ana@x.test", "status": "ACTIVE", "start_date": "2026-12-01", "end_date": null,
            "title": "Analyst", "manager_id": "9", "user": {"name": {"given_name": "Ana", "family_name": "Ruiz"}}, "department": {"name": "Finance"}})
        };
        match request.parameter("cursor") {
            "" => Reply::json(
                json!({"results": [worker("000123")], "next_link": format!("http://{}/workers?cursor=x", request.header("host"))}),
            ),
            _ => Reply::json(json!({"results": [worker("7")], "next_link": null})),
        }
    });
    let lines = preset("rippling", &server, "token = \"hunter2\"", "");
    let read = read(&lines).unwrap();
    assert_ana(&read, &[("status", "ACTIVE"), ("manager_id", "9")]);
    assert_eq!(server.asked(), ["GET /workers?expand=user,department", "GET /workers?cursor=x"]);
    assert_planned(&lines, 2);
}

#[test]
fn merge_wants_two_tokens_and_goes_on_by_a_cursor() {
    let server = Server::plain(|request, _| {
        assert_eq!(
            (request.header("authorization"), request.header("x-account-token")),
            ("Bearer KEY", "hunter2")
        );
        let employee = |id: &str| {
            json!({"employee_number": id, "first_name": "Ana", "last_name": "Ruiz", "work_email": "ana@x.test",
            "employment_status": "ACTIVE", "start_date": "2026-12-01T00:00:00Z", "termination_date": null,
            "manager": {"id": "uuid-9", "employee_number": "9"}, "work_location": {"id": "uuid-l", "name": "Berlin"},
            "groups": [{"type": "TEAM", "name": "Blue"}, {"type": "DEPARTMENT", "name": "Finance"}],
            "employments": [{"job_title": "Analyst"}], "remote_was_deleted": false})
        };
        match request.parameter("cursor") {
            "" => Reply::json(json!({"next": "cD0y", "previous": null, "results": [employee("000123")]})),
            "cD0y" => Reply::json(json!({"next": null, "previous": "x", "results": [employee("7")]})),
            other => panic!("{other}"),
        }
    });
    let lines = preset("merge", &server, "api_key = \"KEY\"\naccount_token = \"hunter2\"", "");
    let read = read(&lines).unwrap();
    assert_ana(&read, &[("status", "ACTIVE"), ("manager_id", "9"), ("location", "Berlin")]);
    assert!(
        server.asked()[0].contains("expand=employments,groups,manager,work_location"),
        "{:?}",
        server.asked()
    );
    assert_eq!(read.ids(), ["000123", "7"]);
    assert_planned(&lines, 2);
}

#[test]
fn a_preset_without_its_account_says_what_is_missing_and_where_it_is_found() {
    for (kind, wanted) in [
        (
            "bamboohr",
            "source.account.company: is required for kind = \"bamboohr\": the first part of the address",
        ),
        ("bamboohr", "source.account.api_key: is required"),
        (
            "workday",
            "source.account.report_url: is required for kind = \"workday\": in Workday the report's action",
        ),
        ("adp", "source.account.private_key: is required"),
        ("successfactors", "source.account.private_key: is required"),
        ("ukgpro", "source.account.host: is required"),
        ("personio", "source.account.client_id: is required"),
        ("hibob", "source.account.username: is required"),
        ("paylocity", "source.account.company: is required"),
        ("rippling", "source.account.token: is required"),
        ("merge", "source.account.account_token: is required"),
    ] {
        let told = configured(&format!("kind = \"{kind}\"")).map(|_| ()).unwrap_err();
        assert!(told.contains(wanted), "{kind}: {told}");
    }
    let told =
        configured("kind = \"bamboohr\"\n[source.account]\ncompany = \"evil.example/\"\napi_key = \"k\"")
            .map(|_| ())
            .unwrap_err();
    assert!(told.contains("source.account.company = evil.example/: becomes part of an address"), "{told}");
}

#[test]
fn from_a_key_to_a_plan_through_the_binary() {
    let mut here = bamboo("000123", "Active");
    here["hireDate"] = json!("2020-02-03");
    let changed = Arc::new(Mutex::new(json!({})));
    let (now, asked_since) = (Arc::clone(&changed), Arc::new(Mutex::new(Vec::new())));
    let since = Arc::clone(&asked_since);
    let server = Server::plain(move |request, _| match request.path.as_str() {
        "/api/v1/reports/custom" => Reply::json(json!({"employees": [here, bamboo("2", "Inactive")]})),
        "/api/v1/employees/changed" => {
            since.lock().unwrap().push(request.parameter("since").to_owned());
            Reply::json(json!({"employees": *now.lock().unwrap()}))
        }
        "/api/v1/employees/000123" => {
            let mut here = here.clone();
            here["jobTitle"] = json!("Auditor");
            Reply::json(here)
        }
        "/api/v1/employees/6" => Reply::of(200, "text/html", b"<html>".to_vec()),
        _ => Reply::status(404),
    });
    let world = super::common::World::new();
    let text = std::fs::read_to_string(world.path("config.toml")).unwrap();
    let mut config: toml::Table = toml::from_str(&text).unwrap();
    config["source"] = toml::toml! {
        kind = "bamboohr"
        absence = "deprovision"
        account = { company = "acme", api_key = "hunter2" }
    }
    .into();
    config["source"]
        .as_table_mut()
        .unwrap()
        .insert("rest".into(), toml::Table::from_iter([("url".into(), server.url.clone().into())]).into());
    config.remove("lifecycle");
    std::fs::write(world.path("config.toml"), config.to_string()).unwrap();
    let planned = super::common::Synced::of(world.run(&["plan", "--json"]));
    assert_eq!(planned.exit, 0, "{planned:?}");
    assert_eq!(planned.planned(), super::common::kinds([("create", 1)]));
    assert_eq!(planned.json["actions"][0]["employee_id"], "000123");
    let printed = world.run(&["config", "print"]);
    assert!(printed.stdout.contains("bamboohr.com") || printed.stdout.contains(&server.url), "{printed:?}");
    assert!(!printed.stdout.contains("hunter2") && !planned.stderr.contains("hunter2"));
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (0, super::common::kinds([("create", 1)])), "{synced:?}");
    // From here on only what changed is asked for, behind a cursor that moves with what is stored.
    world.sync().assert_unchanged();
    *changed.lock().unwrap() = json!({"000123": {"id": "000123", "action": "Updated"}});
    let planned = super::common::Synced::of(world.run(&["plan", "--json"]));
    assert_eq!(planned.planned(), super::common::kinds([("update", 1)]), "{planned:?}");
    assert_eq!(world.sync().applied(), super::common::kinds([("update", 1)]));
    *changed.lock().unwrap() = json!({"6": {"id": "6", "action": "Updated"}});
    let whole = world.sync();
    assert_eq!((whole.exit, whole.outcome()), (0, "applied"), "one that cannot be read: all are instead");
    assert!(whole.stderr.contains("what changed could not be read"), "{whole:?}");
    *changed.lock().unwrap() = json!({"5": {"id": "5", "action": "Updated"}});
    let hidden = world.sync();
    assert_eq!(
        (hidden.exit, hidden.outcome()),
        (4, "unchanged"),
        "one that is not found is rejected by name"
    );
    *changed.lock().unwrap() = json!({});
    world.sync().assert_unchanged();
    *changed.lock().unwrap() = json!({"000123": {"id": "000123", "action": "Deleted"}});
    assert_eq!(world.sync().applied(), super::common::kinds([("suspend", 1)]));
    let since = asked_since.lock().unwrap();
    assert!(
        since.is_sorted() && since[1] == since[2],
        "a plan that is only shown moves no cursor: {since:?}"
    );
    let asked = since.len();
    drop(since);
    *changed.lock().unwrap() = json!({});
    // What the deltas missed, or told wrongly, is found by a read of everybody, whoever makes the first run behind its hour.
    world.meddle("UPDATE source_state SET full_read_at = full_read_at - 2 * 86400000");
    assert_eq!(world.sync().applied(), super::common::kinds([("reactivate", 1)]));
    assert_eq!(asked_since.lock().unwrap().len(), asked, "nobody was asked what had changed");
    world.sync().assert_unchanged();
    assert_eq!(asked_since.lock().unwrap().len(), asked + 1, "and deltas go on behind it");
}

#[test]
fn deltas_by_hand_need_an_hour_at_which_everybody_is_read_and_presets_have_one() {
    let by_hand = "kind = \"rest\"\n[source.rest]\nurl = \"https://hr.example/api\"\n[source.rest.delta]\nquery = { since = \"{since}\" }";
    let told = configured(by_hand).map(|_| ()).unwrap_err();
    assert!(told.contains("source.full_cron: is required with deltas"), "{told}");
}
