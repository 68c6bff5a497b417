"""Producers that the service starts for jobs with a source, and what such a source may be."""
