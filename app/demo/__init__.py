"""The bundled demo: its corpus, its queries and its models."""
