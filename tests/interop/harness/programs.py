"""Programs that know nothing of the peers' lines: nginx, Chromium, curl, wrk.

A program that is not installed is an error; tests/interop/setup.sh installs them.
"""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
from typing import TYPE_CHECKING

from .processes import Child, PeerError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

RUN_TIMEOUT = 60.0
NGINX = """\
daemon off; user {user}; pid {folder}/nginx.pid; error_log stderr notice;
events {{ worker_connections 512; }}
http {{
  access_log off; default_type text/plain; sendfile on;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  client_max_body_size 0; keepalive_requests 1000000;
  server {{
    listen 127.0.0.1:{port};
    location /files/ {{ alias {folder}/files/; }}
    location /files/zipped/ {{ alias {folder}/files/; gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any; }}
    location /files/moved {{ return 302 /files/small.txt; }}
    location /files/nothing {{ return 204; }}
    location /files/put/ {{ alias {folder}/files/; dav_methods PUT DELETE; }}
  }}
}}
"""


UNTIL_INPUT_ENDS = '"$@" & cat >/dev/null; kill $!; wait $!'


class Program(Child):
    """A child that takes no commands. Like a peer it ends with its standard input, so that it cannot outlive the session."""

    def __init__(
        self, name: str, argv: Sequence[str], log: Path, env: Mapping[str, str] | None = None, pass_fds: Sequence[int] = ()
    ) -> None:
        if shutil.which(argv[0]) is None:
            raise PeerError(f"{argv[0]} is not installed; run tests/interop/setup.sh")
        super().__init__(name, ["sh", "-c", UNTIL_INPUT_ENDS, "sh", *argv], log, env, pass_fds)


class Nginx(Program):
    """nginx with `files` (name to size, all of them holes but the first bytes) under /files/.

    It is given a socket that listens already, so that the kernel picks the port and clients need not wait. http2: it speaks
    nothing else.
    """

    def __init__(self, folder: Path, files: dict[str, int], *, http2: bool = False) -> None:
        (folder / "files").mkdir(parents=True)
        for name, size in files.items():
            with (folder / "files" / name).open("wb") as file:
                file.write(b"nginx's own file\n"[:size])
                file.truncate(size)
        listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        with listening:
            self.address = f"127.0.0.1:{listening.getsockname()[1]}"
            setup = folder / "nginx.conf"
            user = getpass.getuser()
            port = f"{listening.getsockname()[1]}{' http2' if http2 else ''}"
            setup.write_text(NGINX.format(folder=folder, port=port, user=user), encoding="utf-8")
            inherited = {"NGINX": f"{listening.fileno()};"}
            argv = ["nginx", "-e", "stderr", "-p", str(folder), "-c", str(setup)]
            super().__init__("nginx", argv, folder / "nginx.log", inherited, pass_fds=(listening.fileno(),))


class Chromium(Program):
    """Chromium without a window, showing `url`; it reaches 127.0.0.1 and nothing else, `name` being there too.

    `keys` are the digests of public keys that it takes for trusted, whoever says so.
    """

    def __init__(self, url: str, folder: Path, name: str = "localhost", keys: Sequence[str] = ()) -> None:
        argv = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        argv += ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"]
        found = f"--host-resolver-rules=MAP {name} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
        argv += ["--no-proxy-server", found, "--enable-logging=stderr"]
        argv += [f"--ignore-certificate-errors-spki-list={','.join(keys)}"] if keys else []
        argv += [f"--user-data-dir={folder / 'profile'}", "--remote-debugging-port=0", url]
        super().__init__("chromium", argv, folder / "chromium.log", {"HOME": str(folder)})


def run(argv: Sequence[str], stdin: bytes = b"", *, ok: bool = True) -> subprocess.CompletedProcess[bytes]:
    """Runs a program to its end; one that fails is an error, unless `ok` is false, and so is one that does not end."""
    try:
        done = subprocess.run(list(argv), input=stdin, capture_output=True, timeout=RUN_TIMEOUT, check=False)
    except FileNotFoundError as error:
        raise PeerError(f"{argv[0]} is not installed; run tests/interop/setup.sh") from error
    except subprocess.TimeoutExpired as error:
        said = (error.stdout or b"") + (error.stderr or b"")
        raise PeerError(f"{' '.join(argv)}: no end after {RUN_TIMEOUT:g} s\n{said.decode(errors='replace')[-6000:]}") from error
    if ok and done.returncode:
        raise PeerError(f"{' '.join(argv)}: status {done.returncode}\n{done.stderr.decode(errors='replace')[-2000:]}")
    return done


def curl(*args: str, stdin: bytes = b"", ok: bool = True) -> subprocess.CompletedProcess[bytes]:
    """curl, silent but for errors, reading no settings and no variables of the environment."""
    return run(["curl", "-q", "-sS", "--noproxy", "", "--max-time", "50", *args], stdin, ok=ok)
