"""Worked arithmetic: sums, differences, products and short word problems."""

from __future__ import annotations

import random
from collections.abc import Iterator

from app.demo.make.library import Draft

SOURCE = "Worked arithmetic"

_GOODS = ["apples", "candles", "buttons", "kettles", "spoons", "bells", "lanterns", "eggs", "pears", "tiles"]
_PEOPLE = ["Maren", "Tobin", "Edda", "Linnet", "Rowan", "Hedda", "Ivo", "Lorna", "Nils", "Petra"]


def addition(a: int, b: int) -> str:
    """Column addition of two numbers below a hundred."""
    units = a % 10 + b % 10
    carry = units // 10
    tens = a // 10 + b // 10 + carry
    if carry:
        first = f"Units: {a % 10} + {b % 10} = {units}, write {units % 10} and carry 1."
        second = f"Tens: {a // 10} + {b // 10} + 1 = {tens}."
    else:
        first = f"Units: {a % 10} + {b % 10} = {units}."
        second = f"Tens: {a // 10} + {b // 10} = {tens}."
    return f"Work out {a} + {b}. {first} {second} So {a} + {b} = {a + b}."


def subtraction(a: int, b: int) -> str:
    """Subtraction by way of the round number."""
    tens, units = b // 10 * 10, b % 10
    return f"Work out {a} - {b}. First {a} - {tens} = {a - tens}. Then {a - tens} - {units} = {a - b}."


def multiplication(a: int, b: int) -> str:
    """A product from its neighbour in the table."""
    return f"What is {a} times {b}? We know {a} x {b - 1} = {a * (b - 1)}, and {a} more is {a * b}."


def more(r: random.Random) -> str:
    """A word problem that adds."""
    name, thing, a, b = r.choice(_PEOPLE), r.choice(_GOODS), r.randint(3, 20), r.randint(2, 15)
    return f"{name} has {a} {thing} and buys {b} more. {a} + {b} = {a + b}, so now {name} has {a + b} {thing}."


def fewer(r: random.Random) -> str:
    """A word problem that takes away."""
    name, thing, b = r.choice(_PEOPLE), r.choice(_GOODS), r.randint(2, 9)
    a = b + r.randint(3, 15)
    return f"{name} had {a} {thing} and gave {b} away. {a} - {b} = {a - b}, so {a - b} {thing} are left."


def rows_of(r: random.Random) -> str:
    """A word problem that multiplies."""
    thing, a, b = r.choice(_GOODS), r.randint(2, 9), r.randint(2, 9)
    return f"There are {a} boxes with {b} {thing} in each. {a} x {b} = {a * b}, so there are {a * b} {thing}."


def drafts(r: random.Random) -> Iterator[Draft]:
    """Some three hundred worked examples."""
    sums = r.sample([(a, b) for a in range(11, 90) for b in range(11, 99 - a)], 90)
    differences = r.sample([(a, b) for a in range(25, 99) for b in range(11, a - 5) if b % 10], 60)
    texts = [addition(a, b) for a, b in sums] + [subtraction(a, b) for a, b in differences]
    texts += [multiplication(a, b) for a in range(3, 13) for b in range(3, 10)]
    texts += [tell(r) for tell in (more, fewer, rows_of) for _ in range(36)]
    for text in texts:
        yield Draft("arithmetic", SOURCE, text)
