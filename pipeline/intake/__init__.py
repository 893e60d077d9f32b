"""Intake: a supplier's file becomes an extract of text columns. It never judges a single value."""
