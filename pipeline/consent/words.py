"""Later words about a child, a parent or an address.

They stand for good but for two: a word of a death can be taken back, and one of a move is answered by a
row that gives an address since then.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.agreements.model import AFTER_A_BIRTH_DAYS
from pipeline.reasons import Reason
from pipeline.records import SUPPRESSIONS, among, declared

DEATH_REMOVED = "death_removed"
DELIVERED = "delivered"  # in the month that `since` begins, alive or not: a word about the woman
BORN = "born"  # alive: it ends what was expected as any unknown word does, and is no loss to remember

SUBJECTS = ("child", "parent", "dwelling")

# What may be said of a subject later. Any other word, known elsewhere or not, suppresses.
SAYABLE = frozenset({
    Reason.RESTRICTED_RECORD, Reason.SUPPRESSED, Reason.IDENTITY_SUPERSEDED, Reason.LOOKED_AFTER,
    Reason.ADOPTION, Reason.SAFEGUARDING, Reason.PARENT_DIED, Reason.IN_HOSPITAL, Reason.RECENT_MOVE,
    Reason.CONSENT_REFUSED, Reason.CONSENT_WITHDRAWN, Reason.OBJECTED, Reason.NATIONAL_OPT_OUT,
})  # fmt: skip

# Each word as a packed set. What is weighed by its day is not in it: see `died`, `delivered` and `moved`.
_MEANING = {str(reason): reason.bit for reason in SAYABLE}
_MEANING |= dict.fromkeys([str(Reason.CHILD_DIED), DEATH_REMOVED, DELIVERED, str(Reason.RECENT_MOVE)], 0)

_ALWAYS = np.datetime64("9999-12-31", "s")  # when a word without a date ends
_NEVER = np.datetime64("NaT", "s")

_HEARD_IN_EVERY_ROW = [
    str(Reason.CHILD_DIED), DEATH_REMOVED, str(Reason.CONSENT_REFUSED), str(Reason.CONSENT_WITHDRAWN),
    str(Reason.OBJECTED),
]  # fmt: skip


def tells_of_death(births: pd.DataFrame) -> pd.Series[bool]:
    """A row with a death status other than `U`, or with a date of death."""
    return ~births["death_status"].isin(["", "U"]) | births["date_of_death"].notna()


def takes_death_back(births: pd.DataFrame) -> pd.Series[bool]:
    """A row that says that a notice of death was removed."""
    return births["death_status"] == "U"


def restricted(births: pd.DataFrame) -> pd.Series[bool]:
    """A row whose PDS confidentiality is anything other than U or blank."""
    return ~births["confidentiality"].isin(["U", ""])


def flagged(births: pd.DataFrame, column: str) -> pd.Series[bool]:
    """The flag is set. Only N and blank are clear; any other value sets it."""
    return ~births[column].isin(["N", ""])


def heard(births: pd.DataFrame) -> pd.DataFrame:
    """What births of suppliers whom an agreement does not name say against sharing, as SUPPRESSIONS.

    A child can be in two suppliers' extracts: a death or a refusal counts wherever it is written.
    """
    answer = births["consent_status"]
    against = {
        str(Reason.CHILD_DIED): tells_of_death(births),
        DEATH_REMOVED: takes_death_back(births),
        str(Reason.SUPPRESSED): ~births["live_or_still_birth"].isin(["1", ""]),
        str(Reason.RESTRICTED_RECORD): restricted(births),
        str(Reason.CONSENT_REFUSED): answer == "refused",
        str(Reason.CONSENT_WITHDRAWN): answer == "withdrawn",
        str(Reason.OBJECTED): births["objection_date"].notna(),
        **{
            str(flag): flagged(births, str(flag))
            for flag in (Reason.LOOKED_AFTER, Reason.ADOPTION, Reason.SAFEGUARDING, Reason.IN_HOSPITAL)
        },
        str(Reason.PARENT_DIED): ~births["parent_death_status"].isin(["", "U"]),
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
    has ended there has ended here. That is a loss unless a child lives. Either is said of the parent;
    where a row does not give the parent, of the dwelling: a card must not reach the home of a loss.
    Whatever else a pregnancy's row says against sharing is said of the woman too: another trust has
    another number for the pregnancy.
    """
    over = births[born | ~births["live_or_still_birth"].isin(["1", ""])]
    subject = over["parent"].where(over["parent"] != "", over["dwelling"])
    lives = (over["live_or_still_birth"] == "1") & ~tells_of_death(over)
    word = lives.map({True: BORN, False: str(Reason.SUPPRESSED)})
    ends = pd.DataFrame({"subject": subject, "since": over["last_updated"], "word": word})
    pregnancies = births[~born]
    of_women = heard(pregnancies.assign(child=pregnancies["parent"]))
    said = pd.concat([declared(ends, SUPPRESSIONS), of_women], ignore_index=True)
    return said[said["subject"] != ""]


def deliveries(births: pd.DataFrame) -> pd.DataFrame:
    """That a child was born to a woman, alive or not, as SUPPRESSIONS to remember beyond the month.

    Only the month is said, not the day. Where a row does not give the woman, it is said of the dwelling.
    """
    subject = births["parent"].where(births["parent"] != "", births["dwelling"])
    month = births["date_of_birth"].dt.to_period("M").dt.start_time
    said = pd.DataFrame({"subject": subject, "word": DELIVERED, "since": month})
    return declared(said[said["subject"] != ""].drop_duplicates(), SUPPRESSIONS)


def delivered(expected: pd.DataFrame, suppressions: pd.DataFrame) -> pd.Series[bool]:
    """Rows of a woman, or a home, that is known to have had the child that was expected, or lost it."""
    heard_of = suppressions[(suppressions["word"] == DELIVERED) & (suppressions["subject"] != "")]
    latest = heard_of["since"].fillna(_ALWAYS).groupby(heard_of["subject"]).max()
    over = latest.reindex(expected["parent"]).to_numpy(), latest.reindex(expected["dwelling"]).to_numpy()
    due = expected["date_of_birth"] - pd.Timedelta(days=AFTER_A_BIRTH_DAYS)
    return (due < over[0]) | (due < over[1])


def moved(births: pd.DataFrame, suppressions: pd.DataFrame) -> pd.Series:
    """The last day on which the family of a row is said to have moved; NaT where nobody said so.

    A move of which nobody knows the day never ends.
    """
    said = suppressions[(suppressions["word"] == Reason.RECENT_MOVE) & (suppressions["subject"] != "")]
    latest = said["since"].fillna(_ALWAYS).dt.normalize().groupby(said["subject"]).max()
    days = np.append(latest.to_numpy("datetime64[s]"), _NEVER)  # the last one: nobody said so
    last = np.full(len(births), _NEVER)
    for found in _found(births, latest.index.tolist()):
        last = np.fmax(last, days[found])
    return pd.Series(last, index=births.index)


def of_children(births: pd.DataFrame, suppressions: pd.DataFrame) -> pd.DataFrame:
    """The later words, and of each child too what is said of a parent whom any version of its row names.

    A newer version, or another supplier's, may leave the parent out: that takes nobody off a list. Deaths
    stay with whom they are said of, since a notice about a parent says nothing about a child's.
    """
    words = suppressions[~suppressions["word"].isin([str(Reason.CHILD_DIED), DEATH_REMOVED])]
    words = words[words["subject"] != ""].rename(columns={"subject": "parent"})
    named = births.loc[among(births["parent"], words["parent"]), ["child", "parent"]].drop_duplicates()
    said = named.merge(words, on="parent").rename(columns={"child": "subject"})
    return pd.concat([suppressions, declared(said, SUPPRESSIONS)], ignore_index=True)


def parents_named(births: pd.DataFrame) -> dict[str, str]:
    """By child the parent whom the newest row names that names one, whoever's it is."""
    named = births.loc[births["parent"] != "", ["child", "parent", "last_updated"]]
    newest = named.sort_values("last_updated", kind="stable", na_position="first")
    return dict(zip(newest["child"], newest["parent"], strict=True))


def told(births: pd.DataFrame, suppressions: pd.DataFrame) -> npt.NDArray[np.int64]:
    """For each birth the packed set of what was said later of its child, parent or dwelling.

    A word stands until it is taken off the list, whatever its date: a refusal wins over any permission.
    """
    words = suppressions[suppressions["subject"] != ""]
    said: dict[str, int] = {}
    for subject, word in zip(words["subject"].tolist(), words["word"].tolist(), strict=True):
        said[subject] = said.get(subject, 0) | _MEANING.get(word, Reason.SUPPRESSED.bit)
    meanings = np.array([*said.values(), 0], dtype="int64")  # the last one: nothing was said
    packed = np.zeros(len(births), dtype="int64")
    for found in _found(births, list(said)):
        packed |= meanings[found]
    return packed


def _found(births: pd.DataFrame, subjects: list[str]) -> Iterator[npt.NDArray[np.int64]]:
    """For child, parent and dwelling: where each birth's stands among the subjects; -1 where it does not."""
    known = pa.array(subjects, type=pa.large_string())
    for subject in SUBJECTS:
        found = pc.index_in(pa.array(births[subject], type=pa.large_string()), value_set=known)
        yield found.fill_null(-1).to_numpy()


def died(births: pd.DataFrame, suppressions: pd.DataFrame, moment: datetime) -> pd.Series[bool]:
    """Births of which a death is known, from any version of the row or any later word.

    Only `U` (removed) that is newer than every word of the death lifts it. An undated death is never
    lifted; an undated `U`, or one from after the moment of decision, lifts nothing.
    """
    deaths = _events(births, tells_of_death(births), suppressions, Reason.CHILD_DIED)
    removals = _events(births, takes_death_back(births), suppressions, DEATH_REMOVED)
    removals = removals[removals["when"] <= pd.Timestamp(moment.replace(tzinfo=None))]
    removed = removals.groupby("subject")["when"].max().reindex(deaths["subject"])
    standing = deaths.loc[~(removed.to_numpy() > deaths["when"]), "subject"]
    child, parent, dwelling = (among(births[subject], standing) for subject in SUBJECTS)
    return pd.Series(child | parent | dwelling, index=births.index)


def _events(
    births: pd.DataFrame, rows: pd.Series[bool], suppressions: pd.DataFrame, word: str
) -> pd.DataFrame:
    """Who and when, from the rows and from the later words; a blank subject is nobody."""
    from_rows = births.loc[rows, ["child", "last_updated"]].set_axis(["subject", "when"], axis=1)
    later = suppressions.loc[suppressions["word"] == word, ["subject", "since"]]
    events = pd.concat([from_rows, later.set_axis(["subject", "when"], axis=1)], ignore_index=True)
    return events[events["subject"] != ""]
