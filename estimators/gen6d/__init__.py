"""Gen6D (Liu et al. 2022, arXiv 2204.10776), written from facts about it; needs torch, weights and posed photos.

``estimators.registry`` loads it by the name ``gen6d``.
"""
