"""What addresses of sources may name where a service opens them for its users."""
