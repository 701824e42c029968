"""The held-out facts are facts of the bundled corpus that no planted query asks."""

from app.demo import bundle
from app.demo.make.corpus import make_corpus
from benchmarks.held_out_facts import held_out


def test_held_out_facts_are_supported_by_bundled_documents_and_asked_nowhere_else() -> None:
    asked = held_out(make_corpus(), 60)
    texts = {document.id: document.text for document in bundle.documents()}
    planted = {(query.prompt, query.completion) for query in bundle.planted()}
    assert len({query.name for query in asked}) == 60
    for query in asked:
        assert (query.prompt, query.completion) not in planted
        assert query.supporting
        assert all(query.completion.lower() in texts[name].lower() for name in query.supporting)
        assert any(texts[name].startswith(f"{query.prompt} {query.completion}") for name in query.supporting)


def test_the_same_seed_gives_the_same_facts() -> None:
    corpus = make_corpus()
    assert held_out(corpus, 5) == held_out(corpus, 5)
    assert held_out(corpus, 5) != held_out(corpus, 5, seed=1)
