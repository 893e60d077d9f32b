"""Later words about a child, a parent or an address, and the one word that can be taken back: death."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.reasons import Reason
from pipeline.records import SUPPRESSIONS, declared

DEATH_REMOVED = "death_removed"

SUBJECTS = ("child", "parent", "dwelling")

# What may be said of a subject later. Any other word, known elsewhere or not, suppresses.
SAYABLE = frozenset({
    Reason.RESTRICTED_RECORD, Reason.SUPPRESSED, Reason.IDENTITY_SUPERSEDED, Reason.LOOKED_AFTER,
    Reason.ADOPTION, Reason.SAFEGUARDING, Reason.PARENT_DIED, Reason.IN_HOSPITAL, Reason.RECENT_MOVE,
    Reason.CONSENT_REFUSED, Reason.CONSENT_WITHDRAWN, Reason.OBJECTED, Reason.NATIONAL_OPT_OUT,
})  # fmt: skip

# Each word as a packed set; deaths are not in it, `died` weighs them.
_MEANING = {str(reason): reason.bit for reason in SAYABLE} | {Reason.CHILD_DIED: 0, DEATH_REMOVED: 0}

_HEARD_IN_EVERY_ROW = [
    str(Reason.CHILD_DIED), DEATH_REMOVED, str(Reason.CONSENT_REFUSED), str(Reason.CONSENT_WITHDRAWN),
    str(Reason.OBJECTED),
]  # fmt: skip


def heard(births: pd.DataFrame) -> pd.DataFrame:
    """What births of suppliers whom an agreement does not name say against sharing, as SUPPRESSIONS.

    A child can be in two suppliers' extracts: a death or a refusal counts wherever it is written.
    """
    status, answer = births["death_status"], births["consent_status"]
    against = {
        str(Reason.CHILD_DIED): ~status.isin(["", "U"]) | births["date_of_death"].notna(),
        DEATH_REMOVED: status == "U",
        str(Reason.SUPPRESSED): ~births["live_or_still_birth"].isin(["1", ""]),
        str(Reason.RESTRICTED_RECORD): ~births["confidentiality"].isin(["U", ""]),
        str(Reason.CONSENT_REFUSED): answer == "refused",
        str(Reason.CONSENT_WITHDRAWN): answer == "withdrawn",
        str(Reason.OBJECTED): births["objection_date"].notna(),
        **{
            flag: ~births[flag].isin(["N", ""])
            for flag in (str(Reason.LOOKED_AFTER), str(Reason.ADOPTION), str(Reason.SAFEGUARDING))
        },
    }
    said = [births.loc[mask, ["child", "last_updated"]].assign(word=word) for word, mask in against.items()]
    together = pd.concat(said, ignore_index=True).set_axis(["subject", "since", "word"], axis="columns")
    return declared(together, SUPPRESSIONS)


def heard_beside(births: pd.DataFrame) -> pd.DataFrame:
    """What one of an agreement's suppliers says against a child whom another reports too, as SUPPRESSIONS.

    Suppliers do not know of one another: a newer row of one does not lift what the other's newest row
    says. Deaths and what parents answered are not said here: they count from every row in any case.
    """
    latest = births.groupby(["child", "supplier"])["last_updated"].transform("max")
    current = births[~(births["last_updated"] < latest)]
    said = heard(current[current.groupby("child")["supplier"].transform("nunique") > 1])
    return said[~said["word"].isin(_HEARD_IN_EVERY_ROW)]


def ended(births: pd.DataFrame, born: pd.Series[bool]) -> pd.DataFrame:
    """What births of other suppliers say against births that are still expected, as SUPPRESSIONS.

    `born` are the rows that tell of a birth, alive or not; the others tell of a pregnancy, and one that
    has ended there has ended here. Either is said of the parent; where a row does not give the
    parent, of the dwelling: a card must not reach the home of a loss.
    """
    over = births[born | ~births["live_or_still_birth"].isin(["1", ""])]
    subject = over["parent"].where(over["parent"] != "", over["dwelling"])
    said = pd.DataFrame({"subject": subject, "since": over["last_updated"], "word": str(Reason.SUPPRESSED)})
    return declared(said[said["subject"] != ""], SUPPRESSIONS)


def told(births: pd.DataFrame, suppressions: pd.DataFrame) -> npt.NDArray[np.int64]:
    """For each birth the packed set of what was said later of its child, parent or dwelling.

    A word stands until it is taken off the list, whatever
    its date: a refusal wins over any permission.
    """
    words = suppressions[suppressions["subject"] != ""]
    said: dict[str, int] = {}
    for subject, word in zip(words["subject"], words["word"], strict=True):
        said[subject] = said.get(subject, 0) | _MEANING.get(word, Reason.SUPPRESSED.bit)
    by_subject = pd.Series(said, dtype="int64")
    packed = np.zeros(len(births), dtype="int64")
    for subject in SUBJECTS:
        spoken_of = births[subject].isin(by_subject.index).to_numpy(dtype="bool")
        packed[spoken_of] |= by_subject[births.loc[spoken_of, subject]].to_numpy()
    return packed


def died(births: pd.DataFrame, suppressions: pd.DataFrame, moment: datetime) -> pd.Series[bool]:
    """Births of which a death is known, from any version of the row or any later word.

    Only `U` (removed) that is newer than every word of the death lifts it. An undated death is never
    lifted; an undated `U`, or one from after the moment of decision, lifts nothing.
    """
    status, dated = births["death_status"], births["date_of_death"].notna()
    deaths = _events(births, ~status.isin(["", "U"]) | dated, suppressions, Reason.CHILD_DIED)
    removals = _events(births, status == "U", suppressions, DEATH_REMOVED)
    removals = removals[removals["when"] <= pd.Timestamp(moment.replace(tzinfo=None))]
    removed = removals.groupby("subject")["when"].max().reindex(deaths["subject"])
    standing = deaths.loc[~(removed.to_numpy() > deaths["when"]), "subject"].unique()
    return births[list(SUBJECTS)].isin(standing).any(axis=1)


def _events(
    births: pd.DataFrame, rows: pd.Series[bool], suppressions: pd.DataFrame, word: str
) -> pd.DataFrame:
    """Who and when, from the rows and from the later words; a blank subject is nobody."""
    from_rows = births.loc[rows, ["child", "last_updated"]].set_axis(["subject", "when"], axis=1)
    later = suppressions.loc[suppressions["word"] == word, ["subject", "since"]]
    events = pd.concat([from_rows, later.set_axis(["subject", "when"], axis=1)], ignore_index=True)
    return events[events["subject"] != ""]
