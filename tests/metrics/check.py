"""Holds pages of /metrics, the dashboard, the alerts and the documentation against each other.

usage: check.py REPOSITORY PAGE...

Each page is a file of OpenMetrics text of a server that has done a bit of everything; together they show every metric
that there is. Says what is wrong, a line each, and ends with 1 if that is anything.
"""

import json
import re
import sys
from pathlib import Path

import promql_parser
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families

# What Prometheus adds to what it reads, and what histograms and Grafana's variables need besides.
ADDED = {"job", "instance", "le"}
OWN = {"up": ADDED}
# https://prometheus.io/docs/practices/naming/#base-units
NO_BASE_UNIT = re.compile(r"_(milli|micro|nano|minutes|hours|days|kilo|mega|gibi|mebi|kibi|percent)")
UNITS = ("seconds", "bytes")

wrong = []


def families(page):
    found = list(text_string_to_metric_families(Path(page).read_text()))
    names = [family.name for family in found]
    wrong.extend(f"{page}: {name} twice" for name in set(names) if names.count(name) > 1)
    return found


def lint(family):
    name = family.name

    def say(what):
        wrong.append(f"{name}: {what}")

    if not re.fullmatch(r"(chinwag|process)(_[a-z]+)+", name):
        say("is no name for a metric of ours")
    if not family.documentation.strip() or family.documentation.endswith(".."):
        say("has no help")
    if NO_BASE_UNIT.search(name):
        say("is not in a base unit")
    if re.search(r"_(total|count|sum|bucket|info|gauge|counter|histogram)$", name):
        say("ends with what only a sample may end with")
    for unit in UNITS:
        if (unit in name.split("_")) != (family.unit == unit):
            say(f"says in one place only that it is in {unit}")
    if "duration" in name or "age" in name.split("_") or "lag" in name.split("_"):
        if family.unit != "seconds":
            say("is a time and not in seconds")
    for sample in family.samples:
        if len(sample.labels) > 3:
            say(f"has many labels: {sample.labels}")


def expressions(repository):
    """Where each stands, and what it says."""
    dashboard = json.loads((repository / "packaging/grafana-dashboard.json").read_text())
    ids = [panel["id"] for panel in dashboard["panels"]]
    if len(set(ids)) != len(ids):
        wrong.append("the dashboard: two panels of one id")
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield f"panel {panel['title']}", target["expr"]
        if panel["type"] != "row" and not (panel.get("targets") and panel["description"].endswith(".")):
            wrong.append(f"panel {panel['title']}: shows nothing, or does not say what")
    for variable in dashboard["templating"]["list"]:
        asked = re.match(r"label_values\((.+), *\w+\)$", variable.get("definition", ""))
        if asked:
            yield f"variable {variable['name']}", asked[1]
    groups = yaml.safe_load((repository / "packaging/alerts.yaml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    if len(rules) != 5:
        wrong.append(f"{len(rules)} alerts, not five")
    for rule in rules:
        said = rule["annotations"]
        if not (rule["for"] and rule["labels"]["severity"] and said["summary"] and said["description"]):
            wrong.append(f"alert {rule['alert']}: lacks something")
        yield f"alert {rule['alert']}", rule["expr"]


def selectors(expression):
    found = []
    plain = expression.replace("$__rate_interval", "1m").replace("$job", "x").replace("$instance", "x")

    def visit(node):
        if isinstance(node, promql_parser.VectorSelector):
            found.append((node.name, [matcher.name for matcher in node.matchers.matchers]))
        return True

    promql_parser.walk(promql_parser.parse(plain), visit)
    return found


def main(repository, *pages):
    labels = dict(OWN)
    family_of = {}
    for page in pages:
        for family in families(page):
            lint(family)
            for sample in family.samples:
                labels.setdefault(sample.name, set(ADDED)).update(sample.labels)
                family_of[sample.name] = family.name
    used = set()
    for where, expression in expressions(repository):
        try:
            found = selectors(expression)
        except ValueError as error:
            wrong.append(f"{where}: {error}")
            continue
        for name, matched in found:
            if name not in labels:
                wrong.append(f"{where}: there is no {name}")
                continue
            used.add(family_of.get(name))
            wrong.extend(f"{where}: {name} has no label {label}" for label in matched if label not in labels[name])
        grouped = re.findall(r"\b(?:by|on|without) *\(([^)]*)\)", expression)
        asked = {label.strip() for group in grouped for label in group.split(",")}
        known = set().union(*(labels.get(name, set()) for name, _ in found))
        wrong.extend(f"{where}: nothing has a label {label}" for label in asked - known)
    told = (repository / "docs/running.md").read_text()
    for name in sorted(set(re.findall(r"`((?:chinwag|process)_\w+)[`{]", told))):
        # A histogram is told of by the name that its samples share.
        if name not in labels and name not in family_of.values():
            wrong.append(f"docs/running.md: there is no {name}")
        used.add(family_of.get(name, name))
    wrong.extend(f"{name}: nobody looks at it" for name in sorted(set(family_of.values()) - used))


main(Path(sys.argv[1]), *sys.argv[2:])
print("\n".join(wrong))
sys.exit(1 if wrong else 0)
