"""What a worker keeps in memory between jobs: the last models, and the last factors and prepared queries."""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from app.models import Model
from app.services.model_files import resolved
from app.settings import Settings
from engine import Factors, GradientIndex, LanguageModel, LexicalIndex, PreparedQueries

T = TypeVar("T")

_GIGABYTE = 1e9


class Loaded:
    """Models by source, the least recently used let go beyond a size; of everything else the last one."""

    def __init__(self, settings: Settings) -> None:
        self._device = settings.device
        self._limit = settings.model_cache_gb * _GIGABYTE
        self._models: OrderedDict[tuple[str | None, ...], LanguageModel] = OrderedDict()
        self._factors = _Last[Factors]()
        self._prepared = _Last[PreparedQueries]()
        self._lexical = _Last[LexicalIndex]()
        self._index = _Last[GradientIndex]()

    def model(self, row: Model, track: str) -> LanguageModel:
        """The model of a row, loaded now if it is not in memory. Raises ModelError or InvalidInput if it cannot be."""
        key = (row.source, row.revision, row.gguf_file, row.adapter, row.adapter_weights, track)
        if key not in self._models:
            _hush()
            place = resolved(row.source, row.gguf_file)
            self._models[key] = LanguageModel.from_pretrained(
                place.path,
                revision=row.revision,
                gguf_file=place.gguf_file,
                device=self._device,
                track=track,
                adapter=row.adapter,
                adapter_weights=row.adapter_weights or "merged",
            )
        self._models.move_to_end(key)
        self._let_go()
        return self._models[key]

    def factors(self, folder: Path) -> Factors:
        """The factors of a folder. Raises FactorsError when it is damaged."""
        return self._factors.get(folder, lambda: Factors.load(folder))

    def prepared(self, folder: Path, model: LanguageModel) -> PreparedQueries:
        """The prepared queries of a folder, on the model's device."""
        return self._prepared.get(folder, lambda: PreparedQueries.load(folder, str(model.device)))

    def lexical(self, folder: Path) -> LexicalIndex:
        """The lexical index of a folder. Raises CorpusError when it is missing or damaged."""
        return self._lexical.get(folder, lambda: LexicalIndex.open(folder))

    def index(self, folder: Path) -> GradientIndex:
        """The gradient index of a folder. Raises EngineError when it is missing or damaged."""
        return self._index.get(folder, lambda: GradientIndex.open(folder))

    def _let_go(self) -> None:
        while len(self._models) > 1 and sum(map(_bytes, self._models.values())) > self._limit:
            self._models.popitem(last=False)


def _hush() -> None:
    # Its bars would run through the worker's log, and through what `influence query` says.
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def _bytes(model: LanguageModel) -> int:
    return model.parameters * model.dtype.itemsize


class _Last(Generic[T]):
    """The last thing read from a folder, with the folder's time of change, so that a new one is read anew."""

    def __init__(self) -> None:
        self._key: tuple[Path, int] | None = None
        self._value: T | None = None

    def get(self, folder: Path, read: Callable[[], T]) -> T:
        key = (folder, folder.stat().st_mtime_ns if folder.exists() else 0)
        if self._key != key or self._value is None:
            self._key, self._value = None, None
            self._value = read()
            self._key = key
        return self._value
