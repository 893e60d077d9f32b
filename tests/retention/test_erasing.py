"""One family is forgotten: what is kept is written anew without it, and the old keys are destroyed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import pytest

from changes.writing import families
from explain.conftest import ask
from month_authority import MONTH as LAST_MONTH
from month_authority import NOW as TODAY
from month_authority import Authority, CommandLine
from pipeline import month as months
from pipeline.encryption import at_rest
from pipeline.errors import IntegrityError, Refused, SettingsError
from pipeline.facts import opened_ledger, verified
from pipeline.home import Home
from pipeline.keeping import erasing, kept, retention
from pipeline.keeping.kept import Kept
from pipeline.ledger.entries import FamilyErased, FamilyLookedUp, Kind
from pipeline.looking_back import preview
from pipeline.records import Month, keyed_references
from preview.past import NOW, family, keep, world
from spec.world import MONTH, agreement, answer, word

__all__ = ["ask"]

NUMBER, PARENTS, OTHER = "9990000018", "9990000026", "9990000034"
WHO = "data.lead@example.org"
WHY = "the parents asked"


@pytest.fixture
def home(home: Home) -> Home:
    """A home in which one person is known."""
    file = home.path / "birthshare.toml"
    who = f'\n[[approvers]]\nprincipal = "{WHO}"\nroles = ["data_lead"]\n'
    file.write_text(file.read_text() + who)
    return Home.open(home.path)


def child(home: Home, number: str = NUMBER) -> str:
    return keyed_references(home.secret("subject.key"), "child", [number])[0]


def parent(home: Home, number: str = PARENTS) -> str:
    return keyed_references(home.secret("subject.key"), "parent", [number])[0]


def erase(home: Home, number: str = NUMBER, *, who: str = WHO, why: str = WHY) -> dict[str, Any]:
    return erasing.erase(home, number, principal=who, purpose=why, now=NOW)[0]


def opened(home: Home) -> list[Kept]:
    with opened_ledger(home) as ledger:
        return [kept.read(home, month, one) for (month, _), one in kept.standing(ledger).items()]


def recorded(home: Home, kind: Kind) -> list[Any]:
    with opened_ledger(home) as ledger:
        return [entry.body for entry in ledger.entries(kinds={kind})]


def closed(home: Home, *names: str) -> None:
    """What is kept of a month: the family, its twin, and two others."""
    twins = {"parent": parent(home), "dwelling": "theirs", "number_of_births": 2}
    rows = [
        family(1, child=child(home), **twins),
        family(2, child=child(home, OTHER), birth_order=2, **twins),
        family(3),
        family(4, consent_status="refused"),
    ]
    for name in names or ("welcome-card",):
        said = (
            word("theirs", "suppressed"),
            word(child(home), "objected"),
            word("dwelling-2026-10-3", "in_hospital"),
        )
        past = world(*rows, agreement=agreement(id=name), suppressions=said, answers=(answer(child(home)),))
        keep(home, past)


def test_nothing_of_the_family_is_left_and_the_others_are_as_they_were(home: Home) -> None:
    closed(home)
    [before] = opened(home)
    assert child(home) in set(before.births["child"])
    assert erase(home)["parts"] == 1
    [after] = opened(home)
    assert after.births["reference"].tolist() == after.decisions["reference"].tolist() == [3, 4]
    assert after.words["subject"].tolist() == ["dwelling-2026-10-3"]
    assert after.answers.empty
    gone = {child(home), child(home, OTHER), parent(home), "theirs"}
    frames = (after.births, after.placements, after.words, after.answers, after.disclosures, after.decisions)
    assert not gone & {str(value) for frame in frames for name in frame for value in frame[name]}
    assert (after.until, after.moment, after.columns) == (before.until, before.moment, before.columns)


def test_a_parents_number_names_the_same_family(home: Home) -> None:
    closed(home)
    assert erase(home, PARENTS)["parts"] == 1
    assert opened(home)[0].births["reference"].tolist() == [3, 4]


def test_it_goes_out_of_every_part_that_holds_it_and_no_other(home: Home) -> None:
    closed(home, "welcome-card", "library-card")
    keep(home, world(family(9, Month(2026, 8)), month=Month(2026, 8)))
    untouched = home.state / "kept" / "welcome-card" / "2026-08" / "births.sealed"
    before = untouched.read_bytes()
    assert erase(home)["parts"] == 2
    assert untouched.read_bytes() == before


def test_the_old_key_is_gone_and_no_copy_of_it_opens_what_somebody_kept(home: Home) -> None:
    closed(home)
    folder = home.state / "kept" / "welcome-card" / str(MONTH)
    wrapped, sealed = (folder / "month.key").read_bytes(), (folder / "births.sealed").read_bytes()
    erase(home)
    with pytest.raises(IntegrityError):
        at_rest.unwrap(wrapped, home.secret("staging.key"))
    new = at_rest.unwrap((folder / "month.key").read_bytes(), home.secret("staging.key"))
    with pytest.raises(IntegrityError):
        at_rest.unseal(sealed, new, name=f"{MONTH}/births")


def test_a_preview_of_what_is_left_still_gives_the_decisions_of_the_time(home: Home) -> None:
    closed(home)
    erase(home)
    [past] = opened(home)
    [replayed] = preview.replay(home, past.agreement, {MONTH: [past]})
    assert replayed.now["reference"].tolist() == [3, 4]


def test_a_part_that_cannot_stand_without_the_family_is_destroyed_whole(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed(home)

    def unsound(part: Kept) -> NoReturn:
        raise IntegrityError("Replaying a past month does not give what was decided then")

    monkeypatch.setattr(erasing, "check_reproduced", unsound)
    erase(home)
    assert opened(home) == []
    assert not (home.state / "kept" / "welcome-card" / str(MONTH)).exists()
    assert recorded(home, Kind.KEPT_DESTROYED)


def test_who_asked_and_why_is_recorded_for_everybody_of_the_family(home: Home) -> None:
    closed(home)
    erase(home)
    erased = [one for one in recorded(home, Kind.FAMILY_ERASED) if isinstance(one, FamilyErased)]
    assert {one.subject for one in erased} == {
        child(home),
        child(home, OTHER),
        parent(home),
        parent_of_no(home),
    }
    assert {(one.principal, one.purpose, one.parts) for one in erased} == {(WHO, WHY, 1)}
    [looked_up] = recorded(home, Kind.FAMILY_LOOKED_UP)
    assert isinstance(looked_up, FamilyLookedUp) and looked_up.subject == child(home)
    with opened_ledger(home) as ledger:
        assert verified(home, ledger).sound


def parent_of_no(home: Home) -> str:
    """The asked number as a parent's: nobody can tell beforehand which it is."""
    return parent(home, NUMBER)


def test_a_family_that_nobody_knows_changes_nothing_but_the_asking_is_recorded(home: Home) -> None:
    closed(home)
    before = [one.births["reference"].tolist() for one in opened(home)]
    assert erase(home, "9990000042")["parts"] == 0
    assert [one.births["reference"].tolist() for one in opened(home)] == before
    [erased] = recorded(home, Kind.FAMILY_ERASED)
    assert erased.parts == 0


def test_it_may_be_asked_again(home: Home) -> None:
    closed(home)
    assert [erase(home)["parts"], erase(home)["parts"]] == [1, 0]


@pytest.mark.parametrize(
    ("number", "who", "why", "stop"),
    [
        ("9990000019", WHO, WHY, SettingsError),
        (NUMBER, "somebody@example.org", WHY, Refused),
        (NUMBER, WHO, " ", SettingsError),
        (NUMBER, WHO, "the family at 12", SettingsError),
    ],
)
def test_only_a_known_person_with_a_reason_and_a_number(
    home: Home, number: str, who: str, why: str, stop: type[Exception]
) -> None:
    closed(home)
    with pytest.raises(stop) as caught:
        erase(home, number, who=who, why=why)
    assert number not in str(caught.value)
    assert len(opened(home)[0].births) == 4
    assert not recorded(home, Kind.FAMILY_LOOKED_UP)


def test_a_child_that_was_to_be_forgotten_is_kept_in_no_later_month_and_a_new_sibling_is(home: Home) -> None:
    closed(home)
    erase(home)
    later = Month(2026, 11)
    again = family(1, later, child=child(home), parent=parent(home))
    keep(home, world(again, family(2, later), month=later))
    new = family(3, Month(2026, 12), parent=parent(home))
    keep(home, world(new, month=Month(2026, 12)))
    assert [one.births["reference"].tolist() for one in opened(home)] == [[3, 4], [2], [3]]


# --- cut short ------------------------------------------------------------------------------------


def steps(home: Home, patch: pytest.MonkeyPatch, last: int) -> Iterator[None]:
    """Let so many files be removed or renamed, and no more."""
    done: list[str] = []

    def mortal(method: str) -> None:
        real = getattr(Path, method)

        def lives_or_dies(file: Path, *args: Any, **kwargs: Any) -> Any:
            if len(done) == last:
                raise KeyboardInterrupt
            done.append(method)
            return real(file, *args, **kwargs)

        patch.setattr(Path, method, lives_or_dies)

    for method in ("unlink", "replace", "rmdir"):
        mortal(method)
    yield


@pytest.mark.parametrize("last", range(0, 32, 3))
def test_cut_short_anywhere_the_part_is_whole_with_or_without_the_family(
    home: Home, last: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the ledger says is what is there, with no repair; and asking again comes to the end."""
    closed(home)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        next(steps(home, patch, last))
        erase(home)
    [found] = opened(home)
    assert found.births["reference"].tolist() == (
        [3, 4] if recorded(home, Kind.FAMILY_ERASED) else [1, 2, 3, 4]
    )
    erase(home)
    assert opened(home)[0].births["reference"].tolist() == [3, 4]
    assert not list((home.state / "anew").rglob("*.sealed"))
    assert retention.run(home, now=NOW)["unknown"] == []


# --- a real month ---------------------------------------------------------------------------------


def one_family(authority: Authority) -> tuple[str, str]:
    """The child's number, and its first name, of a family that is shared."""
    row = families(authority).iloc[0]
    return row["nhs_number"], row["parent_nhs_number"]


def command(birthshare: CommandLine, number: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{number}\n"))
    return birthshare("retention", "erase", "--as", WHO, "--why", WHY, "--json")


def test_of_a_closed_month_explain_says_that_it_was_erased_and_what_was_shared(
    birthshare: CommandLine, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = birthshare.authority
    authority.run(until="release")
    number, parents = one_family(authority)
    birthshare.finish()
    answer = command(birthshare, number, monkeypatch)
    assert answer.code == 0, answer.err
    assert answer.json["parts"] == 1
    [listed] = answer.json["lists"]
    assert listed["month"] == str(LAST_MONTH)
    assert "has not said that it destroyed it" in listed["because"]
    assert answer.json["recalls"]["raised"] == answer.json["recalls"]["notices"] == 1
    assert answer.json["inbox"][0]["file"] == f"inbox/chis/{authority.sealed.name}"
    assert number not in answer.out + answer.err
    for asked in (number, parents):
        said = ask(asked, "--json").json
        assert said["decisions"] == []
        assert said["erased"] == [TODAY.date().isoformat()]
    told = ask(number)
    assert "was erased, as somebody asked" in " ".join(told.out.split())
    assert "Shared:" in told.out


def test_in_an_open_month_it_is_taken_off_the_lists_and_nothing_of_it_is_kept(
    birthshare: CommandLine, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = birthshare.authority
    authority.run(until="release")
    number, _ = one_family(authority)
    before = sum(len(authority.shared(code)) for code in authority.demo.centres)
    answer = command(birthshare, number, monkeypatch)
    assert (answer.code, answer.json["months_open"]) == (0, [str(LAST_MONTH)])
    state = birthshare.finish()
    [shared] = [one["shared"] for one in state["agreements"].values()]
    assert shared == before - 1
    home = authority.home
    with opened_ledger(home) as ledger:
        pasts = [kept.read(home, at, one) for (at, _), one in kept.standing(ledger).items()]
    erased = keyed_references(home.secret("subject.key"), "child", [number])[0]
    assert pasts and not [one for one in pasts if erased in set(one.births["child"])]
    [past] = pasts
    assert preview.replay(home, past.agreement, {LAST_MONTH: [past]})
    assert ask(number, "--json").json["erased"]


def test_after_a_real_month_a_preview_still_runs(
    birthshare: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = birthshare.authority
    authority.run(until="release")
    number, _ = one_family(authority)
    birthshare.finish()
    assert command(birthshare, number, monkeypatch).json["parts"] == 1
    answer = birthshare("agreement", "preview", authority.agreement_file().name, "--json")
    assert answer.code == 0, answer.err
    assert months.status(authority.home, LAST_MONTH, now=datetime.now(UTC))["ledger"]["verified"]
