"""The script makes the bundled texts again, byte for byte."""

from importlib.resources import files

from tokenizers import Tokenizer

from app.demo import bundle
from app.demo.figures import Bm25, retrieval_figures
from app.demo.make.arithmetic import addition, subtraction
from app.demo.make.corpus import make_corpus
from app.demo.make.functions import EXERCISES, code
from app.demo.make.hard import inflect_person, inverted
from app.demo.make.queries import make_queries
from app.demo.make.tokenizer import train_tokenizer
from app.demo.make.write import corpus_text, queries_text

DATA = files("app.demo") / "data"


def test_the_seed_gives_the_bundled_corpus_and_queries_again() -> None:
    corpus = make_corpus()
    assert corpus_text(corpus.library.documents) == (DATA / "corpus.jsonl").read_text(encoding="utf-8")
    assert queries_text(make_queries(corpus)) == (DATA / "queries.json").read_text(encoding="utf-8")


def test_another_seed_gives_another_almanac() -> None:
    first, second = make_corpus(seed=1), make_corpus(seed=2)
    assert {fact.answer for fact in first.facts} != {fact.answer for fact in second.facts}


def test_the_corpus_gives_the_bundled_tokenizer_again() -> None:
    made = train_tokenizer(document.text for document in bundle.documents())
    bundled = Tokenizer.from_file(str(bundle.models()[0].path / "tokenizer.json"))
    assert made.to_str() == bundled.to_str()


def test_every_answer_belongs_to_one_fact() -> None:
    facts = make_corpus().facts
    assert len({fact.answer for fact in facts}) == len(facts)


def test_a_word_search_finds_none_of_the_hard_facts() -> None:
    bm25 = Bm25({document.id: document.text for document in bundle.documents()})
    hard = [query for query in bundle.planted() if query.group != "forward"]
    rankings = [bm25.rank(f"{query.prompt} {query.completion}") for query in hard]
    assert retrieval_figures(rankings, [query.supporting for query in hard]).recall_at_10 <= 0.1


def test_column_addition_carries() -> None:
    assert addition(37, 45) == (
        "Work out 37 + 45. Units: 7 + 5 = 12, write 2 and carry 1. Tens: 3 + 4 + 1 = 8. So 37 + 45 = 82."
    )


def test_subtraction_goes_by_the_round_number() -> None:
    assert subtraction(52, 17) == "Work out 52 - 17. First 52 - 10 = 42. Then 42 - 7 = 35."


def test_every_function_of_the_corpus_is_python() -> None:
    for exercise in EXERCISES:
        for body in exercise.bodies:
            compile(code(exercise, body), exercise.name, "exec")


def test_both_bodies_of_a_function_agree() -> None:
    samples = {
        "n": (7,),
        "text": ("level up",),
        "items": ([3, 1, 3, -2],),
        "x, low, high": (9, 1, 5),
        "a, b": (12, 18),
        "f": (212,),
        "year": (1900,),
        "rows": ([[1], [2, 3]],),
    }
    for exercise in EXERCISES:
        arguments = ([1, 2], [2, 3]) if exercise.name == "common" else samples[exercise.arguments]
        results = []
        for body in exercise.bodies:
            scope: dict[str, object] = {}
            exec(code(exercise, body), scope)
            results.append(scope[exercise.name](*arguments))  # type: ignore[operator]
        assert results[0] == results[1], exercise.name


def test_names_are_inflected_and_inverted_as_described() -> None:
    assert inflect_person("Magnus Salgard") == "Magnusar Salgardar"
    assert inverted("Odran Halwin") == "Halwin, Odran"
    assert inverted("the Night of Kites") == "Kites, Night of"
