"""Sizes in bytes, from shapes alone: factors, prepared queries, captured vectors, and what is made of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch

from engine.maths.cost import Work, by_factors, by_gradients, by_gradients_of_factors, by_tokens
from engine.maths.gradient import rotating_tokens_is_cheaper
from engine.maths.slices import ACCELERATOR_BYTES, BUFFER_BYTES, CACHE_BYTES
from engine.maths.wide import accumulating
from engine.model.language_model import LanguageModel
from engine.terms import ByteBudget, FactorConfig, IndexConfig, Precision, Rank, ScoreConfig

# LAPACK's divide and conquer works in two matrices of float64 beside the one that it turns into eigenvectors.
_DOUBLE = 8


@dataclass(frozen=True, slots=True)
class Shape:
    """A tracked module: its widths (`d_in` counts the homogeneous 1), and the module whose input it reads too."""

    name: str
    d_in: int
    d_out: int
    shares: str

    @property
    def numbers(self) -> int:
        """How many numbers a gradient has."""
        return self.d_in * self.d_out


def shapes(model: LanguageModel, sharing: Mapping[str, str]) -> tuple[Shape, ...]:
    """The tracked modules. sharing: for each the first that reads the same tensor."""
    widths = {name: model.dimensions(name) for name in model.tracked}
    return tuple(Shape(name, d_in, d_out, sharing[name]) for name, (d_out, d_in) in widths.items())


def weight_bytes(model: LanguageModel) -> int:
    """The model's parameters and buffers, a tied one once."""
    distinct = {id(t): t for t in (*model.hf_model.parameters(), *model.hf_model.buffers())}
    return sum(tensor.nbytes for tensor in distinct.values())


def covariance_bytes(modules: Iterable[Shape], config: FactorConfig, dtype: torch.dtype) -> int:
    """The sums of a a^T, once for modules that share an input, and of d d^T; eigenvectors take the same."""
    return _item(dtype) * sum(_square(width, config.block_width) for width in _widths(modules))


def eigenvalue_bytes(modules: Iterable[Shape], dtype: torch.dtype) -> int:
    """K-FAC's eigenvalues, beside the eigenvectors."""
    return _item(dtype) * sum(_widths(modules))


def corrected_bytes(modules: Iterable[Shape], dtype: torch.dtype) -> int:
    """Corrected eigenvalues: one number for each weight."""
    return _item(dtype) * sum(module.numbers for module in modules)


def factor_bytes(modules: tuple[Shape, ...], config: FactorConfig, dtype: torch.dtype) -> int:
    """All tensors of the factors, those that modules share once."""
    return covariance_bytes(modules, config, dtype) + eigenvalue_bytes(modules, dtype) + corrected_bytes(modules, dtype)


def decomposition_bytes(modules: Iterable[Shape], config: FactorConfig, dtype: torch.dtype) -> int:
    """What the widest eigendecomposition takes for itself: the mean, and four matrices of float64."""
    widest = max(max(_blocks(width, config.block_width)) for width in _widths(modules))
    return widest**2 * (2 * _item(dtype) + 4 * _DOUBLE)


def query_bytes(modules: Iterable[Shape], queries: int, config: ScoreConfig, dtype: torch.dtype) -> int:
    """Prepared queries; for a share of retained energy, whose ranks only preparing tells, the most it can be."""
    item = _product_item(config.precision, dtype)
    return queries * item * sum(_kept(module, config.rank) for module in modules)


def captured_bytes(modules: Iterable[Shape], tokens: int, precision: Precision, dtype: torch.dtype) -> int:
    """Activations, once for modules that share an input, and output gradients of a batch of padded tokens."""
    return tokens * _product_item(precision, dtype) * sum(_widths(modules))


def index_bytes(modules: Iterable[Shape], sequences: int, config: IndexConfig) -> int:
    """A gradient index of so many sequences on disk; a byte budget is met on average, and nearly."""
    widths = [module.d_in + module.d_out for module in modules]
    if isinstance(config.keep, ByteBudget):
        return round(sequences * config.keep.share * sum(widths))
    # A component is two packed vectors and a float32 scale; each module counts its components in a byte.
    component = [-(-width * config.bits // 8) + 4 for width in widths]
    return sequences * (config.keep.rank * sum(component) + len(widths))


def covariance_workspace(modules: Iterable[Shape], tokens: int, dtype: torch.dtype) -> int:
    """The most that one module's covariances take while a batch is added: its counted vectors and their product."""
    return _item(dtype) * max(max(module.d_in * (tokens + module.d_in), module.d_out**2) for module in modules)


def eigenvalue_workspace(modules: Iterable[Shape], load: "Load", dtype: torch.dtype) -> int:
    """The most that one module's squared gradients take while a batch is added."""
    return _item(dtype) * max(_squares(module, load, _item(dtype)) for module in modules)


def scan_workspace(
    modules: Iterable[Shape], load: "Load", queries: int, config: ScoreConfig, dtype: torch.dtype
) -> int:
    """The most that one module's influences take while a batch is scored."""
    item = _product_item(config.precision, dtype)
    return item * max(_influences(module, load, queries, config, item) for module in modules)


@dataclass(frozen=True, slots=True)
class Load:
    """A full batch: padded tokens, in how many sequences, and whether it is on a CPU."""

    tokens: int
    sequences: int
    on_cpu: bool

    @property
    def length(self) -> int:
        """Tokens a sequence."""
        return -(-self.tokens // self.sequences)


def _squares(module: Shape, load: Load, item: int) -> int:
    few = max(1, (CACHE_BYTES if load.on_cpu else ACCELERATOR_BYTES) // (module.numbers * item))
    slices = 2 * min(few, load.sequences) * module.numbers
    if rotating_tokens_is_cheaper(load.length, module.d_in, module.d_out):
        return module.numbers + slices + load.tokens * (module.d_in + module.d_out)
    return module.numbers + slices + min(few, load.sequences) * module.numbers


def _influences(module: Shape, load: Load, queries: int, config: ScoreConfig, item: int) -> int:
    """Numbers held by the way that is cheapest for the module."""
    work = Work(load.sequences, load.length, module.d_in, module.d_out, queries)
    by_token = load.tokens * (2 * queries + module.d_out)
    by_gradient = _rows(module, load, item) * module.d_in * (load.sequences + queries) + 2 * queries * load.sequences
    if config.rank is None:
        tokens = by_tokens(work) <= by_gradients(work)
        return by_token if tokens or _every_token(config) else by_gradient
    rank = _rank(module, config.rank)
    factors = by_factors(work, rank) <= by_gradients_of_factors(work, rank)
    by_factor = load.tokens * queries * (2 * rank + 2)
    return by_factor if factors or _every_token(config) else by_gradient


def _every_token(config: ScoreConfig) -> bool:
    return config.per_token and config.top_k is None


def _rows(module: Shape, load: Load, item: int) -> int:
    row = load.sequences * module.d_in * item
    most = max(1, (BUFFER_BYTES if load.on_cpu else ACCELERATOR_BYTES) // row)
    return -(-module.d_out // -(-module.d_out // most))


def _kept(module: Shape, rank: Rank) -> int:
    return module.numbers if rank is None else (module.d_in + module.d_out) * _rank(module, rank)


def _rank(module: Shape, rank: Rank) -> int:
    narrow = min(module.d_in, module.d_out)
    return min(rank, narrow) if isinstance(rank, int) else narrow


def _widths(modules: Iterable[Shape]) -> list[int]:
    """The width of each distinct input and of every output."""
    listed = list(modules)
    return [m.d_in for m in listed if m.shares == m.name] + [m.d_out for m in listed]


def _blocks(width: int, most: int | None) -> list[int]:
    count = 1 if most is None else -(-width // most)
    return [width // count + (place < width % count) for place in range(count)]


def _square(width: int, most: int | None) -> int:
    return sum(block**2 for block in _blocks(width, most))


def _item(dtype: torch.dtype) -> int:
    return accumulating(dtype).itemsize


def _product_item(precision: Precision, dtype: torch.dtype) -> int:
    return torch.bfloat16.itemsize if precision == "bfloat16" else _item(dtype)
