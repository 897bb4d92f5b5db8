"""Measured comparisons with what a user would pick instead; run by ``make bench``."""
