"""A tiny Llama twice: as a folder with safetensors, and as a GGUF file written with llama.cpp's own library."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

TEMPLATE = "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}assistant:"
HEADS = 2


def byte_tokenizer() -> Any:
    """A token a byte and one merge, with a beginning-of-sequence token and a chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = {letter: i for i, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    vocabulary = {**alphabet, "th": 256, "<s>": 257}
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[("t", "h")]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", chat_template=TEMPLATE)


def tiny_llama(width: int = 16) -> Any:
    """Random, with a rotary base and a norm's epsilon that are not the usual ones."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(5)
    config = LlamaConfig(
        vocab_size=258,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=HEADS,
        num_key_value_heads=1,
        max_position_embeddings=64,
        rms_norm_eps=1e-4,
        rope_parameters={"rope_type": "default", "rope_theta": 500.0},
        tie_word_embeddings=True,
        bos_token_id=257,
        eos_token_id=None,
    )
    return LlamaForCausalLM(config)


def save_pair(folder: Path, packing: str = "F32", width: int = 16) -> None:
    """`folder/plain` with safetensors and `folder/packed/tiny.gguf`, of the same weights and tokenizer."""
    model, tokenizer = tiny_llama(width), byte_tokenizer()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    model.save_pretrained(folder / "plain")
    tokenizer.save_pretrained(folder / "plain")
    (folder / "packed").mkdir()
    write_gguf(folder / "packed" / "tiny.gguf", model, tokenizer, packing)


def write_gguf(path: Path, model: Any, tokenizer: Any, packing: str) -> None:
    """The model as llama.cpp's converter writes it; its matrices packed, its norms plain."""
    import gguf

    writer = gguf.GGUFWriter(path, "llama")
    config, wanted = model.config, gguf.GGMLQuantizationType[packing]
    writer.add_name("tiny")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_vocab_size(config.vocab_size)
    _add_tokenizer(writer, tokenizer)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for name, value in model.named_parameters():
        array = _turned(name, value.detach().numpy(), config)
        kind = wanted if array.ndim == 2 else gguf.GGMLQuantizationType.F32
        packed = gguf.quantize(array, kind)
        writer.add_tensor(names.get_name(name, (".weight",)), packed, raw_dtype=kind)
    for step in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        step()
    writer.close()


def _add_tokenizer(writer: Any, tokenizer: Any) -> None:
    tokens = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token == "<s>" else 1 for token in tokens])
    writer.add_token_merges(["t h"])
    writer.add_bos_token_id(tokens.index("<s>"))
    writer.add_chat_template(TEMPLATE)


def _turned(name: str, value: NDArray[np.float32], config: Any) -> NDArray[np.float32]:
    """Queries and keys in the order of llama.cpp's rotary embedding, which takes neighbours for pairs."""
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    many = next((count for part, count in heads.items() if part in name), None)
    if many is None:
        return value
    pairs = value.reshape(many, 2, value.shape[0] // many // 2, *value.shape[1:])
    return np.ascontiguousarray(pairs.swapaxes(1, 2).reshape(value.shape))
