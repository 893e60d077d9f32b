"""What an officer needs in the first hours of a breach: what to do, whom to tell, the draft of the notice.

The draft follows UK GDPR Article 33(3) and the questions that the Information Commissioner asks. What no
program can know is left blank, as a question. As the law and the Commissioner's pages were read on 22
November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from pipeline.agreements.words import counted, listed, on_day, role

Facts = Mapping[str, Any]

COMMISSIONER = (
    "Information Commissioner (ICO), telephone 0303 123 1113, ico.org.uk/for-organisations/report-a-breach"
)

_TAKEN = ("collected", "acknowledged")
_FEW = 12  # months or recipients that are named


def draft(facts: Facts) -> dict[str, Any]:
    """Keys: do_now and tell (what, commands), identify (sentences), notice (article, heading, known, blanks),
    high_risk (for, against, blanks).
    """
    return {
        "do_now": _do_now(facts),
        "tell": _tell(facts),
        "identify": _identify(facts),
        "notice": _notice(facts),
        "high_risk": _high_risk(facts),
    }


def moment_in_words(written: str) -> str:
    """A moment as a letter writes it: 3 November 2026, 09:30."""
    moment = datetime.fromisoformat(written)
    return f"{on_day(moment.date())}, {moment:%H:%M}"


# --- what can be done, and who must hear ----------------------------------------------------------


def _do_now(facts: Facts) -> list[dict[str, Any]]:
    """What stops the harm, the most urgent first, with the commands."""
    return [
        *_stop(facts),
        *_take_back(facts),
        *_have_destroyed(facts),
        *_call_back(facts),
        _step(
            "Keep the evidence: prove that the record is as it was, and take out the entries about these"
            " lists.",
            "birthshare ledger verify",
            *_prove(facts),
        ),
    ]


def _stop(facts: Facts) -> list[dict[str, Any]]:
    running = [one for one in facts["agreements"] if not one["suspended"]]
    steps = [
        _step(
            f"Stop {one['agreement']}, if more could go wrong. Nothing leaves under it from that moment on,"
            f" for good. {_may_stop(one)}",
            f"birthshare agreement suspend {one['agreement']} --role ROLE --key YOUR-KEY",
        )
        for one in running
    ]
    if facts["recipients"]:
        steps.append(
            _step(
                "To stop one recipient alone, give it a last day (ends: YYYY-MM-DD) in"
                " reference/recipients.yaml. It gets nothing from then on, even before anybody has signed"
                f" that.{_key(facts)}",
                *([f"birthshare recipients password {_code(facts)} --as YOU"] if _passwords(facts) else []),
            )
        )
    return steps


def _may_stop(agreement: Facts) -> str:
    roles = [role(who) for who in agreement["suspenders"]]
    return f"Any one of these may: {listed(roles, 'or')}." if roles else "Any role that signs it may."


def _take_back(facts: Facts) -> list[dict[str, Any]]:
    waiting = [one for one in facts["lists"] if one["state"] == "delivered" or one["may_have_arrived"]]
    if not waiting:
        return []
    files = [one["file"] for one in waiting if one["state"] == "delivered"]
    named = files if len(files) <= _FEW else ["LIST"]
    return [
        _step(
            f"{_lists(len(waiting))} may still lie sealed in the recipient's folder, not collected: take"
            " each back. A list that is there no more was collected.",
            *(f"birthshare receipts take-back {file} --as YOU" for file in named),
        )
    ]


def _have_destroyed(facts: Facts) -> list[dict[str, Any]]:
    taken = [one for one in facts["lists"] if one["state"] in _TAKEN]
    if not taken:
        return []
    contacts = {one["code"]: one["contact"] or "no contact is registered" for one in facts["recipients"]}
    codes = sorted({one["recipient"] for one in taken})
    file = taken[0]["file"] if len(taken) == 1 else "LIST"
    called = "; ".join(f"{code}: {contacts[code]}" for code in codes[:_FEW])
    more = f"; and {len(codes) - _FEW} more" if len(codes) > _FEW else ""
    return [
        _step(
            f"{_lists(len(taken))} {'was' if len(taken) == 1 else 'were'} collected and not said to be"
            " destroyed. Call, have each locked away or destroyed, and record what you are told."
            f" {called}{more}.",
            f"birthshare receipts record {file} destroyed --as YOU",
        )
    ]


def _call_back(facts: Facts) -> list[dict[str, Any]]:
    steps = []
    if facts["called_back"]["open"]:
        steps.append(
            _step(
                f"{_rows(facts['called_back']['open'])} called back and not said to be off the lists. Send"
                " what waits, and ask.",
                "birthshare recalls send",
                f"birthshare recalls show {_code(facts)}",
            )
        )
    if facts["people"]["lists"]:
        steps.append(
            _step(
                "To take single families off lists that recipients hold, record them as protected; recalls"
                " follow by themselves.",
                "birthshare changes apply FILE --word suppressed --as YOU",
            )
        )
    return steps


def _tell(facts: Facts) -> list[dict[str, Any]]:
    """Who must or should hear of it."""
    people = [f"{role(one['role'])} ({one['principal']})" for one in facts["contacts"]]
    suppliers = sorted({one["name"] or one["supplier"] for one in facts["suppliers"]})
    steps = [_step(f"Here: {listed(people)}; and the senior information risk owner, as your policy says.")]
    if suppliers:
        steps.append(
            _step(
                f"At once: {listed(suppliers)}, from whose records these births come, and every other party"
                " of the agreement that is a controller. Who is only a processor must tell its controller"
                " without undue delay (Article 33(2))."
            )
        )
    steps += [
        _step(
            f"The {COMMISSIONER}: without undue delay and, where feasible, within 72 hours of becoming"
            " aware, unless a risk to people is unlikely (Article 33(1)). A first report with gaps may be"
            " completed later (Article 33(4)); a report after 72 hours says why (33(1))."
        ),
        _step(
            "These are data from health records. Where your organisation reports incidents in the Data"
            " Security and Protection Toolkit (dsptoolkit.nhs.uk), use its reporting tool: it passes what"
            " meets the threshold on to the Commissioner, and asks how likely and how severe the harm is. Do"
            " not report twice."
        ),
        _step("Record the breach, its effects and what was done, even where nobody is told (Article 33(5))."),
    ]
    return steps


def _identify(facts: Facts) -> list[str]:
    """How the families can be found by those who may, without this program naming anybody."""
    if not facts["people"]["children"]:
        return ["No family stands on these lists as far as they left."]
    months = sorted({one["month"] for one in facts["suppliers"]})
    of = f" of {listed(months[:_FEW])}" if months else ""
    more = " and of other months" if len(months) > _FEW else ""
    return [
        "The recipient: each row of a list has a list reference. Whoever has the list opens it and reads"
        " which families stand there. Ask for references, never for names by mail or telephone.",
        f"The supplier: the births are in its extract{of}{more}. Which of them were on a list it does not"
        " know; we can tell it, one family at a time.",
        "We: birthshare report family, with the NHS number of one child, says on which lists that child"
        " stood. Each look is recorded. Nobody here can list the families of a delivered list: the working"
        " files were destroyed when the month was closed.",
    ]


# --- the draft of the notice ----------------------------------------------------------------------


def _notice(facts: Facts) -> list[dict[str, Any]]:
    """The parts of Article 33(3), with what is known, and what a person must fill in."""
    return [
        {
            "article": "33(3)(a)",
            "heading": "What happened",
            "known": _happened(facts),
            "blanks": [
                "What happened, and how? Was it an accident or deliberate, and was it a cyber incident?",
                "When did it happen? When and how was it found out, and by whom?",
                "Who is thought to have seen or taken the data?",
            ],
        },
        {
            "article": "33(3)(a)",
            "heading": "Whom it is about, and how many",
            "known": people_in_words(facts),
            "blanks": ["Do you know of people on these lists who are at particular risk?"],
        },
        {
            "article": "33(3)(a)",
            "heading": "What the data are, and how many records",
            "known": data_in_words(facts),
            "blanks": [],
        },
        {
            "article": "33(3)(b)",
            "heading": "Who can be asked",
            "known": _askable(facts),
            "blanks": [
                "Name and telephone of the person to be asked; your registration number with the ICO."
            ],
        },
        {
            "article": "33(3)(c)",
            "heading": "Likely consequences",
            "known": [],
            "blanks": [
                "What could happen to the families? How likely is that, and how severe?",
                "Has any harm been seen?",
            ],
        },
        {
            "article": "33(3)(d)",
            "heading": "What was done and will be done",
            "known": _measures(facts),
            "blanks": [
                "What was done since it was found out, and what is planned against a repetition?",
                "Had the people involved been trained in data protection in the last two years?",
                "Have the families been told, and who else has?",
            ],
        },
        {
            "article": "33(1)",
            "heading": "If it is reported after 72 hours",
            "known": _clock(facts),
            "blanks": ["Why was it not reported within 72 hours?"],
        },
    ]


def _happened(facts: Facts) -> list[str]:
    people, days = facts["people"], sorted(one["day"] for one in facts["lists"] if one["reached"])
    if not people["lists"]:
        return ["None of these lists is known to have left, or to have been about to arrive."]
    first, last = (on_day(date.fromisoformat(one)) for one in (days[0], days[-1]))
    when = f"on {first}" if first == last else f"between {first} and {last}"
    taken = sum(one["state"] in (*_TAKEN, "destroyed") for one in facts["lists"])
    recipients = len({one["recipient"] for one in facts["lists"] if one["reached"]})
    doubtful = sum(one["may_have_arrived"] for one in facts["lists"])
    return [
        f"{facts['about']['authority']} sent {_lists(people['lists'])} of births to"
        f" {counted(recipients, 'recipient')} {when}, under"
        f" {counted(len(facts['agreements']), 'signed sharing agreement')}.",
        f"Of these, {taken} {'is' if taken == 1 else 'are'} known to have been collected, and"
        f" {sum(one['state'] == 'destroyed' for one in facts['lists'])} said to be destroyed."
        + (f" Of {doubtful} nobody knows whether they arrived." if doubtful else ""),
        "Each list was sealed before it left, for its own recipient's key or password alone.",
    ]


def people_in_words(facts: Facts) -> list[str]:
    """How many children and families, as exactly as anybody can tell."""
    people = facts["people"]
    if not people["children"]:
        numbers = " The lists hold numbers of births in areas." if facts["lists_with_numbers"] else ""
        return [f"No child and no family stands on a list that left.{numbers}"]
    families = people["distinct_families"]
    family = f"{families} {'family' if families == 1 else 'families'}"
    if people["not_distinguished"]:
        said = [
            f"At most {_children(people['at_most_children'])}: {_children(people['distinct_children'])} of"
            f" {family}, counted once each; and {people['not_distinguished']} places on lists of which it was"
            " destroyed in time whose they are, so that nobody can tell whether it was one of the others."
        ]
    else:
        said = [f"{_children(people['distinct_children'])} of {family}, counted once each."]
    return [
        *said,
        f"They stand on {_lists(people['lists'])}, in {counted(people['households'], 'row')}. Parents or"
        f" carers are named with them; {people['named_parents']} of these are known by an NHS number of their"
        " own.",
        "Kinds of people: young children, or babies who are expected, and their parents or carers.",
    ]


def data_in_words(facts: Facts) -> list[str]:
    """What stands on the lists, in the Commissioner's categories, and how many records."""
    people = facts["people"]
    said = (
        [f"{counted(people['households'], 'record')} (a record is one row of a list)."]
        if people["lists"]
        else []
    )
    said += [
        f"{one['words'][:1].upper()}{one['words'][1:]}: {one['category']}; on {_lists(one['lists'])}."
        for one in facts["fields"]
    ]
    if facts["lists_with_numbers"]:
        said.append(
            f"The number of babies born in an area, rounded; on {_lists(facts['lists_with_numbers'])}."
            " It is about nobody."
        )
    said += [
        f"Not known for {one['agreement']}, version {one['version']}: its file is not in the home. Find the"
        f" signed copy with the SHA-256 {one['sha256'] or '(not recorded)'}."
        for one in facts["unknown_terms"]
    ]
    if facts["fields"]:
        special = [one["words"] for one in facts["fields"] if one["special"]]
        said.append(
            f"Special category data (Article 9) are, or may be, {listed(special)}." if special else _NONE
        )
        said += [f"The agreement's condition for special categories: {one}" for one in _article_9(facts)]
    return said


_NONE = (
    "No field is health data by itself. All of it comes from a child health service, and being on a list"
    " tells of a birth."
)


def _article_9(facts: Facts) -> list[str]:
    return [words for one in facts["agreements"] for words in one["article_9"]]


def _askable(facts: Facts) -> list[str]:
    officers = [
        one["principal"] for one in facts["contacts"] if one["role"] in ("dpo", "data_protection_officer")
    ]
    if officers:
        return [f"Data protection officer of {facts['about']['authority']}: {listed(officers)}."]
    return [f"{facts['about']['authority']}. No data protection officer is named in its settings."]


def _measures(facts: Facts) -> list[str]:
    """What stood against it before, and what the ledger has of what was done."""
    states = facts["states"]
    said = [
        "Before: lists only under an agreement signed by its roles; a person approved each release; each"
        f" list sealed for one recipient alone, {_way(facts)}; destruction due on a day that stands on the"
        " list; a record that nobody can change unnoticed.",
    ]
    if states.get("destroyed"):
        said.append(f"{_lists(states['destroyed'])} said by their recipients to be destroyed.")
    if states.get("removed"):
        said.append(f"{_lists(states['removed'])} taken away by us before anybody collected them.")
    back = facts["called_back"]
    if back["rows"]:
        said.append(
            f"{_rows(back['rows'])} called back; {back['open']} of these not yet said to be off the lists."
        )
    stopped = [one["agreement"] for one in facts["agreements"] if one["suspended"]]
    if stopped:
        said.append(f"Suspended: {listed(stopped)}.")
    return said


def _clock(facts: Facts) -> list[str]:
    clock = facts["deadline"]
    if clock is None:
        return []
    known, last = (moment_in_words(clock[name]) for name in ("known_since", "report_by"))
    return [f"Known since {known}; to be reported by {last}."]


# --- whether families must be told ----------------------------------------------------------------


def _high_risk(facts: Facts) -> dict[str, list[str]]:
    """What speaks for a high risk (Article 34(1)) and what against, for a person who decides."""
    codes = {one["code"] for one in facts["fields"]}
    states, back = facts["states"], facts["called_back"]
    taken = sum(states.get(one, 0) for one in _TAKEN)
    sealed = states.get("delivered", 0) + states.get("removed", 0)
    towards = (
        ("address" in codes, "The lists show where families with a new child live."),
        (facts["people"]["children"], "They are about children, who cannot protect themselves."),
        ("nhs_number" in codes, "They show NHS numbers, which open other records."),
        (
            back["for_safety"],
            f"{_rows(back['for_safety'])} called back later because the family is protected or looked after:"
            " think of these first.",
        ),
        (taken, f"{_lists(taken)} collected, and not said to be destroyed."),
        (
            facts["people"]["not_distinguished"],
            "Some families cannot be told apart any more, so that not everybody can be found from here.",
        ),
    )
    against = (
        (
            sealed,
            f"{_lists(sealed)} not known to have been opened by anybody: sealed, they tell nothing to"
            " whoever has no key or password (Article 34(3)(a)). That holds only while nobody else has"
            " these.",
        ),
        (states.get("destroyed"), f"{_lists(states.get('destroyed', 0))} said to be destroyed."),
        (not facts["people"]["lists"], "Nothing is known to have left."),
        (facts["people"]["lists"] and not facts["people"]["children"], "No family stands on them."),
    )
    return {
        "for": [words for true, words in towards if true],
        "against": [words for true, words in against if true],
        "blanks": [
            "Is a high risk to the families likely? Who decided that, when, and why?",
            "If so: when and how are they told, in clear and plain language (Article 34(2))?",
        ],
    }


def _step(what: str, *commands: str) -> dict[str, Any]:
    return {"what": what, "commands": list(commands)}


def _lists(number: int) -> str:
    return counted(number, "list")


def _code(facts: Facts) -> str:
    """The recipient, where there is only one."""
    codes = [one["code"] for one in facts["recipients"]]
    return codes[0] if len(codes) == 1 else "CODE"


def _rows(number: int) -> str:
    return f"{counted(number, 'row')} {'was' if number == 1 else 'were'}"


def _children(number: int) -> str:
    return "1 child" if number == 1 else f"{number} children"


def _prove(facts: Facts) -> list[str]:
    """How the entries are taken out: by their numbers where these are few, else by their days."""
    rows = (*facts["lists"], *facts["notices"])
    if not rows:
        return []
    which = f"--entries {','.join(map(str, facts['entries']))}"
    if not facts["entries"]:
        first = min((one["permitted_at"] or one["day"])[:10] for one in rows)
        which = f"--since {first} --until {facts['about']['made_at'][:10]}"
    return [f"birthshare ledger prove {which} --as YOU --why WORDS --out evidence.zip"]


def _passwords(facts: Facts) -> bool:
    """Whether any recipient opens its lists with a password."""
    return any(one["format"] in ("workbook", "zip") for one in facts["recipients"])


def _key(facts: Facts) -> str:
    """What to do about what opens the lists."""
    said = ""
    if any(one["format"] == "csv" for one in facts["recipients"]):
        said += (
            " If its private key may be known to others, it makes another, and you register the public half."
        )
    if _passwords(facts):
        said += " If its password may be known to others, make another."
    return said


def _way(facts: Facts) -> str:
    """How the lists went, as the register says it of each recipient."""
    ways = {one["via"] for one in facts["recipients"]}
    if not ways or "" in ways:
        return "sent in the way that the register of recipients named then"
    said = {
        "sftp": "sent over SSH to a server whose key is registered",
        "folder": "put into a folder that MESH or another carrier empties",
    }
    return listed([words for way, words in said.items() if way in ways], "or")
