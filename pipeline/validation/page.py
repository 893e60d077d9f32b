"""Each contract as a page that a supplier can read, such as `schemas/BIRTH_EXTRACT.md`, and all their rules.

The rules of every contract are on one page, `schemas/RULES.md`, with an example and what to do.
"""

from __future__ import annotations

from textwrap import fill

from pipeline.contract import CONTRACT_FILES, WHOLE_ROW, Column, Contract, Rule, contract_of

_WIDTH = 110

_TYPES = {
    "string": "text",
    "date": "date, YYYY-MM-DD",
    "timestamp": "YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS",
    "time": "HH:MM or HH:MM:SS",
    "integer": "whole number",
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

{codes}## Rules for each row

An error sets the row aside; with a warning it goes on. The report to the supplier names the row, the field
and the rule, and never a value. What to do about each rule, with an example: `RULES.md`.

| rule | severity | what it means | fields |
|---|---|---|---|
{rules}
"""

_CODES = """\
## Codes

| column | code | meaning |
|---|---|---|
{codes}

"""

_RULES_PAGE = """\
# Rules for each row

*Made from {files}. Change the contracts, not this page.*

Every row of a supplier's file is held against the rules of its contract, and every rule that it breaks is
reported, by the number of the row, the field and the rule; never a value.

- An **error** sets the row aside: nothing is repaired, and no card rests on it. What the row says against
  sharing is heard all the same: the child it names is on no list of that month, and if it tells of a death, a
  refusal, a withdrawal, an objection or a restricted record, lists that were sent before are called back.
- With a **warning** the row goes on as it is, and the decision is as careful with it as with any other.

Of changes, and of totals, one row with an error stops the whole file. Of answers a row that is set aside
counts for nothing, and one that may be a refusal stops the whole file.

The examples are shapes that somebody invented, and nobody's.
{contracts}"""

_RULES_OF = """
## {name}

| rule | severity | what it means | an example | what the supplier does | fields |
|---|---|---|---|---|---|
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
        codes=_CODES.format(codes="\n".join(codes)) if codes else "",
        rules="\n".join(_rule(rule) for rule in contract.rules),
    )


def _column(column: Column) -> str:
    kind = "code" if column.codes else _TYPES[column.logical_type]
    if column.most is not None:
        kind = f"{kind}, {column.least} to {column.most}"
    if column.max_length:
        kind = f"{kind}, at most {column.max_length} characters"
    exists = "yes, filled in every row" if column.required else "yes" if column.must_exist else ""
    return f"| `{column.name}` | {column.business_name} | {kind} | {exists} | {column.description} |"


def render_rules_page() -> str:
    """Every rule of every contract in Markdown."""
    contracts = [contract_of(dataset) for dataset in CONTRACT_FILES]
    return _RULES_PAGE.format(
        files=", ".join(f"`{file.name}`" for file in CONTRACT_FILES.values()),
        contracts="".join(
            _RULES_OF.format(name=contract.name, rules="\n".join(_in_full(rule) for rule in contract.rules))
            for contract in contracts
        ),
    )


def _rule(rule: Rule) -> str:
    return f"| `{rule.id}` | {rule.severity} | {rule.description} | {_fields(rule)} |"


def _in_full(rule: Rule) -> str:
    said = rule.description, rule.example, rule.fix
    return f"| `{rule.id}` | {rule.severity} | {' | '.join(said)} | {_fields(rule)} |"


def _fields(rule: Rule) -> str:
    return ", ".join(f"`{name}`" for name in rule.fields) or WHOLE_ROW
