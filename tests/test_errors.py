"""What fundwallet refuses: the drawn tree is the real one, and codes, facts and messages are what callers rely on."""

from __future__ import annotations

import ast
import builtins
import inspect
from datetime import date, datetime
from pathlib import Path

import pytest

import calendars
import ledger.errors
from calendars import DateOutOfRange
from tests import docstrings
from tests.desk import SHANGHAI
from wallet import errors, facade
from wallet.errors import FundwalletError
from wallet.simulator import play

DAY = date(2013, 9, 16)
FIRST, LAST = date(2013, 1, 1), date(2026, 12, 31)
LONG = "x" * 100
SHORTENED = "x" * 57 + "..."

# an error, its code, its facts, its message
REFUSALS: list[tuple[FundwalletError, str, dict[str, object], str]] = [
    (
        errors.InvalidRequest("amount", "too much"),
        "invalid_request",
        {"field": "amount", "problem": "too much"},
        "amount: too much",
    ),
    (
        errors.InvalidAmount("1e3\n", "no"),
        "invalid_request",
        {"text": "1e3\n", "field": "amount '1e3\\n'", "problem": "no"},
        "amount '1e3\\n': no",
    ),
    (
        errors.InvalidFigure(LONG, "no"),
        "invalid_figure",
        {"text": LONG, "field": f"figure '{SHORTENED}'", "problem": "no"},
        f"figure '{SHORTENED}': no",
    ),
    (errors.NoBook(), "no_book", {}, "this database holds no book: create one with `fundwallet init`"),
    (errors.BookExists("the table t"), "book_exists", {}, "this database is not empty: it holds the table t already"),
    (
        errors.SchemaMismatch("0000", "0001"),
        "schema_mismatch",
        {"found": "0000", "expected": "0001"},
        "this database is of schema version 0000, this program needs 0001: upgrade it with `fundwallet db upgrade`",
    ),
    (
        errors.DayBusy("li on desk-1", datetime(2013, 9, 17, 0, 0, 1, 5, tzinfo=SHANGHAI)),
        "day_busy",
        {"operator": "li on desk-1", "since": datetime(2013, 9, 17, 0, 0, 1, 5, tzinfo=SHANGHAI)},
        "the day is being run by li on desk-1 since 2013-09-17T00:00:01+08:00",
    ),
    (
        errors.OutsideCalendar(DateOutOfRange(date(2027, 1, 4), FIRST, LAST, "shanghai")),
        "outside_calendar",
        {"day": date(2027, 1, 4), "first": FIRST, "last": LAST},
        "2027-01-04 is after 2026-12-31, the last day of the shanghai calendar: the last known year is 2026, "
        "extend it with a calendar file for 2027",
    ),
    (
        errors.BeforeOpening(date(2013, 9, 15), DAY),
        "before_opening",
        {"day": date(2013, 9, 15), "opened_on": DAY},
        "2013-09-15 is before the books were opened on 2013-09-16",
    ),
    (errors.UnknownWallet("alice"), "unknown_wallet", {"wallet": "alice"}, "there is no wallet alice"),
    (errors.WalletExists(LONG), "wallet_exists", {"wallet": LONG}, f"wallet {SHORTENED} is open already"),
    (
        errors.TradeDateCut(DAY),
        "trade_date_cut",
        {"trade_date": DAY},
        "trade date 2013-09-16 is cut: its orders are applications already",
    ),
    (
        errors.LimitExceeded(100, 50),
        "limit_exceeded",
        {"amount": 100, "bound": 50, "used": 0},
        "1.00 exceeds the limit of 0.50",
    ),
    (errors.PurchasesSuspended(DAY), "purchases_suspended", {"day": DAY}, "purchases are suspended on 2013-09-16"),
    (
        errors.BelowMinimum(99, 100),
        "below_minimum",
        {"amount": 99, "bound": 100, "used": 0},
        "0.99 is below the minimum transfer-in of 1.00",
    ),
    (
        errors.HoldingCapExceeded(1_00, 1_000_000_00, 999_999_01),
        "holding_cap_exceeded",
        {"amount": 1_00, "bound": 1_000_000_00, "used": 999_999_01},
        "1.00 on top of 999999.01 exceeds the holding cap of 1000000.00",
    ),
    (
        errors.DailyTransferInExceeded(1, 20_000_00, 20_000_00),
        "daily_transfer_in_exceeded",
        {"amount": 1, "bound": 20_000_00, "used": 20_000_00},
        "0.01 on top of 20000.00 exceeds the daily transfer-in limit of 20000.00",
    ),
    (
        errors.QuotaExceeded(2, 1),
        "quota_exceeded",
        {"amount": 2, "bound": 1, "used": 0},
        "0.02 exceeds the product's daily quota of 0.01",
    ),
    (
        errors.DailyInstantExceeded(2, 1),
        "daily_instant_exceeded",
        {"amount": 2, "bound": 1, "used": 0},
        "0.02 exceeds the daily instant transfer-out limit of 0.01",
    ),
    (
        errors.FacilityExhausted(2, 1),
        "facility_exhausted",
        {"amount": 2, "bound": 1, "used": 0},
        "0.02 exceeds the advancer's facility of 0.01",
    ),
    (
        errors.InsufficientFunds(100, 99),
        "insufficient_funds",
        {"amount": 100, "available": 99},
        "1.00 wanted, 0.99 available",
    ),
    (errors.UnknownPayment("p"), "unknown_payment", {"payment": "p"}, "there is no payment p to refund"),
    (
        errors.NotRefundable("r1", "transfer_in"),
        "not_refundable",
        {"request_id": "r1", "kind": "transfer_in"},
        "r1 is a transfer_in, only a payment can be refunded",
    ),
    (
        errors.RefundExceedsPayment(100, 99),
        "refund_exceeds_payment",
        {"amount": 100, "refundable": 99},
        "1.00 exceeds the 0.99 of the payment not refunded yet",
    ),
    (errors.UnknownOrder("r1"), "unknown_order", {"request_id": "r1"}, "there is no order r1 to confirm"),
    (
        errors.NotOpen("r1", "it is done"),
        "not_open",
        {"request_id": "r1"},
        "order r1 cannot be given an outcome: it is done",
    ),
    (
        errors.FigureAnnounced(DAY),
        "figure_announced",
        {"day": DAY},
        "another figure is announced for 2013-09-16: say --replace to replace it",
    ),
    (errors.NotSealed("entry 7"), "not_sealed", {"what": "entry 7"}, "entry 7 is not sealed yet"),
    (
        errors.SealsBroken(["2013-09-16: one", "2013-09-17: two"]),
        "seals_broken",
        {"places": ["2013-09-16: one", "2013-09-17: two"]},
        "the seals and the books differ: 2013-09-16: one; 2013-09-17: two",
    ),
    (
        errors.ApprovalNeeded("reversal"),
        "approval_needed",
        {"operation": "reversal"},
        "reversal has to be proposed, and approved by a second operator",
    ),
    (
        errors.FigureDistributed(DAY),
        "figure_distributed",
        {"day": DAY},
        "the figure for 2013-09-16 is distributed already and stays as it is",
    ),
    (
        errors.ResultExists("a.csv"),
        "result_exists",
        {"file": "a.csv"},
        "a.csv exists: the orders were taken already, or say another name for the result",
    ),
    (errors.FileBusy("a.csv"), "file_busy", {"file": "a.csv"}, "the orders of a.csv are being taken by another run"),
    (
        errors.ControlTotalMismatch(4, -3, 3),
        "control_total_mismatch",
        {"control_total": 4, "lowest": -3, "highest": 3},
        "control total 0.04 does not belong to the holdings: they allow -0.03 to 0.03",
    ),
]
CLASSES = [c for _, c in inspect.getmembers(errors, inspect.isclass) if c.__module__ == errors.__name__]


@pytest.mark.parametrize(("error", "code", "facts", "message"), REFUSALS, ids=[case[1] for case in REFUSALS])
def test_a_refusal_has_a_code_its_facts_and_a_message(
    error: FundwalletError, code: str, facts: dict[str, object], message: str
) -> None:
    assert isinstance(error, FundwalletError)
    assert error.code == code
    assert vars(error) == facts
    assert str(error) == message
    assert str(error).isprintable()


def test_what_is_not_known_is_not_said() -> None:
    assert str(errors.DayBusy("another operator", None)) == "the day is being run by another operator"
    newer = "this database is of schema version 0002, this program needs 0001: use the fundwallet that wrote it"
    assert str(errors.SchemaMismatch("0002", "0001")) == newer


def test_only_what_may_succeed_later_is_retryable() -> None:
    assert [error.code for error, *_ in REFUSALS if error.retryable] == ["day_busy", "facility_exhausted", "file_busy"]


def test_every_class_is_listed_above() -> None:
    assert sorted(type(error).__name__ for error, *_ in REFUSALS) == sorted(c.__name__ for c in CLASSES)


def test_a_code_belongs_to_one_class_or_is_inherited() -> None:
    owners: dict[str, list[str]] = {}
    classes: list[type[FundwalletError]] = [FundwalletError, *refusals()]
    for c in classes:
        if "code" in vars(c):
            owners.setdefault(c.code, []).append(c.__name__)
    assert {code: names for code, names in owners.items() if len(names) > 1} == {}
    assert {c.__name__ for c in CLASSES if "code" not in vars(c)} == {"InvalidAmount"}


def test_the_tree_is_drawn_as_it_is() -> None:
    real: dict[str, str | None] = {
        c.__name__: c.__mro__[1].__name__.replace("LedgerError", "FundwalletError") for c in CLASSES
    }
    assert docstrings.tree(errors.__doc__) == {"FundwalletError": None} | real


def test_there_is_one_root() -> None:
    assert facade.FundwalletError is errors.FundwalletError is ledger.errors.LedgerError
    assert ledger.errors.LedgerError.__mro__[1] is Exception


# What docstrings promise


def refusals(root: type[FundwalletError] = FundwalletError) -> list[type[FundwalletError]]:
    """Return every refusal of the product, wherever it is defined."""
    ours = [c for c in root.__subclasses__() if c.__module__.partition(".")[0] in ("ledger", "wallet")]
    return [c for child in ours for c in (child, *refusals(child))]


def promised() -> dict[str, list[str]]:
    """Return the refusals of every function of the product that promises any, by file and line."""
    root = Path(errors.__file__).resolve().parent.parent
    found = {}
    for path in [
        root / "cli.py",
        *(p for name in ("wallet", "ledger", "calendars") for p in (root / name).rglob("*.py")),
    ]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and (
                names := docstrings.refusals(ast.get_docstring(node))
            ):
                found[f"{path.relative_to(root)}:{node.lineno} {node.name}"] = names
    return found


def test_every_promised_refusal_exists() -> None:
    assert issubclass(play.OutOfOrder, FundwalletError), "the simulator's refusals belong to the tree"
    known = {"FundwalletError", *(c.__name__ for c in refusals())} | set(vars(calendars)) | set(vars(builtins))
    functions = promised()
    assert len(functions) > 30
    assert {where: set(names) - known for where, names in functions.items() if set(names) - known} == {}


def test_every_refusal_is_promised_somewhere() -> None:
    """A class only if some caller acts on it; one that no operation promises is dead, or its promise is missing."""
    said = {name for names in promised().values() for name in names}
    assert {c.__name__ for c in refusals()} - said <= {"LimitExceeded"}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Do it. Raises: NoTransaction, DayClosed; then nothing is written.", ["NoTransaction", "DayClosed"]),
        ("Do it.\n\nRaises: NotOpen (not so),\n    BadCalendarFile.\n\nNoBook.", ["NotOpen", "BadCalendarFile"]),
        ("Raises: as `open_wallets`.", []),
        ("Raises: NoBook. Units: DayClosed.", ["NoBook"]),
        ("Nothing.", []),
        (None, []),
    ],
)
def test_what_counts_as_a_promise(text: str | None, names: list[str]) -> None:
    assert docstrings.refusals(text) == names


def test_how_a_tree_is_read() -> None:
    drawing = (
        "Title.\n\nRoot (X)    why\n├── One, Two    Three\n│   └── Deep,\n│       Deeper\n├── the others\n└── Last"
    )
    assert docstrings.tree(drawing) == {
        "Root": None,
        "One": "Root",
        "Two": "Root",
        "Deep": "One",
        "Deeper": "One",
        "Last": "Root",
    }
