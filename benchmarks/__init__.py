"""What is claimed about speed, runnable: `python -m benchmarks`, see README.md beside this file.

Each benchmark builds its own books, runs the product's public path, and in the same run the same rows through the
raw database. A module of benchmarks registers them with `harness.benchmark` and is named in `MODULES`.
"""

from __future__ import annotations

import importlib

MODULES = ("payments", "day", "reads", "sealing", "exchange", "files", "terminal")
"""The modules that hold benchmarks, in the order in which they are shown."""


def load() -> None:
    """Import every module of benchmarks, so that all of them are registered."""
    for name in MODULES:
        importlib.import_module(f"{__name__}.{name}")
