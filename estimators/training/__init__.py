"""Training of our own networks, whatever they are: run by the minute, kept in small pieces, gone on with exactly."""
