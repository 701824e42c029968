"""Tests of app.worker."""
