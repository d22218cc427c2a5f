"""Compares clients that make the same cohort on the dev cloud; see README.md."""
