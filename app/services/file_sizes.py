"""About how large a list's files are, told before they are made: from the lengths of what is in them."""

from collections.abc import Sequence as Many
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import Influence
from app.services.shapes import Sign

# Bytes of a number as text at full precision, and of what else stands in a row.
NUMBER = 21
CSV_ROW = 190
JSON_ROW = 420
# Of a token: its quotes and comma, beside its text.
TOKEN = 4
# What compression leaves of text, and the bytes of a number in a column.
COMPRESSED = 0.35
COLUMN_NUMBER = 5.5
PARQUET_FILE = 9_000


@dataclass(frozen=True)
class FileSizes:
    """Sizes in bytes."""

    csv: int
    jsonl: int
    parquet: int


def sizes(session: Session, run_id: str, sign: Sign, layers: int, ranks: Many[int] | None = None) -> FileSizes:
    """The sizes of the files of a run's list of one sign, or of those of some ranks."""
    # The arrays say how many tokens there are by their bytes: four each.
    told = select(func.count(), func.sum(func.length(Influence.text)), func.sum(func.length(Influence.token)))
    chosen = told.where(Influence.run_id == run_id, Influence.sign == sign)
    if ranks is not None:
        chosen = chosen.where(Influence.rank.in_(ranks))
    rows, letters, bytes_of_tokens = session.execute(chosen).one()
    text, tokens = int(letters or 0), int(bytes_of_tokens or 0) // 4
    numbers = NUMBER * (layers + 3) * rows
    return FileSizes(
        csv=CSV_ROW * rows + text + numbers,
        jsonl=JSON_ROW * rows + 2 * text + (NUMBER + TOKEN) * tokens + numbers,
        parquet=PARQUET_FILE + round(COMPRESSED * 2 * text + COLUMN_NUMBER * (tokens + (layers + 4) * rows)),
    )
