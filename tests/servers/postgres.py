"""A real PostgreSQL server for tests: loopback, random port, temporary folder, never run by root."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path
from time import monotonic
from types import TracebackType
from urllib.parse import quote

from servers.installing import provided
from servers.ports import free_port

USER = "birthshare"


class ServerMissing(RuntimeError):  # noqa: N818 - it names a state of the machine
    """The machine has no PostgreSQL, and it could not be installed."""


class PostgresServer:
    """`with PostgresServer() as server: server.url("name")`; stopped and removed at the end."""

    def __init__(self, *, durable: bool = False) -> None:
        """A `durable` one waits for the disk, as an authority's does; tests need not."""
        self._fsync = "on" if durable else "off"

    def __enter__(self) -> PostgresServer:
        self._programs = _programs()
        self._as = _unprivileged()
        self._runs = False
        self._folder = Path(tempfile.mkdtemp(prefix="birthshare-postgres-"))
        self._password = secrets.token_hex(16)
        try:
            self._make()
            self.port = self._start()
        except BaseException:
            shutil.rmtree(self._folder)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def stop(self) -> None:
        """End it at once, as a power cut would; nothing happens where it was ended before."""
        if self._runs:
            self._runs = False
            self._run("pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop")

    def start(self) -> None:
        """Start it again, at the same address."""
        self._start_at(self.port)

    def wait(self) -> None:
        """Until it answers again, after it lost a process and mends itself."""
        import psycopg

        end = monotonic() + 60
        while True:
            try:
                return psycopg.connect(self._address("postgres")).close()
            except psycopg.OperationalError:
                if monotonic() > end:
                    raise

    def psql(self, database: str, file: Path, **variables: str) -> None:
        """Run an administrator's script, which says `:name` for each of the variables."""
        named = [part for name, value in variables.items() for part in ("--set", f"{name}={value}")]
        self._client("psql", "--dbname", self._address(database), "--no-psqlrc", *named, "--file", str(file))

    def url_of(self, role: str, database: str) -> str:
        """The address of a database for a role that exists; each has the same password here."""
        import psycopg

        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            names = {"role": psycopg.sql.Identifier(role), "password": psycopg.sql.Literal(self._password)}
            connection.execute(psycopg.sql.SQL("ALTER ROLE {role} PASSWORD {password}").format(**names))
        return self._address(database, role)

    def dump(self, database: str) -> bytes:
        """A backup of one database."""
        return self._client("pg_dump", "--format=custom", "--dbname", self._address(database))

    def restore(self, database: str, backup: bytes) -> None:
        """Put a backup in the place of a database."""
        options = ["--clean", "--if-exists", "--single-transaction", "--exit-on-error"]
        self._client("pg_restore", *options, "--dbname", self._address(database), said=backup)

    def url(self, database: str) -> str:
        """The address, password included, of the database of this name; made when first asked for."""
        import psycopg

        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database])
            if known.fetchone() is None:
                name = psycopg.sql.Identifier(database)
                connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(name))
        return self._address(database)

    def copy(self, database: str, to: str) -> None:
        """Make the database `to` a copy of another that nobody uses, in place of what it was."""
        import psycopg

        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            names = {"of": psycopg.sql.Identifier(database), "to": psycopg.sql.Identifier(to)}
            for command in (
                "DROP DATABASE IF EXISTS {to} WITH (FORCE)",
                "CREATE DATABASE {to} TEMPLATE {of}",
            ):
                connection.execute(psycopg.sql.SQL(command).format(**names))

    def _address(self, database: str, role: str = USER) -> str:
        return f"postgresql://{role}:{self._password}@127.0.0.1:{self.port}/{quote(database)}"

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def _make(self) -> None:
        secret = self._folder / "password"
        secret.write_text(self._password, encoding="ascii")
        if self._as:
            user = pwd.getpwnam(self._as)
            for path in (self._folder, secret):
                os.chown(path, user.pw_uid, user.pw_gid)
        options = ["--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", "--no-sync"]
        self._run("initdb", "-D", self._data, "-U", USER, f"--pwfile={secret}", *options)
        secret.unlink()

    def _start(self) -> int:
        """Start on a free port; another program may take it first, so try a few."""
        for _ in range(5):
            port = free_port()
            try:
                self._start_at(port)
            except subprocess.CalledProcessError:
                continue
            return port
        raise RuntimeError("PostgreSQL did not start: " + (self._folder / "log").read_text(encoding="utf-8"))

    def _start_at(self, port: int) -> None:
        options = (
            f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync={self._fsync}"
        )
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", self._data, "-w", "-l", log, "-o", options, "start")
        self._runs = True

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._programs / program), *arguments],
            user=self._as,
            group=pwd.getpwnam(self._as).pw_gid if self._as else None,
            extra_groups=[] if self._as else None,
            cwd=self._folder,
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )

    def _client(self, program: str, *arguments: str, said: bytes = b"") -> bytes:
        """What a client program answers; raises RuntimeError with its complaint."""
        command = [str(self._programs / program), *arguments]
        done = subprocess.run(command, input=said, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr.decode()}")
        return done.stdout


def _unprivileged() -> str | None:
    """Whom to run the server as: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    users = {user.pw_name for user in pwd.getpwall()}
    return "postgres" if "postgres" in users else "nobody"


def _programs() -> Path:
    if _newest() is None and os.geteuid() == 0:
        _want_programs_only()
    found = provided("postgresql", _newest)
    if found is None:
        raise ServerMissing("PostgreSQL is missing; install the Debian package postgresql")
    return found


def _newest() -> Path | None:
    versions = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    newest = max(versions, key=lambda program: int(program.parts[-3]), default=None)
    return newest.parent if newest else None


def _want_programs_only() -> None:
    """Debian would make and start a server of its own."""
    settings = Path("/etc/postgresql-common/createcluster.conf")
    settings.parent.mkdir(parents=True, exist_ok=True)
    if not settings.exists():
        settings.write_text("create_main_cluster = false\n", encoding="ascii")
