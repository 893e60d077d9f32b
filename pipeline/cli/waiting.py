"""`birthshare waiting`: what waits for a person, grouped by whose turn it is, and the daily digest of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import for_home, moment
from pipeline.cli.voice import Voice
from pipeline.errors import NotAllDelivered

if TYPE_CHECKING:
    from pipeline.home import Home
    from pipeline.questions.things import Thing


@click.command(short_help="See what waits for a person, and whose turn it is.")
@click.option("--send", "and_send", is_flag=True, help="Also send today's digest, to whom [notices] names.")
@for_home
def waiting(and_send: bool, home: Home, voice: Voice) -> None:
    """See what waits for a person, the most urgent first, grouped by whose turn it is.

    Nothing is looked for at servers: that is what the daily runs do. With --send those whom the settings
    name under [notices] are told, at most once a day, and of each thing once a week unless it becomes more
    urgent.
    """
    from pipeline.questions.waiting_for_people import things_to_do

    now = moment()
    things = things_to_do(home, now)
    answer = {"things": [one.as_json() for one in things]}
    if not and_send:
        voice.answer(answer)
        _tell(voice, things)
        return
    from pipeline.digest import daily

    told = daily.send(home, things, now=now)
    voice.answer({**answer, "sent": told.as_json()})
    _tell(voice, things)
    voice.say(told.words)
    try:
        told.check()
    except NotAllDelivered as error:
        error.answered = True
        raise


def _tell(voice: Voice, things: Sequence[Thing]) -> None:
    if not things:
        voice.say("Nothing waits for anybody.")
    from pipeline.roles import Role

    for role in Role:
        mine = [one for one in things if one.role is role]
        if mine:
            voice.say(f"For the {role.words}:")
        for one in mine:
            since = f" Since {one.since.isoformat()}." if one.since else ""
            voice.advise(f"{one.urgency}: {one.words}.{since}", margin=2)
            voice.advise(f"  {one.command}", margin=4)


COMMANDS: Sequence[click.Command] = (waiting,)
