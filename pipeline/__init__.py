"""Birthshare: births shared with children's centres by consent, by agreement, and with proof.

Start reading in `pipeline.month`.
"""
