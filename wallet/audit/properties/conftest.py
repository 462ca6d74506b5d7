"""What several properties share: one walk over all postings."""

from __future__ import annotations

import pytest

from wallet.audit.books import Book
from wallet.audit.walk import Walk


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say once why everything was skipped."""
    if config.getoption("book") is None:
        terminalreporter.write_line("no book to check: name one with --book URL")


@pytest.fixture(scope="session")
def walk(audited_book: Book) -> Walk:
    """Give the walk over the whole book."""
    return Walk(audited_book)
