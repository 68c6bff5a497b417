"""The command line and the local stack: composes the rooms; no room imports it."""
