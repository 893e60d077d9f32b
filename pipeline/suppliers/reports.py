"""A supplier's report on its rows, sealed for it and brought to it."""
