"""The pages and schemas that are made from the code, so that each fact has one place.

`python infra/generate.py` writes them; with `--check` it changes nothing and fails where one is stale.
"""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def agreement_schema() -> str:
    """JSON Schema of a sharing agreement."""
    from pipeline.agreements.model import Agreement

    return json.dumps(Agreement.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


def ledger_schema() -> str:
    """JSON Schema of a ledger entry."""
    from pipeline.ledger.schema import render_schema

    return render_schema()


def contract_page(dataset: str) -> str:
    """The contract of one kind of file, as a page for suppliers."""
    from pipeline.contract import contract_of
    from pipeline.validation.page import render_contract_page

    return render_contract_page(contract_of(dataset))


def rules_page() -> str:
    """Every rule for rows of suppliers' files, as a page for suppliers."""
    from pipeline.validation.page import render_rules_page

    return render_rules_page()


def list_page() -> str:
    """What a recipient's own system finds in a list, as a page for its owners."""
    from pipeline.lists.schema import render_page

    return render_page()


def list_schema() -> str:
    """JSON Schema of one row of a list."""
    from pipeline.lists.schema import render_schema

    return render_schema()


def metrics_page() -> str:
    """What can be watched of Birthshare in Airflow, as a page for whoever sets up monitoring."""
    from pipeline.questions.measures import render_page

    return render_page()


def alert_rules() -> str:
    """What of that is worth an alert, as rules for Prometheus."""
    from pipeline.questions.alerts import render_rules

    return render_rules()


def decision_table() -> str:
    """The examples of the spec tests, as a page for Caldicott guardians."""
    sys.path.insert(0, str(ROOT / "tests"))
    render: Callable[[], str] = runpy.run_path(str(ROOT / "tests/spec/decision_table.py"))["render"]
    return render()


PAGES: dict[str, Callable[[], str]] = {
    "schemas/agreement.schema.json": agreement_schema,
    "schemas/ledger_entry.schema.json": ledger_schema,
    "schemas/list.schema.json": list_schema,
    "schemas/LIST.md": list_page,
    "schemas/RULES.md": rules_page,
    "schemas/BIRTH_EXTRACT.md": partial(contract_page, "births"),
    "schemas/EXPECTED_BIRTH_EXTRACT.md": partial(contract_page, "expected_births"),
    "schemas/CONSENT_ANSWERS.md": partial(contract_page, "answers"),
    "schemas/CHANGES.md": partial(contract_page, "changes"),
    "schemas/TOTALS.md": partial(contract_page, "totals"),
    "sharing_agreements/DECISION_TABLE.md": decision_table,
    "infra/airflow/METRICS.md": metrics_page,
    "infra/airflow/alerts.yaml": alert_rules,
}


def main(check: bool) -> int:
    """Write or check every page; gives the exit code."""
    stale = []
    for name, render in PAGES.items():
        page, wanted = ROOT / name, render()
        if page.exists() and page.read_text(encoding="utf-8") == wanted:
            continue
        stale.append(name)
        if not check:
            page.write_text(wanted, encoding="utf-8")
    for name in stale:
        print(f"{'stale' if check else 'written'}: {name}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
