"""Pages that need nothing to have happened, looked over in a real browser."""

from __future__ import annotations

from pipeline.roles import Role


def test_the_first_page_and_the_table_of_who_may_what(screens) -> None:
    screen = screens(Role.GUARDIAN)
    for path in ("/", "/who-may"):
        screen.open(path)
        screen.look_over()
