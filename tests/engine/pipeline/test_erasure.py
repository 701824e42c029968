"""Erasure views against autograd and against the scores they split."""

import pytest
import torch

from engine import Query, QueryError, Sequence, fit_factors, prepare, score
from engine.pipeline.erasure import erasure, only_query, zeroed_embeddings
from tests.engine.tiny import log_likelihood, sequences, tiny_model, weight_gradients

QUERY = Query.from_ids([3, 5, 7], [2, 9])


@pytest.mark.parametrize("family", ["gpt2", "gpt_neox"])
def test_the_output_view_splits_the_score_by_predicted_token(family: str) -> None:
    model = tiny_model(family, torch.float64)
    corpus = sequences(8)
    factors = fit_factors(model, corpus)
    prepared = prepare(model, factors, [QUERY])
    scores = score(model, factors, prepared, corpus).sequence
    assert scores is not None
    step = only_query(prepared)
    for index, sequence in enumerate(corpus[:4]):
        view = erasure(model, prepared, sequence)
        assert float(view.output.sum()) == pytest.approx(float(scores[0, index]), rel=2e-3)
        for t in range(1, len(sequence.ids)):
            term = log_likelihood(model, sequence.ids[: t + 1], start=t)
            exact = sum((step[n] * g).sum().item() for n, g in weight_gradients(model, term).items())
            assert float(view.output[t]) == pytest.approx(exact, rel=5e-3, abs=1e-3 * float(view.output.abs().max()))


def test_the_input_view_is_the_scores_derivative_in_an_embeddings_scale() -> None:
    model = tiny_model("gpt_neox", torch.float64)
    corpus = sequences(8)
    prepared = prepare(model, fit_factors(model, corpus), [QUERY])
    step = only_query(prepared)
    sequence = next(s for s in corpus if len(s.ids) > 4)
    view = erasure(model, prepared, sequence)
    embed = model.hf_model.get_input_embeddings()(torch.tensor([sequence.ids])).detach()

    def score_with(place: int, scale: float) -> float:
        scaled = embed.clone()
        scaled[0, place] *= scale
        logits = model.hf_model(inputs_embeds=scaled).logits[0, :-1]
        value = torch.log_softmax(logits, -1).gather(1, torch.tensor(sequence.ids)[1:, None]).sum()
        return sum((step[n] * g).sum().item() for n, g in weight_gradients(model, value).items())

    for place in range(len(sequence.ids)):
        exact = (score_with(place, 1 + 1e-5) - score_with(place, 1 - 1e-5)) / 2e-5
        assert float(view.input[place]) == pytest.approx(exact, rel=1e-2, abs=2e-3 * float(view.input.abs().max()))


def test_the_weights_are_the_same_bits_afterwards() -> None:
    model = tiny_model("llama", torch.float32)
    before = {name: value.clone() for name, value in model.hf_model.state_dict().items()}
    corpus = sequences(4)
    erasure(model, prepare(model, fit_factors(model, corpus), [QUERY]), corpus[0])
    assert all(torch.equal(value, before[name]) for name, value in model.hf_model.state_dict().items())


def test_two_queries_at_once_are_refused() -> None:
    model = tiny_model("llama", torch.float32)
    corpus = sequences(4)
    with pytest.raises(QueryError, match="2 queries"):
        erasure(model, prepare(model, fit_factors(model, corpus), [QUERY, QUERY]), Sequence([1, 2]))


@pytest.mark.parametrize("batch_tokens", [1, 30])
def test_zeroing_an_embedding_takes_from_the_score_what_autograd_says(batch_tokens: int) -> None:
    model = tiny_model("llama", torch.float64)
    corpus = sequences(8)
    prepared = prepare(model, fit_factors(model, corpus), [QUERY])
    step = only_query(prepared)
    sequence = next(s for s in corpus if len(s.ids) > 4)
    ids = torch.tensor([sequence.ids])

    def score_of(embeddings: torch.Tensor) -> float:
        logits = model.hf_model(inputs_embeds=embeddings).logits[0, :-1]
        value = torch.log_softmax(logits, -1).gather(1, ids[0, 1:, None]).sum()
        return sum((step[n] * g).sum().item() for n, g in weight_gradients(model, value).items())

    embeddings = model.hf_model.get_input_embeddings()(ids).detach()
    whole = score_of(embeddings)
    lost = zeroed_embeddings(model, prepared, sequence, batch_tokens)
    assert len(lost) == len(sequence.ids)
    for place in range(len(sequence.ids)):
        without = embeddings.clone()
        without[0, place] = 0
        exact = whole - score_of(without)
        assert float(lost[place]) == pytest.approx(exact, rel=1e-2, abs=2e-3 * float(lost.abs().max()))
