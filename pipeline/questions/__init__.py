"""The questions that an information governance officer gets, answered from the ledger.

Each module answers one of them as plain data (counts, codes, days, digests); `pipeline.reporting` makes pages
and files of it. Nothing here holds a rule: what was decided, sent and called back is asked of those who know.
"""
