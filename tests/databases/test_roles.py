"""Three roles on a real PostgreSQL: one changes tables, one adds, one reads; none can do more.

What the application role needs is tried on a whole month with a recall and an erasure, not guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from changes.writing import reference
from month_authority import MONTH, NOW, Authority, CommandLine
from pipeline.afterwards import recalls
from pipeline.demo.authority import APPROVERS
from pipeline.errors import SettingsError
from pipeline.facts import checkpoint_file, opened_ledger
from pipeline.keeping.erasing import erase
from pipeline.ledger.database import REVISION
from pipeline.ledger.entries import Entry, Kind, MonthClosed
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.tables import METADATA
from pipeline.ledger.verify import verify
from servers.postgres import PostgresServer

ROLES_SQL = Path(__file__).parents[2] / "infra" / "postgresql" / "roles.sql"
ROLES = {"owner": "birthshare_owner", "application": "birthshare_app", "reader": "birthshare_reader"}
RIGHTS = {
    "alembic_version": set[str](),
    "entries": {"INSERT"},
    "checkpoints": {"INSERT"},
    "subtrees": {"INSERT"},
    "head": {"UPDATE"},
    "openings": {"INSERT", "DELETE"},
    "disclosures": {"INSERT", "DELETE"},
    "recalls": {"INSERT", "DELETE"},
    "suppressions": {"INSERT"},
    "leases": {"INSERT", "UPDATE"},
}
EVERY_RIGHT = {"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"}

Address = Callable[[str], str]


def with_roles(server: PostgresServer, database: str) -> Address:
    """A new database with roles and tables; gives its address for one of the roles."""
    server.copy("template0", database)
    server.psql(database, ROLES_SQL, **ROLES)
    addresses = {role: server.url_of(name, database) for role, name in ROLES.items()}
    Ledger.open(addresses["owner"]).close()
    server.psql(database, ROLES_SQL, **ROLES)
    return addresses.__getitem__


@pytest.fixture
def address(server: PostgresServer) -> Address:
    return with_roles(server, "roles")


@pytest.fixture(scope="module")
def shared_address(server: PostgresServer) -> Address:
    """For tests that change nothing but add to it."""
    return with_roles(server, "shared")


def test_each_role_has_the_rights_that_it_needs_and_no_other(shared_address: Address) -> None:
    with psycopg.connect(shared_address("owner")) as connection:
        for name, rights in RIGHTS.items():
            for right in EVERY_RIGHT:
                asked = "SELECT has_table_privilege(%s, %s, %s), has_any_column_privilege(%s, %s, 'UPDATE')"
                for role, its in (("application", {"SELECT", *rights}), ("reader", {"SELECT"})):
                    who = ROLES[role]
                    found = connection.execute(asked, [who, name, right, who, name]).fetchone()
                    assert found == (right in its, "UPDATE" in its), (role, name, right)


def test_every_table_of_the_program_has_its_rights() -> None:
    assert RIGHTS.keys() == {*METADATA.tables, "alembic_version"}


@pytest.mark.parametrize("role", ["application", "reader"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET body = '{}'",
        "UPDATE entries SET chain_hash = leaf_hash WHERE seq = 1",
        "DELETE FROM entries",
        "TRUNCATE entries",
        "UPDATE checkpoints SET note = ''",
        "DELETE FROM checkpoints",
        "UPDATE subtrees SET hash = ''",
        "UPDATE openings SET said = '{}'",
        "TRUNCATE openings",
        "DELETE FROM head",
        "DELETE FROM suppressions",
        "UPDATE suppressions SET word = ''",
        "UPDATE disclosures SET child = ''",
        "UPDATE recalls SET child = ''",
        "DELETE FROM leases",
        "UPDATE alembic_version SET version_num = '0001'",
        "ALTER TABLE entries DISABLE TRIGGER ALL",
        "ALTER TABLE entries ADD COLUMN remark text",
        "DROP TRIGGER entries_stay ON entries",
        "DROP FUNCTION ledger_refuses() CASCADE",
        "CREATE OR REPLACE FUNCTION ledger_refuses() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RETURN NEW; END $$",
        "CREATE TRIGGER mine BEFORE INSERT ON entries FOR EACH ROW EXECUTE FUNCTION ledger_refuses()",
        "CREATE RULE mine AS ON INSERT TO entries DO INSTEAD NOTHING",
        "DROP TABLE entries",
        "ALTER TABLE entries OWNER TO CURRENT_USER",
        "CREATE TABLE mine (a int)",
        "CREATE TEMP TABLE entries (a int)",
        "CREATE SCHEMA mine",
        "GRANT UPDATE ON entries TO CURRENT_USER",
        "GRANT birthshare_owner TO CURRENT_USER",
        "SET ROLE birthshare_owner",
        "SET session_replication_role = replica",  # would leave triggers out
        "CREATE ROLE mine",
        "COPY entries TO PROGRAM 'cat'",
    ],
)
def test_what_is_forbidden_is_refused(shared_address: Address, role: str, statement: str) -> None:
    with closing(Ledger.open(shared_address("application"))) as ledger:
        ledger.append(Entry(MonthClosed(), "2026-10"), at=NOW)
        with psycopg.connect(shared_address(role)) as connection:
            connection.add_notice_handler(lambda notice: notices.append(notice.severity_nonlocalized or ""))
            notices: list[str] = []
            try:
                connection.execute(statement)
            except psycopg.errors.InsufficientPrivilege:
                pass
            else:
                assert "WARNING" in notices, "it was done"  # a grant of nothing is a warning
        assert verify(ledger, check_note=None).sound
    with psycopg.connect(shared_address("owner")) as connection:
        found = connection.execute("SELECT has_table_privilege(%s, 'entries', 'UPDATE')", [ROLES[role]])
        assert found.fetchone() == (False,)


def test_even_the_owner_is_stopped_by_the_triggers(address: Address) -> None:
    """Who owns the tables can take the triggers away; nobody changes an entry by mistake."""
    with closing(Ledger.open(address("application"))) as ledger:
        ledger.append(Entry(MonthClosed(), "2026-10"), at=NOW)
    with psycopg.connect(address("owner")) as connection:
        for statement in ("UPDATE entries SET body = '{}'", "DELETE FROM entries", "TRUNCATE entries"):
            with pytest.raises(psycopg.errors.RaiseException, match="append-only"), connection.transaction():
                connection.execute(statement)


def test_a_month_a_recall_and_an_erasure_need_no_more(
    authority: Authority, birthshare: CommandLine, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIRTHSHARE_DATABASE", address("application"))
    authority.run(until="release")
    died, forgotten = authority.of_two_homes("centre-01")
    authority.approve()
    state = authority.run()
    assert (state["state"], state["ledger"]["verified"]) == ("closed", True)
    authority.say("child_died", died)
    assert recalls.hear(authority.home, now=NOW)["recalled"] == 1
    assert recalls.call_back(authority.home, now=NOW)["notices"] == 1
    number = number_of(authority, forgotten)
    erase(authority.home, number, principal=APPROVERS["data_lead"], purpose="the parents asked", now=NOW)
    with opened_ledger(authority.home) as ledger:
        [disclosure] = ledger.disclosures_of([died])
        assert ledger.destroy_openings([disclosure.seq], because="erasure", at=NOW) == 2
        recorded = {entry.body.kind for entry in ledger.entries()}
    assert recorded >= {Kind.DELIVERED, Kind.RECALL_RAISED, Kind.FAMILY_ERASED, Kind.OPENINGS_DESTROYED}
    assert birthshare("ledger", "checkpoint").code == 0
    assert birthshare("ledger", "verify").code == 0
    # An auditor verifies the same, and records nothing.
    monkeypatch.setenv("BIRTHSHARE_DATABASE", address("reader"))
    kept = checkpoint_file(authority.home)
    answer = birthshare("ledger", "verify", "--kept", kept)
    assert answer.code == 0, answer.err
    assert birthshare("status", str(MONTH), "--json").json["state"] == "closed"
    with opened_ledger(authority.home) as ledger, pytest.raises(SettingsError, match="does not let us"):
        ledger.append(Entry(MonthClosed(), "2026-10"), at=NOW)


def number_of(authority: Authority, child: str) -> str:
    extract = authority.extract()
    children = reference(authority.home, "child", extract["nhs_number"].tolist())
    return str(extract["nhs_number"][children.index(child)])


def test_tables_are_brought_up_to_date_by_their_owner_alone(
    birthshare: CommandLine, server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.copy("template0", "roles")
    server.psql("roles", ROLES_SQL, **ROLES)
    for role in ("application", "reader"):
        monkeypatch.setenv("BIRTHSHARE_DATABASE", server.url_of(ROLES[role], "roles"))
        refused = birthshare("ledger", "verify")
        assert refused.code == 2
        refused.says("this role may not change them", "none yet", "birthshare ledger migrate")
    monkeypatch.setenv("BIRTHSHARE_DATABASE", server.url_of(ROLES["owner"], "roles"))
    done = birthshare("ledger", "migrate", "--json")
    assert (done.code, done.json) == (0, {"before": None, "now": REVISION})
    assert birthshare("ledger", "migrate", "--json").json == {"before": REVISION, "now": REVISION}
    assert "Nothing was done" in birthshare("ledger", "migrate").out
    # Its new tables are not yet anybody's.
    monkeypatch.setenv("BIRTHSHARE_DATABASE", server.url_of(ROLES["application"], "roles"))
    forgotten = birthshare("ledger", "verify")
    assert forgotten.code == 2
    forgotten.says("does not let us", "roles.sql")
    server.psql("roles", ROLES_SQL, **ROLES)
    assert birthshare("ledger", "verify").code == 0


def test_an_older_database_is_left_alone_by_the_application(
    birthshare: CommandLine, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(address("owner")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0002'")
    monkeypatch.setenv("BIRTHSHARE_DATABASE", address("application"))
    refused = birthshare.run()
    assert refused.code == 2
    refused.says("this role may not change them", "step 0002", "birthshare ledger migrate")


def test_a_database_that_one_role_made_is_handed_to_three(server: PostgresServer) -> None:
    server.copy("template0", "single")
    with closing(Ledger.open(server.url("single"))) as ledger:
        ledger.append(Entry(MonthClosed(), "2026-10"), at=NOW)
    server.psql("single", ROLES_SQL, **ROLES)
    with closing(Ledger.open(server.url_of(ROLES["application"], "single"))) as ledger:
        assert ledger.append(Entry(MonthClosed(), "2026-10"), at=NOW) == [2]
        assert verify(ledger, check_note=None).sound
    with psycopg.connect(server.url_of(ROLES["owner"], "single")) as connection:
        owners = connection.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
        assert owners.fetchall() == [(ROLES["owner"],)]
