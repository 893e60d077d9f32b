"""What a recipient's own system finds in a list: `schemas/LIST.md` and `schemas/list.schema.json`."""

from __future__ import annotations

import json

from pipeline.lists import notice
from pipeline.lists.columns import COLUMNS, Column
from pipeline.lists.fields import SEPARATOR

_PAGE = """\
# A list as CSV

*Made from `pipeline/lists/columns.py`. Change the columns there, not this page.*

A technical recipient receives each list as one CSV file in one OpenPGP message, encrypted for its own key:
`AGREEMENT_MONTH_RECIPIENT.csv.gpg`. The file is UTF-8 without a byte order mark, as RFC 4180 describes:
commas, quotation marks doubled, lines that end with CR LF, one heading row. Every file that we send was read
back and checked against this page before it was sealed.

## Columns

Only the columns that the agreement names are there, in this order. `list.schema.json` describes one row as
JSON Schema, every value a string. A value may be blank where it is not known. Siblings of one household share
a row, and `{separator}` is between their values, the eldest first.

| column | form | what it holds |
|---|---|---|
{columns}

## What to mind

- Values are as they are: nothing is put before "-", "=" or "+" to calm a spreadsheet. Read each as text.
- A row with a blank `list_reference` is about no family: a list of nobody, or of numbers alone, has one such
  row, which carries what is said of the list itself.
- Keep the `list_reference` beside what you make from a list: a recall names it, and neither a name nor an
  address, and the family has to come off everything.

## Notices

A notice is a file of its own, sealed like a list. Its columns, all of them always there:

| column | what it holds |
|---|---|
{notices}

## Receipts

When you have opened the list, put a text file beside it that holds its `receipt_code`, and nothing else:
`AGREEMENT_MONTH_RECIPIENT.csv.gpg.received.txt`. When you have destroyed the list and all that was made from
it, at the latest on `destroy_by`, put the same code into `AGREEMENT_MONTH_RECIPIENT.csv.gpg.destroyed.txt`.
"""

_NOTICES = {
    "notice": "The name of the notice's own file.",
    "action": "`remove` the row, from all made from the list too; `acknowledge` or `destroy` the list.",
    "agreement": "The sharing agreement.",
    "list_file": "The file of the list that is meant.",
    "month": "The month of that list, YYYY-MM.",
    "list_reference": "The row of that list that is meant; blank where it is the whole list.",
    "do_by": "The last day on which it may be done, YYYY-MM-DD.",
    "receipt_code": "What the answer file holds; blank where none is asked for.",
    "answer_file": "The text file to put beside the notice when it is done; blank where none is asked for.",
}


def render_page() -> str:
    """The page in Markdown."""
    return _PAGE.format(
        separator=SEPARATOR,
        columns="\n".join(map(_row, COLUMNS.values())),
        notices="\n".join(f"| `{name}` | {_NOTICES[name]} |" for name in notice.COLUMNS),
    )


def _row(column: Column) -> str:
    return f"| `{column.name}` | {column.form} | {column.meaning} |"


def render_schema() -> str:
    """JSON Schema (2020-12) of one row, as an object of strings."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A row of a list",
        "type": "object",
        "properties": {column.name: _property(column) for column in COLUMNS.values()},
        "required": [column.name for column in COLUMNS.values() if column.always],
        "additionalProperties": False,
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _property(column: Column) -> dict[str, str]:
    pattern = {"pattern": f"^(?:{column.pattern})$"} if column.pattern else {}
    return {"type": "string", "description": column.meaning, **pattern}
