"""The byte scan finds the same records and fields as the csv module, or refuses the file."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipeline.contract import Column, Contract
from pipeline.errors import IntegrityError
from pipeline.intake.profiles import Profile
from pipeline.intake.readers import read_csv
from pipeline.intake.scan import check_widths, find_records

PROFILE = Profile(description="as it is")
TWO_COLUMNS = Contract(
    id="test", version="1", name="Test", dataset="test", usage="", limitations="",
    month_of=None, months_ahead=0,
    columns=tuple(Column(name, name, name, "string", True, False, None, None, None, {}) for name in "ab"),
    rules=(),
)  # fmt: skip

# A busy machine is slow, not wrong.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=200)
hostile_text = st.text(alphabet='a",\n\ré ', max_size=6)
hostile_body = st.text(alphabet='a",\n\r', max_size=24)


def as_csv_module_reads(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


@unhurried
@given(st.lists(st.tuples(hostile_text, hostile_text), max_size=8), st.sampled_from(["\n", "\r\n", "\r"]))
@example([("", "")], "\n")
@example([('"', '""'), ("\r\n", ",")], "\r\n")
def test_whatever_a_correct_writer_writes_is_read_back(rows: list[tuple[str, str]], line_end: str) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=line_end, quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "b"), *rows])
    frame = read_csv(text.getvalue().encode(), contract=TWO_COLUMNS, profile=PROFILE)
    assert list(frame[["a", "b"]].itertuples(index=False, name=None)) == rows
    assert frame["row"].tolist() == list(range(1, len(rows) + 1))


@unhurried
@given(hostile_body)
@example('a,"b\n')
@example('"a""b",a\n,')
@example("a,\ra,\n")
@example("a,a\n\na,a")
def test_whatever_is_accepted_is_read_as_the_csv_module_reads_it(body: str) -> None:
    text = f"a,b\n{body}".rstrip("\r\n")
    try:
        frame = read_csv(text.encode(), contract=TWO_COLUMNS, profile=PROFILE)
    except IntegrityError:
        return
    assert [["a", "b"], *frame[["a", "b"]].to_numpy().tolist()] == as_csv_module_reads(text)


@unhurried
@given(hostile_body)
def test_whatever_the_csv_module_refuses_is_refused(body: str) -> None:
    text = f"a,b\n{body}".rstrip("\r\n")
    try:
        as_csv_module_reads(text)
    except csv.Error:
        with pytest.raises(IntegrityError):
            find_records(text.encode(), where="")


@pytest.mark.parametrize(
    ("text", "record"),
    [
        ('a,b\n1,2\n3,"4', 2),  # never closed
        ('a,b\n"1"x,2\n3,4', 1),  # text after the closing quote
        ('a,b\n1,2\n3,x"4"', 2),  # text before the opening quote
        ('a,b\n1,"2\n3,4\n"5",6', 1),  # never closed, seen where the next quote opens
        ('a,b\n"1\n1",2\n"""",x"', 2),  # a quoted line break does not count as a record
    ],
)
def test_a_misplaced_quote_is_reported_at_its_record(text: str, record: int) -> None:
    with pytest.raises(IntegrityError, match=f"record {record}\\)"):
        find_records(text.encode(), where="file")


def test_ragged_rows_are_counted_and_the_first_few_are_named() -> None:
    text = "a,b\n" + "1,2\n" + "1\n" * 3 + "1,2,3\n" * 4 + "1,2"
    records = find_records(text.encode(), where="file")
    with pytest.raises(
        IntegrityError, match=r"7 of 9 rows .* header's 2 \(file, records 2, 3, 4, 5, 6 and 2 more"
    ):
        check_widths(records, where="file")


def test_every_byte_belongs_to_its_record() -> None:
    text = b'a,b\r\n"1\n",2\r3,4'
    records = find_records(text, where="")
    assert [records.holding(position) for position in range(len(text))] == [0] * 4 + [1] * 8 + [2] * 3
