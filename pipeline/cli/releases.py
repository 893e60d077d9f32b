"""`birthshare release`: look at what would leave, and decide."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import MonthType, for_home, moment, writing
from pipeline.cli.voice import Voice
from pipeline.errors import SettingsError
from pipeline.wording import SHOWN

_AS = click.option(
    "--as", "who", metavar="WHO", required=True, help="You: your address in the list of approvers."
)
_LOOKING = click.option(
    "--as",
    "who",
    metavar="WHO",
    help="You, as for `approve`; it may be left out, since looking changes nothing.",
)

if TYPE_CHECKING:
    from pipeline.home import Home
    from pipeline.records import Month
_KEY = click.option(
    "--key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="Your private SSH key; it signs exactly this release. At a terminal its passphrase is asked for; or "
    "name the public half (.pub) of a key that ssh-agent holds.",
)


_SEEN = click.option(
    "--release",
    "seen",
    default="",
    metavar="DIGEST",
    help="The beginning of the digest that `show` showed you; another release is then not decided on.",
)


@click.group(short_help="Look at what would leave, and approve or refuse it.")
def release() -> None:
    """Look at a month's release (counts, no names) and approve or refuse it."""


@release.command(short_help="Show what would leave, in counts.")
@click.argument("month", type=MonthType())
@_LOOKING
@for_home
def show(month: Month, who: str | None, home: Home, voice: Voice) -> None:
    """Show what would leave: counts by agreement, reason and recipient, and notable changes.

    Also who has decided. What they wrote is shown when nobody is asked any more, so that a second person
    decides without it.
    """
    content, text = _shown(home, month, *_pack(home, month))
    voice.answer(content)
    voice.say(text)


@release.command(short_help="Approve it, with your signature.")
@click.argument("month", type=MonthType())
@_AS
@_KEY
@_SEEN
@click.option(
    "--note", default="", metavar="WORDS", help="One line for the record; no names, digits or addresses."
)
@for_home
def approve(month: Month, who: str, key: Path, seen: str, note: str, home: Home, voice: Voice) -> None:
    """Approve exactly the release that `show` shows, with your signature."""
    pack, pack_sha256 = _pack(home, month, seen)
    if not seen and sys.stdin.isatty():
        voice.say(_shown(home, month, pack, pack_sha256)[1])
        click.confirm("Approve exactly this?", abort=True, err=True)
    signature = _signed(pack, key)
    new = _decide(home, month, pack_sha256, who, approve=True, signature=signature, note=note)
    missing, to_do = _missing(home, month)
    voice.answer(
        {"month": str(month), "pack_sha256": pack_sha256, "approved_by": who, "still_needed": missing}
    )
    voice.say(
        f"{'Approved' if new else 'You had approved it already'}: release {pack_sha256[:SHOWN]} of {month}.",
        f"Still to be approved: {'; '.join(missing)}." if missing else f"Now: birthshare run {month}",
    )
    voice.advise(to_do)


@release.command(short_help="Refuse it: nothing of it leaves.")
@click.argument("month", type=MonthType())
@_AS
@_KEY
@_SEEN
@click.option(
    "--note",
    default="",
    metavar="WORDS",
    help="Why, in one line, for those who must put it right; no names, digits or addresses. Needed.",
)
@for_home
def refuse(month: Month, who: str, key: Path, seen: str, note: str, home: Home, voice: Voice) -> None:
    """Refuse it, and say why: nothing leaves until something was changed and asked about anew."""
    from pipeline.steps.release import check_reason, refusal

    pack, pack_sha256 = _pack(home, month, seen)
    if not note and sys.stdin.isatty():
        note = click.prompt("Why, in one line, without names, digits or addresses", err=True)
    check_reason(note)
    signature = _signed(refusal(pack), key)
    _decide(home, month, pack_sha256, who, approve=False, signature=signature, note=note)
    voice.answer({"month": str(month), "pack_sha256": pack_sha256, "refused_by": who})
    voice.say(f"Refused: release {pack_sha256[:SHOWN]} of {month}. Nothing of it will be sent.")


@release.command(short_help="End the month without one list.")
@click.argument("month", type=MonthType())
@click.argument("recipient")
@click.option("--agreement", metavar="ID", help="Which agreement's list, where the recipient has several.")
@_AS
@_KEY
@click.option("--note", default="", metavar="WORDS", help="Why, in one line; no names, digits or addresses.")
@for_home
def forgo(
    month: Month,
    recipient: str,
    agreement: str | None,
    who: str,
    key: Path,
    note: str,
    home: Home,
    voice: Voice,
) -> None:
    """End MONTH without the list of RECIPIENT, which cannot be brought there: its families stay held."""
    from pipeline import month as months
    from pipeline.steps.release import forgoing

    pack, pack_sha256 = _pack(home, month)
    planned = [
        name for name, terms in json.loads(pack)["agreements"].items() if recipient in terms["households"]
    ]
    chosen = [name for name in planned if agreement in (None, name)]
    if len(chosen) != 1:
        raise SettingsError(
            "It is not clear which list is meant",
            where=f"{recipient} has lists under: {', '.join(planned) or 'no agreement'}",
            do="Name a planned recipient, and the agreement with --agreement.",
        )
    content = forgoing(pack_sha256, chosen[0], recipient)
    months.forgo(
        home,
        month,
        pack_sha256=pack_sha256,
        agreement=chosen[0],
        recipient=recipient,
        principal=who,
        signature=_signed(content, key),
        note=note,
        now=moment(),
    )
    voice.answer({"month": str(month), "agreement": chosen[0], "recipient": recipient, "forgone_by": who})
    voice.say(f"{month} will end without the list of {recipient}. Now: birthshare run {month}")


@release.command(short_help="Write it to a file, for your own checks.")
@click.argument("month", type=MonthType())
@_LOOKING
@click.option("--pack", type=click.Path(path_type=Path, dir_okay=False), help="Where to write the pack.")
@click.option(
    "--decisions",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write record_id, agreement, outcome and reason codes (CSV; no personal value).",
)
@for_home
def export(
    month: Month, who: str | None, pack: Path | None, decisions: Path | None, home: Home, voice: Voice
) -> None:
    """Write the release's pack, or its decisions row by row, to a file for your own checks."""
    from pipeline import month as months

    if pack is None and decisions is None:
        raise SettingsError("Nothing to export was named", do="Add --pack FILE or --decisions FILE.")
    content, pack_sha256 = _pack(home, month)
    if pack is not None:
        with writing(pack):
            pack.write_bytes(content)
    rows = 0
    if decisions is not None:
        table = months.decisions_by_record(home, month, now=moment())
        rows = len(table)
        with writing(decisions):
            decisions.touch(mode=0o600)
            table.to_csv(decisions, index=False)
    voice.answer({"month": str(month), "pack_sha256": pack_sha256, "rows": rows})
    voice.say(f"Written. Release {pack_sha256[:SHOWN]} of {month}" + (f", {rows} rows." if rows else "."))


def _pack(home: Home, month: Month, seen: str = "") -> tuple[bytes, str]:
    from pipeline.questions.releases import pack_asked_about

    return pack_asked_about(home, month, seen=seen, now=moment())


def _signed(content: bytes, key: Path) -> str:
    from pipeline.encryption.signing import sign_ssh
    from pipeline.steps.release import NAMESPACE

    return sign_ssh(content, private_key=key, namespace=NAMESPACE, ask=sys.stdin.isatty()).decode()


def _shown(home: Home, month: Month, pack: bytes, pack_sha256: str) -> tuple[dict[str, Any], str]:
    """The release as JSON and as text, with who has decided on it."""
    from pipeline import month as months
    from pipeline.reporting import release_text

    content = json.loads(pack)
    state = months.status(home, month, now=moment())
    decisions = [one for one in state["approvals"] if one["pack_sha256"] == pack_sha256]
    known = {"decisions": decisions, "waiting_for": state["waiting_for"]}
    names = {code: one.name for code, one in home.recipients().items()}
    text = release_text(
        content, pack_sha256=pack_sha256, decisions=decisions, to_do=state["to_do"], names=names
    )
    return {"pack_sha256": pack_sha256, **content, **known}, text


def _missing(home: Home, month: Month) -> tuple[list[str], str]:
    """The approvals that are still missing, and how to give them."""
    from pipeline import month as months

    missing = months.missing_approvals(home, month, now=moment())
    return missing, months.status(home, month, now=moment())["to_do"]


def _decide(home: Home, month: Month, pack_sha256: str, who: str, **decision: Any) -> bool:
    from pipeline import month as months

    return months.record_decision(
        home, month, pack_sha256=pack_sha256, principal=who, way="signature", now=moment(), **decision
    )


COMMANDS = (release,)
