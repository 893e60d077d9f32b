"""What lies outside the authority's house: places that keep its checkpoints, witnesses that countersign them.

Somebody who can rewrite the whole database can rewrite the checkpoints in it. What others hold they cannot.
"""
