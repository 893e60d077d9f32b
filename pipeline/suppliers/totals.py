"""The companion file of counts, with which the month's births are reconciled."""
