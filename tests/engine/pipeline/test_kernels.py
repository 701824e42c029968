"""All ways through a scan give the same influences, and the cheapest is taken."""

import pytest
import torch

from engine import LanguageModel, Query, ScoreConfig, Sequence, fit_factors, prepare, rescore, score
from engine.pipeline.kernels import sequence_kernel, tokens_are_cheaper
from engine.pipeline.scan import rescore_hits
from engine.storage.prepared import Factored, Whole
from engine.terms import FactorConfig, RetainedEnergy
from tests.engine.tiny import sequences, tiny_model

QUERIES = [
    Query.from_ids([1, 2, 3], [4, 5]),
    Query.from_ids([6], [7]),
    Query.from_ids([3, 1, 4, 1, 5], [9, 2, 6]),
    Query.from_ids([6, 2], [7, 7]),
]


def random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def test_few_queries_go_by_tokens_and_many_by_gradients() -> None:
    d, a = random(8, 20, 64), random(8, 20, 48)
    assert tokens_are_cheaper(d, a, Whole(random(1, 64, 48)))
    assert not tokens_are_cheaper(d, a, Whole(random(64, 64, 48)))
    assert tokens_are_cheaper(d, a, Factored(random(2, 64, 1), random(2, 48, 1)))
    assert not tokens_are_cheaper(d, a, Factored(random(64, 64, 16), random(64, 48, 16)))


@pytest.mark.parametrize("queries", [1, 2, 200])
def test_every_way_gives_the_same_sequence_influences(queries: int) -> None:
    d, a = random(5, 6, 12), random(5, 6, 9)
    left, right = random(queries, 12, 2), random(queries, 9, 2)
    expected = torch.einsum("bto,qor,qir,bti->qb", d, left, right, a).unsqueeze(-1)
    for query in (Factored(left, right), Whole(left @ right.transpose(1, 2))):
        torch.testing.assert_close(sequence_kernel(d, a, query), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rank", [None, 64, RetainedEnergy(1.0)])
@pytest.mark.parametrize("copies", [1, 30])
def test_full_rank_factored_and_gradient_paths_agree(
    model32: LanguageModel, corpus: list[Sequence], rank: int | RetainedEnergy | None, copies: int
) -> None:
    factors = fit_factors(model32, corpus)
    reference = score(model32, factors, QUERIES, corpus).layer
    found = score(model32, factors, QUERIES * copies, corpus, ScoreConfig(rank=rank, per_token=False)).layer
    assert reference is not None
    assert found is not None
    scale = float(reference.abs().max())
    torch.testing.assert_close(found, reference.repeat(copies, 1, 1), rtol=1e-4, atol=1e-4 * scale)


def test_a_query_does_not_change_with_its_companions(model32: LanguageModel, corpus: list[Sequence]) -> None:
    factors = fit_factors(model32, corpus)
    together = prepare(model32, factors, QUERIES)
    for place, query in enumerate(QUERIES):
        alone = prepare(model32, factors, [query])
        assert alone.log_p[0] == pytest.approx(together.log_p[place], rel=1e-5)
        for name in model32.tracked:
            one, among = alone.modules[name], together.modules[name]
            assert isinstance(one, Whole)
            assert isinstance(among, Whole)
            scale = float(one.matrix.abs().max())
            torch.testing.assert_close(one.matrix[0], among.matrix[place], rtol=1e-3, atol=1e-4 * scale)


def test_rescored_hits_equal_rescoring_query_by_query(model32: LanguageModel, corpus: list[Sequence]) -> None:
    factors = fit_factors(model32, corpus)
    prepared = prepare(model32, factors, QUERIES)
    wanted = [[3, 1], [1, 7, 2], [], [11]]
    hits = rescore_hits(model32, factors, prepared, dict(enumerate(corpus)), wanted)
    for query, (some, found) in enumerate(zip(wanted, hits, strict=True)):
        assert [hit.index for hit in found] == some
        for hit in found:
            terms = rescore(model32, factors, prepared.select([query]), [corpus[hit.index]])
            assert terms.sequence is not None
            assert terms.matrix is not None
            assert hit.token is not None
            assert hit.matrix is not None
            scale = float(terms.matrix.abs().max())
            torch.testing.assert_close(hit.matrix, terms.matrix[0, 0], rtol=1e-4, atol=1e-5 * scale)
            assert hit.score == pytest.approx(float(terms.sequence[0, 0]), rel=1e-4, abs=1e-5 * scale)
            assert float(hit.token.double().sum()) == pytest.approx(hit.score, rel=1e-4, abs=1e-5 * scale)
            assert float(hit.layer.double().sum()) == pytest.approx(hit.score, rel=1e-4, abs=1e-5 * scale)


def test_nothing_wanted_is_nothing_scored(model32: LanguageModel, corpus: list[Sequence]) -> None:
    factors = fit_factors(model32, corpus)
    assert rescore_hits(model32, factors, QUERIES[:2], dict(enumerate(corpus)), [[], []]) == ((), ())


@pytest.mark.parametrize("family", ["llama", "gpt_neox"])
def test_bfloat16_ranks_as_float32_does(family: str) -> None:
    model = tiny_model(family, torch.float32)
    many = sequences(60)
    exact = fit_factors(model, many)
    reference = score(model, exact, QUERIES, many).sequence
    half = fit_factors(model, many, FactorConfig(precision="bfloat16"))
    assert half.fingerprint != exact.fingerprint
    scanned = score(model, exact, QUERIES, many, ScoreConfig(precision="bfloat16")).sequence
    fitted = score(model, half, QUERIES, many).sequence
    assert reference is not None
    for found, least in ((scanned, 0.999), (fitted, 0.99)):
        assert found is not None
        assert not torch.equal(found, reference)
        for one, other in zip(found, reference, strict=True):
            assert float(torch.corrcoef(torch.stack([one, other]))[0, 1]) > least


def test_bfloat16_queries_take_half_the_memory() -> None:
    model = tiny_model("llama", torch.float32)
    factors = fit_factors(model, sequences(12))
    sizes = []
    for config in (ScoreConfig(), ScoreConfig(precision="bfloat16")):
        whole = prepare(model, factors, QUERIES, config).modules[model.tracked[0]]
        assert isinstance(whole, Whole)
        sizes.append(whole.matrix.nbytes)
    assert sizes[0] == 2 * sizes[1]
