"""Whatever is changed in a pack is found, or is a mere label."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import random
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from given import NOW, Closed, altered, files_of, here, packed

from month_authority import MONTH
from pipeline.demo.authority import APPROVERS
from pipeline.encryption.signing import sign_ssh
from pipeline.facts import opened_ledger
from pipeline.home import Home
from pipeline.ledger.entries import (
    Acknowledged,
    AgreementSigned,
    AgreementSuspended,
    Balanced,
    Body,
    Delivered,
    Entry,
    Kind,
    Overdue,
    PermitAnnulled,
    PermitBody,
    Publishing,
    ReleaseRefused,
    Validated,
)
from pipeline.questions import evidence
from pipeline.questions.grounds import grounds

LABELS = {"about", "authority", "made_at", "origin", "title"}  # said of the pack and proved by nothing


@pytest.fixture
def check(closed: Closed, tmp_path: Path) -> Callable[[bytes], bool]:
    """Whether the verifier finds a pack sound; it never ends in any other way."""

    def is_sound(content: bytes) -> bool:
        file = tmp_path / "given.zip"
        file.write_bytes(content)
        return here(file, "--key", closed.key, "--signers", closed.signers).sound

    return is_sound


def places(said: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value in it that holds no others."""
    if isinstance(said, dict | list) and said:
        for name in said if isinstance(said, dict) else range(len(said)):
            yield from places(said[name], (*way, name))
    else:
        yield way


def changed(value: Any) -> Any:
    """Something else of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        middle = len(value) // 2
        return value[:middle] + ("0" if value[middle : middle + 1] != "0" else "1") + value[middle + 1 :]
    return [0] if isinstance(value, list) else {"more": 0} if isinstance(value, dict) else 0


def put(said: Any, way: tuple[Any, ...], value: Any) -> None:
    for name in way[:-1]:
        said = said[name]
    said[way[-1]] = value


def some_of(said: Any) -> list[tuple[Any, ...]]:
    """Every value of one entry of each kind, and all else."""
    first = {one["kind"]: number for number, one in reversed(list(enumerate(said["entries"])))}
    shown = {("entries", number) for number in first.values()}
    return [way for way in places(said) if way[0] != "entries" or way[:2] in shown]


@pytest.mark.parametrize("name", ["pack", "opened"])
def test_every_field_that_is_changed_is_found(
    request: pytest.FixtureRequest, check: Callable[[bytes], bool], name: str
) -> None:
    content: bytes = request.getfixturevalue(name)
    assert check(content)
    said = json.loads(files_of(content)["evidence.json"])
    ways = some_of(said)
    assert len(ways) > 100
    unnoticed = set()
    for way in ways:
        other = copy.deepcopy(said)
        value = said
        for step in way:
            value = value[step]
        put(other, way, changed(value))
        if check(packed(files_of(content) | {"evidence.json": json.dumps(other).encode()})):
            unnoticed.add(".".join(str(step) for step in way if not isinstance(step, int)))
    assert unnoticed == LABELS


def test_what_is_left_out_of_a_month_is_found(pack: bytes, check: Callable[[bytes], bool]) -> None:
    """But for entries that nothing shown rests on: that none is missing, only an export shows."""
    said = json.loads(files_of(pack)["evidence.json"])
    free = set()
    for number, one in enumerate(said["entries"]):
        other = copy.deepcopy(said)
        del other["entries"][number]
        if check(packed(files_of(pack) | {"evidence.json": json.dumps(other).encode()})):
            free.add(one["kind"])
    assert free == {
        Kind.REGISTER_AGREED, Kind.EXTRACT_RECEIVED, Kind.FINGERPRINTED, Kind.PLACED, Kind.RELEASE_REQUESTED,
        Kind.AREAS_COUNTED, Kind.BALANCED, Kind.DECISIONS_KEPT, Kind.STAGING_DESTROYED, Kind.MONTH_CLOSED,
    }  # fmt: skip


def test_no_entry_is_shown_twice_or_in_another_order(pack: bytes, check: Callable[[bytes], bool]) -> None:
    assert not check(altered(pack, lambda said: said["entries"].append(said["entries"][-1])))
    assert not check(altered(pack, lambda said: said["entries"].reverse()))
    assert not check(altered(pack, lambda said: said["entries"].insert(0, said["entries"][3])))


def test_an_opening_is_no_other_entrys(opened: bytes, check: Callable[[bytes], bool]) -> None:
    def moved(said: Any) -> None:
        [mine] = [one for one in said["entries"] if "opening" in one]
        other = next(one for one in said["entries"] if one["kind"] == Kind.PERMIT)
        other["opening"] = mine.pop("opening")

    assert not check(altered(opened, moved))


def test_every_file_that_proves_something_is_bound(pack: bytes, check: Callable[[bytes], bool]) -> None:
    files = files_of(pack)
    for name in files:
        without = {other: content for other, content in files.items() if other != name}
        assert check(packed(without)) is not (name.startswith("agreements/") or name == "evidence.json"), name
        if name.startswith("agreements/"):
            middle = len(files[name]) // 2
            wrong = files[name][:middle] + b"-" + files[name][middle + 1 :]
            assert not check(packed(files | {name: wrong})), name


def test_changes_at_random_bytes_never_pass_unnoticed(pack: bytes, check: Callable[[bytes], bool]) -> None:
    """Of the zip: what is still sound says exactly what it said before."""
    dice = random.Random(3)
    before = files_of(pack)
    for _ in range(100):
        place = dice.randrange(len(pack))
        other = pack[:place] + bytes([pack[place] ^ 1 << dice.randrange(8)]) + pack[place + 1 :]
        if check(other):
            with zipfile.ZipFile(io.BytesIO(other)) as opened:
                same = {name for name in opened.namelist() if opened.read(name) == before.get(name)}
            assert {name for name in before if name.startswith("agreements") or "json" in name} <= same


# --- somebody who holds the ledger's key, and records what should never have been -------------------


def permit_of(home: Home) -> tuple[int, PermitBody]:
    with opened_ledger(home) as ledger:
        for entry in ledger.entries(kinds={Kind.PERMIT}):
            if isinstance(entry.body, PermitBody):
                return entry.seq, entry.body
    raise AssertionError


def shown(home: Home, *bodies: Body, month: str = str(MONTH)) -> bytes:
    """Evidence of the month after somebody recorded this, past every rule."""
    with opened_ledger(home) as ledger:
        for body in bodies:
            ledger.append(Entry(body, month), at=NOW)
        numbers = [*evidence.of_month(ledger, month), *([ledger.size] if bodies else [])]
        return evidence.packed(
            evidence.gather(home, ledger, numbers, about="month", title="The month", now=NOW)
        )


OTHER = "0" * 64


def told(content: bytes, closed: Closed, folder: Path) -> str:
    (folder / "told.zip").write_bytes(content)
    found = here(folder / "told.zip", "--key", closed.key)
    assert not found.sound
    return found.said


def test_a_list_without_approval_is_found(closed: Closed, other: Home, tmp_path: Path) -> None:
    _, body = permit_of(other)
    forged = body.model_copy(update={"pack_sha256": OTHER, "children": 0, "households": 0})
    assert "no release_approved is shown before it" in told(shown(other, forged), closed, tmp_path)


def test_a_list_of_a_refused_release_is_found(closed: Closed, other: Home, tmp_path: Path) -> None:
    _, body = permit_of(other)
    refused = ReleaseRefused(
        pack_sha256=body.pack_sha256, principal="data.lead@example.org", roles=("data_lead",), way="airflow"
    )
    again = body.model_copy(update={"children": 0, "households": 0})
    assert "release_refused came before it" in told(shown(other, refused, again), closed, tmp_path)


def test_a_refusal_comes_with_every_list_of_its_release(closed: Closed, other: Home) -> None:
    """Else whoever chooses the entries could leave it out."""
    seq, body = permit_of(other)
    refused = ReleaseRefused(
        pack_sha256=body.pack_sha256, principal="data.lead@example.org", roles=("data_lead",), way="airflow"
    )
    with opened_ledger(other) as ledger:
        [refusal] = ledger.append(Entry(refused, str(MONTH)), at=NOW)
        assert refusal in grounds(ledger, [seq])


def test_a_list_under_a_suspended_agreement_is_found(closed: Closed, other: Home, tmp_path: Path) -> None:
    _, body = permit_of(other)
    with opened_ledger(other) as ledger:
        suspended = AgreementSuspended(
            agreement=body.agreement, version=body.version, digest=OTHER, role="caldicott_guardian"
        )
        ledger.append(Entry(suspended), at=NOW)
    again = body.model_copy(update={"children": 0, "households": 0})
    assert "agreement_suspended came before it" in told(shown(other, again), closed, tmp_path)


def test_a_list_under_what_nobody_signed_is_found(closed: Closed, other: Home, tmp_path: Path) -> None:
    _, body = permit_of(other)
    other_version = body.model_copy(update={"version": 7, "children": 0, "households": 0})
    assert "no decided is shown" in told(shown(other, other_version), closed, tmp_path)


def test_a_list_decided_under_another_text_than_was_signed_is_found(
    closed: Closed, other: Home, tmp_path: Path
) -> None:
    _, body = permit_of(other)
    with opened_ledger(other) as ledger:
        decided = [one.body for one in ledger.entries(kinds={Kind.DECIDED})][-1]
    elsewhere = decided.model_copy(update={"digest": OTHER})
    again = body.model_copy(update={"recipient": "centre-99", "children": 0, "households": 0})
    assert "nobody had signed" in told(shown(other, elsewhere, again), closed, tmp_path)


@pytest.mark.parametrize(
    ("roles", "signers", "words"),
    [
        (3, ("caldicott_guardian", "data_protection_officer", "data_lead"), ""),
        (2, ("caldicott_guardian", "data_protection_officer", "data_lead"), "not signed in every role"),
        (3, ("data_lead", "data_lead", "data_lead"), "one person signed in every role"),
    ],
)
def test_an_agreement_is_signed_in_every_role_and_not_by_one_person(
    closed: Closed, other: Home, tmp_path: Path, roles: int, signers: tuple[str, ...], words: str
) -> None:
    _, body = permit_of(other)
    stem = other.agreements / f"{body.agreement}.v2"
    text = (other.agreements / f"{body.agreement}.v1.yaml").read_bytes() + b"# again\n"
    stem.with_suffix(".v2.yaml").write_bytes(text)
    digest = hashlib.sha256(text).hexdigest()
    for role, who in list(zip(APPROVERS, signers, strict=True))[:roles]:
        key = closed.authority.demo.approver_keys[who]
        signature = sign_ssh(text, private_key=key, namespace="agreement@birthshare")
        stem.with_suffix(f".v2.{role}.sig").write_bytes(signature)
        signed = AgreementSigned(
            agreement=body.agreement, version=2, digest=digest, role=role, principal=APPROVERS[who],
            signature_sha256=hashlib.sha256(signature).hexdigest(),
        )  # fmt: skip
        with opened_ledger(other) as ledger:
            ledger.append(Entry(signed), at=NOW)
    with opened_ledger(other) as ledger:
        decided = [one.body for one in ledger.entries(kinds={Kind.DECIDED})][-1]
    new = {"version": 2, "recipient": "centre-99", "children": 0, "households": 0}
    content = shown(
        other,
        decided.model_copy(update={"version": 2, "digest": digest}),
        body.model_copy(update=new),
    )
    if words:
        assert words in told(content, closed, tmp_path)
    else:
        (tmp_path / "given.zip").write_bytes(content)
        assert here(tmp_path / "given.zip", "--key", closed.key).sound


@pytest.mark.parametrize("children", [1, 3])
def test_more_or_fewer_children_than_disclosed_are_found(
    closed: Closed, other: Home, tmp_path: Path, children: int
) -> None:
    _, body = permit_of(other)
    more = body.model_copy(update={"children": children, "households": 1})
    assert f"0 disclosures for {children} children" in told(shown(other, more), closed, tmp_path)


def test_another_file_than_was_permitted_is_found(closed: Closed, other: Home, tmp_path: Path) -> None:
    seq, _ = permit_of(other)
    arrived = Delivered(permit=seq, sha256=OTHER, size=1, found_there=False)
    assert "other than permitted" in told(shown(other, arrived), closed, tmp_path)


def test_a_delivery_without_leave_is_found(closed: Closed, other: Home, tmp_path: Path) -> None:
    seq, body = permit_of(other)
    free = body.model_copy(update={"children": 0, "households": 0})
    with opened_ledger(other) as ledger:
        [permit] = ledger.append(Entry(free, str(MONTH)), at=NOW)
    arrived = Delivered(permit=permit, sha256=body.sealed_sha256, size=1, found_there=False)
    assert "no publishing is shown before it" in told(shown(other, arrived), closed, tmp_path)


@pytest.mark.parametrize("kind", [Delivered, PermitAnnulled, Publishing])
def test_what_was_delivered_is_neither_delivered_again_nor_annulled(
    closed: Closed, other: Home, tmp_path: Path, kind: type[Body]
) -> None:
    seq, body = permit_of(other)
    more = {"sha256": body.sealed_sha256, "size": 1, "found_there": True} if kind is Delivered else {}
    later = kind.model_validate({"permit": seq, **more})
    assert "delivered came before it" in told(shown(other, later), closed, tmp_path)


def test_a_list_that_arrived_although_it_was_annulled_on_its_way_is_told_and_not_wrong(
    closed: Closed, other: Home, tmp_path: Path
) -> None:
    """It had leave when it left; it counts as shared with nobody, and is dealt with by a recall."""
    _, body = permit_of(other)
    free = body.model_copy(update={"children": 0, "households": 0})
    with opened_ledger(other) as ledger:
        [permit] = ledger.append(Entry(free, str(MONTH)), at=NOW)
    arrived = Delivered(permit=permit, sha256=body.sealed_sha256, size=1, found_there=False)
    content = shown(other, Publishing(permit=permit), PermitAnnulled(permit=permit), arrived)
    (tmp_path / "given.zip").write_bytes(content)
    assert here(tmp_path / "given.zip", "--key", closed.key).sound
    assert "came before it" in told(shown(other, Publishing(permit=permit)), closed, tmp_path)


def test_a_receipt_for_nothing_is_found(closed: Closed, other: Home, tmp_path: Path) -> None:
    _, body = permit_of(other)
    free = body.model_copy(update={"children": 0, "households": 0})
    with opened_ledger(other) as ledger:
        [permit] = ledger.append(Entry(free, str(MONTH)), at=NOW)
    receipt = Acknowledged(of=permit, way="person", principal="data.lead@example.org")
    assert "no delivered is shown before it" in told(shown(other, receipt), closed, tmp_path)


def test_what_is_said_of_one_recipients_list_is_said_of_no_other(
    closed: Closed, other: Home, tmp_path: Path
) -> None:
    seq, body = permit_of(other)
    late = Overdue(of=seq, what="collection", agreement=body.agreement, recipient="centre-99", due=NOW.date())
    assert "that it is about is not shown" in told(shown(other, late), closed, tmp_path)


@pytest.mark.parametrize("column", ["received", "quarantined", "duplicates", "withheld", "held", "shared"])
def test_books_that_do_not_balance_are_found(
    closed: Closed, other: Home, tmp_path: Path, column: str
) -> None:
    with opened_ledger(other) as ledger:
        [balanced] = [one.body for one in ledger.entries(kinds={Kind.BALANCED})]
    assert isinstance(balanced, Balanced)
    books = copy.deepcopy(balanced.books)
    [agreement] = books
    [row] = books[agreement].values()
    row[column] += 1
    row["held" if column == "received" else "received"] += 1  # the sum is right, and yet
    if column in ("duplicates", "withheld", "held"):
        row["received"] -= 1
    assert "does not balance" in told(shown(other, Balanced(books=books)), closed, tmp_path)


def test_books_that_leave_an_agreement_out_are_found(closed: Closed, other: Home, tmp_path: Path) -> None:
    assert "does not balance" in told(shown(other, Balanced(books={})), closed, tmp_path)


def test_books_of_other_rows_than_were_read_are_found(closed: Closed, other: Home, tmp_path: Path) -> None:
    with opened_ledger(other) as ledger:
        [balanced] = [one.body for one in ledger.entries(kinds={Kind.BALANCED})]
    fewer = Validated(supplier="chis", sealed_sha256=OTHER, rows=7, accepted=7, quarantined={})
    assert "does not balance" in told(shown(other, fewer, balanced), closed, tmp_path)
