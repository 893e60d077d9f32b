"""Keeping the postcode directory and the reach areas right: releases, reviews, changes, numbers by area."""
