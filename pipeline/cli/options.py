"""What every command has: where the home is, and how to answer (for people, or as JSON).

The pipeline is imported where a command runs and not before, so that help comes at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, tzinfo
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.voice import Voice
from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from pipeline.home import Home
    from pipeline.records import Month

Command = Callable[..., Any]


class MonthType(click.ParamType["Month"]):
    """A month, written YYYY-MM."""

    name = "month"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Month:
        """Raises SettingsError, which names the form and not the value."""
        from pipeline.records import Month

        return value if isinstance(value, Month) else Month.parse(value)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """As the help shows it: the form for an option, the name for an argument."""
        return "MONTH" if isinstance(param, click.Argument) else "YYYY-MM"


class MomentType(click.ParamType[datetime]):
    """A moment in ISO 8601; without a zone it is UTC, or in the zone that is given."""

    name = "moment"

    def __init__(self, zone: tzinfo = UTC) -> None:
        self._zone = zone

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Fails with a usage message for anything else."""
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail("write it as 2026-11-03 or 2026-11-03T09:30+00:00", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=self._zone)


class DayType(click.ParamType["date"]):
    """A day, written YYYY-MM-DD."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Fails with a usage message for anything else."""
        try:
            return value if isinstance(value, date) else date.fromisoformat(value)
        except ValueError:
            self.fail("write it as 2026-11-03", param, ctx)


since_option = click.option(
    "--since", type=DayType(), metavar="DAY", help="From this day on, in London's time, such as 2026-10-01."
)
until_option = click.option("--until", type=DayType(), metavar="DAY", help="Up to the end of this day.")

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Answer with one JSON object, for programs."
)
home_option = click.option(
    "--home",
    "home_path",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="BIRTHSHARE_HOME",
    default=Path(),
    help="The authority's home folder (or set BIRTHSHARE_HOME). Default: this folder.",
)


def for_home(command: Command) -> Command:
    """Give a command `--home` and `--json`, as the opened `home` and a `voice`."""

    @home_option
    @json_option
    @wraps(command)
    def with_home(*args: Any, home_path: Path, as_json: bool, **kwargs: Any) -> Any:
        from pipeline.home import Home

        return command(*args, home=Home.open(home_path), voice=Voice(as_json), **kwargs)

    return with_home


def for_premises(command: Command) -> Command:
    """As `for_home`, for a command that only looks up and must be quick: `home` may be its premises."""

    @home_option
    @json_option
    @wraps(command)
    def with_premises(*args: Any, home_path: Path, as_json: bool, **kwargs: Any) -> Any:
        from pipeline.premises import premises

        home = premises(home_path) or _whole(home_path)
        return command(*args, home=home, voice=Voice(as_json), **kwargs)

    return with_premises


def _whole(home_path: Path) -> Home:
    from pipeline.home import Home

    return Home.open(home_path)


def speaking(command: Command) -> Command:
    """Give a command `--json` as a `voice`."""

    @json_option
    @wraps(command)
    def with_voice(*args: Any, as_json: bool, **kwargs: Any) -> Any:
        return command(*args, voice=Voice(as_json), **kwargs)

    return with_voice


def only_alone(context: click.Context) -> None:
    """For a group that is a command of its own: what is said to it is not said to a command after it.

    Raises SettingsError, since a command would go on in another home than the one that was named.
    """
    if context.invoked_subcommand is None:
        return
    command = f"{context.command_path} {context.invoked_subcommand}"
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is click.core.ParameterSource.COMMANDLINE:
            raise SettingsError(
                f"{parameter.opts[0]} stands before {context.invoked_subcommand}, which does not hear it",
                do=f"Options come last; see: {command} --help",
            )


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Where a file or folder cannot be written, raise SettingsError with the system's own reason."""
    try:
        yield
    except OSError as error:
        raise SettingsError("This cannot be written", where=f"{place}: {error.strerror}") from None


def moment() -> datetime:
    """Now, read here and passed in everywhere else."""
    return datetime.now(UTC)


def agreement_file(file: Path, home: Path) -> Path:
    """The file as named, or the one of that name among the home's agreements."""
    for found in (file, home / "agreements" / file.name):
        if found.is_file():
            return found
    raise SettingsError(
        "There is no such file", where=str(file), do="Name the agreement's file, NAME.v1.yaml."
    )
