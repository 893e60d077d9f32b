"""Invented NHS numbers that pass the check digit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

TEST_RANGE = 999  # never issued; every NHS number of the demonstration begins so
NO_DIGIT = 10  # what modulus 11 leaves for the stems that no number begins with
_WEIGHTS = np.arange(10, 1, -1)


def check_digits(stems: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The modulus 11 check digit for each nine-digit stem; NO_DIGIT where the stem has none."""
    places = 10 ** np.arange(8, -1, -1)
    digits = stems[:, None] // places % 10
    result: npt.NDArray[np.int64] = (11 - (digits * _WEIGHTS).sum(axis=1) % 11) % 11
    return result


def nhs_numbers(rng: np.random.Generator, count: int, *, prefix: int = TEST_RANGE) -> npt.NDArray[np.str_]:
    """`count` different NHS numbers that begin with the three digits of `prefix`.

    About one stem in eleven has no check digit and is skipped, so a prefix gives some 900,000 numbers.
    Raises ValueError for more than that.
    """
    drawn = min(count + count // 5 + 200, 1_000_000)
    stems = prefix * 1_000_000 + rng.choice(1_000_000, size=drawn, replace=False)
    checks = check_digits(stems)
    whole = (stems * 10 + checks)[checks != NO_DIGIT]
    # 9999999999 and its like pass the check digit but are nobody's.
    whole = whole[whole % 1_111_111_111 != 0][:count]
    if len(whole) < count:
        raise ValueError("more NHS numbers than the range holds")
    numbers: npt.NDArray[np.str_] = whole.astype(str)
    return numbers
