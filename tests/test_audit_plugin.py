"""The plugin as an auditor runs it: reads only, says its seed, repeats what failed, and leaves other runs alone."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.busy_book import busy
from tests.desk import Desk
from tests.test_audit_faults import plugin, run
from tests.test_audit_properties import PROPERTIES, audited, tamper
from wallet.audit import books
from wallet.audit.books import Unusable, open_book
from wallet.audit.plugin import sampler
from wallet.audit.strategies import wallet_days
from wallet.schema import VERSION


def ask(directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the properties as `pytest --pyargs wallet.audit` with more words, in a directory."""
    return run(directory, "-m", "pytest", *plugin(), "--pyargs", "wallet.audit", "-p", "no:cacheprovider", *words)


def busy_file(directory: Path) -> Path:
    """Make a busy book in a file."""
    file = directory / "books.db"
    busy(f"sqlite:///{file}").engine.dispose()
    return file


@pytest.fixture
def book_url(tmp_path: Path) -> str:
    """Give the address of a busy book in a file."""
    return f"sqlite:///{busy_file(tmp_path)}"


def test_the_audited_file_stays_as_it_is_and_nothing_is_left_beside_the_run(book_url: str, tmp_path: Path) -> None:
    file = tmp_path / "books.db"
    before = hashlib.sha256(file.read_bytes()).digest()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = ask(elsewhere, "--book", book_url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert hashlib.sha256(file.read_bytes()).digest() == before
    assert list(elsewhere.iterdir()) == []


def test_a_busy_book_passes_a_whole_run_on_either_engine(busy_desk: Desk, tmp_path: Path) -> None:
    done = ask(tmp_path, "--book", busy_desk.engine.url.render_as_string(hide_password=False))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(PROPERTIES)} passed" in done.stdout


def test_an_audited_book_cannot_be_written(busy_desk: Desk) -> None:
    with audited(busy_desk) as book, pytest.raises(sa.exc.DBAPIError, match=r"read-?only"):
        book.connection.exec_driver_sql("UPDATE balance SET amount = amount + 1")


def test_an_audit_sees_one_state_of_the_book_throughout(desk: Desk) -> None:
    with audited(desk) as book:
        assert list(book.orders()) == []
        desk.transfer_in("alice", 1_00, "09-16 10:00")
        assert list(book.orders()) == []
    with audited(desk) as book:
        assert [order.amount for order in book.orders()] == [1_00]


def test_a_new_book_has_every_property(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    Desk.open(url).engine.dispose()
    done = ask(tmp_path, "--book", url)
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_a_book_the_properties_are_skipped_and_one_line_says_why(tmp_path: Path) -> None:
    done = ask(tmp_path)
    assert done.returncode == 0
    assert f"{len(PROPERTIES)} skipped" in done.stdout
    assert done.stdout.count("no book to check: name one with --book URL") == 1


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("sqlite:///nowhere.db", "unable to open database file"),
        ("sqlite:///text.txt", "file is not a database"),
        ("sqlite:///empty.db", "the database holds no book"),
        ("sqlite:///old.db", "the database is of schema version 0001, these checks read 0004"),
        ("sqlite:///bare.db", "the database holds no book"),
        ("nonsense", "Could not parse SQLAlchemy URL"),
        ("nonsense://books", "Can't load plugin"),
    ],
)
def test_a_book_that_cannot_be_used_is_refused(
    url: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text("this is no database, however long one reads it", encoding="utf-8")
    for name, rows in (("empty", ()), ("old", ("0001",)), ("bare", ("0004",))):
        with sa.create_engine(f"sqlite:///{name}.db").begin() as connection:
            connection.exec_driver_sql("CREATE TABLE fundwallet_version (version_num TEXT)")
            connection.exec_driver_sql("CREATE TABLE fund (code TEXT, opened_on TEXT, market TEXT)")
            for version in rows:
                connection.exec_driver_sql(f"INSERT INTO fundwallet_version VALUES ('{version}')")
    with ExitStack() as stack, pytest.raises(Unusable, match=line) as refused:
        open_book(stack, url)
    assert len(str(refused.value).splitlines()) == 1
    assert not Path("nowhere.db").exists()


@pytest.mark.parametrize("name", ["books.db", "a%41b #1?.db", "账本 ?mode=rwc"])
def test_a_file_of_any_name_is_opened_for_reading_only(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    busy_file(tmp_path).rename(file)
    _opens_read_only(sa.URL.create("sqlite", database=str(file)))
    assert {each.name for each in tmp_path.iterdir()} <= {name, f"{name}-wal", f"{name}-shm"}


def test_a_file_named_by_a_uri_is_opened_for_reading_only(tmp_path: Path) -> None:
    _opens_read_only(sa.make_url(f"sqlite:///file:{busy_file(tmp_path)}?uri=true&mode=rwc"))


def _opens_read_only(address: sa.URL) -> None:
    with ExitStack() as stack:
        book = open_book(stack, address)
        assert book.last_holder == 5
        with pytest.raises(sa.exc.DBAPIError, match="readonly"):
            book.connection.exec_driver_sql("DELETE FROM balance")


def test_a_run_that_cannot_begin_says_so_in_one_line_without_the_password(tmp_path: Path) -> None:
    done = ask(tmp_path, "--book", "postgresql+psycopg://auditor:s3cret@127.0.0.1:1/books")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    said = (done.stdout + done.stderr).strip()
    assert len(said.splitlines()) == 1, said
    assert said.startswith("ERROR: --book: the database cannot be read: ")
    assert "s3cret" not in said


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--book-samples", "0"), "--book-samples: at least 1 is needed"),
        (("--book-calendar", "missing.toml"), "--book: the calendar of shanghai cannot be read"),
    ],
)
def test_options_that_make_no_sense_are_one_line(
    words: tuple[str, ...], line: str, book_url: str, tmp_path: Path
) -> None:
    done = ask(tmp_path, "--book", book_url, *words)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert line in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_a_failing_sample_is_drawn_again_by_the_command_that_is_printed(book_url: str, tmp_path: Path) -> None:
    desk = Desk.at(book_url)
    tamper(desk, "UPDATE customer_order SET outcome = outcome + 1 WHERE outcome IS NOT NULL AND kind = 'transfer_in'")
    desk.engine.dispose()
    first = ask(tmp_path, "--book", book_url, "-k", "life")
    assert first.returncode == 1
    [seed] = re.findall(r"^book of 000198 opened on 2013-09-16, 100 samples, --book-seed (\d+)$", first.stdout, re.M)
    [command] = re.findall(r"^pytest --pyargs .*$", first.stdout, re.MULTILINE)
    assert command.endswith(f" --book-seed {seed}")
    words = command.replace("URL", book_url).split()[1:]
    again = run(tmp_path, "-m", "pytest", *plugin(), "-p", "no:cacheprovider", *words)
    examples = [re.findall(r"entry \d+ of holder \d+, confirmation: .*", each.stdout) for each in (first, again)]
    assert examples[0]
    assert examples[0] == examples[1]
    assert "1 failed" in again.stdout


def test_the_same_seed_draws_the_same_samples(busy_desk: Desk) -> None:
    with audited(busy_desk) as book:
        drawn: list[list[object]] = [[], [], []]
        for number, into in zip((5, 5, 6), drawn, strict=True):
            sampler(50, number)(wallet_days(book), into.append)
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(drawn[0]) == 50


def test_the_plugin_brings_nothing_into_the_runs_of_others() -> None:
    heavy = "{'sqlalchemy', 'hypothesis', 'numpy', 'pydantic', 'ledger', 'calendars'} & set(sys.modules)"
    code = f"import sys; import wallet.audit.plugin; print(sorted({heavy}))"
    assert run(Path(), "-c", code).stdout.strip() == "[]"


def test_the_checks_read_the_schema_of_this_version() -> None:
    assert books.VERSION == VERSION


def test_the_checks_import_nothing_that_they_check() -> None:
    """Only the engine comes from the product: no rule, no table, no query."""
    code = """import sys
import wallet.audit.life, wallet.audit.strategies, wallet.audit.walk
import wallet.audit.properties.test_days, wallet.audit.properties.test_income, wallet.audit.properties.test_orders
import wallet.audit.properties.test_limits, wallet.audit.properties.test_journal, wallet.audit.properties.test_wallets
ours = (name for name in sys.modules if name.split('.')[0] in ('wallet', 'ledger', 'calendars'))
print(sorted(name for name in ours if not name.startswith('wallet.audit')))"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['ledger', 'ledger.database', 'ledger.errors', 'wallet']"
