"""The register counts as two persons signed it: what differs gets nothing, and the others go on."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from month_authority import MONTH, NOW, Authority, CommandLine
from pipeline.demo.authority import APPROVERS
from pipeline.demo.keys import make_openpgp_key, make_ssh_key
from pipeline.encryption.signing import verify_ssh
from pipeline.errors import SettingsError
from pipeline.geography import areas as reach_areas
from pipeline.home import Home, Recipient
from pipeline.ledger.entries import Kind, PermitBody
from pipeline.places import compiled
from pipeline.steps import dispatch
from register.signing import (
    FIRST,
    GUARDIAN,
    LEAD,
    OFFICER,
    SECOND,
    WITH_KEY,
    agreed,
    sign,
    ssh_keygen_signs,
    take_signatures_away,
    why_not,
)

DONE, WRONG_USE, REFUSED, INTEGRITY, NOT_ALL_DELIVERED, WAITING = 0, 2, 3, 4, 5, 6

Change = Callable[[Authority], str]  # changes one recipient; gives its code


def another_host_key(authority: Authority) -> str:
    key = make_ssh_key(authority.home.path.parent / "another_host_key", "another")
    authority.change_recipient(FIRST, signed=False, host_key=" ".join(key.split()[:2]))
    return FIRST


def another_password(authority: Authority) -> str:
    authority.home.at(f"keys/recipients/{FIRST}.password").write_text("known to somebody else")
    return FIRST


def another_public_key(authority: Authority) -> str:
    other = make_openpgp_key(authority.home.path.parent / "other", "other")
    authority.home.at(f"keys/recipients/{WITH_KEY}.asc").write_bytes(other.public.read_bytes())
    return WITH_KEY


def entry(**changes: object) -> Change:
    def change(authority: Authority) -> str:
        authority.change_recipient(FIRST, signed=False, **changes)
        return FIRST

    change.__name__ = next(iter(changes))
    return change


CHANGES = (
    another_host_key, another_password, another_public_key, entry(host="192.0.2.1"), entry(port=1),
    entry(user="another"), entry(folder="elsewhere"), entry(format="zip"), entry(kind="library"),
    entry(name="Another Centre"), entry(contact="the office, by telephone"), entry(starts="2020-01-01"),
    entry(ends="2999-01-01"), entry(key_until="2999-01-01"), entry(bytes_a_second=2048),
    entry(jump={"host": "gate.example.org", "user": "us", "host_key": "ssh-ed25519 AAAA"}),
    entry(proxy_command=["nc", "%h", "%p"]),
)  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_any_change_stops_that_recipient_until_two_have_signed_it(
    authority: Authority, change: Change
) -> None:
    assert why_not(authority, FIRST) == ""
    code = change(authority)
    assert "is not what was signed" in why_not(authority, code)
    assert why_not(authority, SECOND) == ""
    authority.sign_register()
    assert why_not(authority, code) == ""
    assert why_not(authority, SECOND) == ""


def test_the_words_say_what_changed_who_may_sign_and_how(authority: Authority) -> None:
    assert why_not(authority, FIRST) == ""
    authority.change_recipient(FIRST, signed=False, user="another")
    words = why_not(authority, FIRST)
    assert f"user was {FIRST}, and is another" in words
    assert all(person in words for person in APPROVERS.values())
    assert "birthshare recipients sign --as" in words


def test_an_unsigned_change_holds_up_its_own_list_alone_and_signing_sends_it(
    authority: Authority, birthshare: CommandLine
) -> None:
    assert birthshare.run().code == WAITING
    another_password(authority)
    assert birthshare.run().code == WAITING
    shown = birthshare("release", "show", str(MONTH)).out
    assert f"{FIRST} gets nothing as things are" in shown  # seen before anybody approves
    assert birthshare.approve().code == DONE
    stopped = birthshare.run()
    assert stopped.code == NOT_ALL_DELIVERED
    stopped.says("1 of 4 lists", FIRST, "its key or password is another", "recipients sign")
    assert {row["code"] for row in stopped.json["recipients"] if row["state"] == "failed"} == {FIRST}
    held_up = authority.files()
    assert len(held_up) == 3

    assert [sign(birthshare, role).code for role in (LEAD, GUARDIAN)] == [DONE, DONE]
    finished = birthshare.run()  # what was approved is what was signed now: nobody is asked again
    assert finished.code == DONE, finished.err
    assert held_up.items() <= authority.files().items()
    assert len(authority.families(FIRST)) > 1  # opened with the new password


def test_a_new_host_key_at_the_server_is_never_taken_over(
    authority: Authority, birthshare: CommandLine
) -> None:
    """The server shows its own key; the register, as signed, has another: writing it in changes nothing."""
    true_key = yaml.safe_load(authority.home.at("reference/recipients.yaml").read_text())["recipients"][0]
    key = make_ssh_key(authority.home.path.parent / "another_host_key", "another")
    authority.change_recipient(FIRST, host_key=" ".join(key.split()[:2]))
    assert (birthshare.run().code, birthshare.approve().code) == (WAITING, DONE)
    birthshare.run().says("does not show the host key that was agreed", "Do not accept the new key")
    authority.change_recipient(FIRST, signed=False, host_key=true_key["host_key"])
    assert (birthshare.run().code, birthshare.approve().code) == (WAITING, DONE)
    birthshare.run().says("host_key was SHA256:", "recipients sign")
    assert not any(name.startswith(FIRST) for name in authority.files())


# --- who signs ------------------------------------------------------------------------------------


def test_one_person_is_not_enough_however_often_they_sign(
    authority: Authority, birthshare: CommandLine
) -> None:
    assert why_not(authority, FIRST) == ""
    authority.change_recipient(FIRST, signed=False, user="another")
    for _ in range(2):
        answer = sign(birthshare, LEAD)
        assert answer.code == DONE
        assert answer.json["signed_by"] == [APPROVERS[LEAD]]
        assert answer.json["still_needed"] == 1
    own = authority.home.at(f"reference/register.{APPROVERS[LEAD]}.sig")
    own.with_name("register.another.sig").write_bytes(own.read_bytes())
    assert why_not(authority, FIRST) != ""
    assert sign(birthshare, OFFICER).json["agreed"] is True
    assert why_not(authority, FIRST) == ""


def test_after_one_has_signed_it_is_said_how_many_more_must_and_who_may(
    authority: Authority, birthshare: CommandLine
) -> None:
    assert why_not(authority, FIRST) == ""
    authority.change_recipient(FIRST, signed=False, user="another")
    everybody = " ".join(birthshare("recipients", "diff").out.split())
    assert f"2 of these must sign it: {', '.join(APPROVERS.values())}." in everybody
    assert sign(birthshare, LEAD).code == DONE
    others = [APPROVERS[role] for role in APPROVERS if role != LEAD]
    said = " ".join(birthshare("recipients", "diff").out.split())
    assert f"1 more of these must sign it: {', '.join(others)}." in said


def test_a_key_is_to_be_compared_only_where_it_changed(authority: Authority, birthshare: CommandLine) -> None:
    def to_compare() -> list[str]:
        return [words.split(":")[0] for words in birthshare("recipients", "diff", "--json").json["compare"]]

    assert why_not(authority, FIRST) == ""
    another_password(authority)
    authority.change_recipient(SECOND, signed=False, user="another")
    authority.change_recipient(WITH_KEY, signed=False, user="a-third")
    assert to_compare() == []
    another_public_key(authority)
    another_host_key(authority)
    assert to_compare() == [FIRST, WITH_KEY]
    take_signatures_away(authority)  # and with them the text in force: nobody knows which changed
    assert to_compare() == [FIRST, SECOND, WITH_KEY, WITH_KEY]


def test_who_is_no_approver_does_not_count(authority: Authority, birthshare: CommandLine) -> None:
    assert why_not(authority, FIRST) == ""
    authority.change_recipient(FIRST, signed=False, user="another")
    stranger = authority.home.path.parent / "stranger"
    public = make_ssh_key(stranger, "stranger")
    signers = authority.home.allowed_signers
    signers.write_text(f'{signers.read_text()}stranger@example.org namespaces="*" {public}\n')
    answer = birthshare("recipients", "sign", "--as", "stranger@example.org", "--key", stranger)
    assert answer.code == REFUSED
    assert birthshare("recipients", "statement").code == DONE
    ssh_keygen_signs(authority, stranger)
    assert sign(birthshare, LEAD).code == DONE
    order = ["recipients", "sign", "--as", APPROVERS[GUARDIAN], "--key", stranger]
    assert birthshare(*order).code == INTEGRITY
    assert why_not(authority, FIRST) != ""


def test_a_signature_for_another_purpose_is_none(authority: Authority, birthshare: CommandLine) -> None:
    assert why_not(authority, FIRST) == ""
    authority.change_recipient(FIRST, signed=False, user="another")
    assert birthshare("recipients", "statement").code == DONE
    ssh_keygen_signs(authority, authority.demo.approver_keys[GUARDIAN], namespace="release@birthshare")
    assert sign(birthshare, LEAD).json["still_needed"] == 1


def test_plain_ssh_keygen_signs_as_well(authority: Authority, birthshare: CommandLine) -> None:
    assert why_not(authority, FIRST) == ""
    authority.change_recipient(FIRST, signed=False, user="another")
    assert birthshare("recipients", "statement").code == DONE
    keys = authority.demo.approver_keys
    made = ssh_keygen_signs(authority, keys[GUARDIAN])
    made.rename(made.with_name("register.guardian.sig"))
    left = ssh_keygen_signs(authority, keys[OFFICER])  # where ssh-keygen puts it
    left.write_bytes(left.read_bytes().replace(b"\n", b"\r\n"))  # by way of a Windows PC
    left.with_name("register.noise.sig").write_bytes(b"\xff no signature")
    assert birthshare("recipients", "diff", "--json").json["agreed"] is True
    assert why_not(authority, FIRST) == ""


def test_a_signature_on_an_earlier_register_never_counts_again(authority: Authority) -> None:
    """Somebody puts back an old register, with the signatures that were good for it."""
    folder = authority.home.at("reference")
    authority.change_recipient(FIRST, user="long-ago")
    assert why_not(authority, FIRST) == ""
    old = {file: file.read_bytes() for file in folder.iterdir()}
    authority.change_recipient(FIRST, user=FIRST)
    assert why_not(authority, FIRST) == ""
    for file, content in old.items():
        file.write_bytes(content)
    assert authority.home.recipients()[FIRST].user == "long-ago"
    assert "is not what was signed" in why_not(authority, FIRST)


def test_what_was_agreed_is_put_back_without_signing(authority: Authority) -> None:
    assert why_not(authority, FIRST) == ""
    before = authority.change_recipient(FIRST, signed=False, user="another")
    assert why_not(authority, FIRST) != ""
    take_signatures_away(authority)
    authority.change_recipient(FIRST, signed=False, **before)
    assert why_not(authority, FIRST) == ""


def test_a_register_that_nobody_has_signed_stops_the_month_in_words(
    authority: Authority, birthshare: CommandLine
) -> None:
    take_signatures_away(authority)
    authority.home.at("state/birthshare.db").unlink()  # nothing was ever recorded
    answer = birthshare.run()
    assert answer.code == REFUSED
    answer.says("Nobody has signed the register of recipients", "birthshare recipients sign --as")
    assert "Nobody has signed" in why_not(authority, FIRST)


def test_a_recipient_that_was_added_waits_and_one_that_was_taken_out_stops_nobody(
    authority: Authority, birthshare: CommandLine
) -> None:
    assert why_not(authority, FIRST) == ""
    file = authority.home.at("reference/recipients.yaml")
    register = yaml.safe_load(file.read_text())
    gone = register["recipients"].pop(1)
    register["recipients"].append(gone | {"code": "newcomer", "name": "The newcomer"})
    file.write_text(yaml.safe_dump(register))
    assert "is new, and nobody has signed it yet" in why_not(authority, "newcomer")
    assert why_not(authority, FIRST) == ""
    changes = birthshare("recipients", "diff", "--json").json["changes"]
    assert f"newcomer is new: The newcomer, {SECOND}@127.0.0.1." in changes
    assert any(words.startswith(f"{SECOND} is taken out: ") for words in changes)


# --- the reach areas ------------------------------------------------------------------------------


def test_other_reach_areas_stop_the_month_until_two_have_signed_them(
    authority: Authority, birthshare: CommandLine
) -> None:
    assert birthshare.run().code == WAITING
    areas = authority.home.at("reference/reach_areas.csv")
    areas.write_text("".join(areas.read_text().splitlines(keepends=True)[:-3]))
    stopped = birthshare.run()
    assert stopped.code == REFUSED
    stopped.says("reach areas have changed since they were signed", "birthshare recipients sign")
    assert birthshare("recipients", "diff", "--json").json["changes"] == ["The reach areas have changed."]
    assert [sign(birthshare, role).code for role in (OFFICER, GUARDIAN)] == [DONE, DONE]
    assert birthshare.run().code == WAITING


def test_an_index_is_made_of_the_reach_areas_that_were_looked_at_and_no_others(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else one person could have the signed file looked at and another one read, and put the first back."""
    home, on = authority.home, MONTH.last_day
    areas = home.at("reference/reach_areas.csv")
    signed, looked = areas.read_text(), reach_areas.areas_sha256

    def exchanged(files: Sequence[Path]) -> str:
        digest = looked(files)
        areas.write_text("".join(signed.splitlines(keepends=True)[:-3]))
        return digest

    shutil.rmtree(home.state / "reach", ignore_errors=True)
    with monkeypatch.context() as patch:
        patch.setattr(reach_areas, "areas_sha256", exchanged)
        with pytest.raises(SettingsError, match="changed while they were read"):
            compiled.compiled_places(home, on=on)
    areas.write_text(signed)
    assert list((home.state / "reach").iterdir()) == []


def in_two_files(authority: Authority) -> tuple[Path, Path]:
    """The same lines, some of them in a file of their own."""
    areas = authority.home.at("reference/reach_areas.csv")
    header, *lines = areas.read_text().splitlines(keepends=True)
    second = authority.home.at("reference/reach_areas.more.csv")
    areas.write_text("".join([header, *lines[:-3]]))
    second.write_text("".join([header, *lines[-3:]]))
    settings = authority.home.path / "birthshare.toml"
    files = '["reference/reach_areas.csv", "reference/reach_areas.more.csv"]'
    settings.write_text(f"{settings.read_text()}\n[geography]\nreach_areas = {files}\n")
    return areas, second


def test_two_persons_sign_every_file_of_reach_areas(authority: Authority, birthshare: CommandLine) -> None:
    files = in_two_files(authority)
    assert birthshare.run().code == REFUSED
    assert [sign(birthshare, role).code for role in (OFFICER, GUARDIAN)] == [DONE, DONE]
    statement = authority.home.at("reference/register.txt").read_text()
    for number, file in enumerate(files, start=1):
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        assert f"  reach_areas_{number}: SHA-256 {digest} reference/{file.name}\n" in statement
    assert birthshare.run().code == WAITING
    for file in files:
        signed = file.read_text()
        file.write_text(signed.replace("2020-04-01", "2020-04-02", 1))
        stopped = birthshare.run()
        assert stopped.code == REFUSED
        stopped.says("reach areas have changed", "reach_areas.csv, reference/reach_areas.more.csv")
        file.write_text(signed)
    assert birthshare.run().code == WAITING


# --- what is signed -------------------------------------------------------------------------------


def test_the_ledger_holds_what_anybody_needs_to_check_it(authority: Authority) -> None:
    authority.change_recipient(FIRST, contact="the office, by telephone")
    assert why_not(authority, FIRST) == ""
    newest = agreed(authority)[-1]
    text = authority.home.at("reference/register.agreed.txt").read_bytes()
    assert hashlib.sha256(text).hexdigest() == newest.statement_sha256
    signers = authority.home.allowed_signers
    for one in newest.signatures:
        signer = verify_ssh(
            text, one.signature.encode(), allowed_signers=signers, namespace="register@birthshare", at=NOW
        )
        assert signer == one.principal
    assert len({one.principal for one in newest.signatures}) == 2


def test_the_statement_shows_every_recipient_and_tells_nothing_of_a_password(
    authority: Authority, birthshare: CommandLine
) -> None:
    said = birthshare("recipients", "statement").out
    assert said.count("\nrecipient centre-") == 4
    assert said.count("host_key: SHA256:") == 4
    password = authority.home.at(f"keys/recipients/{FIRST}.password").read_bytes()
    plain = (password.decode(), hashlib.sha256(password).hexdigest())
    assert not [value for value in plain if value in said]


def test_each_register_is_recorded_once(authority: Authority, birthshare: CommandLine) -> None:
    assert birthshare.run().code == WAITING
    assert birthshare.run().code == WAITING
    assert sign(birthshare, LEAD).json["agreed"] is True  # nothing is left to sign
    assert len(agreed(authority)) == 1
    authority.change_recipient(FIRST, contact="the office, by telephone")
    assert birthshare.run().code == WAITING
    assert birthshare("recipients", "list").code == DONE
    assert len(agreed(authority)) == 2


@pytest.mark.parametrize("field", ["name", "contact", "user", "folder", "host_key"])
def test_no_value_can_pass_for_another_line_of_the_statement(authority: Authority, field: str) -> None:
    authority.change_recipient(FIRST, signed=False, **{field: "innocent\n  host: 192.0.2.1"})
    with pytest.raises(Exception, match="one line"):
        authority.home.recipients()


def test_without_the_text_in_force_it_is_still_known_who_changed(
    authority: Authority, birthshare: CommandLine
) -> None:
    assert why_not(authority, FIRST) == ""
    take_signatures_away(authority)
    authority.change_recipient(SECOND, signed=False, user="another")
    assert birthshare("recipients", "diff", "--json").json["changes"] == [f"{SECOND} has changed."]


def test_a_key_that_changes_while_a_list_is_made_seals_no_list(
    authority: Authority, birthshare: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (birthshare.run().code, birthshare.approve().code) == (WAITING, DONE)
    honest = dispatch.sealed_for

    def meanwhile(home: Home, recipient: Recipient, *others: Any, **more: Any) -> tuple[bytes, str]:
        if recipient.code == FIRST:
            another_password(authority)
        return honest(home, recipient, *others, **more)

    monkeypatch.setattr(dispatch, "sealed_for", meanwhile)
    stopped = birthshare.run()
    assert stopped.code == NOT_ALL_DELIVERED
    stopped.says("its key or password is another")
    permits = [one for one in authority.recorded(Kind.PERMIT) if isinstance(one, PermitBody)]
    assert len(permits) == 3
    assert FIRST not in {one.recipient for one in permits}
    assert not any(name.startswith(FIRST) for name in authority.files())
