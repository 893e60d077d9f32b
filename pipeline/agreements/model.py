"""What a sharing agreement says, as one frozen model. Unknown keys are refused.

`schemas/agreement.schema.json` is generated from here.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from pipeline.home import Code, Strict

LocalAuthority = Annotated[str, StringConstraints(pattern=r"^E(06|07|08|09)[0-9]{6}$")]
Days = Annotated[int, Field(ge=0)]


class Party(Strict):
    """An organisation and its role under UK GDPR."""

    name: str
    role: Literal["controller", "joint controller", "processor", "supplier"]


class LawfulBasis(Strict):
    """The UK GDPR basis; never merged with the confidentiality permission."""

    article_6: str
    article_9: str | None = None


class Permission(StrEnum):
    """The confidentiality permission (common law): the parent said yes, or was told and did not object."""

    CONSENT = "consent"
    NOTICE = "notice"


class Confidentiality(Strict):
    """Which answers of parents count, and how."""

    permission: Permission
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
        return self


class Cohort(Strict):
    """Which births the agreement is about."""

    residents_of: Annotated[tuple[LocalAuthority, ...], Field(min_length=1)]
    months_back: Annotated[int, Field(ge=0, le=60)] = 0  # births of so many earlier months still count
    minimum_age_days: Days = 0
    maximum_age_days: Days | None = None
    settling_days: Days = 0  # an address newer than this holds the family


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
    PARENT_NAME = "parent_name"
    ADDRESS = "address"
    LANGUAGE = "language"
    NHS_NUMBER = "nhs_number"


class RecipientsOf(Strict):
    """Who receives: the recipient that serves the family's reach area in one network."""

    network: Code
    kind: str


class Totals(Strict):
    """The number of all births in each recipient's area, protected by rounding."""

    source: Literal["extract"]
    rounding: Literal["nhs_england_5"]  # 0 stays 0, 1 to 7 become 5, others to the nearest 5


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


class Agreement(Strict):
    """One version of a sharing agreement."""

    id: Code
    version: Annotated[int, Field(ge=1)]
    title: str
    purpose: str
    parties: Annotated[tuple[Party, ...], Field(min_length=2)]
    suppliers: Annotated[tuple[Code, ...], Field(min_length=1)]
    powers: tuple[str, ...] = ()
    lawful_basis: LawfulBasis
    confidentiality: Confidentiality
    cohort: Cohort
    exclusions: Exclusions = Exclusions()
    recipients: RecipientsOf
    fields: Annotated[tuple[ListField, ...], Field(min_length=1)]
    totals: Totals | None = None
    use: Use
    retention_days: Annotated[int, Field(gt=0)]  # at the recipient, from the day of the list
    deaths_feed_max_age_days: Annotated[int, Field(gt=0)] = 7
    release: Release
    dates: Dates
    approvers: Annotated[tuple[str, ...], Field(min_length=1)]  # roles that must have signed
    history: tuple[Event, ...] = ()
