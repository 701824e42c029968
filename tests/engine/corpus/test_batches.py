"""Batches hold every sequence once, keep to the budget, and count the right positions."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import Sequence
from engine.corpus.batches import batches
from tests.engine.tiny import tiny_model

MODEL = tiny_model("llama", torch.float32)


@given(st.lists(st.integers(2, 20), min_size=1, max_size=40), st.integers(1, 100))
@settings(max_examples=40, deadline=None)
def test_every_sequence_is_in_one_batch_within_the_budget(lengths: list[int], budget: int) -> None:
    corpus = [Sequence([1 + i % 20] * n) for i, n in enumerate(lengths)]
    seen: list[int] = []
    for batch in batches(MODEL, corpus, budget):
        assert batch.ids.numel() <= budget or len(batch.index) == 1
        for row, index in enumerate(batch.index.tolist()):
            length = lengths[index]
            assert tuple(batch.ids[row, :length].tolist()) == corpus[index].ids
            assert int(batch.predicting[row].sum()) == length - 1
            assert not bool(batch.predicting[row, length - 1 :].any())
            assert batch.next_tokens[row, : length - 1].tolist() == list(corpus[index].ids[1:])
            seen.append(index)
    assert sorted(seen) == list(range(len(lengths)))
