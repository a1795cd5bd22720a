"""Readers of published data sets of real people: their names, codes, subjects and terms."""
