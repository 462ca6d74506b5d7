"""The exchange format by chance: what is written reads back the same; damaged bytes are refused or mean themselves."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.exchange import ALL_TYPES, damaged, drawn, fitted, least, most, read, written
from wallet.transfer_agent import datafile, indexfile
from wallet.transfer_agent.cells import Column
from wallet.transfer_agent.datafile import Header
from wallet.transfer_agent.errors import MalformedFile
from wallet.transfer_agent.indexfile import Index
from wallet.transfer_agent.layout import FIELDS, Field

DAY = date(2013, 9, 16)
IN_ONE_DIRECTORY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

# any character but surrogates, control characters of one byte
characters = st.characters(exclude_categories=["Cs"]).filter(lambda c: ord(c) >= 0x20 and ord(c) != 0x7F)


def values(field: Field) -> st.SearchStrategy[Any]:
    """Give all values that a field can hold."""
    if field.kind == "N":
        return st.integers(least(field), most(field))
    if field.kind == "A":
        return st.text("0123456789", max_size=field.length)
    return st.text(characters, max_size=min(field.length, 30)).map(lambda text: fitted(text, field.length))


@st.composite
def files(draw: st.DrawFn, file_type: str) -> tuple[Header, list[tuple[Any, ...]]]:
    """Give files of a type: the columns that must be there and up to six others, in any order."""
    known = FIELDS[file_type]
    others = draw(st.lists(st.sampled_from(sorted(known)), min_size=1, max_size=6, unique=True))
    names = draw(st.permutations(sorted({*others, *(name for name, field in known.items() if field.required)})))
    codes = st.from_regex(r"[0-9A-Za-z]{1,9}", fullmatch=True)
    people = st.text(characters, max_size=8).map(lambda text: fitted(text, 8))
    header = Header(
        draw(codes), draw(codes), draw(st.dates()), file_type, draw(people), draw(people), tuple(names),
        draw(st.from_regex("[0-9]{3}", fullmatch=True)),
    )  # fmt: skip
    return header, draw(st.lists(st.tuples(*(values(known[name]) for name in names)), max_size=4))


@pytest.mark.parametrize("file_type", ALL_TYPES)
def test_every_file_type_reads_back_as_it_was_written(file_type: str, tmp_path: Path) -> None:
    @settings(IN_ONE_DIRECTORY, max_examples=25)
    @given(files(file_type), st.integers(1, 5), st.integers(1, 5))
    def check(file: tuple[Header, list[tuple[Any, ...]]], written_by: int, read_by: int) -> None:
        header, rows = file
        path = tmp_path / datafile.name_of(header)
        path.write_bytes(written(header, rows, written_by))
        assert read(path, read_by) == (header, rows)
        path.unlink()

    check()


FORMS = {str(field): field for fields in FIELDS.values() for field in fields.values()}


def plainly(field: Field, cell: bytes) -> int | str | None:
    """Read a cell without numpy; None where it is not of the field's form."""
    if field.kind == "N":
        return int(cell) if re.fullmatch(rb"[0-9]+|-[0-9]*[1-9][0-9]*", cell) else None
    if field.kind == "A":
        return cell.decode().strip() if re.fullmatch(rb"[0-9]* *", cell) else None
    try:
        text = cell.decode("gb18030")
    except UnicodeDecodeError:
        return None
    right = re.fullmatch(r"(?:[^\x00-\x20\x7f][^\x00-\x1f\x7f]*)?", text.rstrip(" "))
    return text.rstrip(" ") if right else None


@pytest.mark.parametrize("form", sorted(FORMS))
def test_every_byte_of_a_cell_is_read_as_plain_python_reads_it(form: str) -> None:
    field = FORMS[form]
    near = {"N": b"0123456789-", "A": b"0123456789 ", "C": b"aZ 0 " + "钱𠮷".encode("gb18030")}[field.kind]
    anything = st.binary(min_size=field.length, max_size=field.length)
    close = st.lists(st.sampled_from([*near, *near, 0, 0x0D, 0x20, 0x2D, 0x7F, 0xFF]), min_size=field.length)
    shaped = values(field).map(lambda value: cell_of(field, value))
    cells = shaped | anything | close.map(lambda raw: bytes(raw[: field.length]))

    @settings(max_examples=60)
    @given(st.lists(cells, min_size=1, max_size=6))
    def check(column: list[bytes]) -> None:
        expected = [plainly(field, cell) for cell in column]
        array = np.frombuffer(b"".join(column), np.uint8).reshape(len(column), field.length)
        place = Column("a file", 100, field)
        reader: Callable[[Any], Any] = place.numbers if field.kind == "N" else place.texts
        writer: Callable[[Any], Any] = place.from_numbers if field.kind == "N" else place.from_texts
        if None in expected:
            with pytest.raises(MalformedFile) as wrong:
                reader(array)
            assert wrong.value.line is not None
            assert expected[wrong.value.line - 100] is None
        else:
            assert list(reader(array)) == expected
            assert writer(expected).tobytes() == b"".join(column)

    check()


def cell_of(field: Field, value: Any) -> bytes:
    """Write a cell without numpy."""
    if field.kind == "N":
        return f"{value:0{field.length}}".encode()
    return str(value).encode("gb18030").ljust(field.length)


@pytest.mark.parametrize("file_type", ALL_TYPES)
def test_the_extremes_of_every_field_fit_and_nothing_beyond(file_type: str, tmp_path: Path) -> None:
    known = FIELDS[file_type]
    header = Header("TA", "WALLET", DAY, file_type, "TA", "WALLET", tuple(known))
    extremes: dict[str, list[list[Any]]] = {
        "N": [[0, 1, least(f), most(f)] for f in known.values() if f.kind == "N"],
        "A": [["", "0", "9" * f.length, "0" * f.length] for f in known.values() if f.kind == "A"],
        "C": [["", "x" * f.length, fitted("钱" * f.length, f.length), fitted("𠮷" * f.length, f.length)]
              for f in known.values() if f.kind == "C"],
    }  # fmt: skip
    left = {kind: iter(columns) for kind, columns in extremes.items()}
    columns: dict[str, list[Any]] = {name: next(left[field.kind]) for name, field in known.items()}
    rows = list(zip(*columns.values(), strict=True))
    path = tmp_path / datafile.name_of(header)
    path.write_bytes(written(header, rows))
    assert read(path) == (header, rows)
    beyond: dict[str, Callable[[Field], list[Any]]] = {
        "N": lambda f: [least(f) - 1, most(f) + 1, 2**63, -(2**63), 1.5, "1", None, True],
        "A": lambda f: ["0" * (f.length + 1), "x", " 0", "0 ", "٣", "-"],
        "C": lambda f: ["x" * (f.length + 1), "钱" * (f.length // 2 + 1), " x", "x ", "\ud800", "\n", "\x7f", "\x00"],
    }
    for name, field in known.items():
        for value in beyond[field.kind](field):
            with pytest.raises(MalformedFile) as refused:
                datafile.write(BytesIO(), header, 1, [{k: [value if k == name else v[0]] for k, v in columns.items()}])
            assert (refused.value.line, refused.value.field) == (len(known) + 12, name)


@given(st.lists(st.integers(0, 10**16 - 1), min_size=1, max_size=50))
def test_numbers_are_int64_arrays_too(plain: list[int]) -> None:
    header = Header("TA", "WALLET", DAY, "03", "", "", ("ApplicationVol",))
    one, other = BytesIO(), BytesIO()
    datafile.write(one, header, len(plain), [{"ApplicationVol": plain}])
    datafile.write(other, header, len(plain), [{"ApplicationVol": np.array(plain)}])
    assert one.getvalue() == other.getvalue()
    assert one.getvalue().split(b"\r\n")[12:-2] == [f"{number:016}".encode() for number in plain]


@IN_ONE_DIRECTORY
@given(
    st.dates(),
    st.sampled_from(["OFI", "OFT", "OFB"]),
    st.lists(st.tuples(st.dates(), st.sampled_from(ALL_TYPES)), unique=True, max_size=20),
)
def test_an_index_reads_back_as_it_was_written(
    tmp_path: Path, day: date, prefix: str, listed: list[tuple[date, str]]
) -> None:
    names = tuple(f"OFD_TA_WALLET_{on.isoformat().replace('-', '')}_{file_type}.TXT" for on, file_type in listed)
    index = Index("TA", "WALLET", day, names, prefix)
    path = tmp_path / indexfile.name_of(index)
    with path.open("wb") as stream:
        indexfile.write(stream, index)
    assert indexfile.read(path) == index


# Damage


def attempt(reader: Callable[[Path], Any], path: Path) -> Any:
    """Read a file; return None where it is refused, in one line that names it."""
    try:
        return reader(path)
    except MalformedFile as error:
        refusal = error
    assert refusal.file == path.name
    assert str(refusal).startswith(path.name)
    assert str(refusal).isprintable()
    return None


def survives(path: Path, raw: bytes) -> bool:
    """Read damaged bytes as a file; tell whether they were taken, and hold that they then mean exactly themselves.

    The format gives each content one form: so what is taken must be, byte for byte, what its values are written as.
    """
    path.write_bytes(raw)
    found = attempt(read, path)
    assert found is None or written(*found) == raw
    return found is not None


def fuzzed(directory: Path, seed: int, files_: int, each: int) -> tuple[int, int]:
    """Damage files of all types; return how many damaged ones were refused and how many were taken."""
    rng = Random(seed)
    refused = taken = 0
    for n in range(files_):
        header, rows = drawn(ALL_TYPES[n % len(ALL_TYPES)], rng)
        path = directory / datafile.name_of(header)
        raw = written(header, rows)
        assert survives(path, raw)
        for _ in range(each):
            if (bad := damaged(raw, rng)) != raw:
                survived = survives(path, bad)
                refused, taken = refused + (not survived), taken + survived
        path.unlink()
    return refused, taken


def test_damaged_files_are_refused_or_mean_themselves(tmp_path: Path) -> None:
    refused, taken = fuzzed(tmp_path, 1, 24, 25)
    assert refused > 400
    assert taken > 5


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 12))
def test_many_damaged_files_are_refused_or_mean_themselves(seed: int, tmp_path: Path) -> None:
    refused, taken = fuzzed(tmp_path, seed, 240, 45)
    assert refused + taken > 10_000
    assert taken > 200


def test_a_damaged_index_is_refused_or_means_itself(tmp_path: Path) -> None:
    rng = Random(1)
    names = tuple(f"OFD_TA_WALLET_2013091{n}_0{n}.TXT" for n in (4, 5, 6, 7))
    index = Index("TA", "WALLET", DAY, names)
    path = tmp_path / indexfile.name_of(index)
    stream = BytesIO()
    indexfile.write(stream, index)
    taken = 0
    for _ in range(2000):
        raw = damaged(stream.getvalue(), rng)
        path.write_bytes(raw)
        found = attempt(indexfile.read, path)
        if found is not None and raw != stream.getvalue():
            again = BytesIO()
            indexfile.write(again, found)
            assert again.getvalue() == raw
            taken += 1
    assert taken > 0
