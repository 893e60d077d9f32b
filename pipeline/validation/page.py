"""The contract as a page that a supplier can read: `schemas/BIRTH_EXTRACT.md`."""

from __future__ import annotations

from pipeline.contract import Column, Contract, Rule, load_contract

_TYPES = {
    "string": "text",
    "date": "date, YYYY-MM-DD",
    "timestamp": "YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS",
    "time": "HH:MM or HH:MM:SS",
    "integer": "one digit, 1 to 9",
}

_PAGE = """\
# The birth extract

*Made from `birth_extract.yaml`, contract version {version}. Change the contract, not this page.*

One CSV file for each supplier and month: UTF-8, commas, a header with the names below in any order, one
row for each birth record. A month without births is the header alone. A column may be left out unless
it "must exist". Spaces around a value are taken off; nothing else is repaired. Any value may be blank
unless the table says that it must be filled.

## What stops the whole file

- It is not UTF-8 (or the encoding of the supplier's profile), or holds NUL bytes.
- A quotation mark inside a text is not doubled, or is never closed; a row has more or fewer fields.
- A column that must exist is missing, is there twice, or a column is not listed here.
- A coded column holds a code that is not listed here.
- It has births, but none of the file's month, or more after that month than in it.

## Columns

| column | name (in capitals: the NHS Data Dictionary's) | type | must exist | what it holds |
|---|---|---|---|---|
{columns}

## Codes

| column | code | meaning |
|---|---|---|
{codes}

## What sets a row aside

The row is quarantined, and the supplier's report names the row, the field and the rule.

| rule | what it means | fields |
|---|---|---|
{rules}
"""


def render_contract_page(contract: Contract | None = None) -> str:
    """The page in Markdown; the contract shipped with Birthshare where none is given."""
    contract = contract or load_contract()
    codes = [
        f"| `{column.name}` | `{code}` | {meaning} |"
        for column in contract.columns
        for code, meaning in column.codes.items()
    ]
    return _PAGE.format(
        version=contract.version,
        columns="\n".join(_column(column) for column in contract.columns),
        codes="\n".join(codes),
        rules="\n".join(_rule(rule) for rule in contract.rules),
    )


def _column(column: Column) -> str:
    kind = "code" if column.codes else _TYPES[column.logical_type]
    if column.max_length:
        kind = f"{kind}, at most {column.max_length} characters"
    exists = "yes, filled in every row" if column.required else "yes" if column.must_exist else ""
    return f"| `{column.name}` | {column.business_name} | {kind} | {exists} | {column.description} |"


def _rule(rule: Rule) -> str:
    fields = ", ".join(f"`{name}`" for name in rule.fields) or "the whole row"
    return f"| `{rule.id}` | {rule.description} | {fields} |"
