"""The gradient index: what it holds, how it resumes and grows, and that it finds what the exact scan finds."""

from pathlib import Path

import pytest
import torch

from engine import (
    ByteBudget,
    CorpusError,
    FactorsError,
    FixedRank,
    GradientIndex,
    IndexConfig,
    LanguageModel,
    Progress,
    Query,
    RelativeDamping,
    ScoreConfig,
    Sequence,
    build_index,
    fit_factors,
    score,
    search,
)
from engine.maths.quantisation import dequantised, quantise
from engine.pipeline.whitened import Whitening
from tests.engine.tiny import sequences, tiny_model

QUERIES = [
    Query.from_ids([1, 2, 3], [4, 5]),
    Query.from_ids([6], [7]),
    Query.from_ids([3, 1, 4, 1, 5], [9, 2, 6]),
]
FINE = IndexConfig(keep=FixedRank(12), bits=8, shard_sequences=16)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.safetensors"))}


def exact_scores(model: LanguageModel, corpus: list[Sequence]) -> torch.Tensor:
    found = score(model, fit_factors(model, corpus), QUERIES, corpus, ScoreConfig(per_token=False)).sequence
    assert found is not None
    return found


@pytest.mark.parametrize("family", ["llama", "gpt_neox"])
def test_the_inner_product_of_whitened_gradients_is_the_influence(family: str) -> None:
    model = tiny_model(family, torch.float64)
    corpus = sequences(6)
    whitening = Whitening(model, fit_factors(model, corpus), RelativeDamping())
    asked = [Query.from_ids(sequence.ids[:1], sequence.ids[1:]) for sequence in corpus]
    queries, texts = (whitening.queries(some, lambda _: None) for some in (QUERIES, asked))
    products = sum((queries[name].flatten(1) @ texts[name].flatten(1).T for name in model.tracked), torch.zeros(3, 6))
    torch.testing.assert_close(products.float(), exact_scores(model, corpus), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("bits", "kept"), [(2, 0.88), (4, 0.985), (8, 0.9999)])
def test_quantised_unit_vectors_keep_most_of_their_norm(bits: int, kept: float) -> None:
    vectors = torch.nn.functional.normalize(torch.randn(64, 203, generator=torch.Generator().manual_seed(0)), dim=1)
    read = dequantised(quantise(vectors, bits), 203, bits)
    assert float((read * vectors).sum(1).square().div(read.square().sum(1)).mean()) > kept - 0.01
    assert quantise(vectors, bits).codes.shape == (64, -(-203 * bits // 8))


def test_a_fine_index_names_the_exact_heaviest_of_both_signs(tmp_path: Path) -> None:
    model = tiny_model("llama", torch.float32)
    corpus = sequences(50)
    scores = exact_scores(model, corpus)
    factors = fit_factors(model, corpus)
    index = build_index(model, factors, corpus, tmp_path / "index", FINE)
    for row, found in zip(scores, search(model, factors, index, QUERIES, 8), strict=True):
        order = row.argsort(descending=True).tolist()
        assert len(set(found.positive) & set(order[:8])) >= 7
        assert len(set(found.negative) & set(order[-8:])) >= 7
        assert found.positive[0] == order[0]
        assert found.negative[0] == order[-1]


def test_an_interrupted_build_goes_on_and_ends_with_the_same_bytes(tmp_path: Path) -> None:
    model = tiny_model("llama", torch.float32)
    corpus = sequences(50)
    factors = fit_factors(model, corpus)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    build_index(model, factors, corpus, whole, FINE, QUERIES)

    def stop(step: Progress) -> None:
        if step.stage == "indexing" and step.done > 32:
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        build_index(model, factors, corpus, cut, FINE, QUERIES, stop)
    left = files(cut)
    assert 0 < len(left) < len(files(whole))
    with pytest.raises(FactorsError, match="unfinished"):
        GradientIndex.open(cut)
    build_index(model, factors, corpus, cut, FINE, QUERIES)
    assert files(cut) == files(whole)
    assert (cut / "manifest.json").read_bytes() == (whole / "manifest.json").read_bytes()


def test_an_index_grows_by_shards_and_leaves_the_old_ones_alone(tmp_path: Path) -> None:
    model = tiny_model("llama", torch.float32)
    corpus = sequences(50)
    factors = fit_factors(model, corpus)
    folder = tmp_path / "grown"
    build_index(model, factors, corpus[:32], folder, FINE)
    before = files(folder)
    grown = build_index(model, factors, corpus, folder, FINE)
    after = files(folder)
    assert len(grown) == 50
    assert len(after) > len(before)
    assert all(after[name] == data for name, data in before.items())
    fresh = build_index(model, factors, corpus, tmp_path / "fresh", FINE)
    assert search(model, factors, grown, QUERIES, 10) == search(model, factors, fresh, QUERIES, 10)
    with pytest.raises(CorpusError, match="not those in the index"):
        build_index(model, factors, [*corpus[1:], corpus[0]], folder, FINE)


def test_an_index_of_other_factors_or_choices_is_refused(tmp_path: Path) -> None:
    model = tiny_model("llama", torch.float32)
    corpus = sequences(20)
    factors = fit_factors(model, corpus)
    index = build_index(model, factors, corpus, tmp_path, FINE)
    others = fit_factors(model, corpus[:10])
    with pytest.raises(FactorsError, match="belongs to factors"):
        search(model, others, index, QUERIES, 5)
    with pytest.raises(FactorsError, match="bits=8, not 2"):
        build_index(model, factors, corpus, tmp_path, IndexConfig(keep=FixedRank(12)))


def test_a_damaged_shard_is_found_out(tmp_path: Path) -> None:
    model = tiny_model("llama", torch.float32)
    corpus = sequences(20)
    factors = fit_factors(model, corpus)
    index = build_index(model, factors, corpus, tmp_path, FINE)
    shard = next(tmp_path.rglob("*.safetensors"))
    data = bytearray(shard.read_bytes())
    data[-1] ^= 255
    shard.write_bytes(bytes(data))
    with pytest.raises(FactorsError, match="damaged"):
        search(model, factors, index, QUERIES, 5)


def test_the_recall_kept_is_that_of_the_probes(tmp_path: Path) -> None:
    model = tiny_model("llama", torch.float32)
    corpus = sequences(120)
    scores = exact_scores(model, corpus)
    factors = fit_factors(model, corpus)
    coarse = IndexConfig(keep=FixedRank(1), bits=2, shard_sequences=50)
    index = build_index(model, factors, corpus, tmp_path, coarse, QUERIES)
    found = search(model, factors, index, QUERIES, 50)
    shares = [
        len(set(row.argsort(descending=True)[:10].tolist()) & set(one.positive)) / 10
        for row, one in zip(scores, found, strict=True)
    ]
    assert index.recall is not None
    assert (index.recall.k, index.recall.first, index.recall.queries) == (10, 50, 3)
    assert index.recall.mean == pytest.approx(sum(shares) / 3)
    assert index.recall.least == pytest.approx(min(shares))


def test_a_byte_budget_is_nearly_met(tmp_path: Path) -> None:
    model = tiny_model("llama", torch.float32)
    corpus = sequences(200)
    factors = fit_factors(model, corpus)
    widths = sum(sum(model.dimensions(name)) for name in model.tracked)
    index = build_index(
        model, factors, corpus, tmp_path, IndexConfig(keep=ByteBudget(2.0), bits=4, shard_sequences=400)
    )
    held = sum(
        module.scale.nbytes + module.left.nbytes + module.right.nbytes + module.counts.nbytes
        for shard in index.read()
        for module in shard.modules.values()
    )
    assert 0.7 * 2.0 * widths < held / len(corpus) < 1.15 * 2.0 * widths
