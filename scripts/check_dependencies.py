#!/usr/bin/env python3
"""Holds Cargo.lock to deny.toml: licences, crates in two versions, and where crates come from. Needs no network.

`cargo deny check` reads the same file and also knows advisories; it needs their database.
"""

import json
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def permitted(expression, allowed):
    """Whether an SPDX expression can be met with the allowed licences alone.

    A slash is an older way to write OR. An exception only grants more, so `WITH ...` is dropped.
    What is evaluated consists of True, False, and, or, and brackets.
    """
    words = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))
    words = [word for at, word in enumerate(words) if word != "WITH" and (at == 0 or words[at - 1] != "WITH")]
    python = " ".join(
        word.lower() if word in ("AND", "OR") else word if word in "()" else str(word in allowed) for word in words
    )
    return eval(python, {"__builtins__": {}})


def main():
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    allowed = set(rules["licenses"]["allow"])
    skipped = {entry["crate"] for entry in rules["bans"]["skip"]}
    told = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--locked"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    packages = json.loads(told.stdout)["packages"]
    faults = []
    versions = defaultdict(list)
    used = set()
    for package in packages:
        name, version = package["name"], package["version"]
        versions[name].append(version)
        if not permitted(package["license"] or "none", allowed):
            faults.append(f"{name} {version}: licence {package['license']} is not in deny.toml")
        source = package["source"]
        if source and not source.startswith("registry+"):
            faults.append(f"{name} {version}: comes from {source}, not from the registry")
    for name, there in versions.items():
        known = {
            version: rule
            for version in there
            for rule in skipped
            if rule.split("@")[0] == name and f"{version}.".startswith(rule.split("@")[1] + ".")
        }
        used |= set(known.values())
        if len(there) > 1 and len(there) - len(known) > 1:
            faults.append(f"{name}: in versions {', '.join(sorted(there))}; deny.toml names {len(known)} of them")
        elif len(there) == 1 and known:
            faults.append(f"{name}: in one version only; its line in deny.toml can go")
    faults += [f"{rule}: no such crate in Cargo.lock; its line in deny.toml can go" for rule in sorted(skipped - used)]
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        sys.exit(1)
    print(f"{len(packages)} crates: licences, sources and versions as deny.toml allows")


if __name__ == "__main__":
    main()
