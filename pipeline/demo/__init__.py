"""A whole authority in a folder, with invented families, so that everybody can see a month run."""
