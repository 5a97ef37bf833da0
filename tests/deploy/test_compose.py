"""deploy/compose.yaml: the Compose Specification's schema accepts it, and it says what the service needs."""
import copy
import json
import os

import jsonschema
import pytest
import yaml

from places import DEPLOY, ROOT

NPM = os.environ.get("COLONNADE_NPM", str(ROOT / "build" / "npm"))


@pytest.fixture(scope="module")
def schema():
    """dclint carries the specification's schema; nothing else of it is used."""
    with open(os.path.join(NPM, "node_modules/dclint/schemas/compose.schema.json"), encoding="utf-8") as file:
        return json.load(file)


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


def test_the_specification_accepts_it(compose, schema):
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(compose, schema, cls=jsonschema.Draft7Validator)


@pytest.mark.parametrize("where,name,value", [
    (("services", "colonnade"), "readonly", True), (("services", "colonnade"), "read_only", []),
    (("services", "colonnade", "healthcheck"), "intervall", "1s"), (("services", "colonnade"), "cap_drop", "ALL"),
    ((), "service", {}), (("secrets", "colonnade_token"), "path", "x"),
    (("services", "prometheus", "depends_on", "colonnade"), "condition", "healthy")])
def test_the_specification_refuses_what_is_wrong(compose, schema, where, name, value):
    """The check above can fail."""
    spoilt = copy.deepcopy(compose)
    part = spoilt
    for step in where:
        part = part[step]
    part[name] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(spoilt, schema, cls=jsonschema.Draft7Validator)


def test_containers_may_do_as_little_as_possible(compose):
    for service in compose["services"].values():
        assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"] and service["mem_limit"]
        assert not {"privileged", "cap_add", "network_mode", "pid", "devices"} & set(service)
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_its_parts_belong_together(compose):
    service = compose["services"]["colonnade"]
    table = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    for name in service["environment"]:
        assert f"`{name}`" in table, name
    assert service["environment"]["COLONNADE_TOKEN_FILE"] == "/run/secrets/" + service["secrets"][0]
    assert int(service["environment"]["COLONNADE_GRACE_MS"]) / 1000 < float(service["stop_grace_period"].rstrip("s"))
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert f'CMD {json.dumps(service["healthcheck"]["test"][1:])}\n' in dockerfile
    assert f"USER {service['user']}\n" in dockerfile
    for mount in compose["services"]["prometheus"]["volumes"]:
        source = mount.split(":")[0]
        assert source in compose["volumes"] or (DEPLOY / source).exists(), mount
