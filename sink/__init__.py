"""Pose events to Postgres, websockets and the live page."""
