"""A supplier's file beside its earlier ones: what changed, and who accepted it."""
