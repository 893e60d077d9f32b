"""Consent: may this family be put on this list?

`decide` answers once a month for every birth under one agreement; `gate` asks again for each list,
minutes before it is sealed, and can only remove. Both are pure: no clock, no file, no network.

Read `rules.py` first: it is the table of every reason. `never.py`, `family.py`, `permission.py` and
`place.py` say when each is true; `versions.py` and `deliveries.py` say which rows speak of one child
and which children share one card, `answers.py` and `words.py` what was said beside the births.
`coded.py` keeps of births only what a decision rests on, for replays.
"""
