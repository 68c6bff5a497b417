"""Each word as its Avro record: to a dictionary for the writer, and back from what a reader found."""
