"""`ta simulate` as it is typed: no database, a document, a table, refusals in one line."""

from __future__ import annotations

from pathlib import Path

from tests.counterpart import REDEEM, SUBSCRIBE, Counterpart, day
from tests.shell import Shell, process

KEYS = {"day", "played", "is_trading_day", "files", "files_due", "confirmed", "partly", "rejected", "carried"}
KEYS |= {"quick_transfers", "income_per_10k", "seven_day", "income", "register", "holders", "planted", "notes"}


def shell(tmp_path: Path) -> tuple[Shell, Counterpart]:
    """Return a terminal whose database is not there, and must not be, and a directory with Monday's exports."""
    (tmp_path / "exchange").mkdir()
    counterpart = Counterpart(tmp_path / "exchange")
    counterpart.apply(day(16), (SUBSCRIBE, 1, 1_000_000), (SUBSCRIBE, 2, 500))
    return Shell(f"sqlite:///{tmp_path}/nothing.db"), counterpart


def test_two_days_as_documents(tmp_path: Path) -> None:
    desk, counterpart = shell(tmp_path)
    line = f"ta simulate --dir {counterpart.directory} --seed 1"
    monday = desk.do(line)
    assert set(monday) == KEYS
    assert (monday["day"], monday["confirmed"], monday["register"], monday["planted"]) == ("2013-09-16", 2, "0.00", [])
    counterpart.apply(day(17), (REDEEM, 2, 500))
    tuesday = desk.do(f"{line} --date 2013-09-17 --reject 1")
    assert set(tuesday) == KEYS
    assert (tuesday["rejected"], tuesday["income"], tuesday["holders"]) == (1, "1.25", 2)
    assert desk.do(f"{line} --date 2013-09-16") == monday
    assert not (tmp_path / "nothing.db").exists()


def test_a_day_as_text(tmp_path: Path) -> None:
    desk, counterpart = shell(tmp_path)
    ended = desk.run("ta", "simulate", "--dir", str(counterpart.directory), "--seed", "1", "--wrong", "1")
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[0].split() == ["day", "2013-09-16", "Mon"]
    assert "Note: no list of payments was exported: no statement" in lines
    assert any(line.strip() == "OFI_TA_WALLET_20130916.TXT" for line in lines)
    (planted,) = [line.split() for line in lines if line.startswith("clearing")]
    assert planted[1:3] == ["122", "-10,005.00"]


def test_late_and_waiting(tmp_path: Path) -> None:
    desk, counterpart = shell(tmp_path)
    line = f"ta simulate --dir {counterpart.directory} --seed 1 --late 1"
    assert desk.do(line)["files"] == []
    waiting = desk.do(f"{line} --date 2013-09-17")
    assert set(waiting) == KEYS
    assert (waiting["played"], waiting["files"][-1]) == (False, "OFI_TA_WALLET_20130916.TXT")
    assert desk.run(*line.split(), "--date", "2013-09-17").code == 1


def test_refusals(tmp_path: Path) -> None:
    desk, counterpart = shell(tmp_path)
    words = ("ta", "simulate", "--dir", str(counterpart.directory), "--seed", "1")
    before = counterpart.files()
    for more, code, said in (
        (("--date", "2013-09-17"), 1, "2013-09-17 is out of order: the day to play is 2013-09-16"),
        (("--date", "2013-9-16"), 2, "date '2013-9-16': a date is written like 2013-09-16"),
        (("--reject", "1.1"), 2, "Invalid value for '--reject'"),
        (("--late", "-1"), 2, "Invalid value for '--late'"),
        (("--fund", "000001"), 1, "FundCode: found '000198', expected 000001"),
    ):
        ended = desk.run(*words, *more)
        assert (ended.code, ended.out) == (code, ""), more
        assert len(ended.err.splitlines()) == 1
        assert said in ended.err
    assert counterpart.files() == before
    ended = desk.run("ta", "simulate", "--dir", str(tmp_path / "nowhere"), "--seed", "1")
    assert (ended.code, len(ended.err.splitlines())) == (2, 1)
    (counterpart.directory / "OFI_TA_WALLET_20130916.TXT").mkdir()
    ended = desk.run(*words)
    assert ended.code == 2
    assert ended.err.endswith("cannot be used: Is a directory\n")


def test_without_numpy_at_the_door_and_in_a_process_of_its_own(tmp_path: Path) -> None:
    _, counterpart = shell(tmp_path)
    ended = process("--json", "ta", "simulate", "--dir", "exchange", "--seed", "1", directory=tmp_path)
    assert (ended.code, ended.document["register"]) == (0, "0.00")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["exchange"]
    assert counterpart.answers(day(17))[0] == ("122", 1, 1_000_000, "0000", "1")
