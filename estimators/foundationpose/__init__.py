"""FoundationPose (Wen et al. 2024, arXiv 2312.08344), written from facts about it; needs torch and weights.

``estimators.registry`` loads it by the name ``foundationpose``.
"""
