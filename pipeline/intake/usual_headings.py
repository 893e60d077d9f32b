"""What suppliers usually call the contract's columns: the one list, and how a heading is held against it."""

from __future__ import annotations

import re

from pipeline.contract import Contract

# Besides the contract's own name and business name of each column. Written in full: `words_of` takes care
# of capitals, abbreviations, and of whom a heading says that it is about.
USUAL = {
    "record_id": ("record id", "record number", "local id", "system number", "id", "identifier", "number"),
    "nhs_number": ("nhs number", "nhs"),
    "date_of_birth": ("date of birth",),
    "time_of_birth": ("time of birth",),
    "sex": ("sex", "phenotypic sex"),
    "live_or_still_birth": ("birth outcome", "outcome", "live or still", "outcome of birth", "birth status"),
    "number_of_births": (
        *("number of babies", "babies in delivery", "births this pregnancy", "number of births"),
        *("multiple birth", "plurality", "births in confinement"),
    ),
    "birth_order": ("birth order", "birth rank", "order of birth"),
    "death_status": (
        "death status",
        "death notification",
        "death notice",
        "pds death status",
        "death",
        "died",
    ),
    "date_of_death": ("date of death",),
    "given_name": ("given name", "given names"),
    "family_name": ("family name",),
    "parent_given_name": ("parent given name",),
    "parent_family_name": ("parent family name",),
    "parent_nhs_number": ("parent nhs number",),
    "parent_date_of_birth": ("parent date of birth",),
    "parent_death_status": (
        *("parent death status", "parent death notification", "parent death notice", "parent died"),
        *("parent pds death status", "parent death"),
    ),
    **{f"address_line_{line}": (f"address {line}", f"address line {line}") for line in range(1, 6)},
    "postcode": ("postcode", "home postcode", "address postcode", "usual postcode"),
    "address_since": ("address since", "address from", "address start", "address start date"),
    "in_hospital": ("in hospital", "inpatient"),
    "confidentiality": ("confidentiality", "record sensitivity", "sensitivity", "sensitive", "s flag"),
    "looked_after": ("looked after", "lac"),
    "adoption": ("adoption", "adopted"),
    "safeguarding": ("safeguarding", "child protection"),
    "language": ("language", "first language", "preferred language"),
    "consent_status": ("consent", "consent status", "consent answer"),
    "consent_date": ("consent date", "date of consent", "answer date", "answered on"),
    "consent_scope": ("consent scope", "consent covers"),
    "consent_wording": ("consent form", "consent wording", "consent version", "consent form version"),
    "consent_given_by": ("consent by", "consent given by", "answered by"),
    "notice_date": ("notice date", "notice given", "date informed", "date of notice"),
    "objection_date": ("objection date", "objection made", "objection", "date of objection"),
    "last_updated": (
        *("last updated", "last amended", "last modified", "updated", "updated at", "updated date"),
        "last changed",
    ),
}

# Words of a heading that must not be passed over: a column so called may tell that no card may go out.
GRAVE = frozenset({
    "death", "deceased", "died", "dead", "still", "stillborn", "miscarriage", "bereaved", "outcome",
    "answer", "consent", "objection", "object", "opt", "refused", "withdrawn", "dissent",
    "sensitive", "sensitivity", "restricted", "confidential", "confidentiality", "safeguarding",
    "protection", "adoption", "adopted", "foster", "looked", "refuge", "inactive", "merged", "superseded",
    "duplicate",
})  # fmt: skip

_MUCH = 0.6  # of the words of a heading and of a usual one that are in both
_LONG = {
    "dob": "date birth", "dod": "date death", "tob": "time birth", "doa": "date",
    "no": "number", "num": "number", "nbr": "number", "nr": "number", "nhsno": "nhs number",
    "dt": "date", "pcode": "postcode", "addr": "address", "adr": "address", "add": "address",
    "forename": "given name", "forenames": "given name", "fname": "given name", "firstname": "given name",
    "surname": "family name", "sname": "family name", "lname": "family name", "lastname": "family name",
    "gender": "sex", "cons": "consent", "lang": "language", "inpat": "inpatient", "adopt": "adoption",
    "safeg": "safeguarding", "sens": "sensitivity", "upd": "updated", "obj": "objection",
    "mother": "parent", "mothers": "parent", "mum": "parent", "mums": "parent", "maternal": "parent",
    "carer": "parent", "carers": "parent", "parents": "parent", "guardian": "parent", "m": "parent",
    "deceased": "died", "dead": "died", "pds": "", "sharing": "", "share": "",
}  # fmt: skip
_PHRASES = {
    "first name": "given name", "first names": "given name", "christian name": "given name",
    "last name": "family name", "post code": "postcode", "birth date": "date birth",
    "looked after child": "looked after", "death date": "date death",
}  # fmt: skip
# Between two words that are written as one: babyDob, NHSNumber, Address1.
_WITHIN = r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[A-Za-z])(?=[0-9])"
# Whom it is about, where that is the child; and what says nothing of what the column holds.
_NOTHING = frozenset({
    "baby", "babys", "child", "childs", "infant", "person", "client", "patient", "pt", "of", "the", "at",
    "is", "on", "to", "this", "made", "code", "cd", "flag", "ind", "indicator", "yn", "y", "n",
})  # fmt: skip


def words_of(heading: str) -> frozenset[str]:
    """What a heading says, in full words, whatever its capitals, signs and abbreviations."""
    apart = re.sub(_WITHIN, " ", re.sub("['’]s?\\b", "", heading))
    text = " ".join(re.findall(r"[a-z]+|[0-9]+", apart.lower()))
    for phrase, meaning in _PHRASES.items():
        text = re.sub(rf"\b{phrase}\b", meaning, text)
    long = " ".join(_LONG.get(word, word) for word in text.split())
    return frozenset(word for word in long.split() if word not in _NOTHING)


class Usual:
    """The usual headings of one contract's columns."""

    def __init__(self, contract: Contract) -> None:
        self.called = {name: _called(name, contract) for name in contract.names}
        self._known = frozenset().union(*self.called.values())

    def knows(self, heading: str) -> bool:
        """Whether a heading says just what one of the columns is."""
        return words_of(heading) in self._known

    def likely(self, heading: str) -> dict[str, float]:
        """The columns that a heading may mean: 1.0 where it says just that, less where much of it."""
        said = words_of(heading)
        alike = {name: max(_alike(said, one) for one in words) for name, words in self.called.items()}
        if heading in alike:
            alike[heading] = 1.0
        return {name: share for name, share in alike.items() if share >= _MUCH}


def is_grave(heading: str) -> bool:
    """Whether a heading sounds like something that stops a card."""
    plain = frozenset(re.findall("[a-z]+", heading.lower().replace("_", " ")))
    return not GRAVE.isdisjoint(plain | words_of(heading))


def _called(name: str, contract: Contract) -> frozenset[frozenset[str]]:
    business = re.sub(r"\((.*)\)", r"\1", contract.column(name).business_name)
    found = {words_of(called) for called in (name, business, *USUAL.get(name, ()))}
    # The business name of every address line is the same, and says nothing of which it is.
    return frozenset(words for words in found if words and words != {"usual", "address"})


def _alike(said: frozenset[str], words: frozenset[str]) -> float:
    """How much of two sets of words they have in common; nothing where only one is about a parent."""
    if not said or ("parent" in said) != ("parent" in words):
        return 0.0
    return len(said & words) / len(said | words)
