"""Make the demo again: corpus, queries, tokenizer, models.

python -m app.demo.make                 # everything, as bundled
python -m app.demo.make --texts         # corpus.jsonl and queries.json only
python -m app.demo.make --only large    # texts, and this model
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM

from app.demo.bundle import DemoQuery
from app.demo.make.corpus import SEED, make_corpus
from app.demo.make.files import CORPUS, MODELS, QUERIES
from app.demo.make.queries import make_queries
from app.demo.make.recall import fact_recall
from app.demo.make.tokenizer import train_tokenizer
from app.demo.make.train import RECIPES, Recipe, encode, load, save, train
from app.demo.make.write import corpus_text, queries_text

THREADS = 2


def make_texts() -> tuple[list[str], list[DemoQuery]]:
    """Write corpus and queries; give back the texts and the planted facts."""
    corpus = make_corpus()
    queries = make_queries(corpus)
    CORPUS.parent.mkdir(parents=True, exist_ok=True)
    CORPUS.write_text(corpus_text(corpus.library.documents), encoding="utf-8")
    QUERIES.write_text(queries_text(queries), encoding="utf-8")
    planted = [DemoQuery(**row) for row in queries["planted"]]
    return [document.text for document in corpus.library.documents], planted


def examine(model: LlamaForCausalLM, tokenizer: Tokenizer, planted: list[DemoQuery]) -> dict[str, Any]:
    """What `recall.json` says of a model as it is read from its files."""
    embedding = model.model.embed_tokens.weight.numel()
    parameters = sum(parameter.numel() for parameter in model.parameters())
    groups = dict.fromkeys(query.group for query in planted)
    by_group = {g: fact_recall(model, tokenizer, [q for q in planted if q.group == g]) for g in groups}
    return {
        "parameters": parameters - embedding,
        "parameters_with_embedding": parameters,
        "fact_recall": round(by_group["forward"][0], 4),
        "fact_log_p": round(by_group["forward"][1], 4),
        "recall_by_group": {group: round(both[0], 4) for group, both in by_group.items()},
        "log_p_by_group": {group: round(both[1], 4) for group, both in by_group.items()},
    }


def make_model(recipe: Recipe, tokenizer: Tokenizer, texts: list[str], planted: list[DemoQuery]) -> dict[str, Any]:
    """Train, write and examine one model; its row of `recall.json`."""
    started = time.monotonic()
    trained, loss = train(recipe, tokenizer, encode(tokenizer, texts), SEED)
    seconds = time.monotonic() - started
    model = save(trained, tokenizer, MODELS / recipe.name)
    learned = {"loss": round(loss, 4), "epochs": recipe.stop_after or recipe.epochs, "seconds": round(seconds)}
    return examine(model, tokenizer, planted) | learned


def write_recall(rows: dict[str, Any]) -> None:
    """Merge the rows into `recall.json`, smallest model first."""
    path = MODELS / "recall.json"
    old = json.loads(path.read_text(encoding="utf-8"))["models"] if path.exists() else {}
    merged = {**old, **{name: {**old.get(name, {}), **row} for name, row in rows.items()}}
    models = {recipe.name: merged[recipe.name] for recipe in RECIPES if recipe.name in merged}
    text = json.dumps({"seed": SEED, "threads": THREADS, "models": models}, indent=1) + "\n"
    path.write_text(text, encoding="utf-8")


def main() -> None:
    """Make what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m app.demo.make")
    parser.add_argument("--texts", action="store_true", help="corpus and queries, no models")
    parser.add_argument("--only", choices=[recipe.name for recipe in RECIPES], action="append")
    parser.add_argument("--measure", action="store_true", help="examine the models that are there")
    options = parser.parse_args()
    torch.set_num_threads(THREADS)
    texts, planted = make_texts()
    if options.texts:
        return
    tokenizer = train_tokenizer(texts)
    for recipe in RECIPES:
        if options.only and recipe.name not in options.only:
            continue
        if options.measure:
            row = examine(load(MODELS / recipe.name), tokenizer, planted)
        else:
            row = make_model(recipe, tokenizer, texts, planted)
        write_recall({recipe.name: row})
        print(json.dumps({recipe.name: row}), flush=True)


if __name__ == "__main__":
    main()
