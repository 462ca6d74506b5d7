"""The terminal: doctor on a real installation, the progress bar on a real terminal, pipes that close early."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import postgres
from tests.shell import ROOT, Ended, Shell, process
from wallet.schema import VERSION

PACKAGES = ("wallet", "ledger", "calendars")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Give a directory with the distribution as an installer leaves it: its files, and their digests."""
    site = tmp_path / "site"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, site / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "cli.py", site)
    record = site / "fundwallet-0.1.0.dist-info"
    files = sorted(path for path in site.rglob("*") if path.is_file())
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: fundwallet\nVersion: 0.1.0\n")
    lines = [f"{path.relative_to(site).as_posix()},sha256={digest(path)},{path.stat().st_size}\n" for path in files]
    (record / "RECORD").write_text("".join(lines))
    return site


def digest(path: Path) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()


def doctor(site: Path, *words: str, also: str = "") -> tuple[Ended, dict[str, str]]:
    """Run doctor on an installation; return how it ended, and the details of what is wrong."""
    elsewhere = site.parent / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    ended = process("--json", *words, "doctor", directory=elsewhere, PYTHONPATH=f"{site}{os.pathsep}{also}")
    wrong = {check["name"]: check["detail"] for check in ended.document["checks"] if not check["ok"]}
    assert ended.document["ok"] == (not wrong)
    assert ended.code == (8 if wrong else 0)
    assert len(ended.err.splitlines()) == bool(wrong)
    assert list(elsewhere.iterdir()) == []
    return ended, wrong


def test_doctor_is_content_with_a_sound_installation(site: Path) -> None:
    ended, wrong = doctor(site)
    assert wrong == {}
    assert ended.err == ""
    names = [check["name"] for check in ended.document["checks"]]
    assert names[:5] == ["distribution", "import wallet", "import ledger", "import calendars", "import cli"]
    assert "database" in names
    assert process("doctor", directory=site, PYTHONPATH=str(site)).out.startswith("     Check")


def test_doctor_sees_a_file_that_another_package_overwrote(site: Path) -> None:
    with (site / "wallet" / "__init__.py").open("a") as file:
        file.write("\n")
    ended, wrong = doctor(site)
    assert list(wrong) == ["import wallet"]
    assert "is not as it was installed" in wrong["import wallet"]
    assert ended.err == "fundwallet: 1 of 12 checks failed: import wallet\n"


def test_doctor_sees_another_distribution_with_a_package_of_this_name(site: Path) -> None:
    rival = site / "wallet-2.0.dist-info"
    rival.mkdir()
    (rival / "METADATA").write_text("Metadata-Version: 2.1\nName: wallet\nVersion: 2.0\n")
    (rival / "top_level.txt").write_text("wallet\n")
    assert "another distribution" in doctor(site)[1]["import wallet"]


def test_doctor_sees_a_package_imported_from_elsewhere(site: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.move(site / "calendars", other / "calendars")
    _, wrong = doctor(site, also=str(other))
    assert list(wrong) == ["import calendars"]
    assert "which is no file of fundwallet" in wrong["import calendars"]


def test_doctor_reports_the_database(site: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'books.db'}"
    assert "there is no database" in doctor(site, "--db", url)[1]["database"]
    Shell(url).do("init --opened-on 2013-09-16")
    ended, wrong = doctor(site, "--db", url)
    assert wrong == {}
    detail = ended.document["checks"][-1]["detail"]
    assert f"schema version {VERSION}, book of 000198 since 2013-09-16" in detail
    (tmp_path / "books.db").write_bytes(b"no database" * 100)
    assert "file is not a database" in doctor(site, "--db", url)[1]["database"]


def test_doctor_says_when_commits_can_be_lost(site: Path, postgres_server: postgres.Server) -> None:
    if postgres_server.setting("fsync") == "on":
        pytest.skip("this server keeps its commits")
    url = postgres_server.create_database()
    assert "fsync is off" in doctor(site, "--db", url)[1]["database"]
    postgres_server.drop_database(url)


def test_doctor_takes_an_editable_checkout_for_sound(site: Path, tmp_path: Path) -> None:
    record, checkout = site / "fundwallet-0.1.0.dist-info", tmp_path / "check out"
    checkout.mkdir()
    for name in (*PACKAGES, "cli.py"):
        shutil.move(site / name, checkout / name)
    (record / "RECORD").write_text("")
    (record / "direct_url.json").write_text(json.dumps({"url": checkout.as_uri(), "dir_info": {"editable": True}}))
    assert doctor(site, also=str(checkout))[1] == {}
    (record / "direct_url.json").write_text(json.dumps({"url": site.as_uri(), "dir_info": {"editable": True}}))
    assert "not from the editable checkout" in doctor(site, also=str(checkout))[1]["import cli"]


# A real terminal

PLAY = "import sys; import wallet.console.terminal as t; t.PATIENCE = {patience}; import cli; cli.main()"


def on_a_terminal(
    stream: str, *words: str, directory: Path, patience: float = 60, columns: int = 80
) -> tuple[str, str]:
    """Run a command with one stream on a terminal; return what the terminal got, and what the other stream held."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", PLAY.format(patience=patience), *words]
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FUNDWALLET_DB")}
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "TERM": "xterm", "COLUMNS": str(columns)}
    out, err = (theirs if stream == name else subprocess.PIPE for name in ("stdout", "stderr"))
    with subprocess.Popen(command, cwd=directory, env=environment, stdout=out, stderr=err) as running:
        os.close(theirs)
        seen = b""
        with contextlib.suppress(OSError):  # how the end of a terminal shows itself
            while chunk := os.read(ours, 4096):
                seen += chunk
        piped = running.stdout or running.stderr
        assert piped is not None
        other = piped.read().decode()
    os.close(ours)
    assert running.returncode == 0
    return seen.decode().replace("\r\n", "\n"), other


def words_of(text: str) -> list[str]:
    """Return the words of a text, without the rules of its tables, which are as long as the table is wide."""
    return [word for word in text.split() if word.strip("─")]


def test_nothing_is_cut_on_a_narrow_terminal(tmp_path: Path) -> None:
    shell = Shell(f"sqlite:///{tmp_path / 'books.db'}")
    shell.do("demo --wallets 5 --through 2013-09-18")
    shell.do("wallet open 一位顾客 --at 2013-09-20T10:00:00")
    for line in ("wallet statement customer-0001", "report trial-balance", "verify", "wallet show 一位顾客"):
        seen, err = on_a_terminal("stdout", "--db", shell.url, *line.split(), directory=tmp_path, columns=40)
        plain = re.sub(r"\x1b\[[0-9;]*m", "", seen)
        assert err == ""
        assert words_of(plain) == words_of(shell.run(*line.split()).out)


def test_what_takes_long_shows_a_bar_on_standard_error(tmp_path: Path) -> None:
    line = ["demo", "--wallets", "20", "--through", "2013-09-18"]
    seen, quick = on_a_terminal("stderr", *line, directory=tmp_path)
    assert "days" not in seen
    seen, long = on_a_terminal("stderr", *line, directory=tmp_path, patience=0)
    assert "days" in seen
    assert "100%" in seen
    assert quick == long == process(*line, directory=tmp_path).out


def test_the_bar_of_day_run_and_verify(tmp_path: Path) -> None:
    shell = Shell(f"sqlite:///{tmp_path / 'books.db'}")
    shell.do("demo --wallets 5 --through 2013-09-18")
    for line in ("day run --through 2013-09-18", "verify"):
        seen, out = on_a_terminal("stderr", "--db", shell.url, *line.split(), directory=tmp_path, patience=0)
        assert out.splitlines()
        assert "Traceback" not in seen


def test_a_pipe_that_closes_early_is_no_defect(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import cli; cli.main()", "calendar", "show", "2013"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 1
