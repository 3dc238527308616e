#!/usr/bin/env python3
"""Whether the document of infra/sbom, on standard input, is CycloneDX, and is of the functions and of nothing else."""

import json
import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

text = sys.stdin.read()
wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
assert not wrong, wrong
document = json.loads(text)
components = {component["bom-ref"]: component for component in document["components"]}
names = {component["name"] for component in components.values()}
functions = {manifest.parent.name for manifest in Path("functions").glob("*/Cargo.toml")}
assert functions == {component["name"] for component in components.values() if component["type"] == "application"}
# The laptop's parts, and what runs on the building machine alone.
assert names.isdisjoint({"rekey-local", "dynoxide-rs", "clap", "syn", "serde_derive"}), names
assert {"aws-sdk-dynamodb", "argon2", "ring", "rustls"} <= names, names
for component in components.values():
    assert component["licenses"], component
    is_own = component["name"] == "rekey" or component["name"] in functions
    assert is_own or component["hashes"], component
for dependency in document["dependencies"]:
    assert all(needed in components for needed in dependency["dependsOn"]), dependency
print(f"{len(components)} components, of which {len(functions)} are functions")
