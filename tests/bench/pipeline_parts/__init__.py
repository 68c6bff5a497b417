"""The measurements that ``tests/bench/pipeline.py`` puts into one table."""
