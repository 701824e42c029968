"""Characters that no text may hold."""


def unusable(text: str) -> str | None:
    """The first character that neither a tokenizer nor a database can hold, as U+0000; None for a usable text."""
    bad = next((c for c in text if c == "\0" or "\ud800" <= c <= "\udfff"), None)
    return None if bad is None else f"U+{ord(bad):04X}"
