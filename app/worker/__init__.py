"""The worker: the only place that imports the engine. It turns rows into engine terms, and answers into rows."""
