"""Weights that users bring, of whatever estimator: found in a folder, read without running code, checked, imported."""
