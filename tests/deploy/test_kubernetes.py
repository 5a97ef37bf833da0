"""deploy/kubernetes: the API's types accept it, and it says what the service needs."""
import copy
import re

import yaml

import kubernetes
from places import DEPLOY, ROOT

FOLDER = DEPLOY / "kubernetes"


def read(name):
    return list(yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8")))


def one(name):
    return read(name)[0]


def files():
    return sorted(path.name for path in FOLDER.glob("*.yaml") if path.name != "kustomization.yaml")


def container():
    return one("deployment.yaml")["spec"]["template"]["spec"]["containers"][0]


def variables():
    return {entry["name"]: entry["value"] for entry in container()["env"]}


def test_the_api_accepts_it(tmp_path):
    objects = [item for name in files() for item in read(name)]
    assert len(objects) == 7
    assert kubernetes.check(objects, tmp_path) == [""] * len(objects)


def spoil(*path):
    """Sets the last of `path`, found by the ones before it."""
    *way, name, value = path

    def change(item):
        for step in way:
            item = item[step]
        item[name] = value
    return change


CONTAINER = ("spec", "template", "spec", "containers", 0)


WRONG = [
    ("deployment.yaml", spoil("spec", "replica", 2), "replica"),
    ("deployment.yaml", spoil(*CONTAINER, "securityContext", "readOnlyRootFileSystem", True), "readOnlyRootFileSystem"),
    ("deployment.yaml", spoil(*CONTAINER, "resources", "limit", {"cpu": "1"}), "limit"),
    ("deployment.yaml", spoil(*CONTAINER, "livenessProbe", "httpGet", "pth", "/"), "pth"),
    ("deployment.yaml", spoil("spec", "template", "spec", "terminationGracePeriodSeconds", "45"), "string"),
    ("deployment.yaml", spoil("spec", "template", "spec", "volumes", 0, {"secret": {"secretName": "x"}}), "name"),
    ("service.yaml", spoil("spec", "ports", 0, "targetport", 1), "targetport"),
    ("horizontal-pod-autoscaler.yaml", spoil("spec", "maxReplica", 2), "maxReplica"),
    ("pod-disruption-budget.yaml", spoil("spec", "maxUnavailible", 1), "maxUnavailible"),
    ("network-policy.yaml", spoil("spec", "ingres", []), "ingres"),
    ("service-account.yaml", spoil("kind", "ServiceAcount"), "ServiceAcount"),
    ("service.yaml", spoil("apiVersion", "v1beta7"), "v1beta7"),
]


def test_the_api_refuses_what_is_wrong(tmp_path):
    """The check above can fail: each of these differs from the files in one thing."""
    objects = [copy.deepcopy(one(name)) for name, _, _ in WRONG]
    for item, (_, change, _) in zip(objects, WRONG):
        change(item)
    for complaint, (name, _, word) in zip(kubernetes.check(objects, tmp_path), WRONG):
        assert word in complaint, (name, word, complaint)


def test_kustomization_names_every_file():
    plan = one("kustomization.yaml")
    assert sorted(plan["resources"] + ["secret.example.yaml"]) == files()
    version = re.search(r'CN_VERSION "(.*)"', (ROOT / "server/version.h").read_text(encoding="utf-8"))[1]
    assert plan["images"] == [{"name": "colonnade", "newName": "colonnade", "newTag": version}]
    assert container()["image"] == "colonnade"


def test_labels_find_what_they_should():
    labels = {"app.kubernetes.io/name": "colonnade"}
    deployment = one("deployment.yaml")["spec"]
    assert deployment["selector"]["matchLabels"] == deployment["template"]["metadata"]["labels"] == labels
    assert one("service.yaml")["spec"]["selector"] == labels
    assert one("pod-disruption-budget.yaml")["spec"]["selector"]["matchLabels"] == labels
    assert one("network-policy.yaml")["spec"]["podSelector"]["matchLabels"] == labels
    target = one("horizontal-pod-autoscaler.yaml")["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", one("deployment.yaml")["metadata"]["name"])
    assert deployment["template"]["spec"]["volumes"][0]["secret"]["secretName"] == \
        one("secret.example.yaml")["metadata"]["name"]
    for spread in deployment["template"]["spec"]["topologySpreadConstraints"]:
        assert spread["labelSelector"]["matchLabels"] == labels


def test_a_pod_may_do_as_little_as_possible():
    pod = one("deployment.yaml")["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False and pod["enableServiceLinks"] is False
    assert pod["securityContext"]["runAsUser"] == 10001 and pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]}}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert {"cpu", "memory"} == set(container()["resources"]["limits"]) == set(container()["resources"]["requests"])
    assert one("network-policy.yaml")["spec"]["egress"] == []


def test_a_pod_has_time_to_end():
    pod = one("deployment.yaml")["spec"]["template"]["spec"]
    before = int(container()["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] >= before + int(variables()["COLONNADE_GRACE_MS"]) / 1000 + 5
    readiness = container()["readinessProbe"]
    assert readiness["httpGet"]["path"] == "/readyz" and container()["livenessProbe"]["httpGet"]["path"] == "/livez"


def test_its_settings_exist():
    table = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    for name in variables():
        assert f"`{name}`" in table, name
    assert variables()["COLONNADE_LISTEN"].endswith(f":{container()['ports'][0]['containerPort']}")
    mount = container()["volumeMounts"][0]
    assert mount["readOnly"] and variables()["COLONNADE_TOKEN_FILE"] == mount["mountPath"] + "/token"
