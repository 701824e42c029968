"""What docs/architecture.md promises: its tables are those of the code."""

from app.models import Base
from app.settings import Settings
from tests.app.processes import ROOT

TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def _row(name: str) -> str:
    field = Settings.model_fields[name]
    default = "" if field.default is None else f"`{field.default}`"
    return f"| `INFLUENCE_{name.upper()}` | {default} | {field.description} |"


def test_every_setting_is_documented_with_its_default_and_meaning() -> None:
    expected = [_row(name) for name in Settings.model_fields]
    found = [line for line in TEXT.splitlines() if line.startswith("| `INFLUENCE_")]
    assert found == expected


def test_every_table_is_named() -> None:
    missing = [name for name in Base.metadata.tables if f"`{name}`" not in TEXT]
    assert missing == []
