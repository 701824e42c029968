"""Measurements on request: ratios within one run, with date, commit and device. `make bench` runs the first."""
