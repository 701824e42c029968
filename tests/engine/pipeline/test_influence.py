"""Influences against dense matrices, autograd and finite differences, in float64."""

import pytest
import torch

from engine import (
    AbsoluteDamping,
    CorpusError,
    FactorConfig,
    Factors,
    LanguageModel,
    PreparedQueries,
    Query,
    QueryError,
    RelativeDamping,
    RetainedEnergy,
    ScoreConfig,
    Sequence,
    fit_factors,
    prepare,
    rescore,
    score,
)
from engine.storage.prepared import Factored, Whole
from tests.engine.tiny import (
    FAMILIES,
    log_likelihood,
    move_weights,
    sequences,
    tiny_model,
    weight_gradients,
)

QUERIES = [Query.from_ids([3, 5, 7], [2, 9]), Query.from_ids([11], [4])]


def dense_inverse_times(
    factors: Factors, name: str, gradient: torch.Tensor, damping: RelativeDamping | AbsoluteDamping
) -> torch.Tensor:
    """(Q diag(L) Q^T + damping I)^-1 vec(gradient), the Kronecker eigenbasis written out as one matrix."""
    fitted = factors.modules[name]
    basis = torch.kron(fitted.gradient_eigenvectors, fitted.activation_eigenvectors)
    eigenvalues = fitted.corrected_eigenvalues
    value = damping.factor * eigenvalues.mean() if isinstance(damping, RelativeDamping) else damping.value
    dense = basis @ torch.diag(eigenvalues.flatten()) @ basis.T + value * torch.eye(len(basis), dtype=basis.dtype)
    return torch.linalg.solve(dense, gradient.flatten()).view_as(gradient)


@pytest.mark.parametrize("damping", [RelativeDamping(0.1), AbsoluteDamping(0.03)])
def test_precondition_matches_the_dense_damped_inverse(
    model64: LanguageModel, corpus: list[Sequence], damping: RelativeDamping | AbsoluteDamping
) -> None:
    factors = fit_factors(model64, corpus)
    prepared = prepare(model64, factors, QUERIES, ScoreConfig(damping=damping))
    for place, query in enumerate(QUERIES):
        assert query.prompt_ids is not None
        assert query.completion_ids is not None
        ids = [*query.prompt_ids, *query.completion_ids]
        measured = log_likelihood(model64, ids, start=len(query.prompt_ids))
        assert prepared.log_p[place] == pytest.approx(measured.item(), rel=1e-10)
        for name, gradient in weight_gradients(model64, measured).items():
            module = prepared.modules[name]
            assert isinstance(module, Whole)
            expected = dense_inverse_times(factors, name, gradient, damping)
            torch.testing.assert_close(module.matrix[place], expected, rtol=1e-7, atol=1e-10)


def test_a_sequence_score_is_the_inner_product_of_autograd_gradients(
    model64: LanguageModel, corpus: list[Sequence]
) -> None:
    factors = fit_factors(model64, corpus)
    prepared = prepare(model64, factors, QUERIES)
    scores = score(model64, factors, prepared, corpus).sequence
    assert scores is not None
    for index, sequence in enumerate(corpus):
        gradients = weight_gradients(model64, log_likelihood(model64, sequence.ids))
        for place in range(len(QUERIES)):
            expected = sum(
                float((prepared.modules[name].matrix[place] * gradient).sum())  # type: ignore[union-attr]
                for name, gradient in gradients.items()
            )
            assert float(scores[place, index]) == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_token_sums_layer_sums_and_scores_agree(model32: LanguageModel, corpus: list[Sequence]) -> None:
    factors = fit_factors(model32, corpus)
    terms = rescore(model32, factors, QUERIES, corpus)
    assert terms.sequence is not None
    assert terms.layer is not None
    assert terms.token is not None
    assert terms.matrix is not None
    scale = terms.matrix.abs().sum(dim=(2, 3))
    for marginal in (terms.token.sum(-1), terms.layer.sum(-1), terms.matrix.sum(dim=(2, 3))):
        assert bool(((marginal - terms.sequence).abs() <= 1e-5 * scale).all())
    assert terms.layers == model32.layers
    assert terms.layer.shape == (2, len(corpus), 2)


def test_last_position_and_padding_have_no_influence(model32: LanguageModel, corpus: list[Sequence]) -> None:
    token = score(model32, fit_factors(model32, corpus), QUERIES, corpus).token
    assert token is not None
    for index, sequence in enumerate(corpus):
        assert bool((token[:, index, len(sequence.ids) - 1 :] == 0).all())
        assert bool((token[:, index, : len(sequence.ids) - 1] != 0).any())


def test_a_score_does_not_depend_on_batch_composition_or_padding(
    model32: LanguageModel, corpus: list[Sequence]
) -> None:
    factors = fit_factors(model32, corpus)
    prepared = prepare(model32, factors, QUERIES)
    together = rescore(model32, factors, prepared, corpus, ScoreConfig(batch_tokens=10_000))
    alone = rescore(model32, factors, prepared, corpus, ScoreConfig(batch_tokens=1))
    assert together.matrix is not None
    assert together.sequence is not None
    assert alone.sequence is not None
    scale = together.matrix.abs().sum(dim=(2, 3))
    assert bool(((together.sequence - alone.sequence).abs() <= 1e-5 * scale).all())


def test_per_sequence_gradients_and_token_terms_give_the_same_scores(
    model64: LanguageModel, corpus: list[Sequence]
) -> None:
    factors = fit_factors(model64, corpus)
    by_token = score(model64, factors, QUERIES, corpus, ScoreConfig(per_token=True))
    by_gradient = score(model64, factors, QUERIES, corpus, ScoreConfig(per_token=False))
    assert by_gradient.token is None
    torch.testing.assert_close(by_token.sequence, by_gradient.sequence, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(by_token.layer, by_gradient.layer, rtol=1e-4, atol=1e-6)


def test_full_rank_factors_give_the_same_scores_as_the_whole_matrix(
    model64: LanguageModel, corpus: list[Sequence]
) -> None:
    factors = fit_factors(model64, corpus)
    whole = score(model64, factors, QUERIES, corpus)
    for rank in (1000, RetainedEnergy(1.0)):
        factored = score(model64, factors, QUERIES, corpus, ScoreConfig(rank=rank))
        torch.testing.assert_close(factored.token, whole.token, rtol=1e-4, atol=1e-6)


def test_retained_energy_keeps_the_share_it_promises(corpus: list[Sequence]) -> None:
    model = tiny_model("gpt_neox", torch.float64)
    factors = fit_factors(model, corpus)
    whole = prepare(model, factors, QUERIES)
    lean = prepare(model, factors, QUERIES, ScoreConfig(rank=RetainedEnergy(0.9)))
    for name in model.tracked:
        exact, kept = whole.modules[name], lean.modules[name]
        assert isinstance(exact, Whole)
        assert isinstance(kept, Factored)
        approximation = kept.left @ kept.right.transpose(1, 2)
        lost = (exact.matrix - approximation).square().sum(dim=(1, 2)) / exact.matrix.square().sum(dim=(1, 2))
        assert bool((lost <= 0.1 + 1e-9).all())
        assert kept.left.shape[2] < min(exact.matrix.shape[1:])


def test_moving_the_weights_along_a_sequence_changes_log_p_by_its_influence() -> None:
    """Finite difference: a step of alpha (G + damping)^-1 grad log p(sequence) moves log p by alpha x influence."""
    checked = {1: 0, -1: 0}
    # Llama normalises in float32 even in a float64 model, which rules out smaller steps.
    alpha = 1e-5
    for family in FAMILIES:
        corpus = sequences(10, seed=11)
        model = tiny_model(family, torch.float64)
        factors = fit_factors(model, corpus)
        query = QUERIES[0]
        scores = score(model, factors, [query], corpus).sequence
        assert scores is not None
        as_queries = [Query.from_ids(s.ids[:1], s.ids[1:]) for s in corpus]
        steps = prepare(model, factors, as_queries)
        for index in range(len(corpus)):
            step = {n: m.matrix[index] for n, m in steps.modules.items() if isinstance(m, Whole)}
            up, down = (_log_p_after(model, step, size, query) for size in (alpha, -alpha))
            change = (up - down) / (2 * alpha)
            assert change == pytest.approx(float(scores[0, index]), rel=1e-2)
            checked[1 if change > 0 else -1] += 1
    assert sum(checked.values()) >= 20
    assert min(checked.values()) >= 5


def _log_p_after(model: LanguageModel, step: dict[str, torch.Tensor], size: float, query: Query) -> float:
    assert query.prompt_ids is not None
    assert query.completion_ids is not None
    move_weights(model, step, size)
    with torch.no_grad():
        value = float(log_likelihood(model, [*query.prompt_ids, *query.completion_ids], len(query.prompt_ids)))
    move_weights(model, step, -size)
    return value


def test_top_k_keeps_the_heaviest_of_each_sign_with_their_exact_terms(model64: LanguageModel) -> None:
    corpus = sequences(40)
    factors = fit_factors(model64, corpus)
    everything = rescore(model64, factors, QUERIES, corpus)
    kept = score(model64, factors, QUERIES, corpus, ScoreConfig(top_k=5, batch_tokens=30))
    assert everything.sequence is not None
    assert everything.matrix is not None
    assert kept.sequence is None
    for query in range(2):
        order = everything.sequence[query].argsort(descending=True).tolist()
        assert [hit.index for hit in kept.positive[query]] == order[:5]
        assert [hit.index for hit in kept.negative[query]] == order[::-1][:5]
        for hit in (*kept.positive[query], *kept.negative[query]):
            assert hit.matrix is not None
            assert hit.token is not None
            length = len(corpus[hit.index].ids)
            torch.testing.assert_close(hit.matrix, everything.matrix[query, hit.index, :, :length])
            assert float(hit.token.sum()) == pytest.approx(hit.score, rel=1e-4, abs=1e-6)
        assert kept.summary[query].sequences == 40
        assert kept.summary[query].mean == pytest.approx(float(everything.sequence[query].double().mean()), rel=1e-5)


def test_shards_merge_to_the_unsharded_scan(corpus: list[Sequence]) -> None:
    model = tiny_model("llama", torch.float64)
    factors = fit_factors(model, corpus)
    prepared = prepare(model, factors, QUERIES)
    config = ScoreConfig(top_k=3, per_token=False)
    whole = score(model, factors, prepared, corpus, config)
    shards = [
        (start, type(whole).from_bytes(score(model, factors, prepared, corpus[start : start + 5], config).to_bytes()))
        for start in range(0, len(corpus), 5)
    ]
    merged = type(whole).merge(shards, top_k=3)
    for query in range(2):
        for sign in ("positive", "negative"):
            expected, joined = getattr(whole, sign)[query], getattr(merged, sign)[query]
            assert [hit.index for hit in joined] == [hit.index for hit in expected]
            assert [hit.score for hit in joined] == pytest.approx([hit.score for hit in expected], rel=1e-9)
        assert merged.summary[query].counts.tolist() == whole.summary[query].counts.tolist()


def test_prepared_queries_survive_the_disk_bit_for_bit(
    corpus: list[Sequence], tmp_path_factory: pytest.TempPathFactory
) -> None:
    model = tiny_model("gpt2", torch.float32)
    factors = fit_factors(model, corpus)
    for rank in (None, 3):
        prepared = prepare(model, factors, QUERIES, ScoreConfig(rank=rank))
        folder = tmp_path_factory.mktemp("prepared") / "queries"
        prepared.save(folder)
        again = score(model, factors, PreparedQueries.load(folder), corpus)
        direct = score(model, factors, prepared, corpus)
        assert again.sequence is not None
        assert direct.sequence is not None
        assert torch.equal(again.sequence, direct.sequence)


def test_attention_projections_are_scored_on_request(corpus: list[Sequence]) -> None:
    for family in FAMILIES:
        both = tiny_model(family, torch.float64, track="mlp+attention")
        mlp = tiny_model(family, torch.float64)
        attention = tiny_model(family, torch.float64, track="attention")
        assert set(both.tracked) == set(mlp.tracked) | set(attention.tracked)
        parts = [score(m, fit_factors(m, corpus), QUERIES, corpus).sequence for m in (both, mlp, attention)]
        torch.testing.assert_close(parts[0], parts[1] + parts[2], rtol=1e-4, atol=1e-6)  # type: ignore[operator]


def test_a_one_shot_iterator_and_an_empty_list_of_queries_are_refused(corpus: list[Sequence]) -> None:
    model = tiny_model("llama", torch.float32)
    factors = fit_factors(model, corpus)
    with pytest.raises(CorpusError, match="only once"):
        score(model, factors, QUERIES, iter(corpus))
    with pytest.raises(QueryError, match="no query"):
        score(model, factors, [], corpus)


def test_true_labels_and_sampled_labels_give_different_factors(corpus: list[Sequence]) -> None:
    model = tiny_model("llama", torch.float64)
    true = fit_factors(model, corpus, FactorConfig(labels="true"))
    sampled = fit_factors(model, corpus, FactorConfig(labels="sampled"))
    name = model.tracked[0]
    assert not torch.allclose(true.modules[name].corrected_eigenvalues, sampled.modules[name].corrected_eigenvalues)
    assert true.fingerprint != sampled.fingerprint
