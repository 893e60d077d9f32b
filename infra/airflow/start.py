"""`make airflow`: Airflow on a demonstration authority, for a person to click through. Ctrl-C ends it.

Every start makes the authority, its births and its keys anew, with an SFTP server for the centres.
"""

from __future__ import annotations

import argparse
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow_environment import ONLY_WHEN_ASKED, REPOSITORY, Site
from airflow_server import AirflowError, AirflowServer, free_port, is_free
from pipeline.demo.authority import PEOPLE, Demonstration
from pipeline.demo.run import clear, laid_out
from pipeline.errors import BirthshareError
from pipeline.records import Month

DAG = "monthly_births"

GUIDE = """
Airflow runs at {address}
Log in as  data_lead  with the password  {password}

  1. Open  {address}/dags/{dag}  and press Trigger.
     Enter the month {month}, and press Trigger again.
  2. When release_decision waits, open it, choose Required Actions, read the counts, choose Approve, submit.
     (Where an agreement asks for two persons, second_decision then asks another login.)
  3. Every centre now has its list, with a note on how to open it:
     {received}
  4. Birthshare, in the menu, is the console: what waits, months, agreements, and more. What each of
     {people}
     may do there differs. (For passkeys, open http://localhost:{port} instead.)

Other logins and passwords: {passwords}
Logs: {logs}
Ctrl-C ends Airflow and the centres' server.
"""


def main() -> int:
    """Start, tell, stay until Ctrl-C; the answer is the exit code."""
    chosen = _arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _serve(chosen.dir.resolve(), chosen.port, chosen.births, chosen.centres)
    except KeyboardInterrupt:
        _tell("Stopped.")
    except BirthshareError as error:
        _tell(str(error))
        return error.exit_code
    except AirflowError as error:
        _tell(str(error))
        return 1
    return 0


def _serve(folder: Path, port: int, births: int, centres: int) -> None:
    now = datetime.now(UTC)
    month = Month(now.year, now.month).plus(-1)
    clear(folder)
    _tell(f"making a demonstration authority in {folder}")
    with laid_out(folder, month=month, births=births, centres=centres, seed=1, now=now) as demo:
        users = dict.fromkeys(PEOPLE, "user") | {"auditor": "viewer", "operator": "op"}
        site = Site(
            folder / "airflow",
            port if is_free(port) else free_port(),
            users,
            birthshare_home=demo.home,
            extra=ONLY_WHEN_ASKED,
        )
        with AirflowServer(site, say=_tell) as server:
            server.login("operator").open_dag(DAG)
            print(_guide(site, demo), flush=True)
            server.keep()


def _guide(site: Site, demo: Demonstration) -> str:
    return GUIDE.format(
        address=site.address,
        dag=DAG,
        port=site.port,
        people=", ".join(PEOPLE),
        month=demo.month,
        password=site.passwords()["data_lead"],
        received=demo.folder / "recipients",
        passwords=site.folder / "passwords.json",
        logs=site.logs,
    )


def _arguments() -> Any:
    parser = argparse.ArgumentParser(description="Airflow on a demonstration authority.")
    parser.add_argument("--dir", type=Path, default=REPOSITORY / "build" / "airflow", help="made anew")
    parser.add_argument("--port", type=int, default=8080, help="another is taken where it is in use")
    parser.add_argument("--births", type=int, default=400)
    parser.add_argument("--centres", type=int, default=12)
    return parser.parse_args()


def _tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
