"""How work that is no longer wanted ends."""


class Stopped(Exception):  # noqa: N818 - not an error: nobody waits for the work any more
    """All runs of a scan were cancelled; raised from a progress callback, it unwinds the engine cleanly."""
