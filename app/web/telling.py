"""What the distribution and the layers of a run say, in sentences."""

from collections.abc import Sequence

from app.services.shapes import Sign, SignLayers, TailAlternative, TailFit
from app.services.units import Unit
from app.web import words

FEW_SCORES = 10


def law(fit: TailFit | None, sign: Sign, scores: int) -> str:
    """What the fitted power law says of the tail of one sign, above all when it does not describe it."""
    if fit is None:
        return (
            f"Too few {sign} scores ({words.count(scores)}) to fit a law to."
            if scores < 2 * FEW_SCORES
            else f"No law could be fitted to the {words.count(scores)} {sign} scores: they lie too close together."
        )
    chance = probability(fit)
    if fit.verdict == "rejected":
        return (
            f"The {sign} tail is not a power law: {chance}. That few of the samples drawn from the nearest one lie as "
            "far from it as these scores do. Take its alpha as a slope, not as a law."
        )
    if fit.verdict == "too few":
        return (
            f"A power law cannot be told from other laws here: only {words.count(fit.tail)} scores lie in the {sign} "
            f"tail ({chance})."
        )
    return (
        f"The {sign} tail may be a power law: {chance}, so its distance from one is no more than chance brings. That "
        "does not prove it; another heavy-tailed law may lie as near."
    )


def others(fit: TailFit, sign: Sign) -> str:
    """Which other laws describe the tail better than the power law, which worse, and which are not told apart."""
    if not fit.alternatives:
        return ""
    found = {
        verdict: [one for one in fit.alternatives if one.verdict == verdict]
        for verdict in ("better", "worse", "not told apart")
    }
    said = []
    if found["better"]:
        nearest = sorted(found["better"], key=lambda one: one.ratio)
        said.append(f"The {sign} tail is described better than by the power law by {_named(nearest)}.")
    else:
        said.append(f"No other law describes the {sign} tail better than the power law.")
    if found["worse"]:
        said.append(f"Worse than the power law: {_named(found['worse'])}.")
    if found["not told apart"]:
        said.append(f"Not told apart from it: {_named(found['not told apart'])}.")
    return " ".join(said)


def _named(laws: Sequence[TailAlternative]) -> str:
    return ", ".join(f"{_article(one.law)} {one.law} ({law_probability(one)})" for one in laws)


def _article(law: str) -> str:
    return "an" if law[0] in "aeiou" else "a"


def law_probability(one: TailAlternative) -> str:
    """The p of a likelihood-ratio test."""
    return f"p = {one.p:.2f}" if one.p >= 0.005 else "p < 0.005"


def probability(fit: TailFit) -> str:
    """p as it was found; where no sample lay as far, that it lies below what so many samples tell."""
    return f"p = {fit.p:.2f}" if fit.p >= 0.005 else f"p < {max(1 / fit.samples, 0.01):g}"


def weight(fit: TailFit, sign: Sign) -> str:
    """What a slope says: how much the few heaviest matter."""
    told = f"α = {fit.alpha:.2f} on the {sign} side"
    if fit.alpha <= 2:
        return f"{told}, not above 2: even the sum of the scores is made by its few largest."
    if fit.alpha <= 3:
        return f"{told}, between 2 and 3: their spread is made by the few largest."
    return f"{told}, above 3: neither their sum nor their spread hangs on the few largest alone."


def where(view: SignLayers, unit: Unit) -> str:
    """Which third of the network holds most of the influence, and how far from even that is."""
    if not view.sequences:
        return f"No sequence with {view.sign} influence was kept."
    if not view.thirds:
        return f"Too few layers ({len(view.layers)}) to part the network in thirds."
    most = max(view.thirds, key=lambda third: third.share)
    even = len(most.layers) / len(view.layers)
    return (
        f"The {most.name} third ({stretch(most.layers)}) holds most: {words.percent(most.share)} of the absolute "
        f"influence of these {words.plural(view.sequences, 'sequence')}, where an even spread would put "
        f"{words.percent(even)}. Its signed sum is {words.signed(most.influence)} {unit.short}."
    )


def stretch(layers: Sequence[str]) -> str:
    """Neighbouring layers by the first and the last."""
    first, last = words.layer(layers[0]), words.layer(layers[-1])
    if first == last:
        return first
    both = first.startswith("layer ") and last.startswith("layer ")
    return f"layers {first.removeprefix('layer ')} to {last.removeprefix('layer ')}" if both else f"{first} to {last}"
