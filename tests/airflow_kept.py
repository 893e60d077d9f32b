"""Everything that an Airflow keeps, says and shows, so that it can be searched for what must not be there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from airflow_environment import Site

Kept = tuple[str, bytes]  # where it stands, and what


def everything_kept(site: Site) -> Iterator[Kept]:
    """Its files, every row of its database, and what waits in Redis.

    The files hold the logs of tasks and of Airflow's own parts, and an SQLite database with its journal.
    """
    yield from in_folder(site.folder)
    yield from in_database(site.database_url)
    if site.broker:
        yield from in_redis(site.broker)


def in_folder(folder: Path) -> Iterator[Kept]:
    """Every file, and its name."""
    for path in sorted(folder.rglob("*")):
        yield f"the name {path.parent}", path.name.encode()
        if path.is_file() and not path.is_symlink():
            yield str(path), path.read_bytes()


def in_database(address: str) -> Iterator[Kept]:
    """Every row of every table: a value may be cut in two, or compressed, in a database's own files."""
    from sqlalchemy import MetaData, create_engine, select

    engine = create_engine(address.replace("postgresql://", "postgresql+psycopg://"))
    try:
        tables = MetaData()
        tables.reflect(engine)
        with engine.connect() as connection:
            for table in tables.sorted_tables:
                for row in connection.execute(select(table)):
                    yield f"table {table.name}", b"\n".join(_written(row))
    finally:
        engine.dispose()


def in_redis(address: str) -> Iterator[Kept]:
    """Every key with what it holds, as Redis itself would write it to a disk; nothing in it is compressed."""
    import redis

    with closing(redis.Redis.from_url(address)) as server:
        for key in server.scan_iter():
            yield f"Redis, {key!r}", key + b"\n" + b"\n".join(_held(server, key))


def of_processes(processes: Iterable[psutil.Process]) -> Iterator[Kept]:
    """What others on the machine see of running processes: titles, arguments and environments."""
    for one in processes:
        try:
            said = [one.name(), *one.cmdline(), *(f"{name}={value}" for name, value in one.environ().items())]
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        yield f"process {one.pid}", "\n".join(said).encode()


def _written(values: Iterable[object]) -> Iterator[bytes]:
    for value in values:
        yield value if isinstance(value, bytes) else str(value).encode()


def _held(server: object, key: bytes) -> Iterator[bytes]:
    import redis

    assert isinstance(server, redis.Redis)
    match server.type(key):
        case b"list":
            yield from server.lrange(key, 0, -1)
        case b"hash":
            for name, value in server.hgetall(key).items():
                yield from (name, value)
        case b"set":
            yield from server.smembers(key)
        case b"zset":
            yield from server.zrange(key, 0, -1)
        case b"string":
            yield server.get(key)
        case other:
            raise AssertionError(f"this search does not read {other!r}")
