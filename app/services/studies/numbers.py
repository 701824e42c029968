"""What studies measured on a model's very weights, for the page of that model."""

from app.services.shapes import StudyNumber
from app.services.studies import facts, faithful, narrowing, tails
from app.services.studies.files import results

TITLES = {
    "planted-facts": "Planted facts",
    "held-out-facts": "Held-out facts",
    "index-recall": "Recall of the gradient index",
    "pbrf": "Predicted and measured change",
    "one-step": "One small step",
}


def numbers(fingerprint: str | None) -> list[StudyNumber]:
    """The numbers that are about weights of this fingerprint: the demo's models have some, others none."""
    weights: dict[str, str] = results(tails.FILE)["weights"]
    name = next((name for name, known in weights.items() if known == fingerprint), None)
    return [] if name is None else [*_recalled(name), *_foretold(name)]


def _recalled(name: str) -> list[StudyNumber]:
    planted, held_out = results(facts.PLANTED)[name]["ekfac"]["forward"], results(facts.HELD_OUT)[name]
    stated = "of the documents known to state a planted fact, among its ten heaviest"
    found = narrowing.default(results(narrowing.INDEX), name)
    told = [
        ("planted-facts", stated, planted[facts.FIGURE]),
        ("held-out-facts", "the same, of facts that nothing was chosen on", held_out["held out"][facts.FIGURE]),
        (
            "held-out-facts",
            "of these facts, those whose completion the model writes itself",
            held_out["held out"]["greedy recall"],
        ),
        ("index-recall", "of the exact top ten among the first fifty of a gradient index", found["recall"]),
    ]
    return [StudyNumber(study=study, title=TITLES[study], told=words, value=value) for study, words, value in told]


def _foretold(name: str) -> list[StudyNumber]:
    if name != faithful.MODEL:
        return []
    data, totals = results(faithful.PBRF), results(faithful.STEP)["totals"]
    right = totals["positive"]["rose"] + totals["negative"]["of"] - totals["negative"]["rose"]
    of = totals["positive"]["of"] + totals["negative"]["of"]
    means = {which: data[which]["ekfac"]["mean over queries"]["pearson"] for which in faithful.SETS}
    told = [
        ("pbrf", "correlation of predicted and measured change, fifty sequences a query", means["fifty sequences"]),
        ("pbrf", "the same, over all sequences", means["all sequences"]),
        ("one-step", "of the heaviest sequences, a small step on which moved log p as their sign says", right / of),
    ]
    return [StudyNumber(study=study, title=TITLES[study], told=words, value=value) for study, words, value in told]
