"""The pytest plugin: options that name a book, and the fixtures that its properties ask for.

pytest loads this module in every run of every environment that fundwallet is installed in. So it imports nothing
but pytest, and without `--book` it adds four options and does nothing else.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from wallet.audit.books import Book

SAMPLES = 100

_SESSION = pytest.StashKey[ExitStack]()
_BOOK = pytest.StashKey["Book"]()

Sampled = Callable[[Any, Callable[[Any], None]], None]
"""Called with a strategy and a check: draws from the one and holds the other against what was drawn."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, all of them inert until a book is named."""
    group = parser.getgroup("fundwallet", "audit of a fundwallet book")
    group.addoption("--book", metavar="URL", help="check the book in this database, read-only")
    group.addoption("--book-samples", metavar="N", type=int, default=SAMPLES, help=f"draws of a sample ({SAMPLES})")
    group.addoption("--book-seed", metavar="N", type=int, help="draw the same samples as the run that printed N")
    group.addoption(
        "--book-calendar", metavar="FILE", action="append", default=[], help="a calendar file that the book was kept by"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Open the named book for the whole run; one that cannot be used is wrong usage, told in one line."""
    url = config.getoption("book")
    if url is None:
        return
    from wallet.audit.books import Unusable, open_book

    if config.getoption("book_samples") < 1:
        raise pytest.UsageError("--book-samples: at least 1 is needed")
    if config.option.book_seed is None:  # set where the workers of a run on several processors find it too
        config.option.book_seed = random.SystemRandom().randrange(2**32)
    stack = config.stash[_SESSION] = ExitStack()
    try:
        config.stash[_BOOK] = open_book(stack, url, [Path(name) for name in config.getoption("book_calendar")])
    except Unusable as problem:
        raise pytest.UsageError(f"--book: {problem}") from None


def pytest_unconfigure(config: pytest.Config) -> None:
    """Let the book go."""
    if stack := config.stash.get(_SESSION, None):
        stack.close()


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say which book is checked, and how to draw the same samples again."""
    book = config.stash.get(_BOOK, None)
    if book is None:
        return []
    samples, seed = config.getoption("book_samples"), config.getoption("book_seed")
    return [f"book of {book.code} opened on {book.opened_on}, {samples} samples, --book-seed {seed}"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say with a failed sample by which command it is drawn again."""
    report = yield
    if report.failed and "sampled" in getattr(item, "fixturenames", ()):
        report.sections.append(("the same samples again", again(item)))
    return report


def again(item: pytest.Item) -> str:
    """Return the command that draws the samples of a test again; the address is left out, it may hold a password."""
    config, module = item.config, getattr(item, "module", None)
    name = getattr(module, "__name__", "")
    where = f"--pyargs {name}::{item.name}" if name.startswith("wallet.audit.") else item.nodeid
    files = "".join(f" --book-calendar {file}" for file in config.getoption("book_calendar"))
    draws = f"--book-samples {config.getoption('book_samples')} --book-seed {config.getoption('book_seed')}"
    return f"pytest {where} --book URL{files} {draws}"


@pytest.fixture(scope="session")
def audited_book(pytestconfig: pytest.Config) -> Book:
    """Give the book that `--book` names; without it the test is skipped."""
    book = pytestconfig.stash.get(_BOOK, None)
    if book is None:
        pytest.skip("no book to check: name one with --book URL")
    return book


@pytest.fixture
def sampled(pytestconfig: pytest.Config, audited_book: Book, tmp_path_factory: pytest.TempPathFactory) -> Sampled:
    """Give what draws samples of the book: always the same ones for the same seed, nothing kept in the directory."""
    from hypothesis.configuration import set_hypothesis_home_dir

    set_hypothesis_home_dir(tmp_path_factory.getbasetemp() / "hypothesis")
    return sampler(pytestconfig.getoption("book_samples"), pytestconfig.getoption("book_seed"))


def sampler(samples: int, number: int) -> Sampled:
    """Return what draws so many samples, by the seed `number`; a failing one is made simpler before it is shown."""
    from hypothesis import HealthCheck, Phase, given, seed, settings

    chosen = settings(
        max_examples=samples,
        database=None,
        deadline=None,
        derandomize=False,
        print_blob=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )

    def draw(strategy: SearchStrategy[Any], check: Callable[[Any], None]) -> None:
        if strategy.is_empty:  # a book without wallets or orders
            return

        def holds(drawn: Any) -> None:
            check(drawn)

        seed(number)(chosen(given(strategy)(holds)))()

    return draw
