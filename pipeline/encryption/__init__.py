"""Bytes to sealed bytes and back, and signatures. This room does not know what a birth is."""
