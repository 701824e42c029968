"""Training of the demo models: one document is one sequence, every token is predicted."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM

from app.demo.make.tokenizer import BOS, PAD, token_id, write_tokenizer


@dataclass(frozen=True)
class Recipe:
    """A model's shape and how long and how fast it learns.

    The learning rate falls over `epochs`. `stop_after` ends training earlier, and the weights are then the mean of
    those after the last `averaged` epochs: a model that knows most facts, none of them by heart. Facts learnt by
    heart have vanishing gradients, and so no influence to find.
    """

    name: str
    width: int
    heads: int
    layers: int
    feed_forward: int
    epochs: int
    learning_rate: float
    weight_decay: float = 0.05
    batch_documents: int = 24
    warmup: float = 0.06
    final_rate: float = 0.02
    stop_after: int | None = None
    averaged: int = 1


RECIPES: tuple[Recipe, ...] = (
    Recipe("small", 80, 4, 4, 176, epochs=13, learning_rate=4e-3),
    Recipe("medium", 144, 6, 4, 384, epochs=13, learning_rate=2.5e-3),
    Recipe("large", 256, 8, 5, 640, epochs=14, learning_rate=1.5e-3, stop_after=11, averaged=3),
)


def new_model(recipe: Recipe, tokenizer: Tokenizer) -> LlamaForCausalLM:
    """An untrained Llama with tied embeddings."""
    bos, pad = token_id(tokenizer, BOS), token_id(tokenizer, PAD)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=recipe.width,
        intermediate_size=recipe.feed_forward,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        bos_token_id=bos,
        pad_token_id=pad,
        eos_token_id=None,
    )
    return LlamaForCausalLM(config)


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Token ids with a beginning-of-sequence token in front."""
    bos = token_id(tokenizer, BOS)
    return [[bos, *tokenizer.encode(text, add_special_tokens=False).ids] for text in texts]


def batches(sequences: Sequence[list[int]], size: int, pad: int, r: random.Random) -> Iterator[Tensor]:
    """Padded batches of sequences of similar length, in random order."""
    order = sorted(range(len(sequences)), key=lambda i: (len(sequences[i]), r.random()))
    groups = [order[i : i + size] for i in range(0, len(order), size)]
    r.shuffle(groups)
    for group in groups:
        longest = max(len(sequences[i]) for i in group)
        rows = [sequences[i] + [pad] * (longest - len(sequences[i])) for i in group]
        yield torch.tensor(rows)


def batch_loss(model: LlamaForCausalLM, ids: Tensor, pad: int) -> Tensor:
    """Mean cross entropy over the predicted tokens; padding stands last and never counts."""
    hidden = model.model(input_ids=ids[:, :-1]).last_hidden_state
    targets = ids[:, 1:]
    counts = targets != pad
    return nn.functional.cross_entropy(model.lm_head(hidden[counts]), targets[counts])


def optimiser(model: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW without decay on norms."""
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": recipe.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.98))


def train(
    recipe: Recipe, tokenizer: Tokenizer, sequences: Sequence[list[int]], seed: int
) -> tuple[LlamaForCausalLM, float]:
    """A trained model and the mean loss of its last epoch, in nats a token."""
    torch.manual_seed(seed)
    r = random.Random(seed)
    pad = token_id(tokenizer, PAD)
    model = new_model(recipe, tokenizer)
    optimizer = optimiser(model, recipe)
    steps = recipe.epochs * -(-len(sequences) // recipe.batch_documents)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=recipe.learning_rate,
        total_steps=steps,
        pct_start=recipe.warmup,
        cycle_momentum=False,
        div_factor=25,
        final_div_factor=1 / (25 * recipe.final_rate),
    )
    started, mean = time.monotonic(), 0.0
    last = recipe.stop_after or recipe.epochs
    total: dict[str, torch.Tensor] = {}
    for epoch in range(last):
        losses = []
        for ids in batches(sequences, recipe.batch_documents, pad, r):
            loss = batch_loss(model, ids, pad)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.detach())
        mean = float(torch.stack(losses).mean())
        seconds = time.monotonic() - started
        print(f"{recipe.name}: epoch {epoch + 1}, loss {mean:.3f}, {seconds:.0f} s", flush=True)
        if epoch >= last - recipe.averaged:
            for name, value in model.state_dict().items():
                total[name] = total.get(name, 0) + value.detach() / recipe.averaged
    model.load_state_dict(total)
    model.train(False)
    return model, mean


def save(model: LlamaForCausalLM, tokenizer: Tokenizer, folder: Path) -> LlamaForCausalLM:
    """Write the model in half precision, and give back what a reader will load."""
    for parameter in model.parameters():
        parameter.data = parameter.data.half()
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    write_tokenizer(tokenizer, folder)
    settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    settings.pop("transformers_version", None)
    text = json.dumps(settings, indent=2, sort_keys=True) + "\n"
    (folder / "config.json").write_text(text, encoding="utf-8")
    return load(folder)


def load(folder: Path) -> LlamaForCausalLM:
    """A written model in float32."""
    model: LlamaForCausalLM = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model.train(False)
    return model
