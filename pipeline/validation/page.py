"""Each contract as a page that a supplier can read, such as `schemas/BIRTH_EXTRACT.md`."""

from __future__ import annotations

from textwrap import fill

from pipeline.contract import CONTRACT_FILES, Column, Contract, Rule, contract_of

_WIDTH = 110

_TYPES = {
    "string": "text",
    "date": "date, YYYY-MM-DD",
    "timestamp": "YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS",
    "time": "HH:MM or HH:MM:SS",
    "integer": "one digit, 1 to 9",
}

_PAGE = """\
# {name}

*Made from `{file}`, contract version {version}. Change the contract, not this page.*

{about}

## What stops the whole file

- It is not UTF-8 (or the encoding of the supplier's profile), or holds NUL bytes.
- A quotation mark inside a text is not doubled, or is never closed; a row has more or fewer fields.
- A column that must exist is missing, is there twice, or a column is not listed here.
- A coded column holds a code that is not listed here.
{month}
## Columns

Any value may be blank unless the table says that it must be filled.

| column | name (in capitals: the NHS Data Dictionary's) | type | must exist | what it holds |
|---|---|---|---|---|
{columns}

## Codes

| column | code | meaning |
|---|---|---|
{codes}

## Rules for each row

The report to the supplier names the row, the field and the rule, and never a value.

| rule | what it means | fields |
|---|---|---|
{rules}
"""

_OF_THE_MONTH = "- It has rows, but none of the file's month{ahead}, or more after that than in it.\n"


def render_contract_page(contract: Contract | None = None) -> str:
    """A contract's page in Markdown; the one for births where none is given."""
    contract = contract or contract_of("births")
    codes = [
        f"| `{column.name}` | `{code}` | {meaning} |"
        for column in contract.columns
        for code, meaning in column.codes.items()
    ]
    ahead = f" or the {contract.months_ahead} after it" if contract.months_ahead else ""
    return _PAGE.format(
        name=contract.name,
        file=CONTRACT_FILES[contract.dataset].name,
        version=contract.version,
        about="\n\n".join(fill(text, _WIDTH) for text in (contract.usage, contract.limitations)),
        month=_OF_THE_MONTH.format(ahead=ahead) if contract.month_of else "",
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
