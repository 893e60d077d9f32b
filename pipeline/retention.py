"""Everything is destroyed on time, and that is shown."""
