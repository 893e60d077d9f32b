"""`birthshare intake check and propose`: a file that nobody knows yet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import MonthType, for_home, home_option, moment, speaking, writing
from pipeline.cli.voice import Voice
from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from pipeline.home import Home
    from pipeline.records import Month
    from pipeline.suppliers.trial import Broken, Trial

_A_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command(short_help="Try a supplier's test file; nothing is kept of it.")
@click.argument("file", type=_A_FILE)
@click.option("--supplier", metavar="CODE", help="Whose file it is, where its name does not say so.")
@click.option("--month", type=MonthType(), help="Of which month it is, where its name does not say so.")
@click.option(
    "--holds",
    type=click.Choice(["births", "expected_births", "answers", "changes", "totals"]),
    help="What its rows are, where its name does not say so. Otherwise: the supplier's extract.",
)
@click.option("--plain", is_flag=True, help="The file is not sealed: a test file with invented families.")
@for_home
def check(
    file: Path,
    supplier: str | None,
    month: Month | None,
    holds: str | None,
    plain: bool,
    home: Home,
    voice: Voice,
) -> None:
    """Try FILE as a month would: open it, read it, hold it against every rule and against earlier files.

    Nothing is recorded, nothing is sent and nothing is left behind. What is shown are counts, row numbers,
    fields and rules, and never a value. It ends as a month would: 0 where the file would be used, 4 where
    it would be refused, 6 where a person would be asked.
    """
    from pipeline.suppliers.trial import try_file

    if plain:
        voice.warn([_PLAIN])
    trial = try_file(home, file, supplier=supplier, month=month, holds=holds, plain=plain, now=moment())
    voice.answer(trial.as_json)
    _tell(trial, voice)
    if trial.problem is not None:
        trial.problem.answered = True
        raise trial.problem


_AS_AGREED = "Sealed, and under the agreed name, a month would use this file"
_PLAIN = (
    "A file with real families must never lie about unsealed. If this is one, delete it, and ask for a "
    "sealed one."
)


def _tell(trial: Trial, voice: Voice) -> None:
    steps = [(step.name, "yes" if step.passed else "NO", step.words) for step in trial.steps]
    voice.table(f"{trial.dataset.replace('_', ' ')} of {trial.supplier}", ("step", "passed", ""), steps)
    if trial.broken:
        rows = [
            (one.rule, one.field, one.rows, one.where, "set aside" if one.severity == "error" else "goes on")
            for one in trial.broken
        ]
        voice.table("Rows that break a rule", ("rule", "field", "rows", "which", "then"), rows)
        voice.say(*(f"{one.rule}: {one.fix or one.description}" for one in _each_once(trial)))
    if trial.problem is None:
        received, aside = trial.counts["received"], trial.counts["quarantined"]
        first = "A month would use this file" if trial.as_in_a_month else _AS_AGREED
        voice.say(
            f"{first}: {received:,} rows, of which {aside:,} would be set aside.",
            "Nothing was recorded, and nothing is kept of it.",
        )


def _each_once(trial: Trial) -> list[Broken]:
    return list({one.rule: one for one in trial.broken}.values())


@click.command(short_help="Draft a supplier's profile from a file.")
@click.argument("file", type=_A_FILE)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PROFILE.yaml",
    help="Write the draft here, such as profiles/NAME.yaml in the home; otherwise it is shown.",
)
@click.option("--supplier", metavar="CODE", help="Who sealed the file, where its name does not say so.")
@click.option(
    "--holds",
    type=click.Choice(["births", "expected_births", "answers", "changes", "totals"]),
    default="births",
    show_default=True,
    help="What its rows are. The draft of one of the last three is a part of a profile.",
)
@home_option
@speaking
def propose(
    file: Path, out: Path | None, supplier: str | None, holds: str, home_path: Path, voice: Voice
) -> None:
    """Draft the profile of a supplier whose FILE nobody knows yet, from its headings and contents.

    The file is sealed or (for a test file with invented families) not. Nothing of it is kept, and no value
    is shown: of a column with codes the few short codes, of any other at most how many different values
    there are. Where the draft is not sure, it says so; a person reads every line.
    """
    from pipeline.contract import contract_of
    from pipeline.intake.proposing import as_companion
    from pipeline.intake.proposing import propose as drafted

    sealed, content = _content(file)
    if sealed:
        from pipeline.home import Home
        from pipeline.suppliers.trial import opened_content

        content = opened_content(Home.open(home_path), file, supplier, now=moment())
    else:
        voice.warn([_PLAIN])
    draft = drafted(content, contract_of(holds), where=file.name)
    if holds in _BESIDE:
        draft = replace(draft, text=as_companion(draft.text, holds))
    if out is not None:
        if out.resolve().parent == home_path.resolve() / "profiles" and home_path.is_dir():
            out.parent.mkdir(mode=0o700, exist_ok=True)
        _write(out, draft.text)
    voice.answer(vars(draft) | {"file": str(out) if out else ""})
    voice.say(f"The draft is in {out}." if out else draft.text)
    if draft.unsure:
        voice.say("Not sure:", *(f"- {one}" for one in draft.unsure))
    if draft.missing:
        voice.say(f"Not found, and every such file must have them: {', '.join(draft.missing)}.")
    if draft.optional:
        voice.advise(
            f"Not found, and not every file has them: {', '.join(draft.optional)}. See whether a heading "
            "under not_used is one of them: agreements may need it."
        )
    if draft.problem:
        voice.say(f"It cannot be used before it is completed. {draft.problem}.")
    voice.advise(_THEN_BESIDE.format(name=_BESIDE[holds]) if holds in _BESIDE else _THEN)


_SEALED = (".gpg", ".pgp", ".asc", ".zip")
_MOST_BYTES = 200_000_000
_THEN = (
    "Read every line, and ask the supplier where it is not certain. Then put the draft into the home as "
    'profiles/NAME.yaml, write profile = "NAME" in the supplier\'s settings, and try the file:\n'
    "  birthshare intake check FILE"
)
_BESIDE = {"answers": "consents", "changes": "changes", "totals": "totals"}  # settings that name the file
_THEN_BESIDE = (
    "Read every line, and ask the supplier where it is not certain. Then put the draft into the supplier's "
    "profile, below what is said of its extract, name the file there or in the supplier's settings "
    "({name}), and try it:\n"
    "  birthshare intake check FILE"
)


def _content(file: Path) -> tuple[bool, bytes]:
    """Whether the file is sealed, by its name or its first bytes; and what it holds where it is not."""
    with file.open("rb") as opened:
        content = opened.read(_MOST_BYTES + 1)
    if file.suffix.lower() in _SEALED or content.startswith(b"-----BEGIN PGP"):
        return True, b""
    if len(content) > _MOST_BYTES:
        raise SettingsError("The file is too large to draft a profile from", where=str(file))
    return False, content


def _write(out: Path, text: str) -> None:
    """A new file; an existing profile is never written over."""
    with writing(out):
        try:
            with out.open("x", encoding="utf-8") as opened:
                opened.write(text)
        except FileExistsError:
            raise SettingsError(
                "There is such a file already", where=str(out), do="Name another one, or take it away first."
            ) from None


COMMANDS: tuple[click.Command, ...] = (check, propose)
