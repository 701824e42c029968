"""What is measured: a random GPT-NeoX of given sizes, sequences and queries, all from one seed."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

from engine import LanguageModel, Query, Sequence


@dataclass(frozen=True, slots=True)
class Settings:
    """The sizes of the subject and how it is measured. The defaults are near 10 M parameters besides embeddings."""

    sequences: int = 64
    batch_sequences: int = 16
    tokens: int = 256
    query_tokens: int = 64
    width: int = 384
    layers: int = 6
    heads: int = 6
    vocabulary: int = 8192
    repeats: int = 5
    device: str = "cpu"
    threads: int = 2
    seed: int = 0
    queries: tuple[int, ...] = (1, 8, 64)
    many_queries: int = 256
    rank: int = 32
    top_k: int = 1
    demo_model: str = "medium"
    kronfluence: bool = True

    @property
    def batch_tokens(self) -> int:
        """Tokens of a batch: all sequences have the same length."""
        return self.batch_sequences * self.tokens

    def but(self, **changed: int) -> "Settings":
        """The same with some sizes changed."""
        return replace(self, **changed)  # type: ignore[arg-type]


def hf_model(settings: Settings) -> nn.Module:
    """The model: attention written out (eager), which every side can differentiate and count."""
    torch.manual_seed(settings.seed)
    config = GPTNeoXConfig(
        vocab_size=settings.vocabulary,
        hidden_size=settings.width,
        intermediate_size=4 * settings.width,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        max_position_embeddings=settings.tokens,
        bos_token_id=0,
        eos_token_id=0,
    )
    model: Any = GPTNeoXForCausalLM(config)
    model.set_attn_implementation("eager")
    on_device: nn.Module = model.to(settings.device).eval()
    return on_device


def language_model(settings: Settings) -> LanguageModel:
    """The engine's view of it."""
    return LanguageModel(hf_model(settings))


def corpus(settings: Settings) -> list[Sequence]:
    """Sequences of the same length, of uniformly random tokens."""
    generator = torch.Generator().manual_seed(settings.seed + 1)
    shape = (settings.sequences, settings.tokens)
    return [Sequence(row) for row in torch.randint(0, settings.vocabulary, shape, generator=generator).tolist()]


def queries(settings: Settings, count: int) -> list[Query]:
    """Queries of random tokens, a quarter of each the completion."""
    generator = torch.Generator().manual_seed(settings.seed + 2)
    rows = torch.randint(0, settings.vocabulary, (count, settings.query_tokens), generator=generator).tolist()
    start = settings.query_tokens - max(1, settings.query_tokens // 4)
    return [Query.from_ids(row[:start], row[start:]) for row in rows]
