//! The configuration as whoever writes it meets it: every fault at once, each with key, value and mend.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use std::collections::HashMap;

use common::{World, command};
use serde_json::Value;
use workiva_sync::config::{Loaded, parse};

const GOOD: &str = r#"
[source]
kind = "csv"
path = "hr/*.csv"
absence = "deprovision"
[source.columns]
employee_id = "Employee ID"
status = "Status"
given_name = "First Name"
family_name = "Last Name"
work_email = "Work Email"
[lifecycle]
active = ["Active"]
terminated = ["Terminated"]
[access]
provision = "roles"
[[access.roles]]
name = "all"
when = "work_email != ''"
[attributes]
userName = "{{ work_email | lower }}"
"name.givenName" = "{{ given_name }}"
"name.familyName" = "{{ family_name }}"
"emails.work" = "{{ work_email }}"
[workiva]
base_url = "https://app.wdesk.example/scim"
username = "scim-user"
password = "hunter2"
[guard]
max_deprovision_count = 25
max_deprovision_percent = 5.0
"#;

fn load(text: &str, environment: &[(&str, &str)]) -> Result<Loaded, Vec<(String, String)>> {
    let environment: HashMap<String, String> =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let told = parse("config.toml", text, environment);
    told.map_err(|all| all.errors.iter().map(|error| (error.key.clone(), error.to_string())).collect())
}

/// The good configuration with replacements, each of which has to find something.
fn with(replacements: &[(&str, &str)]) -> String {
    replacements.iter().fold(GOOD.to_owned(), |text, (old, new)| {
        assert!(text.contains(old), "{old}");
        text.replacen(old, new, 1)
    })
}

fn faults(text: &str) -> Vec<(String, String)> {
    match load(text, &[]) {
        Ok(_) => panic!("it was accepted: {text}"),
        Err(faults) => faults,
    }
}

/// The only fault of the good configuration with one replacement.
fn fault(old: &str, new: &str) -> String {
    let faults = faults(&with(&[(old, new)]));
    assert_eq!(faults.len(), 1, "{faults:#?}");
    faults[0].1.clone()
}

fn keys(faults: &[(String, String)]) -> Vec<&str> {
    let mut keys: Vec<&str> = faults.iter().map(|(key, _)| key.as_str()).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn an_unknown_key_is_refused_wherever_it_stands_with_the_nearest_known_one() {
    assert!(load(GOOD, &[]).is_ok());
    for (old, new, said) in [
        (
            "[guard]\n",
            "[guard]\nmax_deprovision_cuont = 3\n",
            "guard.max_deprovision_cuont: is not a known key",
        ),
        ("[guard]\n", "[gaurd]\nx = 1\n[guard]\n", "gaurd: is not a known key; did you mean 'guard'?"),
        (
            "name = \"all\"\n",
            "name = \"all\"\nwehn = \"x\"\n",
            "access.roles.0.wehn: is not a known key; did you mean",
        ),
        (
            "[source]\n",
            "[source]\ncolour = \"blue\"\n",
            "source.colour: is not a known key; known here: kind, name",
        ),
        ("[source]\n", "[retry]\nmax_atempts = 3\n[source]\n", "did you mean 'max_attempts'?"),
    ] {
        assert!(fault(old, new).contains(said), "{said}: {}", fault(old, new));
    }
}

#[test]
fn each_fault_across_keys_is_told_with_key_value_and_mend() {
    for (old, new, said) in [
        (
            "password = \"hunter2\"",
            "password = \"x\"\nlease_seconds = 40",
            "workiva.lease_seconds = 40: has to be longer than workiva.timeout_seconds (40)",
        ),
        (
            "| lower }}",
            "| loewr }}",
            "attributes.\"userName\": line 1, column 17: there is no filter `loewr`; did you mean `lower`?",
        ),
        ("| lower }}", "| lower }", "attributes.\"userName\": syntax error"),
        ("{{ given_name }}", "{{ givn_name }}", "there is no field `givn_name`; did you mean `given_name`?"),
        (
            "when = \"work_email != ''\"",
            "when = \"department == 'x'\"",
            "access.roles[0].when: line 1, column 1: there is no field `department`",
        ),
        (
            "[guard]\n",
            "[schedule]\ncron = \"every day\"\n[guard]\n",
            "schedule.cron: 'every day' is no cron expression",
        ),
        (
            "[guard]\n",
            "[schedule]\ncron = \"0 0 0 30 2 *\"\n[guard]\n",
            "schedule.cron: '0 0 0 30 2 *' names a day that never comes",
        ),
        (
            "[guard]\n",
            "[schedule]\ntimezone = \"Mars/Olympus\"\n[guard]\n",
            "schedule.timezone: 'Mars/Olympus' is no IANA time zone",
        ),
        ("[lifecycle]\n", "[lifecycle]\ntimezone = \"CEST\"\n", "lifecycle.timezone"),
        (
            "https://app",
            "http://app",
            "workiva.base_url = http://app.wdesk.example/scim: has to begin with https://",
        ),
        (
            "[guard]\n",
            "[http]\nlisten = \"0.0.0.0:8080\"\n[guard]\n",
            "http.listen = 0.0.0.0:8080: is not loopback; set http.token_file",
        ),
        (
            "[guard]\n",
            "[store]\nurl = \"postgres://x\"\n[guard]\n",
            "store.url = postgres://x: has to be sqlite://",
        ),
        (
            "absence = ",
            "delimiter = \"::\"\nabsence = ",
            "source.delimiter = ::: has to be one ASCII character",
        ),
        (
            "absence = ",
            "done_marker = \"{file}\"\nabsence = ",
            "source.done_marker = {file}: has to name another file",
        ),
        ("absence = ", "trailer = \" \"\nabsence = ", "source.trailer =  : has to be ASCII text"),
        ("absence = ", "absence_runs = 0\nabsence = ", "source.absence_runs = 0"),
        (
            "absence = \"deprovision\"",
            "absence_runs = 2\nabsence = \"keep\"",
            "source.absence_runs = 2: counts only where absence means leaving",
        ),
        ("status = \"Status\"\n", "", "source.columns.status: is required"),
        ("\"emails.work\" = ", "\"emails.home\" = ", "attributes.\"emails.work\": is missing"),
        ("password = \"hunter2\"", "", "workiva.password: is required for auth = \"basic\""),
        ("password = \"hunter2\"", "auth = \"bearer\"", "workiva.token: is required for auth = \"bearer\""),
        ("absence = \"deprovision\"\n", "", "source.absence: is required"),
        (
            "absence = \"deprovision\"",
            "absence = \"ignore\"",
            "source.absence = \"ignore\": is not one of \"deprovision\", \"keep\"",
        ),
        ("max_deprovision_percent = 5.0\n", "", "guard.max_deprovision_percent: is required"),
        (
            "max_deprovision_percent = 5.0",
            "max_deprovision_percent = 101",
            "guard.max_deprovision_percent = 101",
        ),
    ] {
        let told = fault(old, new);
        assert!(told.contains(said), "{said}\n{told}");
    }
    assert!(load(&with(&[("https://app.wdesk.example", "http://127.0.0.1:8080")]), &[]).is_ok());
}

#[test]
fn faults_of_form_and_faults_across_keys_are_told_at_once_and_none_that_only_follows_from_another() {
    let text = with(&[
        ("[source]\n", "[source]\ncolour = \"blue\"\nmin_records = \"many\"\n"),
        ("| lower }}", "| loewr }}"),
        ("name = \"all\"\n", ""),
        ("work_email != ''", "wrk_email != ''"),
        ("https://", "http://"),
        ("password = \"hunter2\"", "password_file = \"/no/such/file\"\nlease_seconds = 5"),
        ("max_deprovision_count = 25\n", ""),
        ("[guard]\n", "[schedule]\ncron = \"daily\"\ntimezone = \"Mars\"\n[guard]\n"),
    ]);
    let faults = faults(&text);
    let expected = [
        "access.roles.0.name",
        "access.roles[0].when",
        "attributes.\"userName\"",
        "guard.max_deprovision_count",
        "schedule.cron",
        "schedule.timezone",
        "source.colour",
        "source.min_records",
        "workiva.base_url",
        "workiva.lease_seconds",
        "workiva.password_file",
    ];
    assert_eq!(keys(&faults), expected, "{faults:#?}");
    // Without columns there is no use in telling that each template names a field that is not there.
    let (before, rest) = GOOD.split_once("[source.columns]").unwrap();
    let headless = format!(
        "{before}{}",
        rest.split_once("[lifecycle]").map(|(_, rest)| format!("[lifecycle]{rest}")).unwrap()
    );
    let told = load(&headless.replace("https://", "http://"), &[]).unwrap_err();
    assert_eq!(keys(&told), ["source.columns", "workiva.base_url"], "{told:#?}");
    assert_eq!(
        keys(&faults_of_nothing()),
        ["access", "attributes", "guard", "lifecycle", "source", "workiva"]
    );
}

/// Found by the fuzz target `configuration`.
#[test]
fn a_table_in_the_place_of_a_word_is_not_quoted() {
    let table = "[workiva.auth]\npassword = \"hunter2\"\n[guard]\n";
    let told = faults(&with(&[("[guard]\n", table)]));
    assert!(
        told.iter().any(|(key, said)| key == "workiva.auth" && said.contains("is not one of")),
        "{told:?}"
    );
    assert!(told.iter().all(|(_, said)| !said.contains("hunter2")), "{told:?}");
}

/// Found by the fuzz target `configuration`.
#[test]
fn a_key_or_variable_without_a_name_is_refused_with_something_to_look_for() {
    let told = load(GOOD, &[("WORKIVA_SYNC__", "x")]).unwrap_err();
    assert_eq!(keys(&told), ["\"\""], "{told:?}");
    assert!(fault("[guard]\n", "[guard]\n\"\" = 1\n").starts_with("guard.\"\": is not a known key"));
}

/// Found by the fuzz target `configuration`: variables come in no order, and now the one counted and now the other.
#[test]
fn two_variables_that_speak_of_one_key_are_refused_and_both_named() {
    for (one, other) in [
        ("WORKIVA_SYNC__GUARD", "WORKIVA_SYNC__GUARD__MIN_PEOPLE"),
        ("WORKIVA_SYNC__GUARD__MIN_PEOPLE", "workiva_sync__guard__min_people"),
        ("WORKIVA_SYNC__GUARD", "WORKIVA_SYNC__guard.min_people"),
    ] {
        let between = ("WORKIVA_SYNC__GUARD_", "1");
        let told = load(GOOD, &[(one, "3"), (other, "4"), between]).unwrap_err();
        let [fault] = told.as_slice() else { panic!("{told:?}") };
        assert!(fault.0 == one && fault.1.contains(other), "{fault:?}");
    }
    load(GOOD, &[("WORKIVA_SYNC__GUARD__MIN_PEOPLE", "3"), ("WORKIVA_SYNC__GUARD__ON_TRIP", "hold_all")])
        .unwrap();
}

/// Found by the fuzz target `configuration`: a variable went to the one or to the other.
#[test]
fn a_variable_goes_to_the_key_that_is_known_where_the_file_has_another_that_differs_in_case() {
    let twice = GOOD.replace("[guard]\n", "[guArd]\n[guard]\n");
    for _ in 0..20 {
        let told = load(&twice, &[("WORKIVA_SYNC__GUARD__MIN_PEOPLE", "some")]).unwrap_err();
        assert_eq!(keys(&told), ["guArd", "guard.min_people"], "{told:?}");
    }
}

/// Found by the fuzz target `configuration`.
#[test]
fn the_same_faults_are_told_in_the_same_order_each_time() {
    let wrong = with(&[("csv", "cvs"), ("5.0", "\"many\""), ("[guard]\n", "[guard]\nmin_poeple = 3\n")]);
    let first = faults(&wrong);
    assert!(first.len() > 1, "{first:?}");
    for _ in 0..20 {
        assert_eq!(faults(&wrong), first);
    }
}

fn faults_of_nothing() -> Vec<(String, String)> {
    faults("")
}

#[test]
fn no_fault_shows_a_secret() {
    for (old, new) in [
        ("password = \"hunter2\"", "password = [\"hunter2\"]"),
        ("password = \"hunter2\"", "password = {x = \"hunter2\"}"),
        ("password = \"hunter2\"", "passwrd = \"hunter2\""),
        ("password = \"hunter2\"", "password = \"hunter2\"\npassword_file = \"/dev/null\""),
        ("[workiva]", "[[workiva]]"),
        ("base_url = \"https://app", "base_url = \"https://x:hunter2@app"),
        ("username = \"scim-user\"", "username = \"scim-user"),
    ] {
        for (key, told) in faults(&with(&[(old, new)])) {
            assert!(!told.contains("hunter2"), "{key}: {told}");
        }
    }
    let number = faults(&with(&[("\"hunter2\"", "9876543")]));
    assert!(!format!("{number:?}").contains("9876543"), "{number:?}");
}

#[test]
fn each_secret_may_be_in_a_file_and_a_line_end_behind_it_does_not_count() {
    use secrecy::ExposeSecret;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "from file \r\n").unwrap();
    let path = path.display().to_string();
    let file = |key: &str| format!("{key} = \"{path}\"");
    let basic = load(&with(&[("password = \"hunter2\"", &file("password_file"))]), &[]).unwrap();
    let bearer = format!("auth = \"bearer\"\n{}\n[http]\n{}", file("token_file"), file("token_file"));
    let bearer = load(&with(&[("password = \"hunter2\"", &bearer)]), &[]).unwrap();
    let secrets =
        [basic.settings.workiva.password, bearer.settings.workiva.token, bearer.settings.http.token];
    for secret in secrets {
        assert_eq!(secret.unwrap().as_secret().expose_secret(), "from file ");
    }
    let both = fault("password = \"hunter2\"", &format!("password = \"hunter2\"\n{}", file("password_file")));
    assert!(both.contains("workiva.password_file") && both.contains("keep one of the two"), "{both}");
    let missing = fault("password = \"hunter2\"", "password_file = \"/no/such/file\"");
    assert!(missing.contains("workiva.password_file = /no/such/file: cannot be read"), "{missing}");
}

#[test]
fn a_file_that_is_no_secret_but_something_large_is_refused_unread() {
    let world = World::new();
    std::fs::write(world.path("large"), vec![b'x'; 70_000]).unwrap();
    let key = format!("password_file = \"{}\"", world.path("large").display());
    let told = fault("password = \"hunter2\"", &key);
    assert!(told.contains("workiva.password_file") && told.contains("64 KiB"), "{told}");
}

#[test]
fn the_environment_overrides_each_kind_of_key_and_is_checked_like_the_file() {
    let loaded = load(
        GOOD,
        &[
            ("WORKIVA_SYNC__WORKIVA__BASE_URL", "https://other.example/scim"),
            ("WORKIVA_SYNC__WORKIVA__TIMEOUT_SECONDS", "7"),
            ("WORKIVA_SYNC__GUARD__MAX_DEPROVISION_PERCENT", "2.5"),
            ("WORKIVA_SYNC__ACCESS__KEEP_ON_ROLE_LOSS", "true"),
            ("WORKIVA_SYNC__LIFECYCLE__LEAVE", "On Leave, Sabbatical"),
            ("WORKIVA_SYNC__ATTRIBUTES__USERNAME", "{{ employee_id }}"),
            ("WORKIVA_SYNC__SOURCE__COLUMNS__GIVEN_NAME", "Vorname"),
            ("WORKIVA_SYNC__SCHEDULE__CRON", "0 0 6 * * *"),
            ("WORKIVA_SYNC_LOG", "debug"),
            ("HOME", "/root"),
        ],
    );
    let settings = loaded.unwrap().settings;
    assert_eq!(settings.workiva.base_url, "https://other.example/scim");
    assert_eq!((settings.workiva.timeout_seconds, settings.guard.max_deprovision_percent), (7, 2.5));
    assert!(settings.access.keep_on_role_loss);
    assert_eq!(settings.lifecycle.leave, ["On Leave", "Sabbatical"]);
    assert_eq!(settings.attributes["userName"], "{{ employee_id }}");
    assert_eq!(settings.source.as_ref().unwrap().columns["given_name"], "Vorname");
    assert_eq!(settings.schedule.cron, "0 0 6 * * *");

    let told = load(
        GOOD,
        &[
            ("WORKIVA_SYNC__WORKIVA__COLOUR", "blue"),
            ("WORKIVA_SYNC__WORKIVA__TIMEOUT_SECONDS", "soon"),
            ("WORKIVA_SYNC__SCHEDULE__CRON", "daily"),
        ],
    );
    let told = told.unwrap_err();
    assert_eq!(keys(&told), ["schedule.cron", "workiva.colour", "workiva.timeout_seconds"], "{told:#?}");
}

#[test]
fn config_print_can_be_read_again_and_config_schema_is_a_json_schema_that_the_configuration_meets() {
    let world = World::new();
    let printed = world.run(&["config", "print"]);
    assert_eq!(printed.exit, 0, "{printed:?}");
    assert!(
        printed.stdout.contains("[redacted]") && !printed.stdout.contains("sandbox-password"),
        "{printed:?}"
    );
    let again = load(&printed.stdout, &[]).unwrap();
    assert_eq!(again.settings.access.roles.len(), 1);

    // The schema needs no configuration.
    let output = command(&["config", "schema"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(jsonschema::meta::is_valid(&schema));
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut instance: Value = toml::from_str(GOOD).unwrap();
    assert!(validator.is_valid(&instance));
    instance["workiva"]["colour"] = "blue".into();
    assert!(!validator.is_valid(&instance));
}

#[test]
fn what_is_wrong_with_grants_is_told_by_their_place() {
    let grants = "when = \"work_email != ''\"\ngrants = [\"Finance\", \" \", \"Finance\"]";
    let text = with(&[
        ("when = \"work_email != ''\"", grants),
        ("username = \"scim-user\"", "username = \"scim-user\"\ntimeout_seconds = 30"),
    ]) + "[groups]\nmanage = \"exclusive\"\n";
    let keys: Vec<String> = faults(&text).into_iter().map(|(key, _)| key).collect();
    assert_eq!(
        keys,
        [
            "access.roles[0].grants[1]",
            "access.roles[0].grants[2]",
            "guard.max_exclusive_revoke_count",
            "workiva.timeout_seconds"
        ]
    );
    let text = GOOD.to_owned() + "max_exclusive_revoke_count = 1\n[groups]\nmanage = \"exclusive\"\n";
    assert_eq!(faults(&text)[0].0, "groups.manage");
}
