"""Bad input: each ends with its exit code and one line on standard error, and changes nothing in the database."""

from __future__ import annotations

import os
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests import postgres
from tests.shell import Shell, dump, process

FIGURES = Path(__file__).resolve().parent.parent / "wallet" / "data" / "000198_2013H2.csv"
CSV = FIGURES.read_text(encoding="utf-8")
NOON = ("--at", "2013-09-18T12:00:00")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shell(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """Give a book of 2013-09-16, closed through 09-17 and cut through 09-18; nothing refused here changes it."""
    server: postgres.Server | None = None
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_server")
        url = server.create_database()
    else:
        url = f"sqlite:///{tmp_path_factory.mktemp('refusals') / 'books.db'}"
    shell = Shell(url)
    shell.do("init --opened-on 2013-09-16")
    shell.do("announce 2013-09-16 1.4143")
    shell.do("announce 2013-09-17 1.2495")
    shell.do("announce 2013-09-18 1.3366")
    shell.do("wallet open alice --at 2013-09-16T09:00:00")
    shell.do("wallet open bob --at 2013-09-16T09:00:00")
    shell.do("transfer-in alice 1000.00 --request in --at 2013-09-16T10:00:00")
    shell.do("pay alice 100.00 --merchant shop --request paid --at 2013-09-16T11:00:00")
    shell.do("day run --through 2013-09-18 --at 2013-09-18T15:00:00")
    yield shell
    if server is not None:
        server.drop_database(url)


BAD_AMOUNTS = ["1.234", "-5", "-0.01", "0", "0.00", "1e3", "NaN", "inf", "１００", "٣", "1,000.00", "1_000", "+5"]
BAD_AMOUNTS += ["", " 5", "5 ", "5.", ".5", "05", "0x10", "¥5", "100000000000.01", "9" * 400, "5\n5"]


@pytest.mark.parametrize("amount", BAD_AMOUNTS)
def test_amounts(shell: Shell, amount: str) -> None:
    code, line = shell.refused("transfer-in", "bob", amount, "--request", "x", *NOON)
    assert code == 2
    assert line.startswith("amount ")


def test_amounts_of_every_command(shell: Shell) -> None:
    for words in (
        ["pay", "alice", "-5", "--merchant", "shop"],
        ["refund", "alice", "paid", "1e3"],
        ["transfer-out", "alice", "0", "--instant"],
        ["transfer-out", "alice", "1.001", "--standard"],
    ):
        code, line = shell.refused(*words, "--request", "x", *NOON)
        assert code == 2
        assert line.startswith("amount "), line


BAD_INSTANTS = ["2013-09-18", "2013-09-18T12", "18.09.2013 12:00", "09/18/2013 12:00", "2013-09-18T12:00 PM", "now"]
BAD_INSTANTS += ["2013-09-18T12:00:00 CST", "2013-09-18T25:00:00", "2013-02-30T12:00:00", "1379476800", "", "2013"]
BAD_INSTANTS += ["2013-09-18T12:00:00+8", "２０１３-09-18T12:00:00", "2013-09-18T12:00:00Z\n", "2013-W38-3T12:00:00"]


@pytest.mark.parametrize("instant", BAD_INSTANTS)
def test_instants(shell: Shell, instant: str) -> None:
    code, line = shell.refused("transfer-in", "bob", "5", "--request", "x", "--at", instant)
    assert code == 2
    assert line.startswith("instant ")


@pytest.mark.parametrize("day", ["2013-9-18", "20130918", "2013-02-30", "today", "2013-09-18T00:00:00", "", "-1"])
def test_dates(shell: Shell, day: str) -> None:
    for words in (
        ["report", "day", day],
        ["announce", day, "1.3"],
        ["wallet", "show", "bob", "--on", day],
        ["wallet", "statement", "bob", "--from", day],
        ["day", "run", "--through", day],
        ["report", "yields", "--to", day],
        ["report", "trial-balance", "--on", day],
    ):
        code, line = shell.refused(*words)
        assert code == 2
        assert line.startswith("date ") or "No such option: -1" in line, line


@pytest.mark.parametrize("figure", ["1.23456", "1e3", "NaN", "", "100", "-100.0000", "1,2", "１.2", "--1", "-.5"])
def test_figures(shell: Shell, figure: str) -> None:
    code, line = shell.refused("announce", "2013-09-19", figure)
    assert code == 2
    assert "figure" in line or "No such option: --1" in line


REFUSED = {
    "transfer-in nobody 5 --request x": "there is no wallet nobody",
    "wallet show nobody": "there is no wallet nobody",
    "wallet statement nobody": "there is no wallet nobody",
    "wallet open alice": "wallet alice is open already",
    "transfer-in alice 999.99 --request in": "request in was used before with other content",
    "pay alice 100.00 --merchant other --request paid": "request paid was used before with other content",
    "pay alice 900.12 --merchant shop --request x": "900.12 wanted, 900.11 available",
    "transfer-out alice 900.12 --standard --request x": "900.12 wanted, 900.11 available",
    "transfer-out alice 900.12 --instant --request x": "900.12 wanted, 900.11 available",
    "transfer-out alice 50000.01 --instant --request x": "exceeds the daily instant transfer-out limit of 50000.00",
    "transfer-in bob 0.99 --request x": "0.99 is below the minimum transfer-in of 1.00",
    "transfer-in bob 1000000.01 --request x": "exceeds the holding cap of 1000000.00",
    "refund alice paid 100.01 --request x": "100.01 exceeds the 100.00 of the payment not refunded yet",
    "refund alice in 1 --request x": "in is a transfer_in, only a payment can be refunded",
    "refund alice nothing 1 --request x": "there is no payment nothing to refund",
    "transfer-in bob 5 --request x --at 2013-09-15T10:00:00": "is before the books were opened on 2013-09-16",
    "wallet open carol --at 2013-09-15T10:00:00": "is before the books were opened on 2013-09-16",
    "transfer-in bob 5 --request x --at 2013-09-17T10:00:00": "2013-09-17 is closed",
    "pay alice 5 --merchant shop --request x --at 2013-09-17T23:59:59": "2013-09-17 is closed",
    "transfer-in bob 5 --request x --at 2013-09-18T14:59:59": "trade date 2013-09-18 is cut",
    "transfer-out alice 5 --standard --request x --at 2013-09-18T14:59:59": "trade date 2013-09-18 is cut",
    "transfer-in bob 5 --request x --at 2050-01-01T10:00:00": "the last known year is 2026",
    "transfer-in bob 5 --request x --at 9999-12-31T23:59:59Z": "the last known year is 2026",
    "wallet open carol --at 0001-01-01T00:00:00+14:00": "the first known year is 2013",
    "day run --through 2050-01-01": "the last known year is 2026",
    "day run --through 2013-09-15": "is before the books were opened on 2013-09-16",
    "day run --at 9999-12-31T23:59:59Z": "the last known year is 2026",
    "report day 2050-01-01": "the last known year is 2026",
    "report day 2013-09-15": "is before the books were opened on 2013-09-16",
    "announce 2050-01-01 1.2": "the last known year is 2026",
    "announce 2013-09-17 1.2496": "the figure for 2013-09-17 is distributed already",
    "announce 2013-09-17 1.2496 --replace": "the figure for 2013-09-17 is distributed already",
    "announce 2013-09-18 1.3367": "another figure is announced for 2013-09-18",
    "calendar show 2050": "the last known year is 2026",
    "calendar trade-date 2012-12-31T16:00:00": "the first known year is 2013",
    "init --opened-on 2013-09-16": "this database is not empty",
    "demo --wallets 5": "this database is not empty",
}


@pytest.mark.parametrize("line", REFUSED)
def test_refusals(shell: Shell, line: str) -> None:
    words = line.split()
    at = () if "--at" in words or words[0] not in ("transfer-in", "pay", "refund", "transfer-out") else LATER
    code, told = shell.refused(*words, *at)
    assert code == 1
    assert REFUSED[line] in told


LATER = ("--at", "2013-09-18T16:00:00")

WRONG_USAGE = {
    "": "Missing command",
    "wallet": "Missing command",
    "nothing": "No such command 'nothing'",
    "wallet show": "Missing argument 'WALLET'",
    "wallet show alice bob": "unexpected extra argument",
    "wallet show alice --json": "--json stands before the command",
    "verify --db sqlite:///x.db": "--db stands before the command",
    "wallet show alice --nothing": "No such option: --nothing",
    "transfer-in alice 5": "Missing option '--request'",
    "pay alice 5 --request x": "Missing option '--merchant'",
    "pay alice 5 --request x --merchant": "requires an argument",
    "pay alice 5 --request x --merchant m --order-of-use any": "'any' is not one of",
    "transfer-out alice 5 --request x": "say one of them",
    "transfer-out alice 5 --request x --instant --standard": "say one of them",
    "transfer-out alice 5 --request x --standard --order-of-use confirmed_first": "takes shares only",
    "announce": "say the day and its income",
    "announce 2013-09-19": "say the day and its income",
    "announce 2013-09-19 1.2 --csv f.csv": "the file says everything else",
    "announce 2013-09-19 1.2 --seven-day x": "figure 'x'",
    "announce 2013-09-19 1.2 --control-total -1": "amount '-1'",
    "announce --csv nothing.csv": "nothing.csv: cannot be read",
    "wallet statement alice --from 2013-09-18 --to 2013-09-17": "2013-09-18 is after 2013-09-17",
    "calendar show year": "Invalid value for 'YEAR'",
    "demo --wallets 0": "0 wallets",
    "demo --from 2013-06-30": "figures are known from 2013-07-01 through 2013-12-31",
    "demo --from 2013-10-01 --through 2013-09-30": "figures are known",
    "--calendar nothing.toml calendar show 2013": "calendar file nothing.toml: cannot be read",
}


@pytest.mark.parametrize("line", WRONG_USAGE)
def test_wrong_usage(shell: Shell, line: str) -> None:
    code, told = shell.refused(*line.split())
    assert code == 2
    assert WRONG_USAGE[line] in told


@pytest.mark.parametrize("text", ["a\nb", "a\x1b[31mb", "a\u2028b", "a\u202eb", " a", "", "a" * 201, "a\u0085"])
def test_texts(shell: Shell, text: str) -> None:
    assert shell.refused("wallet", "open", text, *LATER)[0] == 2
    assert shell.refused("transfer-in", "bob", "5", "--request", text, *LATER)[0] == 2
    assert shell.refused("pay", "alice", "5", "--merchant", text, "--request", "x", *LATER)[0] == 2
    code, line = shell.refused("wallet", "show", text)
    assert code == 1
    assert len(line) < 100


def test_arguments_that_are_no_text(shell: Shell) -> None:
    assert shell.refused("wallet", "show", "\udcff")[0] == 2
    assert shell.refused("wallet", "open", "\udcff", *LATER)[0] == 2


BROKEN_CSV = {
    "cut in a line": CSV[:200],
    "cut after a decimal": CSV[: CSV.index(",6.307") + 4],
    "cut in a date": CSV[: CSV.index("2013-07-20") + 5],
    "without its header": CSV.partition("\n")[2],
    "empty": "",
    "only a header": CSV.partition("\n")[0] + "\n",
    "another fund": CSV.replace("000198,2013-07-03", "000199,2013-07-03"),
    "a day twice": CSV + "000198,2013-07-01,1.5787,6.307\n",
    "a word": CSV.replace("1.5461", "n/a"),
    "no such day": CSV.replace("2013-07-31", "2013-07-32"),
    "an open quote": CSV.replace("1.5461", '"1.5461'),
}


@pytest.mark.parametrize("name", BROKEN_CSV)
def test_csv_files_are_read_whole_or_not_at_all(shell: Shell, name: str, tmp_path: Path) -> None:
    path = tmp_path / "figures.csv"
    path.write_text(BROKEN_CSV[name], encoding="utf-8")
    code, line = shell.refused("announce", "--csv", str(path))
    assert code == 2
    assert "figures.csv" in line


def test_a_csv_with_a_figure_that_differs_changes_nothing(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "figures.csv"
    path.write_text(CSV.replace("1.3366", "1.3367"), encoding="utf-8")
    assert shell.refused("announce", "--csv", str(path))[0] == 1
    assert shell.refused("announce", "--csv", str(tmp_path))[0] == 2


def test_a_real_process_writes_one_line_and_no_traceback(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'books.db'}"
    Shell(url).do("init --opened-on 2013-09-16")
    before = dump(url)
    for words, code in (
        (["transfer-in", "x", "-5", "--request", "r"], 2),
        (["transfer-in", "x", "5", "--request", "r"], 1),
        (["announce", "2050-01-01", "-0.5"], 1),
        (["nothing\nmore"], 2),
    ):
        ended = process("--db", url, *words, directory=tmp_path)
        assert (ended.code, ended.out) == (code, "")
        assert len(ended.err.splitlines()) == 1
        assert "Traceback" not in ended.err
    after = dump(url)
    assert len(after.pop("trail")) == len(before.pop("trail")) + 2, "the two that could be read"
    assert after == before


# Databases that cannot be used


UNUSABLE = ["wallet show alice", "transfer-in alice 5 --request x", "day run", "day status", "verify", "report yields"]
UNUSABLE += ["announce 2013-09-18 1.2", "wallet open alice", "report trial-balance"]


def ended_with(url: str, line: str, code: int) -> str:
    """Run a command that ends with a code and one line; return the line."""
    ended = Shell(url).run(*line.split())
    assert (ended.code, ended.out) == (code, ""), line
    assert len(ended.err.splitlines()) == 1
    return ended.err


@pytest.mark.parametrize("line", UNUSABLE)
def test_a_file_that_is_not_there_is_not_made(line: str, tmp_path: Path) -> None:
    assert "there is no database" in ended_with(f"sqlite:///{tmp_path / 'none.db'}", line, 9)
    assert "there is no database" in ended_with(f"sqlite:///file:{tmp_path / 'none.db'}?uri=true", line, 9)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("line", [*UNUSABLE, "init --opened-on 2013-09-16", "demo --wallets 2"])
def test_a_file_that_is_no_database(line: str, tmp_path: Path) -> None:
    path = tmp_path / "letter.db"
    path.write_text("Dear reader, this is a letter, long enough to be taken for the header of a database file.\n" * 9)
    before = path.read_bytes()
    assert "file is not a database" in ended_with(f"sqlite:///{path}", line, 9)
    assert "unable to open" in ended_with(f"sqlite:///{tmp_path}", line, 9)
    assert "unable to open" in ended_with(f"sqlite:///{tmp_path / 'nowhere' / 'x.db'}", "init", 9)
    assert path.read_bytes() == before


@pytest.mark.parametrize("line", ["--opened-on 2050-01-01", "--opened-on 2013-05-31", "--fund 000009", "--opened-on x"])
def test_init_leaves_no_file_behind_when_it_is_refused(line: str, tmp_path: Path) -> None:
    ended = Shell(f"sqlite:///{tmp_path / 'books.db'}").run("init", *line.split())
    assert ended.code in (1, 2)
    assert len(ended.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_a_book_is_refused(database_url: str) -> None:
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE somebodys (thing INTEGER)")
    engine.dispose()
    for line in UNUSABLE:
        assert "holds no book" in ended_with(database_url, line, 1)
    assert "it holds the table somebodys" in ended_with(database_url, "init --opened-on 2013-09-16", 1)
    assert "it holds the table somebodys" in ended_with(database_url, "demo --wallets 2", 1)


def test_a_database_of_another_version_cannot_be_used(database_url: str) -> None:
    Shell(database_url).do("init --opened-on 2013-09-16")
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE fundwallet_version SET version_num = '9999'")
    engine.dispose()
    for line in UNUSABLE:
        assert "schema version 9999" in ended_with(database_url, line, 9)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:hunter2@127.0.0.1:1/books",
        "postgres://user:hunter2@127.0.0.1:1/books",
        "postgresql+psycopg://user:hunter2@no-such-host.invalid/books",
        "postgresql://127.0.0.1:1/books?user=user&password=hunter2",
        "postgresql://user:un@hunter2@127.0.0.1:1/books",
        "postgresql://user:un/hunter2@127.0.0.1:1/books",
        "postgresql://user:hunter2@127.0.0.1:port/books",
        "mysql://user:hunter2@127.0.0.1/books",
        "postgresql+nothing://user:hunter2@127.0.0.1/books",
        "user:hunter2@127.0.0.1",
        "hunter2",
    ],
)
def test_no_line_holds_a_password(url: str) -> None:
    for line in ("wallet show alice", "init --opened-on 2013-09-16", "demo --wallets 2"):
        assert "hunter2" not in ended_with(url, line, 9)
    doctor = Shell(url).run("doctor")
    assert doctor.code == 8
    assert "hunter2" not in doctor.out + doctor.err


@pytest.mark.parametrize(
    "line", ["wallet show alice", "db status", "verify", "doctor", "pay a 1 --merchant m --request r"]
)
def test_somebody_else_s_file_is_left_as_it_is(line: str, tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE somebodys (thing INTEGER)")
        connection.commit()
    before = path.read_bytes()
    Shell(f"sqlite:///{path}").run(*line.split())
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["theirs.db"]


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("sqlite:///{0}/" + "x" * 300, "there is no database"),
        ("sqlite:///{0}/books.db?timeout=soon", "an address that cannot be read"),
        ("sqlite:///{0}/books.db?uri=perhaps", "an address that cannot be read"),
        ("sqlite:///file:{0}/books.db", "there is no database"),
        ("sqlite:///{0}/\udcff.db", "no database URL"),
        ("postgresql://u:hunter2\udcff@localhost/x", "no database URL"),
        ("postgresql://u:ail@127.0.0.1:1/x", "holds the password"),
    ],
)
def test_addresses_that_lead_nowhere(address: str, told: str, tmp_path: Path) -> None:
    Shell(f"sqlite:///{tmp_path}/books.db").do("init --opened-on 2013-09-16")
    for line in ("wallet show alice", "db status"):
        assert told in ended_with(address.format(tmp_path), line, 9)


CHANGING = ["transfer-in alice 5 --request x", "day run --through 2013-09-16", "announce 2013-09-18 1.2", "init"]


def test_a_read_only_file_is_read_and_not_written(tmp_path: Path) -> None:
    """A file opened as one that may only be read, which also holds for a user who may write everything."""
    path = tmp_path / "books.db"
    shell = Shell(f"sqlite:///{path}")
    shell.do("init --opened-on 2013-09-16")
    shell.do("wallet open alice --at 2013-09-16T09:00:00")
    read_only = Shell(f"sqlite:///file:{path}?mode=ro&uri=true")
    assert read_only.do("wallet show alice")["shares"] == "0.00"
    assert read_only.do("verify")["ok"]
    before = dump(shell.url)
    for line in CHANGING[:-1]:
        assert "attempt to write a readonly database" in ended_with(read_only.url, line, 9)
    assert "it holds the book" in ended_with(read_only.url, "init --opened-on 2013-09-16", 1)
    assert dump(shell.url) == before


@pytest.fixture
def locked_url(postgres_server: postgres.Server) -> Iterator[str]:
    """Give the address of a role whose password the server asks for, with a wrong one."""
    role = f"clerk_{uuid.uuid4().hex[:8]}"
    engine = sa.create_engine(postgres_server.address, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        rules = Path(connection.exec_driver_sql("SHOW hba_file").scalar_one())
        if not os.access(rules, os.W_OK):
            pytest.skip("the server is somebody else's")
        before = rules.read_text()
        rules.write_text(f"local all {role} scram-sha-256\n{before}")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
        connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN PASSWORD 'right'")
        yield postgres_server.address.set(username=role, password="hunter2").render_as_string(hide_password=False)
        connection.exec_driver_sql(f"DROP ROLE {role}")
        rules.write_text(before)
        connection.exec_driver_sql("SELECT pg_reload_conf()")


def test_a_wrong_password_is_refused_by_the_server_and_never_printed(locked_url: str) -> None:
    for line in (*UNUSABLE, "db status", "db upgrade", "init --opened-on 2013-09-16", "demo --wallets 2"):
        told = ended_with(locked_url, line, 9)
        assert "password authentication failed" in told
        assert "hunter2" not in told


# Checks that fail


def test_verify_finds_a_changed_fen_and_ends_with_8(database_url: str) -> None:
    shell = Shell(database_url)
    shell.do("init --opened-on 2013-09-16")
    shell.do("wallet open alice --at 2013-09-16T09:00:00")
    shell.do("transfer-in alice 1000 --request r1 --at 2013-09-16T10:00:00")
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE balance SET amount = amount + 1 WHERE holder_id = 1 AND account_id = 2")
    engine.dispose()
    ended = shell.run("--json", "verify")
    assert ended.code == 8
    assert ended.document["ok"] is False
    assert ended.err.startswith("fundwallet: ")
    assert "balances equal the postings" in ended.err
    assert len(ended.err.splitlines()) == 1
    assert "WRONG" in shell.run("verify").out
    run = shell.run("--json", "day", "run", "--through", "2013-09-16")
    assert run.code == 8
    assert run.document["days"][0]["steps"]["prove"] == "failed"
    assert "in_transit: control account 1000.00, holders 1000.01" in run.document["failed_by"]
    assert run.err == f"fundwallet: failed: {run.document['failed_by']}\n"
