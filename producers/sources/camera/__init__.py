"""Cameras: streams by address and devices at this machine, which fail and come back."""
