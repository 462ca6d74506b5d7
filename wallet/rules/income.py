"""One day's income over all holders: cut to 0.01, and the rest handed out until nothing is left.

A holding of h hundredths at r (1e-4 yuan per 10,000 shares) earns h * r / 10^8 fen. The holding is split at
10^8, so that no product leaves 64 bits for any holding: h * r / 10^8 = (h // 10^8) * r + (h % 10^8) * r / 10^8.
Source: rule book, section 3, "Cutting and handing out the rest".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wallet.errors import ControlTotalMismatch

SCALE = 10**8
"""Divides hundredths of a share times the figure into fen."""

METHOD = "cut and hand out the rest"

NOBODY = -1


@dataclass(frozen=True, slots=True)
class Allocation:
    """How one day's income is handed out; every holder's part follows from it alone.

    Units: `pool` hundredths of a share, `whole` and `cut` fen (of the absolute figure), `threshold` in
    1e-8 fen. A holder gets one fen more than her cut part if her cut fraction is above `threshold`, or equal
    to it and her number is not above `last_tie`.
    """

    pool: int
    whole: int
    cut: int
    threshold: int = SCALE
    last_tie: int = NOBODY

    @property
    def left_over(self) -> int:
        """Return the fen that cutting left over."""
        return self.whole - self.cut


def parts(holdings: NDArray[np.int64], rate: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return every holding's cut income in fen and its cut fraction in 1e-8 fen, for the absolute figure."""
    low = (holdings % SCALE) * abs(rate)
    return (holdings // SCALE) * abs(rate) + low // SCALE, low % SCALE


def allocate(
    holders: NDArray[np.int64], holdings: NDArray[np.int64], rate: int, control_total: int | None = None
) -> Allocation:
    """Return how the income of all holdings is handed out: largest cut fraction first, ties to the lower number.

    Shape: `holders` and `holdings` run in parallel, in any order; a holder stands there once.
    Units: `control_total` in fen; that of a negative figure may be given with or without its sign.
    Raises: ControlTotalMismatch when the total would move anyone a whole fen or more off the exact share.
    """
    cut, fraction = parts(holdings, rate)
    pool, cut_total = int(holdings.sum()), int(cut.sum())
    whole = cut_total + int(fraction.sum()) // SCALE
    if control_total is not None:
        signed = control_total if rate >= 0 else abs(control_total)
        highest = cut_total + int(np.count_nonzero(fraction))
        if not cut_total <= signed <= highest:
            raise ControlTotalMismatch(control_total, *sorted((_sign(rate) * cut_total, _sign(rate) * highest)))
        whole = signed
    extra = whole - cut_total
    if extra == 0:
        return Allocation(pool, whole, cut_total)
    threshold = int(np.partition(fraction, len(fraction) - extra)[len(fraction) - extra])
    ties = np.sort(holders[fraction == threshold])
    last = extra - int(np.count_nonzero(fraction > threshold)) - 1
    return Allocation(pool, whole, cut_total, threshold, int(ties[last]))


def amounts(
    holders: NDArray[np.int64], holdings: NDArray[np.int64], rate: int, allocation: Allocation
) -> NDArray[np.int64]:
    """Return every holder's income in fen, without sign, as `allocation` hands it out."""
    cut, fraction = parts(holdings, rate)
    more = (fraction > allocation.threshold) | ((fraction == allocation.threshold) & (holders <= allocation.last_tie))
    result: NDArray[np.int64] = cut + more
    return result


def _sign(rate: int) -> int:
    return -1 if rate < 0 else 1
