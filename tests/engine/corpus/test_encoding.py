"""Prompt and completion are tokenised once, and every bad query is refused."""

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from engine import Contrast, LanguageModel, Query, QueryError
from engine.corpus.encoding import EncodedContrast, encode, encode_query, joined
from tests.engine.tiny import hf_model


def byte_tokenizer(bos: bool) -> PreTrainedTokenizerFast:
    """Whole words of a few, split at white space that stays with the word that follows."""
    words = ["<s>", "The", "Ġking", "Ġwas", "ĠAnna", "na", "An", "Ġ", "<pad>"]
    core = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<pad>"))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>" if bos else None, pad_token="<pad>")


def model_with(bos: bool) -> LanguageModel:
    return LanguageModel(hf_model("llama", torch.float32), byte_tokenizer(bos))


@pytest.mark.parametrize(
    ("prompt", "completion", "text"),
    [("The king", "was", "The king was"), ("The king ", "was", "The king was"), ("The king", " was", "The king was"),
     ("The king\n", "was", "The king\nwas"), ("The king ", " was", "The king  was")],
)  # fmt: skip
def test_one_space_is_put_between_only_where_there_is_none(prompt: str, completion: str, text: str) -> None:
    assert joined(prompt, completion) == (text, len(prompt))


def test_a_token_that_ends_after_the_prompt_belongs_to_the_completion() -> None:
    for prompt, completion in (("The king", "was Anna"), ("The king ", "was Anna"), ("The king", " was Anna")):
        encoded = encode_query(model_with(bos=True), Query(prompt=prompt, completion=completion))
        assert encoded.ids == (0, 1, 2, 3, 4)
        assert encoded.completion_start == 3


def test_without_a_beginning_token_nothing_is_put_in_front() -> None:
    encoded = encode_query(model_with(bos=False), Query(prompt="The king", completion="was"))
    assert encoded.ids == (1, 2, 3)
    assert encoded.completion_start == 2


def test_ids_are_taken_as_they_stand() -> None:
    encoded = encode_query(model_with(bos=True), Query.from_ids([1, 2], [3]))
    assert encoded.ids == (1, 2, 3)
    assert encoded.completion_start == 2


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (Query(prompt="", completion="was"), "prompt is empty"),
        (Query(prompt="The", completion="  "), "completion is empty"),
        (Query(prompt="The", completion="was " * 70), "more than the model's context of 64"),
        (Query.from_ids([1], [29]), "outside the model's vocabulary"),
        (Query.from_ids([-1], [2]), "outside the model's vocabulary"),
    ],
)
def test_a_bad_query_is_refused(query: Query, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        encode_query(model_with(bos=True), query)


def test_a_query_of_ids_needs_both_sides() -> None:
    with pytest.raises(QueryError, match="got 0 and 1"):
        Query.from_ids([], [1])


def test_a_prompt_that_merges_into_the_completion_needs_a_token_before_it() -> None:
    # Without a beginning token, a one-token text leaves nothing to predict the completion from.
    tokenizer = byte_tokenizer(bos=False)
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence([])
    model = LanguageModel(hf_model("llama", torch.float32), tokenizer)
    with pytest.raises(QueryError, match="No token precedes"):
        encode_query(model, Query(prompt="Odd", completion="text"))


# The completion " was Anna" is " was" and " Anna": its characters 0 to 3 and 4 to 8.
@pytest.mark.parametrize(
    ("stretches", "places"),
    [
        (((0, 3),), (0,)),
        (((4, 8),), (1,)),
        (((5, 6),), (1,)),
        (((2, 5),), (0, 1)),
        (((0, 1), (7, 8)), (0, 1)),
    ],
)
def test_a_token_counts_where_its_own_characters_do(
    stretches: tuple[tuple[int, int], ...], places: tuple[int, ...]
) -> None:
    query = Query(prompt="The king", completion="was Anna", counted=stretches)
    assert encode_query(model_with(bos=True), query).counted == places


def test_white_space_before_a_word_does_not_make_it_count() -> None:
    query = Query(prompt="The king", completion="was Anna", counted=((3, 4),))
    with pytest.raises(QueryError, match="None of the completion's tokens counts"):
        encode_query(model_with(bos=True), query)


def test_without_stretches_every_token_counts() -> None:
    assert encode_query(model_with(bos=True), Query(prompt="The king", completion="was Anna")).counted is None


def test_of_ids_the_places_given_count() -> None:
    encoded = encode_query(model_with(bos=True), Query.from_ids([1, 2], [3, 4, 5], [2, 0]))
    assert encoded.counted == (0, 2)


@pytest.mark.parametrize("stretch", [(0, 9), (-1, 2), (3, 3)])
def test_a_stretch_outside_the_completion_is_refused(stretch: tuple[int, int]) -> None:
    with pytest.raises(QueryError, match="does not lie in the completion of length 8"):
        Query(prompt="The king", completion="was Anna", counted=(stretch,))


def test_the_text_of_a_special_token_is_text_in_a_query() -> None:
    encoded = encode_query(model_with(bos=True), Query(prompt="The<s>", completion="was"))
    assert encoded.ids.count(0) == 1
    assert encoded.ids[0] == 0


def test_a_contrast_is_encoded_as_its_two_queries() -> None:
    model = model_with(bos=True)
    one, other = Query(prompt="The king", completion="was"), Query(prompt="The", completion="king")
    found = encode(model, Contrast(one, other))
    assert isinstance(found, EncodedContrast)
    assert found.parts == (encode_query(model, one), encode_query(model, other))
