"""A small network for machines without a GPU: ranks and moves the geometric estimator's poses."""
