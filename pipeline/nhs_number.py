"""Which NHS numbers are issued: the one list, for the rules on rows and for the decision."""

from __future__ import annotations

# First three digits of NHS numbers that are issued (320 to 399 in Northern Ireland); all others are
# for tests or for nobody. Source: NHS Data Dictionary; the package nhs-number lists the same from 320 on.
ISSUED = (*range(300, 500), *range(600, 800))
FOR_TESTS = 999  # nobody's, and the demonstration's
