"""Containers and Kubernetes: what the files say is held against the rules that every part must keep."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import containers
from airflow_parts import PARTS
from airflow_settings import read_settings
from pipeline.console.looking import WRITTEN
from pipeline.founding import make_home
from pipeline.rooms import ROOMS
from servers.installing import provided
from units import PUBLIC

INFRA = Path(__file__).resolve().parent.parent.parent / "infra"
COMPOSE = INFRA / "compose.yaml"
CONTAINERFILE = INFRA / "image" / "Containerfile"
VALUES = INFRA / "kubernetes" / "values.yaml"
CHART_KEYS = INFRA / "kubernetes" / "chart_keys.txt"
TOLD = {"BIRTHSHARE_HOME": "/srv/home", "BIRTHSHARE_SECRETS": "/etc/secrets", "BIRTHSHARE_KEYS": "/etc/keys"}
OURS = {*PARTS, *ROOMS}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The file as YAML reads it, with what it repeats filled in."""
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    return found


def test_the_compose_program_takes_the_file() -> None:
    looked = subprocess.run(
        [*compose_program(), "--file", str(COMPOSE), "config"],
        env={**os.environ, **TOLD}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert looked.returncode == 0, looked.stderr
    assert {"api-server", "opening", "sealing"} < set(yaml.safe_load(looked.stdout)["services"])


def test_it_does_not_start_without_a_home() -> None:
    looked = subprocess.run(
        [*compose_program(), "--file", str(COMPOSE), "config"], capture_output=True, text=True, check=False
    )
    assert looked.returncode != 0
    assert "the home" in looked.stderr


def compose_program() -> list[str]:
    """`docker compose` where it is, else Debian's docker-compose."""
    docker = ["docker", "compose"]
    if shutil.which("docker") and not subprocess.run([*docker, "version"], capture_output=True).returncode:
        return docker
    if not provided("docker-compose", lambda: shutil.which("docker-compose")):
        if os.environ.get("CI"):
            raise RuntimeError("docker-compose is missing; install the Debian package of that name")
        pytest.skip("compose file: no docker compose")
    return ["docker-compose"]


def test_every_container_is_without_rights_and_cannot_change_itself(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["user"].split(":")[0] not in ("0", "root"), name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices"} & set(service), name


def test_every_container_has_limits_and_is_looked_at(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["mem_limit"] and service["pids_limit"], name
        assert service["logging"]["options"]["max-size"], name
        looked_at = service["healthcheck"]
        assert looked_at == {"disable": True} if name == "prepare" else looked_at["test"], name


def test_no_secret_is_in_an_environment(services: dict[str, Any]) -> None:
    for name, service in services.items():
        for variable, value in service.get("environment", {}).items():
            secret = re.search("PASSWORD|SECRET|KEY|TOKEN|URL|CONN", variable)
            assert not secret or (variable.endswith("_FILE") and value.startswith("/run/secrets/")), name
        assert "env_file" not in service, name


def test_parts_wait_for_what_they_need(services: dict[str, Any]) -> None:
    for name in OURS - {"api-server"}:
        assert services[name]["depends_on"]["api-server"] == {"condition": "service_healthy"}
    assert services["api-server"]["depends_on"]["prepare"]["condition"] == "service_completed_successfully"
    assert services["prepare"]["depends_on"]["database"] == {"condition": "service_healthy"}


def test_only_workers_and_peoples_sign_on_reach_out_and_only_this_machine_reaches_in(
    services: dict[str, Any],
) -> None:
    networks = yaml.safe_load(COMPOSE.read_text())["networks"]
    assert networks["inside"] == {"internal": True}
    assert {name for name in services if "outside" in services[name]["networks"]} == {*ROOMS, "console"}
    ports = {name: one["ports"] for name, one in services.items() if "ports" in one}
    assert set(ports) == {"api-server", "console"}
    assert {port.split(":")[0] for [port] in ports.values()} == {"127.0.0.1"}


def test_the_console_writes_decisions_alone_and_sees_no_rooms_keys_but_recipients(
    services: dict[str, Any],
) -> None:
    console = services["console"]
    *homes, keys = console["volumes"]
    assert keys["target"].startswith("/run/birthshare-keys/sealing/")
    assert keys["target"].endswith("/recipients")
    assert keys["read_only"] is True
    places = [re.sub(r"\$\{.*?\}", "", one).split(":")[1:] for one in homes]
    assert places[0] == ["/srv/birthshare", "ro"]
    assert {place for place, *_ in places[1:]} == {f"/srv/birthshare/{name}" for name in WRITTEN}
    assert console["profiles"] == ["console"]  # not before people can sign in
    assert "inside" not in console["networks"]
    assert "secrets" not in console


def test_the_console_in_a_cluster_sees_and_writes_what_the_container_does(services: dict[str, Any]) -> None:
    deployment, service = yaml.safe_load_all((INFRA / "kubernetes" / "console.yaml").read_text())
    pod = deployment["spec"]["template"]["spec"]
    [console] = pod["containers"]
    assert deployment["spec"]["replicas"] == 1  # who is signed in, one process knows
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert console["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert console["command"] == services["console"]["entrypoint"]
    homes = {
        one["mountPath"]: one.get("readOnly", False)
        for one in console["volumeMounts"]
        if one["name"] == "home"
    }
    assert homes == {"/srv/birthshare": True} | {f"/srv/birthshare/{name}": False for name in WRITTEN}
    keys = [one["mountPath"] for one in console["volumeMounts"] if "keys" in one["mountPath"]]
    assert keys == ["/run/birthshare-keys/sealing/birthshare/recipients"]
    assert service["spec"]["selector"] == deployment["spec"]["template"]["metadata"]["labels"]


def test_the_console_is_brought_up_once_people_can_sign_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "AIRFLOW", os.geteuid())
    monkeypatch.setattr(containers, "SERVERS", os.geteuid())
    home = tmp_path / "home"
    make_home(home)
    (home / "keys" / "ledger.vkey").write_text("as `birthshare ledger check` lays it down")
    command = ["--home", str(home), "--folder", str(tmp_path / "made")]
    assert containers.main(command) == 0
    assert "--profile console" not in capsys.readouterr().out
    sign_on = '[console.sign_on]\nissuer = "https://sign-on.example.org"\nclient_id = "birthshare"\n'
    settings = home / "birthshare.toml"
    settings.write_text(f"{settings.read_text()}\n{sign_on}")
    assert containers.main(command) == 0
    assert "--profile console" in capsys.readouterr().out
    assert "BIRTHSHARE_NAME=home\n" in (tmp_path / "made" / "compose.env").read_text()


def test_each_room_has_its_own_keys_and_nobody_else_any(services: dict[str, Any]) -> None:
    for name in OURS:
        mounted = [re.sub(r"\$\{.*?\}", "", one).split(":") for one in services[name]["volumes"]]
        keys = [place.rpartition("/")[2] for _, place, *_ in mounted if "birthshare-keys" in place]
        assert keys == ([name] if name in ROOMS else [])
        sees_home = any(place == "/srv/birthshare" for *_, place in (one[:2] for one in mounted))
        assert sees_home == (name in ROOMS or name == "api-server")
    assert any(one.startswith("/srv/birthshare/keys:") for one in services["api-server"]["tmpfs"])


def test_the_api_server_has_no_key_but_knows_who_may_sign(
    services: dict[str, Any], values: dict[str, Any]
) -> None:
    """Its pages say whose signature an agreement has, and look whether the ledger is whole."""
    keys = "/srv/birthshare/keys"
    volumes = services["api-server"]["volumes"]
    assert {f"${{BIRTHSHARE_HOME:?the home}}/keys/{name}:{keys}/{name}:ro" for name in PUBLIC} < set(volumes)
    mounts = values["apiServer"]["extraVolumeMounts"]
    public = [
        {"name": "home", "mountPath": f"{keys}/{name}", "subPath": f"keys/{name}", "readOnly": True}
        for name in PUBLIC
    ]
    assert mounts[-3:] == [{"name": "no-keys", "mountPath": keys}, *public]


def test_the_api_server_can_change_no_settings_agreements_or_register(
    services: dict[str, Any], values: dict[str, Any]
) -> None:
    """Whoever may write birthshare.toml says who the approvers are. Its pages write in the ledger alone."""
    place = "/srv/birthshare"
    home, state = [one for one in services["api-server"]["volumes"] if "HOME" in one][:2]
    assert home.endswith(f"}}:{place}:ro")
    assert state.endswith(f"}}/state:{place}/state")
    mounts = values["apiServer"]["extraVolumeMounts"]
    assert mounts[:2] == [
        {"name": "home", "mountPath": place, "readOnly": True},
        {"name": "home", "mountPath": f"{place}/state", "subPath": "state"},
    ]
    unit = (INFRA / "systemd" / "birthshare-api-server.service").read_text()
    assert "ReadWritePaths=@folder@ @states@\n" in unit


def test_the_settings_in_the_image_are_ones_that_we_know(tmp_path: Path) -> None:
    """Read as in a container, where the secrets are."""
    for name in ("database.url", "broker.url"):
        (tmp_path / name).write_text("x://y")
    file = tmp_path / "airflow.toml"
    text = (INFRA / "image" / "airflow.toml").read_text()
    file.write_text(text.replace("/run/secrets", str(tmp_path)))
    site = read_settings(file).site
    assert (site.listen, site.address, site.sign_on) == ("0.0.0.0", "http://api-server:8080", "fab")


def test_a_home_is_found_from_where_the_command_is_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file of the containers lies elsewhere, and would look for it there."""
    monkeypatch.chdir(tmp_path)
    assert containers.main(["--home", "home", "--folder", "made"]) == 2
    assert str(tmp_path / "home") in capsys.readouterr().err


def test_one_command_makes_every_secret_once_and_for_one_reader(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    us = os.geteuid()
    containers.make_secrets(folder, ours=us, servers=us)
    first = {file.name: file.read_text() for file in folder.iterdir()}
    containers.make_secrets(folder, ours=us, servers=us)
    assert {file.name: file.read_text() for file in folder.iterdir()} == first
    assert set(first) == set(yaml.safe_load(COMPOSE.read_text())["secrets"])
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o400}
    assert first["database.password"] in first["database.url"]
    assert first["queue.conf"].split()[1] in first["broker.url"]


def instructions() -> list[tuple[str, str]]:
    """The Containerfile's instructions, each on one line."""
    lines = [line for line in CONTAINERFILE.read_text().splitlines() if line and not line.startswith("#")]
    text = "\n".join(lines).replace("\\\n", " ")
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in text.splitlines())]


def test_the_image_is_made_of_locked_wheels_and_holds_no_compiler() -> None:
    runs = " ".join(rest for name, rest in instructions() if name == "RUN")
    assert "--require-hashes" in runs and "--only-binary :all:" in runs and "--no-deps" in runs
    assert not re.search(r"\b(gcc|build-essential|curl|wget|git)\b", runs)
    assert "compileall" in runs
    assert "PYTHONDONTWRITEBYTECODE" not in CONTAINERFILE.read_text()


def test_the_image_ends_without_root_and_takes_in_no_whole_folder() -> None:
    names = [name for name, _ in instructions()]
    last_stage = instructions()[len(names) - 1 - names[::-1].index("FROM") :]
    assert [rest for name, rest in last_stage if name == "USER"] == ["10001:10001"]
    assert last_stage[-2][0] == "ENTRYPOINT"
    assert json.loads(last_stage[-2][1])[1] == "/opt/birthshare/infra/airflow/run.py"
    copies = [rest.split() for name, rest in instructions() if name == "COPY"]
    copied = {words[0] for words in copies if not words[0].startswith("--from")}
    assert "ADD" not in names
    assert "." not in copied
    ignored = CONTAINERFILE.with_name("Containerfile.dockerignore").read_text().splitlines()
    assert ignored[1] == "*"
    assert all(any(one.startswith(kept[1:]) for kept in ignored if kept.startswith("!")) for one in copied)


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(VALUES.read_text())
    return found


def paths(values: Any, at: str = "") -> set[str]:
    """Every key that is set, as a.b.c; what is in a list of worker sets counts as `sets`."""
    if isinstance(values, list) and at.endswith(".sets"):
        return {path for one in values for path in paths(one, at)}
    if not isinstance(values, dict) or not values:
        return {at}
    return {path for key, value in values.items() for path in paths(value, f"{at}.{key}".lstrip("."))}


def test_every_key_of_the_values_is_one_of_the_charts(values: dict[str, Any]) -> None:
    known = [line for line in CHART_KEYS.read_text().splitlines() if not line.startswith("#")]
    assert [path for path in paths(values) if not is_in(path, known)] == []


def is_in(path: str, known: list[str]) -> bool:
    return any(path == one or path.startswith(f"{one}.") for one in known)


def test_every_pod_is_without_rights_and_cannot_change_itself(values: dict[str, Any]) -> None:
    assert values["securityContexts"]["pod"]["runAsNonRoot"] is True
    parts = [values[one] for one in ("migrateDatabaseJob", "apiServer", "scheduler", "dagProcessor")]
    for context in [one["securityContexts"]["container"] for one in [*parts, values["workers"]["celery"]]]:
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
    for one in [*parts, values["workers"]]:
        assert one["serviceAccount"] == {"automountServiceAccountToken": False}
    assert not any(values["enableBuiltInSecretEnvVars"].values())


def test_every_pod_is_started_as_elsewhere(values: dict[str, Any]) -> None:
    entry = json.loads(next(rest for name, rest in instructions() if name == "ENTRYPOINT"))
    parts = {"api-server": "apiServer", "scheduler": "scheduler", "dag-processor": "dagProcessor"}
    for part, key in parts.items():
        assert values[key]["command"] == entry
        assert values[key]["args"] == [part]
    celery = values["workers"]["celery"]
    assert celery["command"] == entry
    assert celery["enableDefault"] is False
    assert [(one["queue"], one["args"]) for one in celery["sets"]] == [
        (room, ["worker", room]) for room in ROOMS
    ]  # fmt: skip


def test_the_other_pods_reach_the_api_server(values: dict[str, Any]) -> None:
    """With policies on and nobody named, the chart's own policy lets nobody in, and every task would fail."""
    assert values["networkPolicies"]["enabled"] is True
    [let_in] = values["apiServer"]["networkPolicy"]["ingress"]["from"]
    assert let_in == {"podSelector": {"matchLabels": {"tier": "airflow", "release": "birthshare"}}}


def test_each_worker_set_has_its_own_rooms_keys_alone(values: dict[str, Any]) -> None:
    for one in values["workers"]["celery"]["sets"]:
        secrets = [volume["secret"]["secretName"] for volume in one["extraVolumes"] if "secret" in volume]
        assert secrets == [f"birthshare-{one['name']}-keys"]
    assert not [volume for volume in values["volumes"] if "keys" in volume["name"]]
