"""`birthshare recipients`: who receives lists, whether that is agreed, and whether it works."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import for_home, moment, writing
from pipeline.cli.voice import Voice
from pipeline.errors import NotAllDelivered

if TYPE_CHECKING:
    from pipeline.home import Home
    from pipeline.recipients.reaching import Looked
    from pipeline.recipients.register import Standing

_AS = click.option(
    "--as", "who", metavar="WHO", required=True, help="You: your address in the list of approvers."
)


@click.group(short_help="See, sign and try out who receives lists, and where.")
def recipients() -> None:
    """Who receives lists and where: look at it, sign changes of it, try the way there, make passwords.

    The register is reference/recipients.yaml, with the key files that it names, and the reach areas. It
    counts only as several approvers signed it: whatever was changed since gets nothing until they sign
    again.
    """


@recipients.command(name="list", short_help="Every recipient, and whether it is agreed.")
@for_home
def list_(home: Home, voice: Voice) -> None:
    """Every recipient: where and how its lists go, for how long, and whether that is agreed."""
    from pipeline import agreed
    from pipeline.facts import opened_ledger
    from pipeline.questions.recipients import way
    from pipeline.recipients import register

    now, known = moment(), home.recipients()
    with opened_ledger(home) as ledger:
        why = register.stopped(home, ledger, list(known.values()), at=now)
    ends = {code: register.key_ends(home, one) for code, one in known.items()}
    warnings = register.warnings(home, now.astimezone(agreed.LONDON).date())
    rows = [
        {
            "code": code,
            "name": one.name,
            "kind": one.kind,
            "way": way(one),
            "format": one.format if one.labels is None else f"{one.format}, labels {one.labels}",
            "starts": str(one.starts or ""),
            "ends": str(one.ends or ""),
            "key_until": str(ends[code] or ""),
            "receives": code not in why,
            "why_not": why.get(code, ""),
        }
        for code, one in known.items()
    ]
    voice.answer({"recipients": rows, "warnings": warnings})
    voice.warn(warnings)
    if not rows:
        voice.say("There is no recipient in reference/recipients.yaml.")
        return
    voice.table(
        "Recipients",
        ("recipient", "where lists go", "format", "from, until", "key until", "lists go"),
        [
            (
                f"{row['code']}\n{row['name']} ({row['kind']})",
                row["way"],
                row["format"],
                f"{row['starts'] or '-'}, {row['ends'] or '-'}",
                row["key_until"] or "-",
                row["why_not"] or "yes",
            )
            for row in rows
        ],
    )


@recipients.command(short_help="Try the way to every recipient.")
@click.argument("codes", metavar="[CODE]...", nargs=-1)
@for_home
def check(codes: tuple[str, ...], home: Home, voice: Voice) -> None:
    """Whether a list could go to every recipient now, or to those named: signed, key, server, folder.

    A small file is written at each recipient, read back and removed. Nothing else is touched there. The
    exit code is 5 where a list could not go to one of them.
    """
    from pipeline.facts import opened_ledger
    from pipeline.recipients import reaching

    with opened_ledger(home) as ledger, voice.progress() as watch:
        looked = reaching.look(home, ledger, codes, at=moment(), watch=watch)
    voice.answer({"recipients": [_looked(one) for one in looked], "well": all(one.well for one in looked)})
    for one in looked:
        free = "" if one.free is None else f"; {one.free // 1_000_000:,} MB free"
        voice.say(
            f"{'ok' if one.well else 'NO':<5}{one.code}: {', '.join(_well(one)) or 'nothing is well'}{free}"
        )
        for finding in one.findings:
            if not finding.well:
                voice.advise(f"{finding.what}: {finding.advice}", margin=5)
    failed = [one.code for one in looked if not one.well]
    if failed:
        error = NotAllDelivered(
            f"A list could not go to {len(failed)} of {len(looked)} recipients now",
            where=", ".join(failed),
            do="What to do stands beside each. Then look again.",
        )
        error.answered = True
        raise error


def _looked(one: Looked) -> dict[str, Any]:
    found = [
        {"what": finding.what, "well": finding.well, "advice": finding.advice} for finding in one.findings
    ]
    return {"code": one.code, "well": one.well, "free_bytes": one.free, "findings": found}


def _well(one: Looked) -> list[str]:
    return [finding.what for finding in one.findings if finding.well]


@recipients.command(short_help="What was changed since the register was signed, in words.")
@for_home
def diff(home: Home, voice: Voice) -> None:
    """What was changed since the register was signed, in words, and who has signed that already."""
    from pipeline.facts import opened_ledger
    from pipeline.recipients import register

    with opened_ledger(home) as ledger:
        register.heard(home, ledger, at=moment())
        now = register.standing(home, ledger, at=moment())
    voice.answer(_standing(now))
    _tell(voice, home, now)


@recipients.command(short_help="Write and show the text that is signed.")
@for_home
def statement(home: Home, voice: Voice) -> None:
    """Write the text that is signed to reference/register.txt, and show it.

    It can be signed without this program: ssh-keygen -Y sign -n register@birthshare -f KEY register.txt.
    The signature, register.txt.sig, is then renamed to register.YOU.sig and left beside it.
    """
    from pipeline.facts import opened_ledger
    from pipeline.recipients import register

    with opened_ledger(home) as ledger:
        now = register.standing(home, ledger, at=moment())
    with writing(register.statement_file(home)):
        register.write_statement(home, now.present)
    voice.answer({"file": str(register.statement_file(home)), "text": now.present})
    voice.say(now.present, f"Written: {register.statement_file(home)}")


@recipients.command(short_help="Sign the register as it stands.")
@_AS
@click.option(
    "--key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="Your private SSH key. At a terminal its passphrase is asked for; or name the public half (.pub) "
    "of a key that ssh-agent holds.",
)
@for_home
def sign(who: str, key: Path, home: Home, voice: Voice) -> None:
    """Sign the register and the reach areas as they stand; they count when enough different persons have.

    At a terminal you read what was changed first, and are asked. Compare host keys and public keys with
    what the recipient told you by a way that you trust: not with what the connection shows.
    """
    from pipeline.encryption.signing import sign_ssh
    from pipeline.facts import opened_ledger
    from pipeline.recipients import register

    asking = sys.stdin.isatty() and not voice.as_json
    with opened_ledger(home) as ledger:
        now = register.standing(home, ledger, at=moment())
        if now.is_agreed:
            voice.answer(_standing(now))
            voice.say("Nothing was changed since it was signed: there is nothing to sign.")
            return
        if asking:
            _tell_changes(voice, now)
            click.confirm(f"\nSign exactly this, as {who}?", abort=True, err=True)
        signature = sign_ssh(
            now.present.encode(), private_key=key, namespace=register.NAMESPACE, ask=sys.stdin.isatty()
        )
        now = register.sign(home, ledger, principal=who, signature=signature, at=moment())
    voice.answer(_standing(now))
    voice.say(f"Signed: {register.signature_file(home, who)}")
    _tell(voice, home, now)


def _standing(now: Standing) -> dict[str, Any]:
    return {
        "agreed": now.is_agreed,
        "changes": list(now.changes),
        "compare": list(now.compare),
        "signed_by": list(now.signed_by) if now.changes else [],
        "still_needed": max(now.persons - len(now.signed_by), 0) if now.changes else 0,
    }


def _tell(voice: Voice, home: Home, now: Standing) -> None:
    from pipeline.recipients import register

    if now.is_agreed:
        voice.say("The register and the reach areas are agreed as they stand.")
        return
    voice.say("Changed since it was signed, and not in use until it is signed again:")
    _tell_changes(voice, now)
    voice.say(f"Signed so far by: {', '.join(now.signed_by) or 'nobody'}.")
    voice.advise(register.how_to_agree(home, now.signed_by))


def _tell_changes(voice: Voice, now: Standing) -> None:
    voice.advise("\n".join(f"- {change}" for change in now.changes), margin=2)
    if now.compare:
        voice.say("Compare with what they told you, by a way that you trust:")
        voice.advise("\n".join(f"- {words}" for words in now.compare), margin=2)


@recipients.command(short_help="Make a new password, and the letter that hands it over.")
@click.argument("code")
@_AS
@click.option(
    "--letter",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The PDF to write; outbox/letters/CODE.pdf in the home if not given.",
)
@for_home
def password(code: str, who: str, letter: Path | None, home: Home, voice: Voice) -> None:
    """Make a new password for the recipient CODE, and one printable letter with it.

    The password is shown nowhere else. The recipient gets nothing until two approvers have signed the
    register with it. Lists that were sent before open with the password of their time, and their
    receipts stay good.
    """
    from pipeline.facts import opened_ledger
    from pipeline.recipients import passwords, register

    page = letter or home.outbox / "letters" / f"{code}.pdf"
    with opened_ledger(home) as ledger, writing(page):
        passwords.renew(home, ledger, code, principal=who, letter=page, at=moment())
    voice.answer({"code": code, "letter": str(page)})
    voice.say(f"Made: a password for {code}. Letter: {page}")
    voice.advise(
        "Print it, hand it over in person or by post, and delete the file: it holds the password.\n"
        f"{code} gets nothing until the register is signed with it. {register.how_to_agree(home)}"
    )


COMMANDS = (recipients,)
