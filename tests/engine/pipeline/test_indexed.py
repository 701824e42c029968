"""The indexed scope against exact scores: candidates, recall, resuming, growing, and what is refused."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine import (
    AbsoluteDamping,
    CorpusError,
    EngineError,
    FactorConfig,
    Factors,
    FactorsError,
    LanguageModel,
    NumericalError,
    Progress,
    Query,
    QueryError,
    ScoreConfig,
    Sequence,
    fit_factors,
    score,
)
from engine.maths.whitening import inner_products
from engine.pipeline.index_pass import HEAVIEST, IndexPass
from engine.pipeline.index_search import shard_influences
from engine.pipeline.indexed import Candidates, build_index, search
from engine.pipeline.passes import run_pass, true_labels
from engine.pipeline.whitened import Whitening
from engine.storage.factors import ModuleFactors
from engine.storage.gradient_index import MANIFEST, SHARDS, GradientIndex
from engine.storage.gradient_shard import shard_path
from engine.terms import PAPER_DAMPING, ByteBudget, FixedRank, IndexConfig, silent
from tests.engine.tiny import sequences, tiny_model

QUERIES = [Query.from_ids([3, 5, 7], [2, 9]), Query.from_ids([11], [4]), Query.from_ids([1, 2], [8, 8, 20])]
# Every component of the tiny models' modules, which are at most 12 x 13.
WHOLE = IndexConfig(keep=FixedRank(12), bits=8, shard_sequences=5, batch_tokens=32)


@pytest.fixture
def model() -> LanguageModel:
    return tiny_model("llama", torch.float32)


@pytest.fixture
def factors(model: LanguageModel, corpus: list[Sequence]) -> Factors:
    return fit_factors(model, corpus)


def exact(model: LanguageModel, factors: Factors, corpus: list[Sequence]) -> torch.Tensor:
    """[query, sequence] scores of a full scan."""
    found = score(model, factors, QUERIES, corpus, ScoreConfig(per_token=False)).sequence
    assert found is not None
    return found


def ranked(scores: torch.Tensor, sign: int) -> list[int]:
    """Sequences whose score has the sign, heaviest first."""
    order = (sign * scores).argsort(descending=True, stable=True).tolist()
    return [place for place in order if sign * float(scores[place]) > 0]


def approximate(model: LanguageModel, factors: Factors, index: GradientIndex) -> torch.Tensor:
    """[query, sequence] scores that the index stands for."""
    queries = Whitening(model, factors, index.manifest.config.damping).factored_queries(QUERIES, silent)
    bits = index.manifest.config.bits
    return torch.cat([shard_influences(shard, queries, bits) for shard in index.read()]).T


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def stopping_after(done: int) -> Callable[[Progress], None]:
    def progress(step: Progress) -> None:
        if step.stage == "indexing" and step.done > done:
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize("block_width", [None, 5])
def test_the_inner_product_of_whitened_gradients_is_the_influence(
    model64: LanguageModel, corpus: list[Sequence], block_width: int | None
) -> None:
    factors = fit_factors(model64, corpus, FactorConfig(block_width=block_width))
    whitening = Whitening(model64, factors, PAPER_DAMPING)
    queries = whitening.queries(QUERIES, silent)
    found = torch.zeros(len(corpus), len(QUERIES), dtype=torch.float64)

    def consume(batch: object, captured: object) -> None:
        for name, query in queries.items():
            parts = [inner_products(query, some) for some in whitening.gradients(name, captured)]  # type: ignore[arg-type]
            found[batch.index] += torch.cat(parts)  # type: ignore[attr-defined]

    run_pass(model64, corpus, 32, true_labels, consume, "test", silent)
    torch.testing.assert_close(found.T.float(), exact(model64, factors, corpus), rtol=1e-6, atol=1e-6)


def test_an_index_of_all_components_stands_for_the_exact_scores(
    model64: LanguageModel, corpus: list[Sequence], tmp_path: Path
) -> None:
    factors = fit_factors(model64, corpus)
    index = build_index(model64, factors, corpus, tmp_path / "index", WHOLE)
    scores = exact(model64, factors, corpus)
    # 8 bits are off by a 255th of the largest entry; over many entries and components that averages out.
    error = approximate(model64, factors, index) - scores
    assert float(error.norm()) < 0.01 * float(scores.norm())


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_fewer_bits_stand_for_the_scores_more_coarsely(
    model: LanguageModel, factors: Factors, corpus: list[Sequence], tmp_path: Path, bits: int
) -> None:
    index = build_index(model, factors, corpus, tmp_path / "index", replace(WHOLE, bits=bits))
    scores = exact(model, factors, corpus)
    error = float((approximate(model, factors, index) - scores).norm() / scores.norm())
    assert error < {2: 0.8, 4: 0.25, 8: 0.02}[bits]
    assert (
        float(torch.corrcoef(torch.stack([approximate(model, factors, index).flatten(), scores.flatten()]))[0, 1]) > 0.7
    )


def test_candidates_of_either_sign_come_heaviest_first(
    model: LanguageModel, factors: Factors, corpus: list[Sequence], tmp_path: Path
) -> None:
    index = build_index(model, factors, corpus, tmp_path / "index", WHOLE)
    stands_for = approximate(model, factors, index)
    found = search(model, factors, index, QUERIES, 4)
    for row, scores, candidates in zip(stands_for, exact(model, factors, corpus), found, strict=True):
        assert list(candidates.positive) == ranked(row, 1)[:4]
        assert list(candidates.negative) == ranked(row, -1)[:4]
        assert candidates.positive[0] == ranked(scores, 1)[0]
        assert candidates.negative[0] == ranked(scores, -1)[0]


def test_fewer_sequences_of_a_sign_than_asked_for_are_all_named(
    model: LanguageModel, factors: Factors, corpus: list[Sequence], tmp_path: Path
) -> None:
    index = build_index(model, factors, corpus, tmp_path / "index", WHOLE)
    for row, candidates in zip(
        approximate(model, factors, index), search(model, factors, index, QUERIES, 1000), strict=True
    ):
        assert sorted(candidates.positive) == sorted(ranked(row, 1))
        assert sorted(candidates.negative) == sorted(ranked(row, -1))
        assert sorted([*candidates.positive, *candidates.negative]) == list(range(len(corpus)))


def test_what_is_named_for_a_query_does_not_depend_on_the_others(
    model: LanguageModel, factors: Factors, corpus: list[Sequence], tmp_path: Path
) -> None:
    index = build_index(model, factors, corpus, tmp_path / "index", WHOLE)
    together = search(model, factors, index, QUERIES, 5)
    alone = tuple(search(model, factors, index, [query], 5)[0] for query in QUERIES)
    assert alone == together


def test_sequences_that_are_equal_stand_in_order_of_index(
    model: LanguageModel, factors: Factors, corpus: list[Sequence], tmp_path: Path
) -> None:
    twice = [*corpus[:3], *corpus[:3], *corpus[:3]]
    index = build_index(model, factors, twice, tmp_path / "index", replace(WHOLE, shard_sequences=9))
    for candidates in search(model, factors, index, QUERIES, 9):
        for named in (candidates.positive, candidates.negative):
            assert [place // 3 for place in named] == [0, 1, 2] * (len(named) // 3)


def test_an_interrupted_build_goes_on_and_ends_with_the_same_bytes(
    model: LanguageModel, factors: Factors, tmp_path: Path
) -> None:
    corpus = sequences(17)
    config = replace(WHOLE, keep=ByteBudget(2.0), bits=2)
    build_index(model, factors, corpus, tmp_path / "whole", config, QUERIES)
    with pytest.raises(KeyboardInterrupt):
        build_index(model, factors, corpus, tmp_path / "parts", config, QUERIES, stopping_after(10))
    shards = tmp_path / "parts" / SHARDS
    assert [path.name for path in sorted(shards.iterdir())] == [shard_path(shards, first).name for first in (0, 5)]
    (shards / "000000000010.1.part").write_bytes(b"half")
    stamps = {path: path.stat().st_mtime_ns for path in shards.glob("*.safetensors")}
    with pytest.raises(FactorsError, match="unfinished"):
        GradientIndex.open(tmp_path / "parts")
    build_index(model, factors, corpus, tmp_path / "parts", config, QUERIES)
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert files(tmp_path / "parts") == files(tmp_path / "whole")


def test_building_reports_every_sequence_of_the_corpus_once(
    model: LanguageModel, factors: Factors, tmp_path: Path
) -> None:
    steps: list[Progress] = []
    config = replace(WHOLE, keep=ByteBudget(2.0))
    build_index(model, factors, sequences(12), tmp_path / "index", config, (), steps.append)
    assert {step.stage for step in steps} == {"sampling", "indexing"}
    indexing = [step for step in steps if step.stage == "indexing"]
    assert [step.done for step in indexing] == sorted(step.done for step in indexing)
    assert {step.total for step in indexing} == {12}
    assert indexing[-1].done == 12


def test_an_index_that_is_complete_is_not_built_again(
    model: LanguageModel, factors: Factors, corpus: list[Sequence], tmp_path: Path
) -> None:
    first = build_index(model, factors, corpus, tmp_path / "index", WHOLE, QUERIES)
    before = files(tmp_path / "index")
    steps: list[Progress] = []
    again = build_index(model, factors, corpus, tmp_path / "index", WHOLE, (), steps.append)
    assert steps == []
    assert files(tmp_path / "index") == before
    assert again == first


def test_growth_adds_shards_and_answers_as_an_index_built_from_scratch(
    model: LanguageModel, factors: Factors, tmp_path: Path
) -> None:
    corpus = sequences(19)
    short = build_index(model, factors, corpus[:12], tmp_path / "grown", WHOLE, QUERIES)
    before = files(tmp_path / "grown")
    grown = build_index(model, factors, corpus, tmp_path / "grown", WHOLE)
    after = files(tmp_path / "grown")
    assert {name: after[name] for name in before if name != MANIFEST} == {
        name: content for name, content in before.items() if name != MANIFEST
    }
    assert [header.first for header in grown.shards] == [0, 5, 10, 12, 17]
    assert grown.fingerprint != short.fingerprint
    scratch = build_index(model, factors, corpus, tmp_path / "scratch", WHOLE, QUERIES)
    assert search(model, factors, grown, QUERIES, 6) == search(model, factors, scratch, QUERIES, 6)
    assert grown.recall == scratch.recall
    assert grown.negative_recall == scratch.negative_recall


def test_interrupted_growth_leaves_the_older_index_in_force(
    model: LanguageModel, factors: Factors, tmp_path: Path
) -> None:
    corpus = sequences(20)
    older = build_index(model, factors, corpus[:10], tmp_path / "index", WHOLE)
    with pytest.raises(KeyboardInterrupt):
        build_index(model, factors, corpus, tmp_path / "index", WHOLE, (), stopping_after(15))
    assert GradientIndex.open(tmp_path / "index") == older
    assert len(build_index(model, factors, corpus, tmp_path / "index", WHOLE)) == 20


def test_a_corpus_whose_beginning_changed_is_refused_with_the_place(
    model: LanguageModel, factors: Factors, corpus: list[Sequence], tmp_path: Path
) -> None:
    build_index(model, factors, corpus, tmp_path / "index", WHOLE)
    before = files(tmp_path / "index")
    changed = [*corpus[:6], Sequence([1, 2, 3]), *corpus[7:], Sequence([4, 5])]
    with pytest.raises(CorpusError, match="sequences 5 to 9 are not those"):
        build_index(model, factors, changed, tmp_path / "index", WHOLE)
    with pytest.raises(CorpusError, match="the corpus only 7"):
        build_index(model, factors, corpus[:7], tmp_path / "index", WHOLE)
    assert files(tmp_path / "index") == before


class Promising:
    """A corpus that says it is longer than it is. No list: type checks look items of a list up at random places."""

    def __init__(self, texts: list[Sequence]) -> None:
        self._texts = texts

    def __len__(self) -> int:
        return len(self._texts) + 3

    def __iter__(self) -> Iterator[Sequence]:
        return iter(self._texts)


def test_a_corpus_that_ends_before_its_length_is_refused(
    model: LanguageModel, factors: Factors, corpus: list[Sequence], tmp_path: Path
) -> None:
    with pytest.raises(CorpusError, match="ended after 12 sequences"):
        build_index(model, factors, Promising(corpus), tmp_path / "index", WHOLE)


def test_other_factors_and_other_choices_are_refused(
    model: LanguageModel, factors: Factors, corpus: list[Sequence], tmp_path: Path
) -> None:
    index = build_index(model, factors, corpus, tmp_path / "index", WHOLE)
    others = fit_factors(model, corpus[:5])
    with pytest.raises(FactorsError, match="belongs to factors"):
        build_index(model, others, corpus, tmp_path / "index", WHOLE)
    with pytest.raises(FactorsError, match="belongs to factors"):
        search(model, others, index, QUERIES, 3)
    for name, other in (("bits", 4), ("keep", FixedRank(3)), ("damping", AbsoluteDamping(0.5))):
        with pytest.raises(FactorsError, match=f"built with {name}="):
            build_index(model, factors, corpus, tmp_path / "index", replace(WHOLE, **{name: other}))
    layout = replace(WHOLE, shard_sequences=100, batch_tokens=9)
    assert build_index(model, factors, corpus, tmp_path / "index", layout) == index


def test_a_damaged_shard_ends_a_search_with_its_name_and_is_mended_by_building(
    model: LanguageModel, factors: Factors, corpus: list[Sequence], tmp_path: Path
) -> None:
    index = build_index(model, factors, corpus, tmp_path / "index", WHOLE)
    before = files(tmp_path / "index")
    damaged = shard_path(tmp_path / "index" / SHARDS, 5)
    content = bytearray(damaged.read_bytes())
    content[-3] ^= 255
    damaged.write_bytes(content)
    with pytest.raises(FactorsError, match="damaged") as caught:
        search(model, factors, index, QUERIES, 3)
    assert damaged.name in caught.value.problem
    assert "Delete that file and build the index again" in caught.value.remedy
    damaged.unlink()
    build_index(model, factors, corpus, tmp_path / "index", WHOLE)
    assert files(tmp_path / "index") == before


def test_recall_is_measured_on_the_probes(
    model: LanguageModel, factors: Factors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.pipeline.indexed.FIRST", 12)
    corpus = sequences(130)
    config = replace(WHOLE, keep=FixedRank(1), bits=2, shard_sequences=50)
    index = build_index(model, factors, corpus, tmp_path / "index", config, QUERIES)
    found = search(model, factors, index, QUERIES, 12)
    scores = exact(model, factors, corpus)
    for recall, sign in ((index.recall, 1), (index.negative_recall, -1)):
        assert recall is not None
        named = [each.positive if sign > 0 else each.negative for each in found]
        wanted = [set(ranked(row, sign)[:HEAVIEST]) for row in scores]
        shares = [len(best & set(names)) / len(best) for best, names in zip(wanted, named, strict=True)]
        assert recall.mean == pytest.approx(sum(shares) / 3)
        assert recall.least == pytest.approx(min(shares))
        assert (recall.queries, recall.k, recall.first) == (3, HEAVIEST, 12)
        # So coarse an index misses some: the figure is no constant.
        assert recall.mean < 1


def test_without_probes_recall_is_not_known(
    model: LanguageModel, factors: Factors, corpus: list[Sequence], tmp_path: Path
) -> None:
    index = build_index(model, factors, corpus, tmp_path / "index", WHOLE)
    assert index.recall is None
    assert index.negative_recall is None


def test_a_byte_budget_is_met_nearly_and_keeps_more_than_a_fixed_rank_of_the_same_bytes(
    model: LanguageModel, factors: Factors, tmp_path: Path
) -> None:
    corpus = sequences(60)
    unit = sum(sum(model.dimensions(name)) for name in model.tracked)
    config = replace(WHOLE, keep=FixedRank(2), shard_sequences=60)
    fixed = build_index(model, factors, corpus, tmp_path / "fixed", config)
    (shard,) = fixed.read()
    parts = [(m.counts, m.scale, m.left, m.right) for m in shard.modules.values()]
    size = sum(tensor.numel() * tensor.element_size() for part in parts for tensor in part)
    budget = ByteBudget(size / len(corpus) / unit, most_components=8)
    chosen = build_index(model, factors, corpus, tmp_path / "chosen", replace(config, keep=budget))
    (shard,) = chosen.read()
    parts = [(m.counts, m.scale, m.left, m.right) for m in shard.modules.values()]
    # The sample is the whole corpus here, so the budget binds exactly, up to the last component.
    spent = sum(tensor.numel() * tensor.element_size() for part in parts for tensor in part)
    assert 0.99 * size < spent <= size
    scores = exact(model, factors, corpus)
    errors = [float((approximate(model, factors, index) - scores).norm()) for index in (fixed, chosen)]
    assert errors[1] < errors[0]


def test_a_budget_without_room_for_any_component_is_refused_before_anything_is_written(
    model: LanguageModel, factors: Factors, corpus: list[Sequence], tmp_path: Path
) -> None:
    with pytest.raises(QueryError, match="keeps nothing"):
        build_index(model, factors, corpus, tmp_path / "index", replace(WHOLE, keep=ByteBudget(0.01)))
    assert not (tmp_path / "index").exists()


def test_a_few_sequences_at_a_time_give_the_same_index(
    model: LanguageModel, factors: Factors, corpus: list[Sequence], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = build_index(model, factors, corpus, tmp_path / "whole", WHOLE, QUERIES)
    monkeypatch.setattr("engine.pipeline.index_pass.BYTES", 1)
    monkeypatch.setattr("engine.pipeline.index_search.ENTRIES", 1)
    few = build_index(model, factors, corpus, tmp_path / "few", WHOLE, QUERIES)
    torch.testing.assert_close(
        approximate(model, factors, few), approximate(model, factors, whole), rtol=1e-3, atol=1e-4
    )
    assert search(model, factors, few, QUERIES, 5) == search(model, factors, whole, QUERIES, 5)


def test_a_module_that_cannot_be_whitened_is_named(
    model: LanguageModel, factors: Factors, corpus: list[Sequence], tmp_path: Path
) -> None:
    name = model.tracked[1]
    fitted = factors.modules[name]
    nothing = ModuleFactors(
        fitted.activation_basis, fitted.gradient_basis, torch.zeros_like(fitted.corrected_eigenvalues)
    )
    broken = replace(factors, modules={**factors.modules, name: nothing})
    with pytest.raises(NumericalError, match=name):
        build_index(model, broken, corpus, tmp_path / "index", WHOLE)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: FixedRank(0),
        lambda: FixedRank(256),
        lambda: ByteBudget(0.0),
        lambda: ByteBudget(1.0, most_components=0),
        lambda: IndexConfig(shard_sequences=0),
        lambda: IndexConfig(batch_tokens=0),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(EngineError) as caught:
        wrong()
    assert "Give" in caught.value.remedy


def test_asking_for_nothing_is_refused(
    model: LanguageModel, factors: Factors, corpus: list[Sequence], tmp_path: Path
) -> None:
    index = build_index(model, factors, corpus, tmp_path / "index", WHOLE)
    with pytest.raises(QueryError, match="names no sequence"):
        search(model, factors, index, QUERIES, 0)
    with pytest.raises(QueryError, match="no query"):
        search(model, factors, index, [], 3)
    assert isinstance(search(model, factors, index, QUERIES[:1], 3)[0], Candidates)
    assert IndexPass(model, Whitening(model, factors, PAPER_DAMPING), WHOLE, {}).density(corpus, silent) == 0
