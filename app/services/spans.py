"""Tokens as words and as sentences: stretches of whole tokens that cover a sequence, so that sums stay exact."""

import math
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import Literal

Reading = Literal["token", "word", "sentence"]
Span = tuple[int, int]

_JOINS = "_'\u2019\u00ad"
# Scripts written without spaces: each character is read as a word.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_ABBREVIATION = re.compile(
    r"""(mr|mrs|ms|dr|prof|st|mt|jr|sr|vs|etc|cf|figs?|nos?|vols?|pp|ch|eds?|est|inc|ltd|co|al|gen|col|sgt|capt|rev|hon|
    approx|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|e\.g|i\.e|a\.m|p\.m)""",
    re.IGNORECASE | re.VERBOSE,
)
_ENDING = re.compile(
    r"""[.!?\u2026]+["'\u201d\u2019)\]]*(?=\s+\S) | [\u3002\uff01\uff1f]["'\u201d\u2019\u300d\u300f)]*""", re.VERBOSE
)
_LINE = re.compile(r"[^\S\n]*\n\s*")


def spans(tokens: Sequence[str], reading: Reading) -> list[Span]:
    """The stretches [start, stop) of tokens that are read together; every token is in one."""
    return _READINGS[reading](tokens)


def each(tokens: Sequence[str]) -> list[Span]:
    """Every token by itself."""
    return [(place, place + 1) for place in range(len(tokens))]


def words(tokens: Sequence[str]) -> list[Span]:
    """Words, and marks of punctuation by themselves; white space goes with what follows it.

    Tokens stay whole: one that holds several words is one stretch. A first token without text, as one that begins
    a sequence, stands alone.
    """
    cuts = [0] if tokens else []
    before = ""
    for place, token in enumerate(tokens):
        if place and token and (before == "" or _new_word(before, token)):
            cuts.append(place)
        before = (before if before.isspace() else "") + token if token else before
    return _between(cuts, len(tokens))


def _new_word(before: str, token: str) -> bool:
    """Whether a word begins between two texts that touch."""
    if before.isspace():
        return False
    left, right = before[-1], token[0]
    if right.isspace() or left.isspace():
        return True
    if _UNSPACED.match(left) or _UNSPACED.match(right):
        return True
    return not (_in_word(left) and _in_word(right)) and not (left == right and not _in_word(left))


def _in_word(character: str) -> bool:
    return character.isalnum() or character in _JOINS or unicodedata.category(character).startswith("M")


def sentences(tokens: Sequence[str]) -> list[Span]:
    """Sentences, and lines where a text is set in lines; the space between two goes with the second.

    Tokens stay whole: one that holds the end of one and the beginning of the next belongs to the first.
    """
    starts = list(accumulate((len(token) for token in tokens[:-1]), initial=0)) if tokens else []
    text = "".join(tokens)
    cuts = {0} if tokens else set()
    for place in _sentence_starts(text):
        # Of tokens without text at the same place the last begins the sentence's own text.
        first = bisect_left(starts, place)
        while first < len(tokens) and not tokens[first]:
            first += 1
        if first < len(tokens):
            cuts.add(first)
    return _between(sorted(cuts), len(tokens))


def _sentence_starts(text: str) -> set[int]:
    """Where sentences but the first begin: at the white space before them."""
    ends = {found.end() for found in _ENDING.finditer(text) if _ends_sentence(text, found)}
    lines = {found.start() for found in _LINE.finditer(text) if found.start() and _ends_line(text, found)}
    return {place for place in ends | lines if place < len(text)}


def _ends_sentence(text: str, found: re.Match[str]) -> bool:
    after = text[found.end() :].lstrip()[:1]
    if not found[0].startswith("."):
        return True
    if after.islower():
        return False
    word = re.split(r"[\s(\[\"\u201c]", text[max(0, found.start() - 24) : found.start()])[-1]
    initial = len(word) == 1 and word.isalpha() and word.isupper()
    return found[0].startswith("..") or not (initial or _ABBREVIATION.fullmatch(word))


def _ends_line(text: str, found: re.Match[str]) -> bool:
    """A line that is only broken to fit goes on in small letters at the margin."""
    blank, after = found[0].count("\n") > 1, text[found.end() : found.end() + 1]
    return blank or not found[0].endswith("\n") or not after.islower()


def _between(cuts: Sequence[int], end: int) -> list[Span]:
    return list(pairwise([*cuts, end])) if cuts else []


def sums(values: Sequence[float], stretches: Sequence[Span]) -> list[float]:
    """What each stretch holds in all: sums without rounding until the end, which add up as the tokens do."""
    return [values[start] if stop - start == 1 else math.fsum(values[start:stop]) for start, stop in stretches]


_READINGS: dict[Reading, Callable[[Sequence[str]], list[Span]]] = {"token": each, "word": words, "sentence": sentences}
