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
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


@pytest.mark.parametrize("name", ["colonnade", "colonnade-dask"])
def test_its_parts_belong_together(compose, name):
    service = compose["services"][name]
    table = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    for setting in service["environment"]:
        assert f"`{setting}`" in table, setting
    assert service["environment"]["COLONNADE_TOKEN_FILE"] == "/run/secrets/" + service["secrets"][0]
    assert int(service["environment"]["COLONNADE_GRACE_MS"]) / 1000 < float(service["stop_grace_period"].rstrip("s"))
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert f'CMD {json.dumps(service["healthcheck"]["test"][1:])}\n' in dockerfile
    assert f"USER {service['user']}\n" in dockerfile
    for mount in compose["services"]["prometheus"]["volumes"]:
        source = mount.split(":")[0]
        assert source in compose["volumes"] or (DEPLOY / source).exists(), mount


def test_without_the_profile_there_is_no_dask(compose):
    services = compose["services"]
    assert {name for name, service in services.items() if service.get("profiles") == ["dask"]} == \
        {"colonnade-dask", "dask-scheduler", "dask-worker"}
    assert all("profiles" not in services[name] for name in ("colonnade", "prometheus"))
    assert not any("dask" in setting.lower() for setting in services["colonnade"]["environment"])


def test_only_the_server_reaches_the_cluster(compose):
    """Who reaches a scheduler may run code on its workers."""
    services = compose["services"]
    assert compose["networks"]["cluster"] == {"internal": True}
    members = {name for name, service in services.items() if "cluster" in service["networks"]}
    assert members == {"colonnade-dask", "dask-scheduler", "dask-worker"}
    for name in ("dask-scheduler", "dask-worker"):
        assert services[name]["networks"] == ["cluster"]
        assert not {"ports", "secrets", "volumes", "environment"} & set(services[name])


def test_the_cluster_is_of_one_image_and_one_address(compose):
    services = compose["services"]
    server, scheduler, worker = (services[name] for name in ("colonnade-dask", "dask-scheduler", "dask-worker"))
    assert server["image"] == scheduler["image"] == worker["image"] != services["colonnade"]["image"]
    assert server["build"] == scheduler["build"] == worker["build"]
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert f"AS {server['build']['target']}\n" in dockerfile
    command = scheduler["entrypoint"]
    address = f"tcp://dask-scheduler:{command[command.index('--port') + 1]}"
    assert server["environment"]["COLONNADE_DASK_SCHEDULER"] == address == worker["entrypoint"][1]
    assert worker["deploy"]["replicas"] == 2
    for service in (scheduler, worker):
        command = service["entrypoint"]
        dashboard = command[command.index("--dashboard-address") + 1]
        assert dashboard.startswith("127.0.0.1:") and f"http://{dashboard}/health" in service["healthcheck"]["test"][-1]
