"""What a sharing agreement says, as one frozen model. Unknown keys are refused.

`schemas/agreement.schema.json` is generated from here.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from pipeline.home import Code, Strict
from pipeline.networks import DIRECTORY_ALONE

LocalAuthority = Annotated[str, StringConstraints(pattern=r"^E(06|07|08|09)[0-9]{6}$")]
Days = Annotated[int, Field(ge=0)]
# A woman who gave birth cannot have another expected date within so many days: what is expected then was it.
AFTER_A_BIRTH_DAYS = 240
PREGNANCY_DAYS = 280  # from the first day of the last period to the expected day, as the NHS counts it
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Party(Strict):
    """An organisation and its role under UK GDPR."""

    name: str
    role: Literal["controller", "joint controller", "processor", "supplier"]


class LegalFact(Strict):
    """One statement of law that the sharing relies on, and the day as of which it was read."""

    says: Text
    as_of: date


class LawfulBasis(Strict):
    """The UK GDPR basis; never merged with the confidentiality permission."""

    article_6: LegalFact
    article_9: LegalFact | None  # to be written even where there is none: null


class Permission(StrEnum):
    """The confidentiality permission (common law): the parent said yes, or was told and did not object.

    Numbers that point to nobody need neither.
    """

    CONSENT = "consent"
    NOTICE = "notice"
    NOT_NEEDED = "not_needed"


class Confidentiality(Strict):
    """Which answers of parents count, and how."""

    permission: Permission
    basis: LegalFact  # why the common law duty of confidentiality is met
    scope: str | None = None  # the kind of recipient that an answer must cover
    wordings: tuple[str, ...] = ()  # versions of the form that count; opt-in needs at least one
    antenatal_days: Days = 0  # how long before the birth a consent may date
    max_age_days: Days | None = None  # how old a consent may be
    objection_days: Days | None = None  # how long parents have to object after the notice
    national_opt_out: bool = True  # whether a national data opt-out also stops the sharing

    @model_validator(mode="after")
    def _complete(self) -> Confidentiality:
        if self.permission is Permission.CONSENT and not self.wordings:
            raise ValueError("consent needs the accepted wordings")
        if self.permission is Permission.NOTICE and self.objection_days is None:
            raise ValueError("notice needs objection_days")
        if self.permission is not Permission.NOTICE and self.objection_days is not None:
            raise ValueError("objection_days belong to notice alone")
        return self


class Cohort(Strict):
    """Which births, or expected births, the agreement is about.

    For expected births the day of birth is the expected date of delivery, and age is counted from it.
    """

    of: Literal["births", "expected_births"] = "births"
    residents_of: Annotated[tuple[LocalAuthority, ...], Field(min_length=1)]
    months_back: Annotated[int, Field(ge=0, le=60)] = 0  # births of so many earlier months still count
    months_ahead: Annotated[int, Field(ge=0, le=9)] = 0  # expected births of so many later months count
    minimum_age_days: Days = 0
    maximum_age_days: Days | None = None
    minimum_gestation_days: Annotated[int, Field(ge=0, le=279)] = 0  # at the moment of decision
    settling_days: Days = 0  # an address newer than this holds the family

    @model_validator(mode="after")
    def _of_one_kind(self) -> Cohort:
        if self.of == "births" and (self.months_ahead or self.minimum_gestation_days):
            raise ValueError("months_ahead and minimum_gestation_days belong to expected_births alone")
        if self.of == "expected_births" and (
            self.months_back or self.minimum_age_days or self.maximum_age_days is not None
        ):
            raise ValueError("months_back and ages belong to births alone")
        return self


class Exclusions(Strict):
    """Rules that an agreement may set; all stand unless it lifts them."""

    looked_after: bool = True
    adoption: bool = True
    safeguarding: bool = True
    parent_died: bool = True
    in_hospital: bool = True
    parent_under_16: bool = True


class ListField(StrEnum):
    """What a list may show of a family."""

    CHILD_NAME = "child_name"
    DATE_OF_BIRTH = "date_of_birth"
    EXPECTED_DATE_OF_DELIVERY = "expected_date_of_delivery"
    PARENT_NAME = "parent_name"
    ADDRESS = "address"
    LANGUAGE = "language"
    NHS_NUMBER = "nhs_number"
    WARD = "ward"  # code and name
    LSOA = "lsoa"  # 2021
    DEPRIVATION_DECILE = "deprivation_decile"  # IMD 2025; 1 is the most deprived tenth
    PSEUDONYM = "pseudonym"  # keyed, under the agreement's own key
    MONTH_OF_BIRTH = "month_of_birth"
    SEX = "sex"
    LOCALITY = "locality"  # code and name, from the network of localities that the home keeps


# Whoever sees one of these knows, or can look up, who is meant.
DIRECT_IDENTIFIERS = frozenset({
    ListField.CHILD_NAME, ListField.DATE_OF_BIRTH, ListField.EXPECTED_DATE_OF_DELIVERY,
    ListField.PARENT_NAME, ListField.ADDRESS, ListField.NHS_NUMBER,
})  # fmt: skip
# What is known of a child who is not born yet.
OF_EXPECTED_BIRTHS = frozenset({
    ListField.EXPECTED_DATE_OF_DELIVERY, ListField.PARENT_NAME, ListField.ADDRESS, ListField.LANGUAGE,
    ListField.WARD, ListField.LSOA, ListField.DEPRIVATION_DECILE, ListField.LOCALITY,
})  # fmt: skip


class RecipientsOf(Strict):
    """Who receives: the recipient that serves the family's reach area in one network, or one by name."""

    kinds: Annotated[tuple[Code, ...], Field(min_length=1)]  # children's centre, library, profession, ...
    network: Code | None = None
    named: Code | None = None  # this recipient alone, for every resident family

    @property
    def placed_in(self) -> str:
        """The network of the placements that decide: with a recipient by name, the directory alone."""
        return self.network or DIRECTORY_ALONE

    @model_validator(mode="after")
    def _one_way(self) -> RecipientsOf:
        if (self.network is None) == (self.named is None):
            raise ValueError("needs either network or named")
        if self.network == DIRECTORY_ALONE:
            raise ValueError(f"no network may be called {DIRECTORY_ALONE}")
        return self


class Rounding(StrEnum):
    """How a number of births is rounded; a later one says less than those before it."""

    NONE = "none"  # for numbers alone; where families of the area are on a list it is NEAREST_5
    NEAREST_5 = "nearest_5"
    NHS_ENGLAND_5 = "nhs_england_5"  # 0 stays 0, 1 to 7 become 5, others to the nearest 5
    NEAREST_10 = "nearest_10"

    @property
    def step(self) -> int:
        """What numbers are rounded to the nearest of; 1 leaves them as they are."""
        return {Rounding.NONE: 1, Rounding.NEAREST_10: 10}.get(self, 5)


class Totals(Strict):
    """The number of all births in each recipient's area.

    It is rounded. Numbers that would tell how many families are on no list are told as between two others.
    """

    source: Literal["extract"]
    rounding: Rounding
    # Smaller numbers are told as "fewer than" it. None: only where families of the area are on a list.
    suppress_below: Annotated[int, Field(ge=2, le=100)] | None = None

    @model_validator(mode="after")
    def _exact_only_where_large(self) -> Totals:
        if self.rounding is Rounding.NONE and self.suppress_below is None:
            raise ValueError("rounding: none needs suppress_below")
        return self


class Use(Strict):
    """What recipients may and may not do; printed on every list."""

    permitted: Annotated[tuple[str, ...], Field(min_length=1)]
    forbidden: tuple[str, ...] = ()


class Release(Strict):
    """Who must approve each month. One, or two of whom one is not the author of the run."""

    approvals: Annotated[int, Field(ge=1, le=2)] = 1
    roles: Annotated[tuple[str, ...], Field(min_length=1)]
    ways: Annotated[tuple[Literal["signature", "airflow"], ...], Field(min_length=1)] = (
        "signature",
        "airflow",
    )


class Dates(Strict):
    """When the agreement is in force."""

    starts: date
    review_by: date
    review_grace_days: Days = 30
    expires: date

    @model_validator(mode="after")
    def _ordered(self) -> Dates:
        if not self.starts <= self.review_by <= self.expires:
            raise ValueError("must be in the order starts, review_by, expires")
        return self


class Event(Strict):
    """Why a rule exists and who agreed it, for those who come after."""

    when: date
    what: str


class Shares(StrEnum):
    """What leaves: families by name, numbers alone, or children by pseudonym."""

    FAMILIES = "families"
    TOTALS = "totals"
    PSEUDONYMS = "pseudonyms"


class Agreement(Strict):
    """One version of a sharing agreement."""

    id: Code
    version: Annotated[int, Field(ge=1)]
    replaces: Annotated[int, Field(ge=1)] | None = None  # the version whose place this one takes
    title: Text
    purpose: Text
    shares: Shares = Shares.FAMILIES
    parties: Annotated[tuple[Party, ...], Field(min_length=2)]
    suppliers: Annotated[tuple[Code, ...], Field(min_length=1)]
    hears: tuple[
        Code, ...
    ] = ()  # further suppliers: none of their births is shared, all their warnings count
    powers: Annotated[tuple[LegalFact, ...], Field(min_length=1)]  # duties or powers relied on
    lawful_basis: LawfulBasis
    confidentiality: Confidentiality
    cohort: Cohort
    exclusions: Exclusions = Exclusions()
    recipients: RecipientsOf
    fields: tuple[ListField, ...] = ()
    fields_for: dict[Code, tuple[ListField, ...]] = {}  # by kind of recipient, where they differ
    household: Literal["one_card", "each_child"] = "one_card"  # one row for a family, or for each child
    totals: Totals | None = None
    use: Use
    retention_days: Annotated[int, Field(gt=0)]  # at the recipient, from the day of the list
    kept_months: Annotated[int, Field(ge=0, le=36)] = 12  # how long coded decisions are kept for previews
    deaths_feed_max_age_days: Annotated[int, Field(gt=0)] = 7
    release: Release
    dates: Dates
    approvers: Annotated[tuple[str, ...], Field(min_length=1)]  # roles that must have signed
    history: tuple[Event, ...] = ()

    def fields_of(self, kind: str) -> tuple[ListField, ...]:
        """What a recipient of that kind may see of a family."""
        return self.fields_for.get(kind, self.fields)

    @property
    def suspenders(self) -> tuple[str, ...]:
        """The roles of which any one may suspend the agreement."""
        return tuple(dict.fromkeys((*self.approvers, *self.release.roles)))

    @model_validator(mode="after")
    def _replaces_an_older_one(self) -> Agreement:
        if self.replaces is not None and self.replaces >= self.version:
            raise ValueError("replaces must name an older version")
        return self

    @model_validator(mode="after")
    def _hears_others(self) -> Agreement:
        if set(self.hears) & set(self.suppliers):
            raise ValueError("hears must name other suppliers than suppliers")
        return self

    @model_validator(mode="after")
    def _fields_fit_what_is_shared(self) -> Agreement:
        if self.shares is Shares.TOTALS:
            if self.fields or self.totals is None:
                raise ValueError("shares: totals needs totals, and no fields")
        elif not self.fields:
            raise ValueError("fields must name at least 1")
        elif self.totals is not None and self.totals.rounding is Rounding.NONE:
            raise ValueError("totals.rounding: none belongs to shares: totals alone")
        if (self.shares is Shares.TOTALS) != (self.confidentiality.permission is Permission.NOT_NEEDED):
            raise ValueError("confidentiality.permission: not_needed belongs to shares: totals alone")
        if (self.shares is Shares.PSEUDONYMS) != (ListField.PSEUDONYM in self.fields):
            raise ValueError("shares: pseudonyms needs the field pseudonym, and nothing else may have it")
        if self.shares is Shares.PSEUDONYMS and DIRECT_IDENTIFIERS & set(self.fields):
            raise ValueError("fields must hold no direct identifier where pseudonyms are shared")
        if self.shares is Shares.PSEUDONYMS and self.household != "each_child":
            raise ValueError("shares: pseudonyms needs household: each_child")
        return self

    @model_validator(mode="after")
    def _fields_fit_the_cohort(self) -> Agreement:
        expected = self.cohort.of == "expected_births"
        wrong = set(self.fields) - OF_EXPECTED_BIRTHS
        if expected and (wrong or self.totals or self.shares is not Shares.FAMILIES):
            raise ValueError(
                "cohort.of: expected_births allows no totals, no pseudonyms and no fields of a born child"
            )
        if not expected and ListField.EXPECTED_DATE_OF_DELIVERY in self.fields:
            raise ValueError("fields: expected_date_of_delivery belongs to expected_births alone")
        return self

    @model_validator(mode="after")
    def _fields_for_every_kind(self) -> Agreement:
        if not self.fields_for:
            return self
        if set(self.fields_for) != set(self.recipients.kinds):
            raise ValueError("fields_for must name every kind of recipient, and no other")
        if not all(self.fields_for.values()):
            raise ValueError("fields_for must give every kind at least one field")
        if {field for fields in self.fields_for.values() for field in fields} != set(self.fields):
            raise ValueError("fields must be exactly what fields_for gives to some kind")
        return self
