"""The bundled models load, and recall what `recall.json` says they recall."""

import json

import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer

from app.demo import bundle
from app.demo.make.recall import answer, split
from app.demo.make.train import load

FACTS = [query for query in bundle.planted() if query.group == "forward"]


@pytest.mark.parametrize("name", ["small", "medium", "large"])
def test_a_model_recalls_the_share_of_facts_that_it_is_said_to(name: str) -> None:
    model = next(each for each in bundle.models() if each.name == name)
    loaded, tokenizer = load(model.path), Tokenizer.from_file(str(model.path / "tokenizer.json"))
    facts = FACTS if name == "large" else FACTS[::2]
    exact = sum(answer(loaded, tokenizer, query).exact for query in facts) / len(facts)
    assert exact == pytest.approx(model.fact_recall, abs=0.011 if name == "large" else 0.12)


def test_the_largest_model_recalls_nine_facts_in_ten() -> None:
    assert bundle.models()[-1].fact_recall >= 0.9


def test_a_single_pass_says_exact_where_step_by_step_generation_gives_the_completion() -> None:
    model = bundle.models()[-1]
    loaded, tokenizer = load(model.path), Tokenizer.from_file(str(model.path / "tokenizer.json"))
    for query in FACTS[::10]:
        prompt, completion = split(tokenizer, query)
        ids = list(prompt)
        with torch.no_grad():
            for _ in completion:
                ids.append(int(loaded(torch.tensor([ids])).logits[0, -1].argmax()))
        assert (ids[len(prompt) :] == completion) == answer(loaded, tokenizer, query).exact


def test_the_files_say_half_precision_and_name_the_special_tokens() -> None:
    for model in bundle.models():
        settings = json.loads((model.path / "config.json").read_text(encoding="utf-8"))
        assert settings["dtype"] == "float16"
        assert settings["tie_word_embeddings"] is True
        tokenizer = AutoTokenizer.from_pretrained(model.path)
        assert tokenizer.bos_token == "<|bos|>"
        assert tokenizer.pad_token == "<|pad|>"
        assert tokenizer.bos_token_id == settings["bos_token_id"]
        assert tokenizer.pad_token_id == settings["pad_token_id"]


def test_both_tokenizer_readers_agree_and_no_end_token_is_added() -> None:
    path = bundle.models()[0].path
    plain = Tokenizer.from_file(str(path / "tokenizer.json"))
    wrapped = AutoTokenizer.from_pretrained(path)
    for document in bundle.documents()[::400]:
        ids = plain.encode(document.text, add_special_tokens=False).ids
        assert wrapped(document.text, add_special_tokens=False)["input_ids"] == ids
        assert wrapped.decode(ids) == document.text


def test_the_stated_parameters_leave_out_the_embedding_only() -> None:
    model = bundle.models()[0]
    loaded = AutoModelForCausalLM.from_pretrained(model.path, dtype=torch.float32)
    count = sum(p.numel() for n, p in loaded.named_parameters() if "embed_tokens" not in n)
    assert count == model.parameters
