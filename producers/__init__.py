"""Video to Kafka."""
