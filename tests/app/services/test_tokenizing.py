"""Text as tokens, equal to the engine's reading, and pieces that put together are the text."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from app.services import tokenizing
from engine import LanguageModel, Query
from engine.corpus.encoding import encode_query
from tests.app.tiny import tokenizer

DEFINITION = tokenizer().backend_tokenizer.to_str()
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def _merging() -> str:
    """A byte-level BPE with merges that trims white space from its offsets, as GPT-2's does."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.post_processor = processors.ByteLevel(trim_offsets=True)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        ["the old mill of the old town, the café"] * 20,
        trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False),
    )
    return made.to_str()


MERGING = _merging()


@pytest.mark.parametrize("definition", [DEFINITION, MERGING], ids=["bytes", "merges"])
@given(text=texts)
def test_the_pieces_put_together_are_the_text(definition: str, text: str) -> None:
    reading = tokenizing.read(definition, text, None)
    assert "".join(reading.pieces) == text or "".join(reading.pieces) == text.rstrip()
    assert len(reading.pieces) == len(reading.ids)


def test_white_space_goes_with_the_word_after_it() -> None:
    assert tokenizing.read(MERGING, "the old mill", None).pieces == ["the", " old", " mill"]


def test_a_character_of_several_tokens_is_shown_by_the_first() -> None:
    assert tokenizing.read(DEFINITION, "é!", None).pieces == ["é", "", "!"]


def test_the_beginning_of_sequence_token_is_in_front_by_its_name() -> None:
    reading = tokenizing.read(DEFINITION, "ab", 256)
    assert reading.pieces == ["<s>", "a", "b"]
    assert reading.ids[0] == 256
    assert reading.offsets[0] == (0, 0)


@pytest.fixture(scope="module")
def model(tiny: Path) -> LanguageModel:
    return LanguageModel.from_pretrained(str(tiny), device="cpu")


@pytest.mark.parametrize("text", ["The mill.", "", "café\n\n  two", "日本"])
def test_text_is_read_as_the_engine_reads_it(model: LanguageModel, text: str) -> None:
    assert tokenizing.read(DEFINITION, text, 256).ids == model.encode(text)


@pytest.mark.parametrize(
    ("prompt", "completion"),
    [("The mill", "opened"), ("The mill ", "opened"), ("The mill", " opened"), ("The\n", "x"), ("café", "日本")],
)
def test_a_query_is_split_as_the_engine_splits_it(model: LanguageModel, prompt: str, completion: str) -> None:
    encoded = encode_query(model, Query(prompt=prompt, completion=completion))
    reading = tokenizing.read(DEFINITION, tokenizing.join(prompt, completion), 256)
    assert tuple(reading.ids) == encoded.ids
    assert tokenizing.split(reading, prompt) == encoded.completion_start
