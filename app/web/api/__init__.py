"""API v1: everything the pages show, as JSON."""
