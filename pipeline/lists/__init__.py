"""Lists: decided, placed and gated births become one list for one recipient.

This room never decides who is included. It shows what the agreement names, and nothing else.
"""
