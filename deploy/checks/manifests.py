#!/usr/bin/env python3
"""Looks through rendered manifests: Kubernetes' own schemas, the rules of Pod Security 'restricted', and whether pod,
configuration and secrets say the same. The configuration is read by the real binary.

    manifests.py BINARY FILE…

Ends with 0 only if nothing was found.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import tomllib

import kubernetes_validate
import yaml

# The oldest one that the chart asks for, and the newest one that the schemas are there for.
VERSIONS = ["1.27", "1.37"]
# Of an operator that brings its own types.
FOREIGN = {"ServiceMonitor"}
USER = 10001


class Fault(Exception):
    """What is not as it should be, in words."""


def insist(holds, what):
    if not holds:
        raise Fault(what)


def only(found, what):
    insist(len(found) == 1, f"there should be one {what}, and there are {len(found)}")
    return found[0]


def is_part(selector, labels):
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())


def schemas(documents):
    """How many documents hold by their schemas, and which kinds no schema is known of."""
    unknown = set()
    for document in documents:
        if document["kind"] in FOREIGN:
            unknown.add(document["kind"])
            continue
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                raise Fault(f"{document['kind']}, by the schema of {version}: {error.message}") from error
    return unknown


def restricted(pod):
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/, 'Restricted'; and a root that is read-only."""
    for key in ["hostNetwork", "hostPID", "hostIPC"]:
        insist(not pod.get(key), f"{key} is set")
    of_pod = pod["securityContext"]
    insist(of_pod["runAsNonRoot"] is True and of_pod["runAsUser"] == USER, "the pod's user is not the image's")
    insist(of_pod["seccompProfile"]["type"] == "RuntimeDefault", "the system calls are not filtered")
    insist(pod["automountServiceAccountToken"] is False, "a token of Kubernetes is mounted that nobody needs")
    insist(pod["enableServiceLinks"] is False, "variables of services would be taken for ours")
    allowed = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
    for volume in pod["volumes"]:
        insist(set(volume) - {"name"} <= allowed, f"a volume of a kind that is not allowed: {volume}")
    for container in pod["containers"]:
        own = container["securityContext"]
        insist(own["allowPrivilegeEscalation"] is False, "privileges may be raised")
        insist(own["capabilities"] == {"drop": ["ALL"]}, "capabilities are left")
        insist(own["readOnlyRootFilesystem"] is True, "the root can be written to")
        insist(not own.get("privileged"), "a privileged container")
        insist("memory" in container["resources"]["limits"], "memory is not limited")
        insist("cpu" not in container["resources"]["limits"], "the processor is limited")


def image(name):
    """A name without a host, and of a certain version."""
    host, slash, _ = name.partition("/")
    insist(not slash or not set(".:") & set(host), f"image {name} names a registry")
    tag = name.rpartition(":")[2]
    insist("@sha256:" in name or tag not in ("", "latest", name), f"image {name} is of no certain version")


def labels(documents, pod_labels):
    """Whatever selects the pod does so, and nothing that is meant for others."""
    for document in documents:
        spec = document.get("spec", {})
        match document["kind"]:
            case "Service":
                selector = spec["selector"]
            case "NetworkPolicy":
                selector = spec["podSelector"].get("matchLabels")
                dns = [rule for rule in spec["egress"] if {"port": 53, "protocol": "UDP"} in rule["ports"]]
                peer = only(only(dns, "rule for DNS")["to"], "peer for DNS")
                insist(peer["podSelector"] == {"matchLabels": {"k8s-app": "kube-dns"}}, f"DNS goes to {peer}")
            case "StatefulSet":
                selector = spec["selector"]["matchLabels"]
            case "ServiceMonitor":
                service = only([one for one in documents if one["kind"] == "Service"], "Service")
                insist(is_part(spec["selector"]["matchLabels"], service["metadata"]["labels"]), "no Service is monitored")
                continue
            case _:
                continue
        insist(is_part(selector, pod_labels), f"{document['kind']} selects {selector}, and the pod is {pod_labels}")


def secret_files(settings, path=()):
    """Each `…_file` of the settings with its path."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from secret_files(value, (*path, key))
        elif key in ("password_file", "token_file"):
            yield (*path, key), value


def configuration(binary, text, folder):
    """The settings as the binary understands them, with files in place of those secrets that only the pod has."""
    file = folder / "workiva-sync.toml"
    file.write_text(text)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WORKIVA_SYNC_")}
    files = dict(secret_files(tomllib.loads(text)))
    for number, path in enumerate(files):
        stand_in = folder / f"secret-{number}"
        stand_in.write_text("made up\n")
        environment["WORKIVA_SYNC__" + "__".join(part.upper() for part in path)] = str(stand_in)
    command = [binary, "--config", str(file), "config", "print"]
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    insist(done.returncode == 0, f"the configuration is refused:\n{done.stderr}")
    return tomllib.loads(done.stdout), files


def agreement(binary, documents, stateful, folder):
    """Pod and configuration against each other."""
    pod, container = stateful["spec"]["template"]["spec"], only(stateful["spec"]["template"]["spec"]["containers"], "container")
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    claims = {claim["metadata"]["name"] for claim in stateful["spec"]["volumeClaimTemplates"]}
    mounts = {}
    for mount in container["volumeMounts"]:
        name = mount["name"]
        insist(name in volumes or name in claims, f"{name} is mounted, and there is no such volume")
        insist("subPath" not in mount, f"{name} is mounted by subPath, and would never be brought up to date")
        insist(mount.get("readOnly", False) != (name in claims), f"{name}: only the database is to be written to")
        mounts[name] = mount["mountPath"]
    maps = {one["metadata"]["name"]: one["data"] for one in documents if one["kind"] == "ConfigMap"}
    data = maps.get(volumes["config"]["configMap"]["name"])
    insist(data is not None, "the ConfigMap that is mounted is not made")
    insist(mounts["config"] == "/etc/workiva-sync" and list(data) == ["workiva-sync.toml"], "the image looks for another file")
    insist(volumes["secrets"]["secret"]["defaultMode"] == 0o440, "secrets are to be readable by the pod's group alone")
    insist(pod["securityContext"]["fsGroup"] == USER, "the pod's group cannot read the secrets")

    settings, files = configuration(binary, data["workiva-sync.toml"], folder)
    for path, file in files.items():
        insist(os.path.dirname(file) == mounts["secrets"], f"{'.'.join(path)} is not where the secrets are mounted")
    insist(("http", "token_file") in files and ("workiva", "password_file") in files, "a secret is not a file")
    database = settings["store"]["url"].removeprefix("sqlite://")
    insist(database.startswith(mounts["data"] + "/"), f"the database {database} is on no volume")
    if "hr" in mounts:
        insist(settings["source"]["path"].startswith(mounts["hr"] + "/"), "HR's files are on another volume")
    host, _, port = settings["http"]["listen"].rpartition(":")
    ports = {one["name"]: one["containerPort"] for one in container["ports"]}
    insist(host == "0.0.0.0" and ports["http"] == int(port), "the daemon listens elsewhere than the pod says")
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"]:
        asked = container[probe]["httpGet"]
        insist(asked == {"path": "/livez", "port": "http"}, f"{probe} asks what takes a token: {asked}")
    needed = settings["workiva"]["timeout_seconds"] + 5
    insist(pod["terminationGracePeriodSeconds"] > needed, f"the daemon may take {needed} s to drain")


def by_hand(documents, stateful):
    """The pod to work in by hand: it has what the daemon's has, once that is gone, and nothing leads to it."""
    helper = only([one for one in documents if one["kind"] == "Pod"], "Pod")
    insist(stateful["spec"]["replicas"] == 0, "beside a daemon nobody works by hand on its database")
    pod, daemons = helper["spec"], stateful["spec"]["template"]["spec"]
    restricted(pod)
    for container in pod["containers"]:
        image(container["image"])
    claim = only(stateful["spec"]["volumeClaimTemplates"], "claim")["metadata"]["name"]
    volumes = {volume.pop("name"): volume for volume in pod["volumes"]}
    wanted = {volume["name"]: {key: volume[key] for key in volume if key != "name"} for volume in daemons["volumes"]}
    wanted[claim] = {"persistentVolumeClaim": {"claimName": f"{claim}-{stateful['metadata']['name']}-0"}}
    insist(volumes == wanted, f"the pod has other volumes than the daemon's: {volumes}, and not {wanted}")
    ours, other = (only([one for one in pod["containers"] if one["name"] == name], name) for name in [daemons["containers"][0]["name"], "files"])
    daemon = daemons["containers"][0]
    insist(ours["image"] == daemon["image"], "the image is another one than the daemon's")
    mounts = [sorted(one["volumeMounts"], key=lambda mount: mount["name"]) for one in (ours, daemon)]
    insist(mounts[0] == mounts[1], "what is mounted is not what the daemon has")
    insist([mount["name"] for mount in other["volumeMounts"]] == [claim], "the container with a shell sees more than the database")
    labels = helper["metadata"].get("labels", {})
    selectors = [one["spec"]["selector"] for one in documents if one["kind"] == "Service"]
    insist(not any(is_part(selector, labels) for selector in selectors), "a Service leads to the pod in which somebody works by hand")


def look_through(binary, file):
    documents = [document for document in yaml.safe_load_all(pathlib.Path(file).read_text()) if document]
    unknown = schemas(documents)
    stateful = only([one for one in documents if one["kind"] == "StatefulSet"], "StatefulSet")
    if any(one["kind"] == "Pod" for one in documents):
        by_hand(documents, stateful)
    else:
        insist(stateful["spec"]["replicas"] == 1, "one daemon works on a database")
    pod = stateful["spec"]["template"]
    restricted(pod["spec"])
    image(only(pod["spec"]["containers"], "container")["image"])
    labels(documents, pod["metadata"]["labels"])
    for namespace in (one for one in documents if one["kind"] == "Namespace"):
        enforced = namespace["metadata"]["labels"].get("pod-security.kubernetes.io/enforce")
        insist(enforced == "restricted", f"the namespace enforces {enforced}")
    with tempfile.TemporaryDirectory(prefix="workiva-sync-manifests-") as folder:
        agreement(binary, documents, stateful, pathlib.Path(folder))
    left_out = f"; by no schema: {', '.join(sorted(unknown))}" if unknown else ""
    print(f"ok    {pathlib.Path(file).name}: {len(documents)} documents, by the schemas of {' and '.join(VERSIONS)}{left_out}")


def main():
    binary, *files = sys.argv[1:]
    failed = False
    for file in files:
        try:
            look_through(binary, file)
        except (Fault, KeyError, subprocess.TimeoutExpired) as fault:
            failed = True
            words = f"there is no {fault}" if isinstance(fault, KeyError) else fault
            print(f"FAIL  {pathlib.Path(file).name}: {words}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
