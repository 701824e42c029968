"""Which modules of a decoder family are MLP and attention projections, and how its blocks are named."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Family:
    """Name patterns of one family; group `block` of each is the index of the decoder block."""

    mlp: str
    attention: str

    def pattern(self, track: str) -> re.Pattern[str]:
        """The pattern for a choice of `track`: "mlp", "attention" or "mlp+attention"."""
        parts = {
            "mlp": self.mlp,
            "attention": self.attention,
            "mlp+attention": f"(?:{self.mlp}|{self.attention})",
        }
        return re.compile(parts[track])


TRACK_CHOICES = ("mlp", "attention", "mlp+attention")

_LLAMA = Family(
    mlp=r"(?:.*\.)?layers\.\d+\.mlp\.(?:gate_proj|up_proj|down_proj)",
    attention=r"(?:.*\.)?layers\.\d+\.self_attn\.(?:q_proj|k_proj|v_proj|o_proj)",
)
_GPT2 = Family(
    mlp=r"(?:.*\.)?h\.\d+\.mlp\.(?:c_fc|c_proj)",
    attention=r"(?:.*\.)?h\.\d+\.attn\.(?:c_attn|c_proj)",
)
_GPT_NEOX = Family(
    mlp=r"(?:.*\.)?layers\.\d+\.mlp\.(?:dense_h_to_4h|dense_4h_to_h)",
    attention=r"(?:.*\.)?layers\.\d+\.attention\.(?:query_key_value|dense)",
)

FAMILIES: dict[str, Family] = {
    "gpt2": _GPT2,
    "gpt_neox": _GPT_NEOX,
    "llama": _LLAMA,
    "mistral": _LLAMA,
    "qwen2": _LLAMA,
    "qwen3": _LLAMA,
    "gemma": _LLAMA,
    "gemma2": _LLAMA,
    "gemma3_text": _LLAMA,
    "olmo": _LLAMA,
    "olmo2": _LLAMA,
    "olmo3": _LLAMA,
}

_BLOCK = re.compile(r"^(.*?\.?(?:layers|h|blocks|layer)\.\d+)(?:\.|$)")


def block_of(module_name: str) -> str:
    """The decoder block a module belongs to, such as "model.layers.3"; the module's own name if it is in none."""
    match = _BLOCK.match(module_name)
    return match.group(1) if match else module_name
