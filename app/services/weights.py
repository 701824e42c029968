"""In words: which of a model's weights its influences are over."""

from app.models import Model

TRACKED = {
    "mlp": "the MLP projections",
    "attention": "the attention projections",
    "mlp+attention": "the MLP and attention projections",
}


def over(model: Model, track: str) -> str:
    """What is tracked: the projections of every layer, an adapter merged into them or not, or an adapter's own."""
    if model.adapter is None:
        return TRACKED[track]
    if model.adapter_weights == "adapter":
        return "the adapter's own matrices (LoRA A and B); the base model's weights stay as they are"
    return f"{TRACKED[track]}, with the adapter merged into them"
