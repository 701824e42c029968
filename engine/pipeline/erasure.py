"""Erasure views of one sequence's influence (paper, appendix B): by the token predicted, and by the token read.

The ordinary token influence belongs to the input position of a tracked map; these two ask instead what each
*loss term* contributes (output view) and how the influence answers to each *embedding* (input view).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from engine.errors import QueryError
from engine.model.language_model import LanguageModel
from engine.model.moved import moved, weight_norm
from engine.storage.prepared import Factored, PreparedQueries
from engine.terms import Sequence

# The step's norm over the tracked weights' norm: small enough for two central steps to be linear.
RELATIVE_STEP = 1e-3


@dataclass(frozen=True, slots=True)
class Erasure:
    """Views of one sequence, in nats per unit of epsilon; entry t belongs to token t of the sequence.

    output: influence through the loss of predicting token t; adds up to the sequence's score; entry 0 is 0.
    input: derivative of the score as the embedding of token t is scaled by 1 + eps.
    """

    output: Float[Tensor, " token"]
    input: Float[Tensor, " token"]


def erasure(model: LanguageModel, prepared: PreparedQueries, sequence: Sequence) -> Erasure:
    """Differential erasure views of a sequence for the one query in `prepared`.

    With theta' = theta + alpha P, P the preconditioned query: [log p(y_t; theta') - log p(y_t; theta)] / alpha,
    and the same difference of the derivative in each embedding's scale; taken as central differences.

    Raises: QueryError unless `prepared` holds exactly one query (use `prepared.select`).
    """
    output, by_input = _along_the_query(model, prepared, lambda: _terms(model, sequence))
    return Erasure(output, by_input)


def zeroed_embeddings(
    model: LanguageModel, prepared: PreparedQueries, sequence: Sequence, batch_tokens: int = 8192
) -> Float[Tensor, " token"]:
    """What the score loses when the embedding of token t is set to zero, for the one query in `prepared`.

    In nats per unit of epsilon; a forward pass a token, so for a chosen sequence only. Zeroing a token's *loss*
    instead takes exactly its entry of `Erasure.output` from the score, which is linear in the losses.

    Raises: QueryError unless `prepared` holds exactly one query.
    """
    (scores,) = _along_the_query(model, prepared, lambda: (_with_zeroed(model, sequence, batch_tokens),))
    return scores[0] - scores[1:]


def _along_the_query(
    model: LanguageModel, prepared: PreparedQueries, measured: Callable[[], tuple[Tensor, ...]]
) -> tuple[Tensor, ...]:
    """Derivatives of what is measured as the weights move along the preconditioned query, by central differences."""
    step = only_query(prepared)
    length = float(torch.stack([part.double().square().sum().cpu() for part in step.values()]).sum().sqrt())
    alpha = RELATIVE_STEP * weight_norm(model) / length
    sides = []
    for size in (alpha, -alpha):
        with moved(model, step, size):
            sides.append(measured())
    return tuple((up - down) / (2 * alpha) for up, down in zip(*sides, strict=True))


def only_query(prepared: PreparedQueries) -> Mapping[str, Float[Tensor, "d_out d_in"]]:
    """The preconditioned query's matrices, of the only query there is."""
    if len(prepared) != 1:
        raise QueryError(f"{len(prepared)} queries were given where one is meant.", "Use prepared.select([i]).")
    return {
        name: (module.left @ module.right.transpose(1, 2) if isinstance(module, Factored) else module.matrix)[0]
        for name, module in prepared.modules.items()
    }


def _terms(model: LanguageModel, sequence: Sequence) -> tuple[Tensor, Tensor]:
    """log p of each token, and the derivative of their sum in the scale of each embedding, both in float64."""
    ids = torch.tensor([sequence.ids], device=model.device)
    with torch.enable_grad():
        embeddings = model.hf_model.get_input_embeddings()(ids).detach().requires_grad_()
        logits = model.hf_model(inputs_embeds=embeddings, use_cache=False).logits[0, :-1]
        log_p = torch.log_softmax(logits.double(), dim=-1).gather(1, ids[0, 1:, None])[:, 0]
        gradient = torch.autograd.grad(log_p.sum(), embeddings)[0]
    by_input = (gradient * embeddings).detach().double().sum(-1)[0].cpu()
    return torch.cat([log_p.new_zeros(1), log_p]).detach().cpu(), by_input


def _with_zeroed(model: LanguageModel, sequence: Sequence, batch_tokens: int) -> Tensor:
    """log p of the sequence as it is, then with the embedding of each token in turn at zero, in float64."""
    ids = torch.tensor([sequence.ids], device=model.device)
    rows = max(1, batch_tokens // len(sequence.ids))
    found = []
    with torch.no_grad():
        embeddings = model.hf_model.get_input_embeddings()(ids)
        # A row that zeroes nothing comes first.
        for places in torch.split(torch.arange(-1, len(sequence.ids), device=model.device), rows):
            changed = embeddings.repeat(len(places), 1, 1)
            zeroed = places >= 0
            changed[zeroed, places[zeroed]] = 0
            logits = model.hf_model(inputs_embeds=changed, use_cache=False).logits[:, :-1]
            log_p = torch.log_softmax(logits.double(), dim=-1)
            found.append(log_p.gather(2, ids[:, 1:, None].expand(len(places), -1, 1)).sum((1, 2)).cpu())
    return torch.cat(found)
