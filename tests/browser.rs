//! The dashboard in a real browser: Chromium without a screen, driven through ChromeDriver.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use thirtyfour::prelude::*;
use tokio::runtime::Runtime;

use common::{Daemon, Row, World, people, until};

/// Set where a skipped test is a failed one.
const REQUIRED: &str = "WORKIVA_SYNC_REQUIRE_CHROMEDRIVER";
/// Where pictures are put, for docs/pictures; unset: none are taken.
const PICTURES: &str = "WORKIVA_SYNC_PICTURES";
const TOKEN: &str = "operator-token-of-enough-letters";

/// A browser that ends with this.
struct Browser {
    driver: WebDriver,
    runtime: Runtime,
    server: Child,
    _profile: TempDir,
}

impl Browser {
    /// `None`, and a loud word, where this machine has no ChromeDriver.
    fn start() -> Option<Self> {
        let spawned =
            Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let Ok(mut server) = spawned else {
            assert!(std::env::var_os(REQUIRED).is_none(), "chromedriver is not there, and {REQUIRED} is set");
            // Not by a macro: what those print is kept back where a test passes.
            let word = "
!!! SKIPPED: the dashboard is not tried in a browser, there is no chromedriver; install chromium-driver
";
            std::io::stderr().write_all(word.as_bytes()).unwrap();
            return None;
        };
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let port = lines
            .find_map(|line| {
                Some(line.unwrap().split_once("successfully on port ")?.1.trim_end_matches('.').to_owned())
            })
            .unwrap();
        // Whatever else it says has to go somewhere.
        std::thread::spawn(move || lines.for_each(drop));
        let profile = tempfile::tempdir().unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mut capabilities = DesiredCapabilities::chrome();
        for argument in [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--window-size=1280,1000",
            &format!("--user-data-dir={}", profile.path().display()),
        ] {
            capabilities.add_arg(argument).unwrap();
        }
        // Taken already where another test of this process was first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let driver =
            runtime.block_on(WebDriver::new(&format!("http://127.0.0.1:{port}"), capabilities)).unwrap();
        Some(Self { driver, runtime, server, _profile: profile })
    }

    fn go(&self, address: &str) {
        self.runtime.block_on(self.driver.goto(address)).unwrap();
    }

    fn text(&self) -> String {
        self.ask("return document.readyState === 'complete' ? document.body.innerText : ''")
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Waits until the page says this: a click or a key only begins to load another one.
    fn shows(&self, words: &str) {
        until(words, || self.text().contains(words));
    }

    fn element(&self, css: &str) -> WebElement {
        self.runtime.block_on(self.driver.find(By::Css(css))).unwrap()
    }

    fn type_into(&self, css: &str, text: impl Into<TypingData>) {
        self.runtime.block_on(self.element(css).send_keys(text.into())).unwrap();
    }

    fn click(&self, element: &WebElement) {
        self.runtime.block_on(element.click()).unwrap();
    }

    fn link(&self, words: &str) {
        let link = self.runtime.block_on(self.driver.find(By::LinkText(words))).unwrap();
        self.click(&link);
    }

    fn press(&self, keys: impl Into<TypingData>) {
        let keys = keys.into();
        self.runtime.block_on(self.driver.action_chain().send_keys(keys).perform()).unwrap();
    }

    fn ask(&self, script: &str) -> serde_json::Value {
        self.runtime.block_on(self.driver.execute(script, Vec::new())).unwrap().json().clone()
    }

    fn path(&self) -> String {
        self.runtime.block_on(self.driver.current_url()).unwrap().path().to_owned()
    }

    /// From now on this page looks as it does for whoever has chosen dark ones: the rules for them hold whatever was chosen.
    fn assert_can_be_dark(&self) {
        let light = self.ask("return getComputedStyle(document.body).backgroundColor");
        let dark = self.ask(
            "[...document.styleSheets[0].cssRules].filter(one => one.media && one.media.mediaText.includes('dark'))
               .forEach(one => one.media.mediaText = 'all');
             document.documentElement.style.colorScheme = 'dark';
             return getComputedStyle(document.body).backgroundColor;",
        );
        assert_eq!((light, dark), ("rgb(255, 255, 255)".into(), "rgb(13, 17, 23)".into()));
    }

    fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os(PICTURES) else { return };
        let file = PathBuf::from(folder).join(name);
        self.runtime.block_on(self.driver.screenshot(&file)).unwrap();
    }

    /// At 320 pixels, with everything unfolded, nothing but a box of its own has to be moved sideways. The window itself cannot be made
    /// so narrow.
    fn assert_fits_on_a_telephone(&self) {
        let wide = self.ask(
            "document.documentElement.style.width = '320px';
             document.querySelectorAll('details').forEach(one => one.open = true);
             const wide = [...document.querySelectorAll('main *')]
               .filter(one => !one.closest('.wide *') && one.getBoundingClientRect().right > 320.5)
               .map(one => one.outerHTML.slice(0, 120));
             document.documentElement.style.width = '';
             return wide;",
        );
        assert_eq!(wide, serde_json::json!([]), "{}", self.path());
    }

    /// What a keyboard and a screen reader need is there, and nothing was asked of anybody else.
    fn assert_usable(&self) {
        until("the page is there", || !self.text().is_empty());
        let faults = self.ask(
            "const faults = [];
             const say = (what, all) => all.forEach(one => faults.push(what + ': ' + one.outerHTML.slice(0, 120)));
             const all = css => [...document.querySelectorAll(css)];
             if (all('h1').length !== 1) faults.push('one h1, not ' + all('h1').length);
             if (!document.documentElement.lang || !document.title) faults.push('no language or title');
             if (all('main').length !== 1) faults.push('one main');
             say('a field without a label', all('input:not([type=hidden]), select').filter(one => !one.labels.length && !one.ariaLabel));
             say('a button without words', all('button, a').filter(one => !one.textContent.trim()));
             say('a heading cell without a scope', all('th').filter(one => !one.scope));
             say('a table without a name', all('table').filter(one => !one.caption && !one.ariaLabel && !one.getAttribute('aria-labelledby')));
             all('[aria-labelledby]').filter(one => !document.getElementById(one.getAttribute('aria-labelledby')))
               .forEach(one => faults.push('named by nothing: ' + one.outerHTML.slice(0, 120)));
             say('a picture without words', all('svg, img').filter(one => !one.ariaLabel && !one.alt));
             say('an id twice', all('[id]').filter(one => all('[id=\"' + one.id + '\"]').length > 1));
             performance.getEntriesByType('resource').filter(one => !one.name.startsWith(location.origin))
               .forEach(one => faults.push('asked elsewhere: ' + one.name));
             // Whoever has no mouse moves a box sideways by the arrow keys, and has to get into it for that, and to know what it is.
             document.documentElement.style.width = '360px';
             const scrolls = one => one.scrollWidth > one.clientWidth && /auto|scroll/.test(getComputedStyle(one).overflowX);
             say('a box that no keyboard moves', all('main *').filter(scrolls).filter(one => one.tabIndex !== 0 || one.role !== 'region' ||
               !(one.ariaLabel || one.getAttribute('aria-labelledby'))));
             document.documentElement.style.width = '';
             if (!document.styleSheets.length || getComputedStyle(document.body).margin !== '0px') faults.push('no style');
             return faults;",
        );
        assert_eq!(faults, serde_json::json!([]), "{}", self.path());
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Both may have ended already.
        let _ = self.runtime.block_on(self.driver.clone().quit());
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn world() -> World {
    let mut world = World::new();
    let user = BTreeMap::from([("name", "Ann"), ("role", "operator"), ("token", TOKEN)]);
    let user: BTreeMap<String, String> =
        user.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    world.set("http.users", vec![toml::Value::from(user)]);
    world
}

#[test]
fn an_operator_logs_in_finds_a_person_reads_why_and_approves_a_held_plan_by_keyboard_and_mouse() {
    let Some(browser) = Browser::start() else { return };
    let mut world = world();
    let rows = people(120);
    world.sync_rows(&rows, 0);
    world.guard_tightly();
    let leave = |at: usize, row: &Row| if at < 3 { row.left() } else { row.clone() };
    let mut rows: Vec<Row> = rows.iter().enumerate().map(|(at, row)| leave(at, row)).collect();
    rows.push(Row::new("2000", "Zoe", "Newcomer"));
    world.hr(&rows);
    let daemon = Daemon::start(&world);
    until("a plan is held", || !daemon.readiness().1["held_plan"].is_null());

    browser.go(&format!("http://{}/people", daemon.address()));
    assert_eq!(browser.path(), "/login", "nobody sees anything before the login");
    browser.assert_usable();
    browser.press("wrong" + Key::Enter);
    browser.shows("This is nobody's token.");
    // The field has the focus.
    browser.press(TOKEN + Key::Enter);
    until("they come to where they wanted", || browser.path() == "/people");
    browser.assert_usable();

    browser.type_into("#query", "Person NUMBER2" + Key::Enter);
    until("they are found by name", || {
        browser.ask("return document.querySelectorAll('tbody tr').length") == 11
    });
    browser.assert_usable();
    browser.picture("people.png");
    browser.link("1002");
    for words in
        ["Employee 1002", "no access", "person.number2@example.com", "would plan to suspend", "create"]
    {
        browser.shows(words);
    }
    browser.assert_usable();
    browser.picture("person.png");

    browser.link("Overview");
    browser.shows("Runs of 30 days");
    browser.assert_usable();
    browser.picture("overview.png");
    browser.assert_fits_on_a_telephone();
    browser.assert_can_be_dark();
    browser.picture("overview-dark.png");
    browser.link("Look at it");
    for words in ["max_deprovision_count", "1 create, 3 suspend", "1001", "Zoe Newcomer"] {
        browser.shows(words);
    }
    browser.assert_usable();
    browser.picture("plan.png");
    browser.type_into("#query", "newcomer" + Key::Enter);
    until("the new one is found by name", || !browser.text().contains("1001"));
    browser.shows("Zoe Newcomer");
    let plan = browser.path();
    browser.click(&browser.element("button[value=approve]"));
    assert_eq!(browser.ask("return document.querySelector('#reason').validity.valueMissing"), true);
    assert_eq!(browser.path(), plan, "the browser sends no form without a reason");
    browser.type_into("#reason", "  ");
    browser.click(&browser.element("button[value=approve]"));
    browser.shows("say why");
    browser.assert_usable();
    assert!(browser.text().contains("Zoe Newcomer") && !browser.text().contains("1001"), "the same search");
    browser.type_into("#reason", "HR has confirmed these three");
    browser.click(&browser.element("button[value=approve]"));
    browser.shows("Approved: 4 actions are released");
    assert_eq!(browser.path(), plan);
    browser.link("suspend");
    until("the three are suspended", || world.agrees(&rows));
    browser.link("1001");
    browser.shows("suspended");
    browser.shows("approved by Ann");

    for page in ["Parked", "Runs", "Audit", "Configuration"] {
        browser.link(page);
        until(page, || browser.path() == format!("/{}", page.to_lowercase()));
        browser.assert_usable();
        let broken = browser.ask(
            "const main = document.querySelector('main');
             main.style.width = '600px';
             return [...document.querySelectorAll('th code')].flatMap(one => [...one.childNodes])
               .filter(one => one.nodeType === 3)
               .filter(one => { const all = document.createRange(); all.selectNodeContents(one); return all.getClientRects().length > 1; })
               .map(one => one.data)",
        );
        assert_eq!(broken, serde_json::json!([]), "no part of a key is broken");
    }
    assert_eq!(
        browser.ask("const icon = document.querySelector('link[rel=icon]'); const one = new Image(); one.src = icon.href; \
                     return one.decode().then(() => one.naturalWidth > 0)"),
        true,
        "the icon is a picture, and may be shown"
    );
    // By the first tab the content can be jumped to.
    browser.press(Key::Tab + "");
    assert_eq!(browser.ask("return document.activeElement.textContent"), "Skip to the content");
    browser.click(&browser.element("header form button"));
    until("the login page", || browser.path() == "/login");
    let held_back = browser.ask("return document.cookie");
    assert_eq!(held_back, "", "no script sees the cookie");
    browser.go(&format!("http://{}/audit", daemon.address()));
    assert_eq!(browser.path(), "/login", "and behind a logout nothing is shown");

    browser.press(TOKEN + Key::Enter);
    until("they come to where they wanted", || browser.path() == "/audit");
    browser.link("Overview");
    browser.shows("Runs of 30 days");
    let is_told = || browser.text().contains("This page is not fetched again");
    let is_old = || browser.text().contains("is older than a minute");
    assert!(!is_told() && !is_old());
    // Also whoever has something unfolded, which is not taken away from them. A minute is nothing here.
    browser.ask(
        "document.querySelector('details').open = true; document.getElementById('live').dataset.old = '0'",
    );
    until("whoever reads a detail is told that it is old", is_old);
    assert_eq!(browser.ask("return document.querySelector('details').open"), true);
    drop(daemon);
    until("whoever leaves it open is told that it is old", is_told);
}

#[test]
fn ids_that_a_browser_takes_for_a_way_to_elsewhere_lead_to_their_people_and_a_tile_to_whom_it_counts() {
    let Some(browser) = Browser::start() else { return };
    let world = world();
    let ids = ["..", ".", "a/b", "50%", "#7?"];
    let row = |(at, id): (usize, &&str)| Row::new(id, "Odd", &format!("Id{at}"));
    let mut rows: Vec<Row> = ids.iter().enumerate().map(row).collect();
    rows.push(Row::new("9", "No", "Access").but(|row| row.department = "Kitchen".into()));
    world.sync_rows(&rows, 0);
    let daemon = Daemon::start(&world);
    browser.go(&format!("http://{}/", daemon.address()));
    browser.press(TOKEN + Key::Enter);
    for (at, id) in ids.iter().enumerate() {
        browser.shows("Runs of 30 days");
        browser.link(&format!("{}\nactive accounts", ids.len()));
        browser.shows("Odd Id0");
        assert!(!browser.text().contains("\n9\t"), "whoever has no account is not among them");
        browser.link(id);
        browser.shows(&format!("Employee {id}"));
        browser.shows(&format!("odd.id{at}@example.com"));
        browser.assert_usable();
        browser.link("Overview");
    }
    // A table that is wider than a telephone is moved by the arrow keys.
    browser.link("Audit");
    browser.shows("Employee");
    let moved = "const box = document.querySelector('.wide'); box.style.width = '200px'; box.focus();
                 return document.activeElement === box && box.scrollWidth > box.clientWidth";
    assert_eq!(browser.ask(moved), true);
    browser.press(Key::Right + Key::Right);
    until("it has moved", || browser.ask("return document.querySelector('.wide').scrollLeft > 0") == true);
}
