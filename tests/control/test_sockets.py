"""Binding: what is taken, what is stale, what is left behind."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from proxy.control.sockets import BindError, bind, bind_all, split
from proxy.snapshot import Listener


def connects(address: str) -> bool:
    if address.startswith("unix:"):
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(address.removeprefix("unix:")) == 0
    host, port = split(address)
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        return probe.connect_ex((host, port)) == 0


@pytest.mark.parametrize("workers", [1, 3])
def test_tcp_has_a_socket_for_each_worker_on_one_port(workers: int) -> None:
    bound = bind("mesh", "127.0.0.1:0", workers)
    host, port = split(bound.address)
    assert host == "127.0.0.1"
    assert port
    assert {each.getsockname() for each in bound.sockets} == {(host, port)}
    assert len({each.fileno() for each in bound.sockets}) == workers
    assert not any(each.getblocking() for each in bound.sockets)
    assert connects(bound.address)
    bound.close()
    assert not connects(bound.address)


def test_ipv6() -> None:
    bound = bind("mesh", "[::1]:0", 1)
    assert bound.address.startswith("[::1]:")
    assert connects(bound.address)
    bound.close()


def test_a_unix_path_is_shared_open_to_the_group_and_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    bound = bind("mesh", f"unix:{path}", 2)
    assert len({each.fileno() for each in bound.sockets}) == 1
    assert path.stat().st_mode & 0o777 == 0o660
    assert connects(bound.address)
    bound.close()
    assert not path.exists()
    bound.close()


def test_a_stale_unix_path_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()
    assert path.exists()
    bound = bind("mesh", f"unix:{path}", 1)
    assert connects(bound.address)
    bound.close()


def test_a_unix_path_in_use_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(BindError, match=f"mesh: cannot listen on unix:{path}: it is in use"):
            bind("mesh", f"unix:{path}", 1)
        assert connects(f"unix:{path}")


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("mine")
    with pytest.raises(BindError, match="there is a file that is no socket"):
        bind("mesh", f"unix:{path}", 1)
    assert path.read_text() == "mine"


def test_a_path_that_somebody_else_took_over_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    bound = bind("mesh", f"unix:{path}", 1)
    path.unlink()
    with socket.socket(socket.AF_UNIX) as successor:
        successor.bind(str(path))
        bound.close()
        assert path.exists()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BindError, match="No such file or directory"):
        bind("mesh", f"unix:{tmp_path}/no/a.sock", 1)


def test_all_or_none_and_every_problem_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        listeners = {
            name: Listener(name, address, ("bolt",), "main")
            for name, address in {
                "good": f"unix:{tmp_path}/good.sock",
                "taken": f"127.0.0.1:{port}",
                "missing": f"unix:{tmp_path}/no/a.sock",
            }.items()
        }
        with pytest.raises(BindError) as caught:
            bind_all(listeners.values(), 1)
    assert str(caught.value).splitlines() == [
        f"taken: cannot listen on 127.0.0.1:{port}: Address already in use",
        f"missing: cannot listen on unix:{tmp_path}/no/a.sock: No such file or directory",
    ]
    assert not (tmp_path / "good.sock").exists()
