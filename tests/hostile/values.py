"""Hostile values in a file that is otherwise as agreed: the row is set aside, and the file goes on."""

from __future__ import annotations

from hostile.family import CHILD, NUMBER, STREET

# What stands in the row, by column; and the rule that sets it aside, None where it is only odd.
VALUES: dict[str, tuple[dict[str, str], str | None]] = {
    "formula-that-starts-a-program": ({"given_name": "=cmd|' /C calc'!A0"}, "text_dangerous"),
    "formula-with-a-link": ({"family_name": '=HYPERLINK("http://127.0.0.1/")'}, "text_dangerous"),
    "formula-by-a-plus": ({"address_line_1": "+1+1"}, "text_dangerous"),
    "formula-by-an-at": ({"address_line_1": "@SUM(1)"}, "text_dangerous"),
    "formula-behind-a-tab": ({"address_line_1": "\t=1+1"}, "text_dangerous"),
    "carriage-return": ({"address_line_1": f"{STREET}\rmore"}, "text_dangerous"),
    "line-break": ({"address_line_1": f"{STREET}\nmore"}, "text_dangerous"),
    "bell": ({"given_name": f"{CHILD}\x07"}, "text_dangerous"),
    "terminal-sequence": ({"given_name": f"\x1b[2J{CHILD}"}, "text_dangerous"),
    "right-to-left-override": ({"given_name": f"\u202e{CHILD}"}, "text_dangerous"),
    "invisible-space": ({"given_name": "Quil\u200blawren"}, "text_dangerous"),
    "byte-order-mark-within": ({"given_name": f"\ufeff{CHILD}"}, "text_dangerous"),
    "damaged-sign": ({"given_name": f"{CHILD}\ufffd"}, "text_dangerous"),
    "name-of-a-hundred-thousand-letters": ({"given_name": "Q" * 100_000}, "text_too_long"),
    "nhs-number-in-arabic-digits": ({"nhs_number": "٩٩٩٧٧٨٦٤٢٤"}, "nhs_number_format"),
    "nhs-number-with-a-line-break": ({"nhs_number": f"{NUMBER}\n"}, "nhs_number_format"),
    "nhs-number-of-minus": ({"nhs_number": "-999778642"}, "nhs_number_format"),
    "date-in-the-year-zero": ({"date_of_birth": "0000-01-01"}, "born_too_long_ago"),
    "date-in-the-year-9999": ({"date_of_birth": "9999-12-31"}, "date_future"),
    "date-in-fullwidth-digits": ({"date_of_birth": "２０２６-１０-０３"}, "date_format"),
    "web-page": ({"address_line_2": "<script>alert(1)</script>"}, None),
    "template": ({"address_line_2": "{{ 7 * 7 }} {% raise %} ${x} %s%n"}, None),
    "database-command": ({"address_line_2": "'); DROP TABLE entries; --"}, None),
    "path": ({"address_line_2": "../../../../etc/passwd"}, None),
}
