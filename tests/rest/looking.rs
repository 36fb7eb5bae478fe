//! What `check` tells of a system that is asked by HTTP.

use serde_json::{Value, json};

use super::common::{Output, World};
use super::server::{Reply, Server};
use super::{people, person};

/// A world whose source is this server, with these lines of `[source.rest]`.
pub fn world(server: &Server, lines: &str) -> World {
    let world = World::new();
    let text = std::fs::read_to_string(world.path("config.toml")).unwrap();
    let mut config: toml::Table = toml::from_str(&text).unwrap();
    let source = format!(
        "kind = \"rest\"\nabsence = \"deprovision\"\n[rest]\nurl = \"{}/people\"\nrecords = \"$.list[*]\"\nretry_base_seconds = 0.01\n\
         {lines}\n[columns]\nemployee_id = \"id\"\ngiven_name = \"first\"\nfamily_name = \"$.last\"\nwork_email = \"mail\"\n\
         status = \"status\"\ndepartment = \"dept\"\njob_title = \"$.jobs[?@.main == true].title\"",
        server.url
    );
    config["source"] = toml::from_str::<toml::Table>(&source).unwrap().into();
    std::fs::write(world.path("config.toml"), config.to_string()).unwrap();
    world
}

fn checked(world: &World, exit: i32) -> (Value, Output) {
    let output = world.run(&["check", "--json"]);
    assert_eq!(output.exit, exit, "{output:?}");
    (serde_json::from_str(&output.stdout).unwrap(), output)
}

#[test]
fn check_names_the_address_the_fields_that_no_path_reads_and_the_columns_that_no_record_has() {
    let server = Server::plain(|_, _| {
        let mut list = people(0..3);
        list[1]["jobs"] = json!([{"main": true, "title": "Analyst", "pay": 70_000}, {"main": false}]);
        list[2]["nick name"] = json!("Annie");
        Reply::json(json!({"list": list}))
    });
    let world = world(&server, "");
    let told = world.run(&["check"]);
    for words in [
        format!("ok   HR source: {}/people: complete, 3 usable rows, 0 rejected", server.url),
        "not read by any column: $.jobs[*].main, $.jobs[*].pay, nick name\n".into(),
        "configured, and not in the source: department\n".into(),
        "sample, masked: row 1: employee_id = 9, family_name = Xx9, given_name = Xxx, status = Xxxxxx, work_email = x9@x.xxxx; 2 empty\n"
            .into(),
    ] {
        assert!(told.stdout.contains(&words), "'{words}' is not in {told:?}");
    }
    assert_eq!(told.exit, 0, "{told:?}");
    let (report, _) = checked(&world, 0);
    assert_eq!(report["sources"][0]["absent"], json!(["department"]));
}

#[test]
fn check_says_where_a_list_that_is_paged_by_numbers_may_skip_somebody_and_one_read_would_take_their_access() {
    let server = Server::plain(|request, _| {
        let first = request.parameter("page") == "1";
        Reply::json(json!({"list": if first { people(0..3) } else { Vec::new() }}))
    });
    let by_numbers = "[rest.paging]\nkind = \"page\"\nparameter = \"page\"\npage_size = 5";
    let world = world(&server, by_numbers);
    let text = std::fs::read_to_string(world.path("config.toml")).unwrap();
    for (absence, is_told) in [
        ("absence = \"deprovision\"", true),
        ("absence = \"deprovision\"\nabsence_runs = 2", false),
        ("absence = \"keep\"", false),
    ] {
        let text = text.replace("absence = \"deprovision\"", absence);
        std::fs::write(world.path("config.toml"), text).unwrap();
        let (report, output) = checked(&world, 0);
        let told = report["sources"][0]["warnings"].to_string();
        assert_eq!(told.contains("paged by numbers"), is_told, "{absence}: {output:?}");
    }
}

#[test]
fn a_path_that_leads_nowhere_in_every_record_is_told_beside_what_is_there() {
    let server = Server::plain(|_, _| {
        let mut one = person(1);
        let id = one.as_object_mut().unwrap().remove("id").unwrap();
        one["workerId"] = id;
        Reply::json(json!({"list": [one]}))
    });
    let (report, output) = checked(&world(&server, ""), 5);
    let source = &report["sources"][0];
    assert!(source["message"].as_str().unwrap().contains("source.columns.employee_id"), "{source}");
    assert_eq!(source["unmapped"], json!(["workerId"]));
    assert!(source["absent"].as_array().unwrap().contains(&json!("employee_id")), "{source}");
    assert!(!output.stderr.contains("workerId"), "{output:?}");
}

fn preview(world: &World, limit: &str) -> Value {
    let output = world.run(&["source", "preview", "--json", "--limit", limit]);
    assert_eq!(output.exit, 0, "{output:?}");
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    report["sources"][0].clone()
}

#[test]
fn a_preview_asks_for_no_more_pages_than_it_shows() {
    let server = Server::plain(|request, _| {
        let page: usize = request.parameter("page").parse().unwrap();
        Reply::json(json!({"list": people(page * 3..page * 3 + if page == 9 { 0 } else { 3 })}))
    });
    let paging = "[rest.paging]\nkind = \"page\"\nparameter = \"page\"\npage_size = 3\nfirst_page = 1";
    let world = world(&server, paging);
    let source = preview(&world, "2");
    assert_eq!(
        (source["records"].as_array().unwrap().len(), &source["ended"]),
        (2, &json!("stopped")),
        "{source}"
    );
    assert_eq!(
        (&source["rows_read"], &source["reached"]),
        (&json!(3), &json!(format!("{}/people", server.url)))
    );
    assert_eq!(source["records"][0]["fields"]["employee_id"], "3");
    assert_eq!(server.asked().len(), 1, "{:?}", server.asked());
    assert_eq!(preview(&world, "4")["rows_read"], 6);
    assert_eq!(server.asked().len(), 3, "{:?}", server.asked());
    let whole = preview(&world, "100");
    assert_eq!((&whole["rows_read"], &whole["ended"]), (&json!(24), &json!("complete")), "{whole}");
}

#[test]
fn a_preview_asks_for_single_records_only_as_far_as_it_shows_them() {
    let server = Server::plain(|request, _| match request.path.strip_prefix("/people/") {
        None => Reply::json(json!({"list": people(0..9)})),
        Some("1") => Reply::status(404),
        Some(id) => Reply::json(person(id)),
    });
    let world = world(&server, "[rest.detail]\npath = \"/{id}\"\nid = \"id\"");
    let source = preview(&world, "3");
    assert_eq!(
        (source["records"].as_array().unwrap().len(), source["rejected"].as_array().unwrap().len()),
        (2, 1)
    );
    assert_eq!((&source["rejected"][0]["kind"], &source["ended"]), (&json!("not_found"), &json!("stopped")));
    assert_eq!(server.asked().len(), 4, "{:?}", server.asked());
}

#[test]
fn check_says_that_deltas_are_refused_before_a_tick_finds_out_and_they_can_be_switched_off() {
    let server = Server::plain(|request, _| match request.parameter("modified_after") {
        "" => {
            let one = json!({"employee_number": "1", "first_name": "A", "last_name": "B", "work_email": "a@x.test",
                "employment_status": "ACTIVE", "start_date": "2020-02-03"});
            Reply::json(json!({"next": null, "results": [one]}))
        }
        _ => Reply::status(400),
    });
    let mut world = World::new();
    world.config.remove("lifecycle");
    let text = |delta: &str| {
        format!(
            "kind = \"merge\"\nabsence = \"deprovision\"\naccount = {{ api_key = \"k\", account_token = \"t\" }}\n[rest]\n\
             url = \"{}\"\nrequests_per_minute = 0\n{delta}",
            server.url
        )
    };
    world.config["source"] = toml::from_str::<toml::Table>(&text("")).unwrap().into();
    world.write_config();
    let (report, _) = checked(&world, 5);
    let message = report["source"]["message"].as_str().unwrap();
    assert!(message.contains("complete, 1 usable rows") && message.contains("status 400"), "{message}");
    assert!(message.contains("let source.rest.delta.enabled be false"), "{message}");
    assert_eq!((&report["sources"][0]["ok"], &report["source"]["ok"]), (&json!(false), &json!(false)));
    let asked = server.asked().len();

    world.config["source"] =
        toml::from_str::<toml::Table>(&text("delta = { enabled = false }")).unwrap().into();
    world.write_config();
    let (report, _) = checked(&world, 0);
    assert!(!report.to_string().contains("changed"), "{report}");
    let printed = world.run(&["config", "print"]).stdout;
    assert!(printed.contains("enabled = false"), "{printed}");
    for _ in 0..2 {
        let synced = world.sync();
        assert_eq!(synced.exit, 0, "{synced:?}");
    }
    assert!(
        server.asked()[asked..].iter().all(|one| !one.contains("modified_after")),
        "{:?}",
        server.asked()
    );
}
