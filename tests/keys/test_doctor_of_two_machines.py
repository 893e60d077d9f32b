"""Where two machines share a home, each lacks the other's keys, and `doctor` can be told whose are here."""

from __future__ import annotations

import pytest

from month_authority import CommandLine, authority, birthshare, prototype
from pipeline import facts
from pipeline.custody import Custody, held

__all__ = ["authority", "birthshare", "prototype"]

OTHER = {Custody.OPENING: Custody.SEALING, Custody.SEALING: Custody.OPENING}


@pytest.mark.parametrize("mine", OTHER)
def test_a_machine_is_well_without_the_keys_of_the_other(birthshare: CommandLine, mine: Custody) -> None:
    home = birthshare.authority.home
    with facts.opened_ledger(home) as ledger:
        facts.signed(home, ledger)  # as the nightly check does; it lays the public half down
    taken = held(home, OTHER[mine])
    assert taken
    for file in taken:
        file.unlink()
    well = {one: birthshare("doctor", "--keys", one).code == 0 for one in (*OTHER, Custody.BOTH)}
    assert well == {mine: True, OTHER[mine]: False, Custody.BOTH: False}
