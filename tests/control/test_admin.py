"""The admin port of a real proxy, and its parts."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from proxy.admin.redact import REDACTED, dump, redact
from proxy.snapshot import Snapshot
from proxy.tls.settings import Secret
from tests.control.proxy_process import REQUEST, beats, connect, receive, running, write
from xproto.registry import BUILT_IN


def get(address: str, path: str, method: str = "GET", headers: Mapping[str, str] = {}) -> tuple[int, str]:
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def samples(address: str) -> dict[tuple[str, tuple[str, ...]], float]:
    status, text = get(address, "/metrics")
    assert status == 200
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_path(tmp_path: Path) -> None:
    with running(write(tmp_path, "admin: 127.0.0.1:0\nprotocol_options: {dubbo: {}}\n")) as proxy:
        addresses = proxy.wait_ready()
        admin = addresses["admin"]
        with connect(addresses["mesh"]) as client:
            assert beats(client)
            found = samples(admin)
            assert found["xproto_downstream_connections_total", ("mesh",)] == 1
            assert found["xproto_downstream_connections_active", ("mesh",)] == 1
            assert found["xproto_detected_total", ("mesh", "bolt")] == 1
            assert found["xproto_heartbeats_answered_total", ("mesh",)] == 1
            assert found["xproto_workers", ()] == 1
            assert found["xproto_worker_restarts_total", ()] == 0
            [worker] = json.loads(get(admin, "/listeners")[1])["workers"]
            assert worker["mesh"]["connections"][0]["protocol"] == "bolt"
            [worker] = json.loads(get(admin, "/clusters")[1])["workers"]
            assert list(worker) == ["echo"]
        assert get(admin, "/ready") == (200, "ready\n")
        assert get(admin, "/livez") == (200, "alive\n")
        dump = json.loads(get(admin, "/config_dump")[1])
        assert dump["listeners"]["mesh"]["protocols"] == [protocol.name for protocol in BUILT_IN]
        info = json.loads(get(admin, "/server_info")[1])
        assert info["state"] == "ready"
        assert "/metrics" in get(admin, "/")[1]
        assert get(admin, "/nothing")[0] == 404
        for method in ("POST", "PUT", "DELETE"):
            assert get(admin, "/ready", method)[0] == 405
        proxy.signal(signal.SIGTERM)
        assert proxy.wait() == 0


def test_counters_survive_a_worker_but_its_connections_do_not(tmp_path: Path) -> None:
    with running(write(tmp_path, "admin: 127.0.0.1:0\n")) as proxy:
        addresses = proxy.wait_ready()
        with connect(addresses["mesh"]) as client:
            assert beats(client)
            [worker] = proxy.workers()
            os.kill(worker, signal.SIGKILL)
            assert client.recv(1) == b""
        with connect(addresses["mesh"]) as client:
            assert beats(client)
            found = samples(addresses["admin"])
        assert found["xproto_heartbeats_answered_total", ("mesh",)] == 2
        assert found["xproto_downstream_connections_total", ("mesh",)] == 2
        assert found["xproto_downstream_connections_active", ("mesh",)] == 1
        assert found["xproto_worker_restarts_total", ()] == 1


def test_readiness_fails_first_on_drain(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as host:
        host.settimeout(20)
        text = "admin: 127.0.0.1:0\ndrain_timeout: 1h\n"
        with running(write(tmp_path, text, host=f"127.0.0.1:{host.getsockname()[1]}")) as proxy:
            addresses = proxy.wait_ready()
            with connect(addresses["mesh"]) as client:
                client.sendall(REQUEST)
                upstream, _ = host.accept()
                with upstream:
                    upstream.settimeout(20)
                    receive(upstream, len(REQUEST))
                    proxy.signal(signal.SIGTERM)
                    proxy.log.until("draining")
                    assert get(addresses["admin"], "/ready") == (503, "not ready\n")
                    assert get(addresses["admin"], "/livez")[0] == 200
                    assert json.loads(get(addresses["admin"], "/server_info")[1])["state"] == "not ready"
                    proxy.signal(signal.SIGTERM)
            assert proxy.wait() == 0


def test_an_admin_port_in_use_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running(write(tmp_path, f"admin: 127.0.0.1:{port}\n")) as proxy:
            assert proxy.wait() == 1
            assert proxy.rest_of_log()[-1].endswith(f"admin: cannot listen on 127.0.0.1:{port}: Address already in use")


@pytest.mark.parametrize("key", ["password", "db_password", "Secret", "api_key", "apikey", "privateKey", "auth_token"])
def test_secrets_are_redacted_however_deep(key: str) -> None:
    assert redact({"a": [{key: {"deep": 1}, "b": (1,)}]}) == {"a": [{key: REDACTED, "b": [1]}]}


def test_a_routing_key_is_no_secret() -> None:
    assert redact({"key": "service", "value": "x"}) == {"key": "service", "value": "x"}


def test_of_secrets_their_names_and_paths_are_shown() -> None:
    paths = {"certificate": "/tls/web.crt", "private_key": "/tls/web.key"}
    secrets = {"web": Secret("web", "file", paths), "far": Secret("far", "vault", {"path": "x", "login": {"role": "y"}})}
    shown = dump(Snapshot({}, {}, {}, protocol_options={"x": {"password": "y"}}, secrets=secrets))
    assert shown["secrets"] == {
        "web": {"name": "web", "provider": "file", "settings": paths},
        "far": {"name": "far", "provider": "vault", "settings": {"path": REDACTED, "login": REDACTED}},
    }
    assert shown["protocol_options"] == {"x": {"password": REDACTED}}
