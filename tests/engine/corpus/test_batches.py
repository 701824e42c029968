"""Batches hold every sequence once, keep to the budget, and count the right positions."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import Sequence
from engine.corpus.batches import WORTHWHILE_ON_CPU, batches
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


def test_little_of_a_large_batch_is_padding_and_small_ones_are_not_cut_for_it() -> None:
    lengths = torch.randint(8, 50, (2000,), generator=torch.Generator().manual_seed(0)).tolist()
    made = list(batches(MODEL, [Sequence([1] * n) for n in lengths], 8192))
    padded = sum(batch.ids.numel() for batch in made)
    assert padded < 1.03 * sum(lengths)
    assert len(made) < sum(lengths) / WORTHWHILE_ON_CPU
    assert len(list(batches(MODEL, [Sequence([1] * n) for n in (2, 30)], 8192))) == 1


@given(st.lists(st.integers(2, 20), min_size=1, max_size=40), st.integers(1, 100), st.integers(0, 40))
@settings(max_examples=40, deadline=None)
def test_after_whole_batches_the_batches_that_follow_are_the_same_ones(
    lengths: list[int], budget: int, behind: int
) -> None:
    corpus = [Sequence([1 + i % 20] * n) for i, n in enumerate(lengths)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.corpus.batches.WINDOW", 7)
        every = list(batches(MODEL, corpus, budget))
        behind = min(behind, len(every))
        done = sum(len(batch.index) for batch in every[:behind])
        following = list(batches(MODEL, corpus, budget, done))
    assert len(following) == len(every) - behind
    for batch, same in zip(following, every[behind:], strict=True):
        assert torch.equal(batch.index, same.index)
        assert torch.equal(batch.ids, same.ids)
