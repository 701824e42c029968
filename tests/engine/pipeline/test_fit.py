"""Factors against autograd, one sequence at a time, and against dense matrices, in float64."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from engine import (
    CorpusError,
    FactorConfig,
    FactorsError,
    LanguageModel,
    NumericalError,
    Progress,
    Sequence,
    fit_factors,
)
from engine.maths.sampling import sample_labels, uniforms
from tests.engine.tiny import log_likelihood, sequences, tiny_model, weight_gradients


def _remember(inputs: dict[str, Tensor], outputs: dict[str, Tensor], name: str) -> Callable[..., None]:
    def hook(_: object, arguments: tuple[Tensor], output: Tensor) -> None:
        inputs[name], outputs[name] = arguments[0], output

    return hook


TRUE = FactorConfig(labels="true", batch_tokens=20)


def position_vectors(model: LanguageModel, corpus: list[Sequence]) -> dict[str, tuple[Tensor, Tensor]]:
    """(activations, output gradients) of all predicting positions by plain hooks, one sequence a time."""
    rows: dict[str, tuple[list[Tensor], list[Tensor]]] = {name: ([], []) for name in model.tracked}
    for sequence in corpus:
        inputs, outputs = {}, {}
        handles = [
            module.register_forward_hook(_remember(inputs, outputs, name)) for name, module in model.modules.items()
        ]
        value = log_likelihood(model, sequence.ids)
        for handle in handles:
            handle.remove()
        for name, seen in inputs.items():
            gradient = torch.autograd.grad(value, outputs[name], retain_graph=True)[0]
            ones = [torch.ones_like(seen[..., :1])] if model.has_bias(name) else []
            rows[name][0].append(torch.cat([seen.detach(), *ones], dim=-1)[0, :-1])
            rows[name][1].append(gradient[0, :-1])
    return {name: (torch.cat(a), torch.cat(d)) for name, (a, d) in rows.items()}


def test_covariances_are_averages_over_the_positions_that_predict_a_token(
    model64: LanguageModel, corpus: list[Sequence]
) -> None:
    factors = fit_factors(model64, corpus, TRUE)
    for name, (activations, gradients) in position_vectors(model64, corpus).items():
        fitted = factors.modules[name]
        a = activations.T @ activations / len(activations)
        s = gradients.T @ gradients / len(gradients)
        q_a, q_s = fitted.activation_eigenvectors, fitted.gradient_eigenvectors
        torch.testing.assert_close(q_a @ torch.diag(fitted.activation_eigenvalues) @ q_a.T, a, rtol=1e-9, atol=1e-11)
        torch.testing.assert_close(q_s @ torch.diag(fitted.gradient_eigenvalues) @ q_s.T, s, rtol=1e-9, atol=1e-11)
        assert factors.positions == len(activations)


def test_corrected_eigenvalues_equal_autograd_gradients_squared_in_the_eigenbasis(
    model64: LanguageModel, corpus: list[Sequence]
) -> None:
    factors = fit_factors(model64, corpus, TRUE)
    expected = {name: torch.zeros_like(f.corrected_eigenvalues) for name, f in factors.modules.items()}
    for sequence in corpus:
        for name, gradient in weight_gradients(model64, log_likelihood(model64, sequence.ids)).items():
            fitted = factors.modules[name]
            rotated = fitted.gradient_eigenvectors.T @ gradient @ fitted.activation_eigenvectors
            expected[name] += rotated.square() / len(corpus)
    for name, fitted in factors.modules.items():
        torch.testing.assert_close(fitted.corrected_eigenvalues, expected[name], rtol=1e-8, atol=1e-12)


def test_sampled_labels_follow_seed_sequence_and_position_alone(corpus: list[Sequence]) -> None:
    model = tiny_model("llama", torch.float64)
    together = fit_factors(model, corpus, FactorConfig(seed=5, batch_tokens=1000))
    alone = fit_factors(model, corpus, FactorConfig(seed=5, batch_tokens=1))
    other = fit_factors(model, corpus, FactorConfig(seed=6, batch_tokens=1000))
    name = model.tracked[0]
    first = together.modules[name].gradient_eigenvalues
    torch.testing.assert_close(first, alone.modules[name].gradient_eigenvalues, rtol=1e-9, atol=1e-12)
    assert not torch.allclose(first, other.modules[name].gradient_eigenvalues, rtol=1e-3)


def test_sampled_factors_equal_autograd_on_the_labels_that_were_drawn(corpus: list[Sequence]) -> None:
    model = tiny_model("gpt_neox", torch.float64)
    factors = fit_factors(model, corpus, FactorConfig(seed=2))
    name = model.tracked[-1]
    fitted = factors.modules[name]
    expected = torch.zeros_like(fitted.corrected_eigenvalues)
    for index, sequence in enumerate(corpus):
        logits = model.hf_model(input_ids=torch.tensor([sequence.ids])).logits
        drawn = sample_labels(logits, uniforms(2, torch.tensor([index]), len(sequence.ids)))[0, :-1].tolist()
        gradient = weight_gradients(model, log_likelihood(model, sequence.ids, labels=drawn))[name]
        rotated = fitted.gradient_eigenvectors.T @ gradient @ fitted.activation_eigenvectors
        expected += rotated.square() / len(corpus)
    torch.testing.assert_close(fitted.corrected_eigenvalues, expected, rtol=1e-8, atol=1e-12)


def test_modules_that_read_the_same_input_share_one_eigenbasis(corpus: list[Sequence]) -> None:
    model = tiny_model("llama", torch.float32)
    factors = fit_factors(model, corpus)
    gate, up, down = (factors.modules[f"model.layers.0.mlp.{name}_proj"] for name in ("gate", "up", "down"))
    assert gate.activation_eigenvectors is up.activation_eigenvectors
    assert down.activation_eigenvectors is not up.activation_eigenvectors


@pytest.mark.parametrize("width", [5, 7])
def test_blocks_are_those_of_the_covariances_and_eigenvalues_are_corrected_in_their_basis(
    model64: LanguageModel, corpus: list[Sequence], width: int
) -> None:
    factors = fit_factors(model64, corpus, FactorConfig("true", batch_tokens=20, block_width=width))
    expected = {name: torch.zeros_like(f.corrected_eigenvalues) for name, f in factors.modules.items()}
    for sequence in corpus:
        for name, gradient in weight_gradients(model64, log_likelihood(model64, sequence.ids)).items():
            fitted = factors.modules[name]
            rotated = fitted.gradient_eigenvectors.T @ gradient @ fitted.activation_eigenvectors
            expected[name] += rotated.square() / len(corpus)
    for name, (activations, gradients) in position_vectors(model64, corpus).items():
        fitted = factors.modules[name]
        torch.testing.assert_close(fitted.corrected_eigenvalues, expected[name], rtol=1e-8, atol=1e-12)
        for basis, vectors in ((fitted.activation_basis, activations), (fitted.gradient_basis, gradients)):
            assert len(basis.blocks) == -(-vectors.shape[1] // width)
            whole = vectors.T @ vectors / len(vectors)
            start, values = 0, basis.values.split([len(block) for block in basis.blocks])
            for block, part in zip(basis.blocks, values, strict=True):
                assert len(block) <= width
                stop = start + len(block)
                torch.testing.assert_close(
                    block @ torch.diag(part) @ block.T, whole[start:stop, start:stop], rtol=1e-9, atol=1e-11
                )
                start = stop


def test_a_width_that_no_covariance_exceeds_changes_no_bit(model32: LanguageModel, corpus: list[Sequence]) -> None:
    whole = fit_factors(model32, corpus)
    wide = fit_factors(model32, corpus, FactorConfig(block_width=13))
    for name, module in whole.modules.items():
        other = wide.modules[name]
        assert torch.equal(module.activation_eigenvectors, other.activation_eigenvectors)
        assert torch.equal(module.gradient_eigenvectors, other.gradient_eigenvectors)
        assert torch.equal(module.corrected_eigenvalues, other.corrected_eigenvalues)


def test_a_block_width_below_one_is_refused() -> None:
    with pytest.raises(FactorsError, match="block_width=0"):
        FactorConfig(block_width=0)


def test_a_one_shot_iterator_is_refused(corpus: list[Sequence]) -> None:
    with pytest.raises(CorpusError, match="only once"):
        fit_factors(tiny_model("llama", torch.float32), iter(corpus))


def test_an_empty_corpus_is_refused() -> None:
    with pytest.raises(CorpusError, match="no sequence"):
        fit_factors(tiny_model("llama", torch.float32), [])


def test_a_sequence_beyond_the_context_is_refused_by_its_number(corpus: list[Sequence]) -> None:
    with pytest.raises(CorpusError, match=r"Sequence 12 has 65 tokens.*context of 64"):
        fit_factors(tiny_model("llama", torch.float32), [*corpus, Sequence([1] * 65)])


def test_infinite_weights_are_an_error_that_names_the_module(corpus: list[Sequence]) -> None:
    model = tiny_model("gpt2", torch.float32)
    with torch.no_grad():
        model.modules["transformer.h.1.mlp.c_fc"].weight.fill_(float("inf"))
    with pytest.raises(NumericalError, match=r"transformer\.h\.\d\.mlp"):
        fit_factors(model, corpus)


def test_progress_counts_every_sequence_of_both_passes(corpus: list[Sequence]) -> None:
    seen: list[Progress] = []
    fit_factors(tiny_model("llama", torch.float32), corpus, TRUE, progress=seen.append)
    assert list(dict.fromkeys(step.stage for step in seen)) == ["covariances", "eigenvectors", "eigenvalues"]
    for stage in ("covariances", "eigenvalues"):
        assert [step.done for step in seen if step.stage == stage][-1] == len(corpus)


def test_an_exception_in_progress_ends_the_fit_and_leaves_no_hook(corpus: list[Sequence]) -> None:
    model = tiny_model("llama", torch.float32)

    def stop(step: Progress) -> None:
        if step.done > 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_factors(model, corpus, TRUE, progress=stop)
    assert all(not module._forward_hooks for module in model.hf_model.modules())
    assert all(parameter.requires_grad for parameter in model.hf_model.parameters())


def test_more_sequences_than_a_sorting_window_are_all_counted_once() -> None:
    model = tiny_model("llama", torch.float32)
    many = sequences(40) * 110
    once, often = fit_factors(model, many[:40], TRUE), fit_factors(model, many, FactorConfig("true", 0, 4096))
    name = model.tracked[0]
    torch.testing.assert_close(
        once.modules[name].corrected_eigenvalues.mean(),
        often.modules[name].corrected_eigenvalues.mean(),
        rtol=1e-4,
        atol=0,
    )
