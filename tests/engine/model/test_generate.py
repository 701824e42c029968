"""Completions that a model writes: greedy as the argmax says, drawn with a seed, and readable."""

from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from engine import LanguageModel, QueryError, Writing, write_completion
from tests.engine.tiny import FAMILIES, VOCABULARY, hf_model, tiny_model


def greedy(model: LanguageModel, ids: list[int], steps: int) -> list[int]:
    """The argmax, again and again, the whole text read anew each time."""
    read = list(ids)
    with torch.no_grad():
        for _ in range(steps):
            read.append(int(model.hf_model(input_ids=torch.tensor([read])).logits[0, -1].argmax()))
    return read[len(ids) :]


@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_writing_is_the_argmax_of_each_step(family: str) -> None:
    model = tiny_model(family, torch.float64)
    expected = greedy(model, [3, 5, 7], 12)
    ends = expected.index(0) if 0 in expected else len(expected)
    assert ends > 0
    assert list(write_completion(model, [3, 5, 7], Writing(max_tokens=12)).ids) == expected[:ends]


def with_words(model: Any) -> LanguageModel:
    """A model whose tokens are letters, 0 the beginning and 1 the end of a text."""
    letters = ["<s>", "</s>", *"abcdefghijklmnopqrstuvwxyzĠ"]
    core = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(letters)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    assert len(letters) == VOCABULARY
    return LanguageModel(model, PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", eos_token="</s>"))


def always(model: LanguageModel, token: int) -> None:
    """Let the model's head say one token, whatever it read."""
    with torch.no_grad():
        model.hf_model.lm_head.weight.zero_()
        model.hf_model.lm_head.bias = torch.nn.Parameter(
            torch.nn.functional.one_hot(torch.tensor(token), VOCABULARY) * 9.0
        )


@pytest.fixture
def letters() -> LanguageModel:
    return with_words(hf_model("gpt_neox", torch.float32))


def test_the_same_seed_draws_the_same_text_whatever_was_drawn_before(letters: LanguageModel) -> None:
    drawn = Writing(max_tokens=20, temperature=1.5, seed=5)
    first = write_completion(letters, "abc", drawn)
    state = torch.get_rng_state()
    torch.rand(7)
    assert write_completion(letters, "abc", drawn) == first
    torch.set_rng_state(state)
    write_completion(letters, "abc", drawn)
    assert torch.equal(torch.get_rng_state(), state)
    others = {write_completion(letters, "abc", Writing(20, 1.5, seed)).text for seed in range(6, 10)}
    assert others != {first.text}


def test_draws_follow_the_tempered_distribution(letters: LanguageModel) -> None:
    with torch.no_grad():
        logits = letters.hf_model(input_ids=torch.tensor([[0, 2, 3, 4]])).logits[0, -1].double()
    expected = torch.softmax(logits / 0.7, -1)
    counts = torch.zeros(VOCABULARY)
    for seed in range(400):
        try:
            counts[write_completion(letters, "abc", Writing(1, 0.7, seed)).ids[0]] += 1
        except QueryError:
            counts[0] += 1
    expected = torch.cat([expected[:2].sum()[None], expected[2:]])
    drawn = torch.cat([counts[:2].sum()[None], counts[2:]]) / 400
    # A space alone is refused as unreadable, so it is counted with the ends.
    expected, drawn = (torch.cat([(one[0] + one[-1])[None], one[1:-1]]) for one in (expected, drawn.double()))
    assert float((expected - drawn).abs().max()) < 0.1


def test_prompt_and_completion_tokenise_back(letters: LanguageModel) -> None:
    written = write_completion(letters, "ab c", Writing(max_tokens=15))
    assert letters.encode("ab c" + written.text) == [*letters.encode("ab c"), *written.ids]


def test_writing_stops_before_the_end_of_the_text(letters: LanguageModel) -> None:
    always(letters, 7)
    letters.hf_model.generation_config.eos_token_id = [7]
    with pytest.raises(QueryError, match="wrote nothing that can be read"):
        write_completion(letters, "abc")
    letters.hf_model.generation_config.eos_token_id = None
    assert write_completion(letters, "abc", Writing(max_tokens=3)).text == "fff"


def test_a_special_token_ends_the_text_too(letters: LanguageModel) -> None:
    always(letters, 1)
    letters.hf_model.config.eos_token_id = None
    letters.hf_model.generation_config.eos_token_id = None
    with pytest.raises(QueryError, match="temperature 0, seed 0"):
        write_completion(letters, "abc")


def test_writing_ends_where_the_context_is_full(letters: LanguageModel) -> None:
    always(letters, 7)
    letters.hf_model.generation_config.eos_token_id = None
    assert letters.context_length == 64
    assert len(write_completion(letters, [2] * 60, Writing(max_tokens=32)).ids) == 4
    with pytest.raises(QueryError, match="64 tokens fill the model's context of 64"):
        write_completion(letters, [2] * 64)


def test_bytes_that_form_no_character_are_left_out() -> None:
    model = hf_model("gpt_neox", torch.float32)
    halves = ["<s>", "a", "Ã", "©", *"bcdefghijklmnopqrstuvwxyz"]
    core = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(halves)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    half = LanguageModel(model, PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>"))
    # The first byte of an accented letter, and never the second.
    always(half, 2)
    half.hf_model.generation_config.eos_token_id = None
    with pytest.raises(QueryError, match="wrote nothing that can be read"):
        write_completion(half, "ab", Writing(max_tokens=3))


def test_writing_leaves_no_trace_on_the_model(letters: LanguageModel) -> None:
    letters.hf_model.train()
    before = {name: parameter.clone() for name, parameter in letters.hf_model.named_parameters()}
    write_completion(letters, "abc", Writing(max_tokens=3))
    assert letters.hf_model.training
    assert all(torch.equal(before[name], each) for name, each in letters.hf_model.named_parameters())


@pytest.mark.parametrize(
    ("chosen", "problem"), [({"max_tokens": 0}, "max_tokens=0 writes nothing"), ({"temperature": -1.0}, "below zero")]
)
def test_a_way_of_writing_that_makes_no_sense_is_refused(chosen: dict[str, int], problem: str) -> None:
    with pytest.raises(QueryError, match=problem):
        Writing(**chosen)
