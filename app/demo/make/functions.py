"""Small Python functions, each with its problem told in several ways."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from app.demo.make.library import Draft

SOURCE = "Small Python functions"


@dataclass(frozen=True)
class Exercise:
    """A function, its problem in three wordings, and two ways to write its body."""

    name: str
    arguments: str
    problems: tuple[str, str, str]
    bodies: tuple[str, str]


def _exercise(name: str, arguments: str, problems: str, first: str, second: str) -> Exercise:
    one, two, three = (problem.strip() for problem in problems.split("|"))
    return Exercise(name, arguments, (one, two, three), (first, second))


EXERCISES = (
    _exercise(
        "is_even",
        "n",
        "Tell whether a number is even. | Check if n can be divided by two. | True for 4, False for 7.",
        "return n % 2 == 0",
        "return not n % 2",
    ),
    _exercise(
        "double",
        "n",
        "Return twice the number. | Multiply n by two. | Given 4, give back 8.",
        "return 2 * n",
        "return n + n",
    ),
    _exercise(
        "largest",
        "items",
        "Find the largest item of a list. | Which element is the greatest? | Return the maximum.",
        "return max(items)",
        "best = items[0]\nfor item in items:\n    if item > best:\n        best = item\nreturn best",
    ),
    _exercise(
        "total",
        "items",
        "Add up all numbers of a list. | What do the numbers sum to? | Return the sum.",
        "return sum(items)",
        "result = 0\nfor item in items:\n    result += item\nreturn result",
    ),
    _exercise(
        "mean",
        "items",
        "Compute the average. | Return the arithmetic mean of a list."
        " | Sum the numbers, then divide by how many there are.",
        "return sum(items) / len(items)",
        "total = 0\nfor item in items:\n    total += item\nreturn total / len(items)",
    ),
    _exercise(
        "backwards",
        "text",
        "Reverse a string. | Spell a word from its end. | Turn 'abc' into 'cba'.",
        "return text[::-1]",
        "return ''.join(reversed(text))",
    ),
    _exercise(
        "is_palindrome",
        "text",
        "Does a word read the same both ways? | Check for a palindrome. | True for 'level'.",
        "return text == text[::-1]",
        "return text == ''.join(reversed(text))",
    ),
    _exercise(
        "count_vowels",
        "text",
        "Count the vowels of a word. | How many of the letters are a, e, i, o or u? | Return the number of vowels.",
        "return sum(letter in 'aeiou' for letter in text)",
        "count = 0\nfor letter in text:\n    if letter in 'aeiou':\n        count += 1\nreturn count",
    ),
    _exercise(
        "factorial",
        "n",
        "Multiply all numbers from 1 to n. | Compute n factorial. | Given 4, give back 24.",
        "result = 1\nfor i in range(2, n + 1):\n    result *= i\nreturn result",
        "return 1 if n < 2 else n * factorial(n - 1)",
    ),
    _exercise(
        "fibonacci",
        "n",
        "Return the nth Fibonacci number. | Each number is the sum of the two before it. | Given 7, give back 13.",
        "a, b = 0, 1\nfor _ in range(n):\n    a, b = b, a + b\nreturn a",
        "return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)",
    ),
    _exercise(
        "is_prime",
        "n",
        "Decide whether n is a prime number. | Has n no divisors but one and itself? | True for 7, False for 9.",
        "return n > 1 and all(n % i for i in range(2, n))",
        "for i in range(2, n):\n    if n % i == 0:\n        return False\nreturn n > 1",
    ),
    _exercise(
        "first_word",
        "text",
        "Return the first word of a sentence. | Cut a text at its first space. | What comes before the first space?",
        "return text.split()[0]",
        "return text.split(' ', 1)[0]",
    ),
    _exercise(
        "without_spaces",
        "text",
        "Remove every space from a text. | Return the string without blanks. | Turn 'a b c' into 'abc'.",
        "return text.replace(' ', '')",
        "return ''.join(text.split())",
    ),
    _exercise(
        "squares",
        "n",
        "List the squares of the numbers below n. | Return 0, 1, 4, 9 and so on. | Square each number in a range.",
        "return [i * i for i in range(n)]",
        "result = []\nfor i in range(n):\n    result.append(i ** 2)\nreturn result",
    ),
    _exercise(
        "only_positive",
        "items",
        "Keep the numbers above zero. | Drop zero and everything negative. | Filter a list for positive numbers.",
        "return [item for item in items if item > 0]",
        "return list(filter(lambda item: item > 0, items))",
    ),
    _exercise(
        "without_repeats",
        "items",
        "Remove repeated items and keep the order. | Return each element once. | Turn 1, 2, 1 into 1, 2.",
        "return list(dict.fromkeys(items))",
        "seen = []\nfor item in items:\n    if item not in seen:\n        seen.append(item)\nreturn seen",
    ),
    _exercise(
        "clamp",
        "x, low, high",
        "Force a value into a range. | Return x, or the nearest bound. | Limit x from below and above.",
        "return max(low, min(x, high))",
        "if x < low:\n    return low\nif x > high:\n    return high\nreturn x",
    ),
    _exercise(
        "gcd",
        "a, b",
        "Find the greatest common divisor. | Use the algorithm of Euclid. | Given 12 and 18, give back 6.",
        "while b:\n    a, b = b, a % b\nreturn a",
        "return a if b == 0 else gcd(b, a % b)",
    ),
    _exercise(
        "to_celsius",
        "f",
        "Convert Fahrenheit to Celsius. | How warm is it on the other scale? | Given 212, give back 100.",
        "return (f - 32) * 5 / 9",
        "return (f - 32) / 1.8",
    ),
    _exercise(
        "is_leap_year",
        "year",
        "Decide whether a year has 366 days. | Every fourth year, with the usual exceptions."
        " | True for 2000, False for 1900.",
        "return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)",
        "if year % 100 == 0:\n    return year % 400 == 0\nreturn year % 4 == 0",
    ),
    _exercise(
        "count_words",
        "text",
        "How many words has a text? | Count what stands between spaces. | Return the number of words.",
        "return len(text.split())",
        "count = 0\nfor _ in text.split():\n    count += 1\nreturn count",
    ),
    _exercise(
        "common",
        "a, b",
        "Return the items two lists share. | What is in both lists? | Intersect a and b.",
        "return [item for item in a if item in b]",
        "return list(set(a) & set(b))",
    ),
    _exercise(
        "flatten",
        "rows",
        "Join a list of lists into one list. | Remove one level of nesting. | Turn [[1], [2, 3]] into [1, 2, 3].",
        "return [item for row in rows for item in row]",
        "result = []\nfor row in rows:\n    result.extend(row)\nreturn result",
    ),
    _exercise(
        "shout",
        "text",
        "Write a text in capitals, with an exclamation mark. | Make a string loud. | Turn 'hey' into 'HEY!'.",
        "return text.upper() + '!'",
        "return f'{text.upper()}!'",
    ),
    _exercise(
        "last",
        "items",
        "Return the last item of a list. | What stands at the end? | Given 1, 2, 3, give back 3.",
        "return items[-1]",
        "return items[len(items) - 1]",
    ),
    _exercise(
        "digit_sum",
        "n",
        "Add the digits of a number. | Sum up what a number is written with. | Given 123, give back 6.",
        "return sum(int(digit) for digit in str(n))",
        "result = 0\nwhile n:\n    result += n % 10\n    n //= 10\nreturn result",
    ),
)


def code(exercise: Exercise, body: str) -> str:
    """The function as source text."""
    lines = [f"    {line}" for line in body.split("\n")]
    return "\n".join([f"def {exercise.name}({exercise.arguments}):", *lines])


def drafts(r: random.Random) -> Iterator[Draft]:
    """Every exercise in three wordings and two bodies, and once without a problem."""
    forms = ("# {p}\n{c}", "Problem: {p}\n{c}", "{p}\n\n{c}")
    for exercise in EXERCISES:
        for problem, form in zip(exercise.problems, forms, strict=True):
            for body in exercise.bodies:
                text = form.format(p=problem, c=code(exercise, body))
                yield Draft("function", SOURCE, text, exercise.name, "problem")
        plain = code(exercise, r.choice(exercise.bodies))
        yield Draft("function", SOURCE, plain, exercise.name, "plain")
