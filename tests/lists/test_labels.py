"""Address labels: every row has one, whole and where the sheet has it, or is named on the last page."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any, NamedTuple, get_args

import pytest
from pypdf import PageObject, PdfReader
from reportlab.pdfbase import pdfmetrics

from pipeline.home import SheetOfLabels
from pipeline.lists.compile import FamilyList
from pipeline.lists.labels import SHEETS, Labels, render_labels

MADE_ON = date(2026, 11, 4)
MILLIMETRE = 72 / 25.4
EDGE = (210 - 2 * 66.04 - 63.5) / 2 + 63.5 - 3  # where the text of a sheet's first label of 21 must end
# Sizes as the makers print them: labels on a sheet, width and height in millimetres.
SOLD_AS = {
    "a4-8": (8, 99.1, 67.7),
    "a4-14": (14, 99.1, 38.1),
    "a4-21": (21, 63.5, 38.1),
    "a4-24": (24, 63.5, 33.9),
}
LETTERS = {
    "Polish": "Łucja Żółć-Wiśniewska",
    "Romanian": "Ștefan Țăran Mâță",
    "Turkish": "Ayşegül Yıldız Ğ",
    "Vietnamese": "Nguyễn Thị Ánh Đặng",
    "Welsh": "Siân Ŵyn Llŷr",
    "Lithuanian": "Rūta Žemaitė Ąžuolė",
    "Czech": "Růžena Dvořáková",
    "Yoruba": "Ọlá Ṣadé",
    "Bulgarian": "Иван Петров",
    "Greek": "Γιώργος",
    "decomposed": "Zoe\u0308 Ńowak",
}


def labels_of(families: FamilyList, sheet: SheetOfLabels = "a4-21") -> Labels:
    labels = render_labels(
        families, SHEETS[sheet], recipient_name="Lillington & Campion Centre", made_on=MADE_ON
    )
    assert labels
    return labels


def pages_of(labels: Labels) -> list[PageObject]:
    return list(PdfReader(io.BytesIO(labels.content)).pages)


def text_of(page: PageObject) -> str:
    return " ".join(page.extract_text().split())


def last_page(labels: Labels) -> str:
    return text_of(pages_of(labels)[-1])


class Line(NamedTuple):
    """A line of text on a page: from the left and the upper edge, and how large, in millimetres."""

    x: float
    y: float
    size: float
    text: str

    @property
    def end(self) -> float:
        """Where its last letter ends."""
        return self.x + float(pdfmetrics.stringWidth(self.text, "Liberation Sans", self.size))


def places(page: PageObject) -> list[Line]:
    """Each line of a page."""
    found: list[Line] = []

    def visit(text: str, _: Any, matrix: list[float], __: Any, size: float) -> None:
        if text.strip():
            x, y = matrix[4] / MILLIMETRE, 297 - matrix[5] / MILLIMETRE
            found.append(Line(x, y, size / MILLIMETRE, text.strip()))

    page.extract_text(visitor_text=visit)
    return found


def reference_of(families: FamilyList, row: int = 0) -> str:
    return str(families.rows["list_reference"][row])


def test_a_label_says_whom_and_where_as_the_list_does(make: Any) -> None:
    births = make.births({"address_line_2": "Lillington"})

    [sheet, _] = pages_of(labels_of(make.list(births)))

    assert [line.text for line in places(sheet)] == [
        "The parents or carers of Ava Smith",
        "1 High Street",
        "Lillington",
        "Leamington Spa",
        "CV31 1AA",
    ]


def test_nothing_but_name_and_address_is_on_a_label(make: Any) -> None:
    families = make.list(make.births({"language": "Volapük"}))

    sheet, _ = map(text_of, pages_of(labels_of(families)))

    assert reference_of(families) not in sheet
    assert not any(word in sheet for word in ("Volapük", "2026", "Jane"))


@pytest.mark.parametrize("name", SHEETS)
def test_every_line_of_a_full_sheet_is_on_its_own_label(make: Any, name: str) -> None:
    across, width, height = SOLD_AS[name]
    births = make.births(*({"postcode": f"CV31 {i // 10}{'ABCDEFGHJK'[i % 10]}A"} for i in range(across)))
    families = make.list(births)

    [sheet, _] = pages_of(labels_of(families, name))
    columns = round(210 // (width + 1))
    left = (210 - columns * width - (columns - 1) * 2.54) / 2
    top = (297 - across / columns * height) / 2
    seen: dict[tuple[int, int], list[Line]] = {}
    for line in places(sheet):
        place = int((line.y - top) // height), int((line.x - left) // (width + 2.54))
        seen.setdefault(place, []).append(line)

    assert [seen[place][-1].text for place in sorted(seen)] == list(families.rows["postcode"])
    for (row, column), lines in seen.items():
        edge, middle = left + column * (width + 2.54), top + (row + 0.5) * height
        assert all(line.x - edge == pytest.approx(3, abs=0.1) for line in lines)
        assert all(line.end <= edge + width - 3 for line in lines)
        first, last = lines[0], lines[-1]
        assert (first.y - 0.95 * first.size + last.y + 0.25 * last.size) / 2 == pytest.approx(middle, abs=0.2)
        assert first.y - first.size >= middle - height / 2 + 2


@pytest.mark.parametrize("name", SHEETS)
def test_one_more_than_a_sheet_begins_another(make: Any, name: str) -> None:
    births = make.births(*({} for _ in range(SOLD_AS[name][0] + 1)))

    labels = labels_of(make.list(births), name)

    assert len(pages_of(labels)) == 3
    assert labels.printed == len(births)


@pytest.mark.parametrize("name", LETTERS.values(), ids=LETTERS)
def test_letters_of_many_languages_are_set_as_they_are(make: Any, name: str) -> None:
    given, _, family = name.partition(" ")
    families = make.list(make.births({"given_name": given, "family_name": family}))

    labels = labels_of(families)

    assert labels.left_out == ()
    assert (
        "Zoë" in text_of(pages_of(labels)[0])
        if given.startswith("Zoe")
        else given in text_of(pages_of(labels)[0])
    )


@pytest.mark.parametrize(
    "name", ["محمد", "שלום", "李", "ป้อม", "Zo\x00e", "Ọ\u0301lá", "12 \u202etseW", "\ufffd", "😀"]
)
def test_a_row_whose_letters_cannot_be_set_is_named_and_not_printed(make: Any, name: str) -> None:
    births = make.births({"address_line_1": name, "postcode": "CV31 1AA"}, {"postcode": "CV31 1AB"})
    families = make.list(births)

    labels = labels_of(families)

    assert labels.left_out == (reference_of(families),)
    assert labels.printed == 1
    assert "CV31 1AA" not in text_of(pages_of(labels)[0])
    assert "CV31 1AB" in text_of(pages_of(labels)[0])
    assert reference_of(families) in last_page(labels)


def test_a_long_line_is_set_smaller_before_it_is_wrapped(make: Any) -> None:
    agreement = make.with_fields("address")
    short, longer = (
        places(pages_of(labels_of(make.list(make.births({"address_line_1": line}), agreement=agreement)))[0])
        for line in ("1 High Street", "Flat 7, The Old Maltings, High Street")
    )

    assert len(short) == len(longer)
    assert short[0].size > longer[0].size >= 9 / MILLIMETRE - 0.01
    assert all(line.end <= EDGE for line in [*short, *longer])


def test_a_line_that_is_longer_still_is_wrapped_whole(make: Any) -> None:
    line = "Flat 12, Second Floor, The Old Maltings Apartment Building, High Street"

    [sheet, _] = pages_of(labels_of(make.list(make.births({"address_line_1": line}))))

    assert line in text_of(sheet)
    assert len(places(sheet)) > 4
    assert all(one.size >= 8 / MILLIMETRE - 0.01 and one.end <= EDGE for one in places(sheet))


def test_every_line_of_a_long_address_is_there(make: Any) -> None:
    lines = {f"address_line_{line}": f"Line {line} of a long address" for line in range(1, 6)}

    [sheet, _] = pages_of(labels_of(make.list(make.births(lines))))

    assert [line.text for line in places(sheet)][1:] == [*lines.values(), "CV31 1AA"]


@pytest.mark.parametrize(
    "lines",
    [
        {"address_line_1": "A" * 60},
        {f"address_line_{line}": "Long words of an address " * 4 for line in range(1, 6)},
    ],
    ids=["one word", "five lines"],
)
def test_a_row_that_does_not_fit_is_never_cut(make: Any, lines: dict[str, str]) -> None:
    families = make.list(make.births(lines))

    labels = labels_of(families)

    assert labels.printed == 0
    assert len(pages_of(labels)) == 1
    assert reference_of(families) in last_page(labels)


def test_a_home_without_an_address_has_no_label(make: Any) -> None:
    blank = {f"address_line_{line}": "" for line in range(1, 6)} | {"postcode": ""}

    assert labels_of(make.list(make.births(blank))).printed == 0


def test_many_rows_without_labels_are_all_named(make: Any) -> None:
    families = make.list(make.births(*({"given_name": "李"} for _ in range(400))))

    labels = labels_of(families)
    said = " ".join(map(text_of, pages_of(labels)))

    assert len(labels.left_out) == 400
    assert all(reference in said for reference in labels.left_out)


def test_the_last_page_says_how_to_print_and_when_to_destroy(make: Any) -> None:
    labels = labels_of(make.list(make.births({})))
    said = last_page(labels)

    for words in (
        "For Lillington & Campion Centre, October 2026.",
        "21 labels, 63.5 x 38.1 mm, at actual size (100 %)",
        "Destroy these labels with the list, by 2 February 2027.",
        "If you are told to remove a family, remove its label too.",
        "Every row of the list has a label.",
    ):
        assert words in said
    assert PdfReader(io.BytesIO(labels.content)).viewer_preferences == {"/PrintScaling": "/None"}


def test_where_no_name_is_agreed_the_family_is_addressed(make: Any) -> None:
    families = make.list(make.births({}), agreement=make.with_fields("address"))

    assert text_of(pages_of(labels_of(families))[0]).startswith("The family 1 High Street")


def test_a_family_that_expects_a_baby_is_addressed_by_the_parents_name_alone(make: Any) -> None:
    agreement = make.with_fields("parent_name", "address", "expected_date_of_delivery")

    sheet = text_of(pages_of(labels_of(make.list(make.births({}), agreement=agreement)))[0])

    assert sheet.startswith("Jane Smith 1 High Street")


@pytest.mark.parametrize("fields", [("child_name",), ("pseudonym", "sex")])
def test_a_list_without_addresses_has_no_labels(make: Any, fields: tuple[str, ...]) -> None:
    families = make.list(make.births({}), agreement=make.with_fields(*fields))

    assert render_labels(families, SHEETS["a4-8"], recipient_name="Centre", made_on=MADE_ON) is None


def test_a_list_of_nobody_has_no_labels(make: Any) -> None:
    births = make.births({}).head(0)
    families = make.list(births, make.decisions(births))

    assert render_labels(families, SHEETS["a4-8"], recipient_name="Centre", made_on=MADE_ON) is None


def test_the_same_list_makes_the_same_bytes_on_any_thread(make: Any) -> None:
    families = make.list(make.births(*({"given_name": name} for name in ("Ava", "Łucja", "Ngọc"))))

    with ThreadPoolExecutor(4) as pool:
        made = {labels.content for labels in pool.map(lambda _: labels_of(families), range(12))}

    assert len(made) == 1


def test_the_file_says_nothing_about_persons_or_times(make: Any) -> None:
    said = PdfReader(io.BytesIO(labels_of(make.list(make.births({}))).content)).metadata

    assert said
    assert said.title == "Address labels"
    assert {said.get("/Author"), said.get("/CreationDate")} == {"Birthshare", "D:20000101000000+00'00'"}


def test_every_sheet_that_a_recipient_can_ask_for_is_known() -> None:
    assert tuple(SHEETS) == get_args(SheetOfLabels) == tuple(SOLD_AS)
