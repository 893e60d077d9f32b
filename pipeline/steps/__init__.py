"""The steps of a month, from the sealed extract to the closed books; `pipeline.month` has their order."""
