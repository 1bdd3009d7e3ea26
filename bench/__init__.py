"""Measures Assent beside the least program that could be called the job. See README.md."""
