"""Checking an agreement before anybody relies on it: can a record of some kind ever be shared?

What a decision reads of a record is finite once it is coded: each code of the contract, blank, or a
code that nobody knows; each date just before, on and just after each boundary of this agreement; each
later word; each sibling and each other version of the row. `variables` lists them in the words of
`choices`, `families` makes the frames of such records, `engine` has `pipeline.consent` decide them,
`tables` covers every combination, `asking` answers `properties` from the tables, `mixing` tries the
method out, and `findings` and `in_home` say what is wrong with an agreement. `check` does all of it.
Read `tables` for why the answers hold for all combinations, though not all of them are decided.
"""
