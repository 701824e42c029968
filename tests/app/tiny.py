"""Language models that fit in a few kilobytes, with a byte-level tokenizer: a token a byte, and `<s>` in front."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WORDS = ("harbour", "bridge", "market", "library", "tower", "garden", "mill", "school")


def tokenizer(bos: bool = True) -> Any:
    """One token a byte; no merges."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = {letter: i for i, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    made = Tokenizer(models.BPE(vocab={**alphabet, "<s>": 256}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>" if bos else None)


def save_llama(folder: Path, seed: int = 0, layers: int = 2, context: int = 96) -> Path:
    """A random Llama of a few thousand parameters."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=257,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        bos_token_id=256,
        eos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def save_writer(folder: Path, template: str | None = None) -> Path:
    """A random Llama that writes letters and spaces only, greedy or drawn; with a chat template if given."""
    import torch
    from transformers import LlamaForCausalLM

    save_llama(folder, seed=5)
    model = LlamaForCausalLM.from_pretrained(folder)
    made = tokenizer()
    letters = made("abcdefgh ijkl", add_special_tokens=False)["input_ids"]
    # A head of its own, in which all other tokens score nought.
    chance = torch.Generator().manual_seed(7)
    head = torch.zeros_like(model.lm_head.weight)
    head[letters] = 8 * torch.randn(len(letters), head.shape[1], generator=chance)
    model.config.tie_word_embeddings = False
    model.lm_head.weight = torch.nn.Parameter(head)
    model.save_pretrained(folder)
    made.chat_template = template
    made.save_pretrained(folder)
    return folder


def save_without_mlp(folder: Path) -> Path:
    """A model of a family that has nothing the engine can track."""
    import torch
    from transformers import BloomConfig, BloomForCausalLM

    torch.manual_seed(0)
    config = BloomConfig(vocab_size=257, hidden_size=16, n_layer=1, n_head=2, bos_token_id=256)
    BloomForCausalLM(config).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


@dataclass(frozen=True)
class Line:
    """A document as `corpus add` reads it."""

    id: str
    kind: str
    source: str
    text: str


def lines(count: int) -> Sequence[Line]:
    """Short documents, all different."""
    return [
        Line(f"d{i}", "fact" if i % 3 else "prose", "made", f"The {WORDS[i % 8]} of town {i} opened in {1500 + i}.")
        for i in range(count)
    ]
