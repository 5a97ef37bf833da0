"""Checks Kubernetes objects against the API's types.

There is no schema at hand that refuses unknown fields, but TypeScript does: an object is written as a literal of its type
from the npm package kubernetes-types (which is made from the API's OpenAPI document), and the compiler judges names, types,
required fields and enumerations at any depth.
"""
import json
import os
import re
import subprocess

from places import ROOT

NPM = os.environ.get("COLONNADE_NPM", str(ROOT / "build" / "npm"))
MODULES = {"v1": "core/v1"}


def module(version):
    """Where kubernetes-types has the types of an apiVersion: "networking.k8s.io/v1" is networking/v1."""
    return MODULES.get(version, re.sub(r"\.k8s\.io/", "/", version))


def check(objects, folder):
    """What the compiler has to say about each of the objects: a text, empty where it is content."""
    (folder / "node_modules").symlink_to(os.path.join(NPM, "node_modules"))
    names = [f"object{number}.ts" for number in range(len(objects))]
    for name, item in zip(names, objects):
        (folder / name).write_text(f'import {{{item["kind"]}}} from "kubernetes-types/{module(item["apiVersion"])}";\n'
                                   f"export const item: {item['kind']} = {json.dumps(item, indent=1)};\n", encoding="utf-8")
    done = subprocess.run(["node", os.path.join(NPM, "node_modules/typescript/bin/tsc"), "--noEmit", "--strict", *names],
                          cwd=folder, stdin=subprocess.DEVNULL, timeout=120, check=False, capture_output=True, text=True)
    complaints = {name: [line for line in done.stdout.splitlines() if line.startswith(name + "(")] for name in names}
    assert (done.returncode == 0) == (not any(complaints.values())), done
    return ["\n".join(complaints[name]) for name in names]
