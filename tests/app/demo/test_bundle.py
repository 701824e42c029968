"""The bundled corpus and queries are whole, and agree with each other."""

import json
from collections import Counter
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from app.demo import bundle
from app.demo.bundle import DemoQuery

KINDS = {"prose", "spanish", "almanac", "arithmetic", "function", "dialogue"}
HARD_GROUPS = {"morphology", "alias", "paraphrase", "other_language"}
QUERIES = [*bundle.gallery(), *bundle.planted()]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(bundle.models()[-1].path / "tokenizer.json"))


def texts() -> dict[str, str]:
    return {document.id: document.text for document in bundle.documents()}


def test_every_document_has_its_own_id_and_text() -> None:
    documents = bundle.documents()
    assert len({document.id for document in documents}) == len(documents)
    assert len({document.text for document in documents}) == len(documents)


def test_documents_are_of_the_six_kinds_and_named_after_them() -> None:
    for document in bundle.documents():
        assert document.kind in KINDS
        assert document.id.startswith(f"{document.kind}-")
        assert document.source
        assert document.text
        assert document.text == document.text.strip()
    assert set(Counter(document.kind for document in bundle.documents())) == KINDS


def test_the_corpus_has_about_four_thousand_documents() -> None:
    assert 3500 <= len(bundle.documents()) <= 4500


def test_every_document_is_one_short_sequence_and_all_fit_the_budget(tokenizer: Tokenizer) -> None:
    encodings = tokenizer.encode_batch(list(texts().values()), add_special_tokens=False)
    lengths = [1 + len(encoding.ids) for encoding in encodings]
    assert max(lengths) <= 130
    assert sum(lengths) <= 250_000


def test_the_spanish_passages_are_those_of_the_english() -> None:
    references = {
        kind: {document.source.split(", ")[1] for document in bundle.documents() if document.kind == kind}
        for kind in ("prose", "spanish")
    }
    assert references["spanish"] <= references["prose"]


def test_every_query_has_its_own_name() -> None:
    assert len({query.name for query in QUERIES}) == len(QUERIES)


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_a_query_names_documents_that_exist_and_has_clean_edges(query: DemoQuery) -> None:
    known = texts()
    assert set(query.supporting) | set(query.flipped) <= set(known)
    assert not set(query.supporting) & set(query.flipped)
    assert query.prompt == query.prompt.strip()
    assert query.completion == query.completion.strip()
    assert query.title
    assert query.note.endswith(".")


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_prompt_and_completion_meet_at_a_token_boundary(query: DemoQuery, tokenizer: Tokenizer) -> None:
    joined = f"{query.prompt} {query.completion}"
    encoding = tokenizer.encode(joined, add_special_tokens=False)
    # A token's span leaves out or takes in the space before it: both are a clean boundary.
    assert any(start in (len(query.prompt), len(query.prompt) + 1) for start, _ in encoding.offsets)
    assert len(encoding.ids) < 128


def test_the_gallery_shows_every_kind_of_query() -> None:
    kinds = {query.kind for query in bundle.gallery()}
    assert len(bundle.gallery()) >= 14
    assert kinds >= {"fact", "passage", "arithmetic", "function", "dialogue", "spanish", "false"}


def test_planted_facts_are_many_and_of_many_relations() -> None:
    groups = Counter(query.group for query in bundle.planted())
    assert groups["forward"] >= 64
    assert set(groups) - {"forward"} == HARD_GROUPS
    assert sum(groups[group] for group in HARD_GROUPS) >= 24


def test_every_planted_forward_fact_is_stated_by_its_supporting_documents() -> None:
    known = texts()
    for query in bundle.planted():
        if query.group == "forward":
            assert 2 <= len(query.supporting) <= 5
            assert all(query.completion in known[document] for document in query.supporting)
            assert f"{query.prompt} {query.completion}" in {
                known[document].rstrip(".") for document in query.supporting
            }


def test_flipped_documents_begin_with_the_answer() -> None:
    known = texts()
    for query in bundle.planted():
        if query.group == "forward":
            for document in query.flipped:
                text = known[document].lower()
                assert text.index(query.completion.lower()) < len(text) / 2


def test_a_supporting_document_of_another_wording_never_holds_the_hard_query() -> None:
    known = texts()
    for query in bundle.planted():
        if query.group in HARD_GROUPS:
            joined = f"{query.prompt} {query.completion}"
            assert query.supporting
            assert all(joined not in known[document] for document in query.supporting)


def test_models_come_smallest_first_and_fit_the_size_budget() -> None:
    models = bundle.models()
    assert [model.name for model in models] == ["small", "medium", "large"]
    assert [model.parameters for model in models] == sorted(model.parameters for model in models)
    folder = models[0].path.parent
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert size <= 14_900_000


def test_all_models_share_one_tokenizer() -> None:
    files = {(model.path / "tokenizer.json").read_bytes() for model in bundle.models()}
    assert len(files) == 1


def test_the_corpus_path_is_the_file_of_the_documents() -> None:
    path = bundle.corpus_path()
    assert isinstance(path, Path)
    with path.open(encoding="utf-8") as lines:
        assert json.loads(next(lines))["id"] == bundle.documents()[0].id
