"""The terms of the product and what they mean, from the one table that code and pages share: docs/terms.md."""

from functools import cache

from app.paths import bundled


@cache
def terms() -> dict[str, str]:
    """Every term with its meaning, in the table's order."""
    lines = (bundled("docs") / "terms.md").read_text(encoding="utf-8").splitlines()
    rows = [line.strip().strip("|").replace("\\|", "\0").split("|") for line in lines if line.startswith("|")]
    # The first two rows are the head of the table.
    return {term.strip(): meaning.strip().replace("\0", "|") for term, meaning in rows[2:]}
