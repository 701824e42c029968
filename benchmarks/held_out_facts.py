"""Facts that no choice was made on: does EK-FAC find their documents as well as those of the planted 98?

Where the large model stops training was chosen on the 98 planted forward queries. This asks 100 random other facts of
the almanac in the same way: how many the models complete greedily, and any@10, recall@10 and MRR of EK-FAC and of
BM25. `python -m benchmarks.held_out_facts` writes docs/studies/held-out-facts.json.
"""

import argparse
import json
import random
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from app.demo import bundle
from app.demo.figures import Bm25, retrieval_figures
from app.demo.make.corpus import Corpus, make_corpus
from app.demo.make.queries import forward_query, slug, told_wordings
from app.demo.make.recall import fact_recall
from benchmarks import demo
from benchmarks.machine import describe
from benchmarks.planted_facts import by_ekfac, rankings
from engine import LanguageModel

RESULTS = Path(__file__).parent.parent / "docs" / "studies" / "held-out-facts.json"
GROUP = "held out"


def held_out(corpus: Corpus, count: int, seed: int = 0) -> list[bundle.DemoQuery]:
    """Random facts of the almanac that are neither among the planted queries nor behind a hard one."""
    asked = {query.name for query in bundle.planted()} | {slug(hard.fact) for hard in corpus.hard}
    free = [fact for fact in corpus.facts if slug(fact.key) not in asked]
    chosen = random.Random(seed)
    queries = []
    for fact in chosen.sample(free, min(count, len(free))):
        wording = chosen.choice(told_wordings(fact, corpus.library))
        queries.append(replace(forward_query(fact, wording, corpus.library), group=GROUP))
    return queries


def figures(ranked: list[list[str]], asked: list[bundle.DemoQuery]) -> dict[str, Any]:
    """any@10, recall@10 and MRR."""
    found = asdict(retrieval_figures(ranked, [query.supporting for query in asked]))
    return {name: round(value, 3) for name, value in found.items()}


def greedy(model: LanguageModel, asked: list[bundle.DemoQuery]) -> dict[str, float]:
    """The share of facts completed exactly by the likeliest tokens, and the mean log p in nats."""
    tokenizer: Tokenizer = model.tokenizer.backend_tokenizer
    exact, log_p = fact_recall(model.hf_model, tokenizer, asked)
    return {"greedy recall": round(exact, 3), "mean log p": round(log_p, 3)}


def main() -> None:
    """Ask the models named and put their figures in the file, beside those of models asked before."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=["small", "medium", "large"])
    parser.add_argument("--facts", type=int, default=100)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    groups = {
        GROUP: held_out(make_corpus(), options.facts),
        "planted": [query for query in bundle.planted() if query.group == "forward"],
    }
    results: dict[str, Any] = json.loads(options.out.read_text(encoding="utf-8")) if options.out.exists() else {}
    index = Bm25({document.id: document.text for document in bundle.documents()})
    results["made"] = describe()
    results["command"] = f"python -m benchmarks.held_out_facts --facts {options.facts}"
    results["bm25 (whole words)"] = {
        name: figures([index.rank(f"{q.prompt} {q.completion}", 200) for q in asked], asked)
        for name, asked in groups.items()
    }
    for name in options.models:
        model = demo.load(name)
        every = [query for asked in groups.values() for query in asked]
        ranked = rankings(by_ekfac(model, every), [document.id for document in bundle.documents()])
        parts = {GROUP: ranked[: len(groups[GROUP])], "planted": ranked[len(groups[GROUP]) :]}
        results[name] = {
            group: {**figures(parts[group], asked), **greedy(model, asked)} for group, asked in groups.items()
        }
        print(json.dumps({name: results[name]}, indent=1), flush=True)
        options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
