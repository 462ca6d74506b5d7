"""Files as they should not be: bytes flipped, cut, doubled; lines reordered; wrong counts, encodings and values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from wallet.transfer_agent.layout import BUSINESS_CODES, FIELDS, RETURN_CODES

CRLF = b"\r\n"
Mutation = Callable[[Random, str, bytes], tuple[str, bytes]]

PIECES = ["增", "𠮷", "é", "\x00", "\t", "-", " ", "0", "9", "OFDCFEND", "\r\n", "\n", "\x7f", "٣"]
BROKEN = [b"\xff", b"\x81", b"\x80", b"\x81\x30\x81", b"\xfe\xfe", b"\x1a"]
DAYS = ["20130913", "20130916", "20130917", "20130918", "20130919", "20131301", "00000000", "99991231"]


def flip(dice: Random, name: str, content: bytes) -> tuple[str, bytes]:
    """Change one byte."""
    return name, _put(content, dice.randrange(len(content)), bytes([dice.randrange(256)]))


def cut(dice: Random, name: str, content: bytes) -> tuple[str, bytes]:
    """Take bytes away: at the end, or in between."""
    start = dice.randrange(len(content))
    stop = len(content) if dice.random() < 0.5 else min(len(content), start + dice.randint(1, 40))
    return name, content[:start] + content[stop:]


def double(dice: Random, name: str, content: bytes) -> tuple[str, bytes]:
    """Say some bytes twice."""
    start = dice.randrange(len(content))
    return name, content[: (stop := start + dice.randint(1, 60))] + content[start:stop] + content[stop:]


def insert(dice: Random, name: str, content: bytes) -> tuple[str, bytes]:
    """Put something in between, or over what is there."""
    piece = dice.choice([*(text.encode("gb18030") for text in PIECES), *(text.encode() for text in PIECES), *BROKEN])
    start = dice.randrange(len(content))
    return name, content[:start] + piece + content[start + (len(piece) if dice.random() < 0.6 else 0) :]


def move_line(dice: Random, name: str, content: bytes) -> tuple[str, bytes]:
    """Have a line twice, nowhere, or in the place of another."""
    lines = content.split(CRLF)
    here, there = dice.randrange(len(lines)), dice.randrange(len(lines))
    what = dice.randrange(3)
    if what == 0:
        lines[here], lines[there] = lines[there], lines[here]
    elif what == 1:
        lines.insert(there, lines[here])
    else:
        del lines[here]
    return name, CRLF.join(lines)


def move_record(dice: Random, name: str, content: bytes) -> tuple[str, bytes]:
    """Have a record twice, or nowhere, or elsewhere, and count them rightly."""
    lines, head = _lines(content)
    records = lines[head:-2]
    if not records:
        return name, content
    here, what = dice.randrange(len(records)), dice.randrange(3)
    if what == 0:
        records.insert(dice.randrange(len(records) + 1), records[here])
    elif what == 1:
        del records[here]
    else:
        dice.shuffle(records)
    return name, CRLF.join([*lines[: head - 1], b"%08d" % len(records), *records, *lines[-2:]])


def count(dice: Random, name: str, content: bytes) -> tuple[str, bytes]:
    """Count records or fields wrongly."""
    lines, head = _lines(content)
    place, width = dice.choice([(9, 3), (head - 1, 8)])
    lines[place] = b"%0*d" % (width, max(0, int(lines[place]) + dice.choice([-1, 1, 2, 99])))
    return name, CRLF.join(lines)


def value(dice: Random, name: str, content: bytes) -> tuple[str, bytes]:
    """Say something else in a cell, of the right form and width."""
    lines, head = _lines(content)
    names, width = [line.decode() for line in lines[10 : head - 1]], 0
    if len(lines) - 2 <= head:
        return name, content
    chosen, layout = dice.choice(names), FIELDS[name[-6:-4]]
    start = sum(layout[each].length for each in names[: names.index(chosen)])
    field, place = layout[chosen], dice.randrange(head, len(lines) - 2)
    width = field.length
    old = lines[place][start : start + width]
    if field.kind == "N":
        known = int(old) if old.strip() else 0
        new = dice.choice([known + 1, known - 1, -known, known * 10, known // 2, 0, 10**13, 10**15])
        told = f"{new:0{width}d}".encode() if len(str(new)) <= width else old
    else:
        told = _text(dice, chosen, old, [line[start : start + width] for line in lines[head:-2]]).ljust(width)[:width]
    lines[place] = lines[place][:start] + told + lines[place][start + width :]
    return name, CRLF.join(lines)


def column(dice: Random, name: str, content: bytes) -> tuple[str, bytes]:
    """Leave out a column, or have two of them change places, in the heading and in every record."""
    lines, head = _lines(content)
    names, layout = [line.decode() for line in lines[10 : head - 1]], FIELDS[name[-6:-4]]
    order = list(range(len(names)))
    if dice.random() < 0.5:
        del order[dice.randrange(len(order))]
    else:
        dice.shuffle(order)
    starts = [sum(layout[each].length for each in names[:n]) for n in range(len(names))]
    records = [
        b"".join(record[starts[n] : starts[n] + layout[names[n]].length] for n in order) for record in lines[head:-2]
    ]
    told = [b"%03d" % len(order), *(names[n].encode() for n in order), lines[head - 1]]
    return name, CRLF.join([*lines[:9], *told, *records, *lines[-2:]])


def rename(dice: Random, name: str, content: bytes) -> tuple[str, bytes]:
    """Give it another name, and for the most part say the same inside."""
    of, creator, receiver, day, kind = name.removesuffix(".TXT").split("_")
    what = dice.randrange(4)
    if what == 0:
        day, old = dice.choice(DAYS), day
        if dice.random() < 0.8:
            content = content.replace(old.encode(), day.encode())
    elif what == 1:
        creator, receiver = dice.choice([(receiver, creator), ("OTHER", receiver), (creator, "OTHER")])
        content = content if dice.random() < 0.3 else _sides(content, creator, receiver)
    elif what == 2:
        kind, old = dice.choice(["03", "04", "05", "06", "07", "25", "33", "34", "35", "99"]), kind
        content = content.replace(CRLF + old.encode() + CRLF, CRLF + kind.encode() + CRLF)
    else:
        of = dice.choice(["OFI", "ofd", "OFD"])
    return f"{of}_{creator}_{receiver}_{day}_{kind}.TXT", content


MUTATIONS: Sequence[Mutation] = (flip, cut, double, insert, move_line, move_record, count, column, rename)


def mutate(dice: Random, name: str, content: bytes) -> tuple[str, bytes]:
    """Return a file changed once to three times; for the most part in a value, which reaches furthest."""
    for _ in range(dice.choice([1, 1, 2, 3])):
        mutation = value if dice.random() < 0.6 else dice.choice(MUTATIONS)
        try:
            name, content = mutation(dice, name, content)
        except (ValueError, IndexError, KeyError, StopIteration):
            continue  # what was changed before left nothing that this one could change
    return name, content


def _text(dice: Random, field: str, old: bytes, others: Sequence[bytes]) -> bytes:
    """Return other text for a cell."""
    if dice.random() < 0.3:
        return dice.choice(others)
    if field == "BusinessCode":
        return dice.choice(list(BUSINESS_CODES)).encode()
    if field == "ReturnCode":
        return dice.choice([*RETURN_CODES, "9999"]).encode()
    if "Dat" in field:
        return dice.choice(DAYS).encode()
    if "Flag" in field or field.endswith(("Type", "Status", "Class", "Method")):
        return dice.choice([b"0", b"1", b"2", b""])
    if old.strip().isdigit():
        number = int(old) + dice.choice([-1, 1, 10])
        return (b"%0*d" % (len(old.strip()), abs(number))) if dice.random() < 0.8 else old.strip()[:-1]
    return dice.choice([b"", b"X", "增".encode("gb18030"), "𠮷".encode("gb18030"), b"WALLET", b"TA"])


def _put(content: bytes, place: int, piece: bytes) -> bytes:
    return content[:place] + piece + content[place + len(piece) :]


def _sides(content: bytes, creator: str, receiver: str) -> bytes:
    lines = content.split(CRLF)
    lines[2:4] = [creator.ljust(9).encode(), receiver.ljust(9).encode()]
    return CRLF.join(lines)


def _lines(content: bytes) -> tuple[list[bytes], int]:
    """Return the lines of a file, the last of them empty, and where its records begin."""
    lines = content.split(CRLF)
    head = 11 + int(lines[9])
    int(lines[head - 1])
    return lines, head
