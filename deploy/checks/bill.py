#!/usr/bin/env python3
"""Looks through a bill of materials that deploy/sbom has made: CycloneDX' own schema, Cargo.lock, and what cargo has compiled.

    bill.py BILL [MESSAGES]           MESSAGES: what `cargo build --message-format=json` has printed

Ends with 0 only if nothing was found.
"""

import importlib.util
import json
import pathlib
import re
import sys
import tomllib

import jsonschema
import referencing

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
OWN = "workiva-sync"


class Fault(Exception):
    """What is not as it should be, in words."""


def insist(holds, what):
    if not holds:
        raise Fault(what)


def schema_holds(bill):
    # Found, not imported: the library is here for its schemas, and what it needs itself is not installed.
    package = pathlib.Path(next(iter(importlib.util.find_spec("cyclonedx").submodule_search_locations)))
    files = [package / "schema" / "_res" / f"{name}.SNAPSHOT.schema.json" for name in ["bom-1.5", "spdx", "jsf-0.82"]]
    schemas = [json.loads(file.read_text()) for file in files]
    resources = [(one["$id"], referencing.Resource.from_contents(one)) for one in schemas]
    validator = jsonschema.Draft7Validator(schemas[0], registry=referencing.Registry().with_resources(resources))
    for error in validator.iter_errors(bill):
        raise Fault(f"by the schema of CycloneDX 1.5, {error.json_path}: {error.message[:200]}")


def locked(bill):
    """Each crate as it is locked; each of them is reached from ours."""
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    checksums = {(one["name"], one["version"]): one.get("checksum") for one in lock}
    for one in bill["components"]:
        key = one["name"], one["version"]
        insist(checksums.get(key) == one["hashes"][0]["content"], f"{' '.join(key)} is not what Cargo.lock says")
        insist(one.get("licenses"), f"{' '.join(key)} has no licence")
    edges = {one["ref"]: one["dependsOn"] for one in bill["dependencies"]}
    reached, ahead = set(), [bill["metadata"]["component"]["bom-ref"]]
    while ahead:
        ref = ahead.pop()
        if ref not in reached:
            reached.add(ref)
            ahead += edges[ref]
    insist({one["bom-ref"] for one in bill["components"]} <= reached, "a crate is listed that nothing depends on")


def compiled(bill, messages):
    """Nothing was compiled that is not listed, and nothing is listed that was not."""
    told = [json.loads(line) for line in pathlib.Path(messages).read_text().splitlines()]
    # A crate of a registry is `…#name@version`; one of a folder may go by the folder's name, and there is ours alone.
    ids = [re.search(r"^registry\+.*#(.+)@(.+)$", one["package_id"]) for one in told if one["reason"] == "compiler-artifact"]
    built = {found.groups() for found in ids if found}
    listed = {(one["name"], one["version"]) for one in bill["components"]}
    insist(len(built) > 100, "cargo has told of no build")
    insist(built == listed, f"listed or compiled, and not both: {sorted(built ^ listed)}")


def main():
    bill_file, *messages = sys.argv[1:]
    try:
        bill = json.loads(pathlib.Path(bill_file).read_text())
        schema_holds(bill)
        insist(bill["specVersion"] == "1.5" and bill["metadata"]["component"]["name"] == OWN, "it is another thing's")
        locked(bill)
        for file in messages:
            compiled(bill, file)
    except (Fault, ValueError) as fault:
        print(f"FAIL  the bill of materials: {fault}")
        return 1
    beside = "what cargo has compiled" if messages else "nothing that was compiled, since nothing was"
    print(f"ok    {len(bill['components'])} crates by the schema of CycloneDX 1.5, Cargo.lock, and {beside}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
