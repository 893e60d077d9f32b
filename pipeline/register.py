"""The register of recipients and the reach areas: what several persons signed, and nothing else, is used."""
