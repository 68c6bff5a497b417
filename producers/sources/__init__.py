"""Where frames come from; ``open_source`` makes one from its address."""
