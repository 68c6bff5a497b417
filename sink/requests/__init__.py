"""Jobs that programs ask for by a topic."""
