#!/usr/bin/env python3
"""What the daemon really serves, against whatever reads it: promtool's lints, a real Prometheus with the alert rules, the
dashboard, and the list in docs/reference/metrics.md.

    metrics.py BINARY FOLDER          FOLDER holds the programs prometheus and promtool

The daemon runs with the chart's configuration, a token and all, beside the sandbox. It is brought to a point at which every
metric there is has a sample: two people are created, a plan is held, live Workiva was compared. Ends with 0 only if nothing
was found.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DEPLOY = ROOT / "deploy"
SECONDS = 60
TOKEN = "metrics-check-token"
HEADER = "Employee ID,First Name,Last Name,Work Email,Status\n"
NAME = re.compile(r"\bworkiva_sync_[a-z_]+")


class Fault(Exception):
    """What is not as it should be, in words."""


def insist(holds, what):
    if not holds:
        raise Fault(what)


def until(what, holds):
    end = time.monotonic() + SECONDS
    while True:
        found = holds()
        if found:
            return found
        insist(time.monotonic() < end, f"not within {SECONDS} s: {what}")
        time.sleep(0.1)


def get(url, token=None):
    """Status and text."""
    request = urllib.request.Request(url)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


class Programs:
    """What was started here, and is ended here."""

    def __init__(self, folder):
        self.folder, self.running = folder, []

    def start(self, name, command, environment=None):
        log = self.folder / f"{name}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        self.running.append(process)
        return log

    def said(self, log, pattern):
        """The first group of the pattern, once the program has said it."""
        found = until(f"{log.stem} says {pattern}", lambda: re.search(pattern, log.read_text()))
        return found.group(1)

    def stop(self):
        for process in reversed(self.running):
            process.send_signal(signal.SIGTERM)
        for process in self.running:
            process.wait(SECONDS)


def hr(folder, people):
    """As a whole or not at all: the daemon may be reading."""
    rows = [f"{number:03},First{number},Last{number},p{number}@example.com,Active\n" for number in range(people)]
    draft = folder / "draft"
    draft.write_text(HEADER + "".join(rows))
    draft.replace(folder / "employees.csv")


def daemon(programs, binary, folder):
    """The daemon's address, once every metric has a sample."""
    password = folder / "workiva_password"
    password.write_text("sandbox-password\n")
    (folder / "http_token").write_text(TOKEN + "\n")
    sandbox = programs.start("sandbox", [binary, "sandbox", "--listen", "127.0.0.1:0"])
    base_url = programs.said(sandbox, r"listens at (http\S+?),")
    (folder / "hr").mkdir()
    hr(folder / "hr", 2)
    changed = {
        "SCHEDULE__CRON": "* * * * * *",
        "SOURCE__PATH": str(folder / "hr" / "*.csv"),
        "SOURCE__ID_PREFIX": "staff-",
        "WORKIVA__BASE_URL": base_url,
        "WORKIVA__USERNAME": "scim-user",
        "WORKIVA__PASSWORD_FILE": str(password),
        "GUARD__MAX_CREATE_COUNT": "2",
        "DRIFT__CRON": "* * * * * *",
        # Nobody listens there, which is a sample as well.
        "ALERTS__SLACK__URL": "http://127.0.0.1:9/hook",
        "STORE__URL": f"sqlite://{folder}/state/workiva-sync.db",
        "HTTP__LISTEN": "127.0.0.1:0",
        "HTTP__TOKEN_FILE": str(folder / "http_token"),
    }
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WORKIVA_SYNC_")}
    environment |= {f"WORKIVA_SYNC__{key}": value for key, value in changed.items()}
    config = DEPLOY / "helm" / "workiva-sync" / "workiva-sync.toml"
    log = programs.start("daemon", [binary, "--config", str(config), "run"], environment)
    address = programs.said(log, r'"listen":"([^"]+)"')
    until("the daemon lives", lambda: get(f"http://{address}/livez")[0] == 200)
    insist(get(f"http://{address}/metrics")[0] == 401, "/metrics asks for no token")

    def shows(line):
        # At the beginning of a line: that which explains a metric has its name as well.
        until(f"the metrics show {line}", lambda: f"\n{line}" in get(f"http://{address}/metrics", TOKEN)[1])

    shows('workiva_sync_actions_total{kind="create",outcome="done"} 2')
    hr(folder / "hr", 9)
    shows("workiva_sync_plan_held 1")
    shows("workiva_sync_drift_accounts{")
    return address


def lint(promtool, text):
    """promtool reads the older text format alone, in which a counter is announced by its whole name."""
    counters = set(re.findall(r"^# TYPE (\S+) counter$", text, re.MULTILINE))
    lines = []
    for line in text.splitlines():
        words = line.split(" ", 3)
        if line.startswith(("# UNIT", "# EOF")):
            continue
        if line.startswith("# ") and words[2] in counters:
            words[2] += "_total"
        lines.append(" ".join(words))
    done = subprocess.run(
        [promtool, "check", "metrics"], input="\n".join(lines) + "\n", capture_output=True, text=True, timeout=SECONDS
    )
    insist(done.returncode == 0 and not done.stderr, f"promtool check metrics:\n{done.stdout}{done.stderr}")


def served(text):
    """The names by which queries know what is served: histograms by their three parts."""
    names, help_texts = set(), set(re.findall(r"^# HELP (\S+) ", text, re.MULTILINE))
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE):
        insist(name in help_texts, f"{name} says nothing of itself")
        parts = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(kind, [""])
        names |= {name + part for part in parts}
    return names


def told(names):
    """The reference's list against what is served. A histogram has one row."""
    reference = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    rows = set(re.findall(r"^\| `(workiva_sync_[a-z_]+)", reference, re.MULTILINE))
    families = {re.sub(r"_(bucket|sum|count)$", "", name) if name not in rows else name for name in names}
    insist(rows == families, f"the reference's list of metrics differs: {sorted(rows ^ families)}")


def rules():
    """Each alert is tested, leads to a place that is there, and says what is the matter."""
    text = (DEPLOY / "prometheus" / "rules.yaml").read_text()
    tests = (DEPLOY / "prometheus" / "rules.test.yaml").read_text()
    alerts = re.findall(r"- alert: (\S+)", text)
    insist(len(alerts) == len(set(alerts)) > 0, "two alerts have one name")
    for alert in alerts:
        insist(f'alertname="{alert}"' in tests, f"{alert} is not tested")
    headings = re.findall(r"^#+ (.+)$", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for runbook in re.findall(r"runbook: (\S+)", text):
        page, _, anchor = runbook.partition("#")
        insist((ROOT / page).is_file() and (not anchor or anchor in anchors), f"{runbook} is not there")
    insist(text.count("runbook: ") == len(alerts), "an alert has no runbook")
    return len(alerts), set(NAME.findall(text))


def panels():
    """The dashboard's queries, each with its panel's title, with Grafana's variables as they could be."""
    dashboard = json.loads((DEPLOY / "grafana" / "workiva-sync.json").read_text())
    ids, taken, queries = set(), set(), []
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        insist(panel["id"] not in ids and not cells & taken, f"{panel['title']} is in another panel's place")
        insist(place["x"] + place["w"] <= 24, f"{panel['title']} is too wide")
        ids.add(panel["id"])
        taken |= cells
        for target in panel.get("targets", []):
            expr = target["expr"].replace("$__rate_interval", "1m").replace("$job", ".*")
            insist("$" not in expr, f"{panel['title']}: an unknown variable in {expr}")
            queries.append((panel["title"], expr))
    return queries


def scraped(programs, prometheus, address, folder, queries):
    """A real Prometheus takes the metrics in, knows the rules, and answers the dashboard's queries."""
    (folder / "prometheus.yaml").write_text(f"""
global: {{ scrape_interval: 1s, evaluation_interval: 1s }}
rule_files: ["{DEPLOY}/prometheus/rules.yaml"]
scrape_configs:
  - job_name: workiva-sync
    authorization: {{ credentials_file: "{folder}/http_token" }}
    static_configs: [{{ targets: ["{address}"] }}]
""")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/series"]
    programs.start("prometheus", [prometheus, *options, f"--web.listen-address=127.0.0.1:{port}"])

    def ask(path, **query):
        status, text = get(f"http://127.0.0.1:{port}/api/v1/{path}?{urllib.parse.urlencode(query)}")
        return json.loads(text)["data"] if status == 200 else None

    def value(expr):
        found = ask("query", query=expr)
        return found and found["result"]

    until("Prometheus scrapes", lambda: value('up{job="workiva-sync"} == 1'))
    until("Prometheus has two scrapes", lambda: value("count_over_time(workiva_sync_ready[1m]) > 2"))
    groups = until("the rules were gone through", lambda: [
        group for group in (ask("rules") or {"groups": []})["groups"]
        if all(rule["health"] != "unknown" for rule in group["rules"])
    ])
    ill = [rule["name"] for group in groups for rule in group["rules"] if rule["health"] != "ok"]
    insist(not ill, f"rules that Prometheus cannot evaluate: {ill}")
    until("PlanHeld is pending", lambda: value('ALERTS{alertname="WorkivaSyncPlanHeld", alertstate="pending"}'))
    answered = 0
    for title, expr in queries:
        found = value(expr)
        insist(found is not None, f"the panel {title!r} has a query that Prometheus refuses: {expr}")
        answered += bool(found)
    return answered


def main():
    binary, programs_folder = sys.argv[1], pathlib.Path(sys.argv[2])
    folder = pathlib.Path(tempfile.mkdtemp(prefix="workiva-sync-metrics-"))
    programs = Programs(folder)
    try:
        count, in_rules = rules()
        queries = panels()
        address = daemon(programs, binary, folder)
        text = get(f"http://{address}/metrics", TOKEN)[1]
        lint(programs_folder / "promtool", text)
        names = served(text)
        told(names)
        used = in_rules | {name for _, expr in queries for name in NAME.findall(expr)}
        insist(used <= names, f"asked for, and never served: {sorted(used - names)}")
        left = names - used - {f"workiva_sync_scim_request_duration_seconds{part}" for part in ("_sum", "_count")}
        insist(not left, f"served, and on no dashboard: {sorted(left)}")
        answered = scraped(programs, programs_folder / "prometheus", address, folder, queries)
        print(f"ok    {len(names)} metrics by promtool, the reference, {count} alerts and {len(queries)} queries of the dashboard; "
              f"Prometheus evaluates all, and {answered} queries have an answer")
    except Fault as fault:
        print(f"FAIL  {fault}")
        for log in sorted(folder.glob("*.log")):
            print(f"--- {log.name}\n{log.read_text()[-2000:]}")
        return 1
    finally:
        programs.stop()
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
