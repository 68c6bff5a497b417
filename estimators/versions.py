"""Versions of the estimators: each changes whenever equal input may give other poses."""

from collections.abc import Mapping

VERSIONS: Mapping[str, str] = {"geometric": "8", "foundationpose": "2", "gen6d": "1"}
