"""What a model's folder tells without loading the model: tokenizer, context length, beginning-of-sequence token."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.services.tokenizing import tokenizer


@dataclass(frozen=True)
class ModelFiles:
    """Enough to preview tokens before a worker has read the model; None where the folder does not say."""

    tokenizer_json: str | None
    begins_with: int | None
    begins_with_text: str | None
    context_length: int | None


NOTHING = ModelFiles(None, None, None, None)


def peek(source: str) -> ModelFiles:
    """Look into a local folder; a hub id, or a folder that says nothing, gives nothing."""
    folder = Path(source)
    definition = folder / "tokenizer.json"
    if not definition.is_file():
        return NOTHING
    text = definition.read_text(encoding="utf-8")
    bos = _bos(_json(folder / "tokenizer_config.json"))
    return ModelFiles(
        tokenizer_json=text,
        begins_with=None if bos is None else tokenizer(text).token_to_id(bos),
        begins_with_text=bos,
        context_length=_json(folder / "config.json").get("max_position_embeddings"),
    )


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return read


def _bos(config: dict[str, Any]) -> str | None:
    token = config.get("bos_token")
    return token.get("content") if isinstance(token, dict) else token
