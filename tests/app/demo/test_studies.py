"""The studies of a real model: what they ask, and the picture of what came of it."""

from itertools import pairwise
from xml.etree import ElementTree

from app.demo import real, studies
from app.demo.word_order_chart import word_order_chart

SVG = "{http://www.w3.org/2000/svg}"


def test_the_experiment_has_the_papers_six_partitions_and_one_exact_wording() -> None:
    study = studies.word_order()
    assert len({one.partition for one in study.rewordings}) == 6
    assert [one.text for one in study.rewordings].count(study.exact) == 1
    assert study.exact == f"{study.prompt} {study.completion}"
    for values in study.paper_relative().values():
        assert values[[one.text for one in study.rewordings].index(study.exact)] == 1


def test_a_fact_is_stated_name_last_and_name_first_in_both_languages() -> None:
    for fact in studies.fictitious_facts():
        for language in studies.LANGUAGES:
            stated = fact.stated(language)
            assert stated.forward == f"{stated.prompt} {stated.completion}."
            assert stated.flipped != stated.forward
            assert stated.completion.lower() in stated.flipped.lower()
            assert stated.flipped.lower().index(stated.completion.lower()) < len(stated.flipped) // 2
        assert len(set(fact.texts().values())) == 5


def test_the_factors_are_fitted_on_256_passages_that_are_not_ours() -> None:
    passages = real.passages()
    assert len({one.id for one in passages}) == real.PASSAGES == 256
    assert {one.kind for one in passages} == {"prose", "spanish"}


def test_every_rewording_has_a_mark_of_every_model_at_its_value() -> None:
    study = studies.word_order()
    paper, own = study.paper_relative(), {"mine": [place / 20 for place in range(len(study.rewordings))]}
    drawn = ElementTree.fromstring(word_order_chart(study.rewordings, paper, own, "title <&>"))
    assert drawn.findtext(f"{SVG}title") == "title <&>"
    own_marks = [mark for mark in drawn.iter(f"{SVG}circle") if mark.get("class") == "own"]
    # One stands in the key.
    assert len(own_marks) == len(study.rewordings) + 1
    places = [float(mark.get("cx", "nan")) for mark in own_marks[1:]]
    steps = [round(after - before, 1) for before, after in pairwise(places)]
    assert max(steps) - min(steps) <= 0.11
