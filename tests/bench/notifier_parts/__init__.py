"""Parts of ``tests/bench/notifier.py``."""
