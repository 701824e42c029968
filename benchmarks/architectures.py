"""GPT-2 and GPT-NeoX trained here on the demo corpus and put through the product: are the planted facts found?

The demo's models are Llamas. This builds the two other families from their configurations, each with a byte-level
tokenizer of its own, trains them, and does with them what a person does: add corpus and model, fit, ask, export.
`python -m benchmarks.architectures` writes docs/studies/architectures.json.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Iterator
from collections.abc import Sequence as Series
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from sqlalchemy.orm import Session, sessionmaker
from torch import nn

from app.database import migrate, session_factory
from app.demo import bundle
from app.demo.figures import retrieval_figures
from app.demo.make.train import batches
from app.jobs.client import NullJobs
from app.models import Run
from app.services import queries, registry, results
from app.services.shapes import QueryForm
from app.settings import Settings
from app.web.exports import influences_parquet
from app.worker.device import DeviceWork
from app.worker.documents import Document, add_corpus
from benchmarks.machine import describe

RESULTS = Path(__file__).parent.parent / "docs" / "studies" / "architectures.json"
FAMILIES = ("gpt2", "gpt_neox")
END = "<|endoftext|>"
KEEP = 50


@dataclass(frozen=True)
class Recipe:
    """A model's shape, and how long and how fast it learns."""

    width: int
    layers: int
    heads: int
    vocabulary: int
    context: int = 256
    epochs: int = 8
    learning_rate: float = 2e-3
    batch_documents: int = 24


# About three million parameters each, and vocabularies that cut the same text differently.
RECIPES = {"gpt2": Recipe(160, 6, 5, 4096), "gpt_neox": Recipe(160, 6, 5, 3072)}


def new_tokenizer(texts: Series[str], vocabulary: int) -> Any:
    """A byte-level BPE trained on the texts; as in GPT-2 one token begins and ends them."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    made.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token=END, eos_token=END)


def new_model(family: str, recipe: Recipe, vocabulary: int) -> Any:
    """An untrained model of a family."""
    from transformers import GPT2Config, GPT2LMHeadModel, GPTNeoXConfig, GPTNeoXForCausalLM

    ends = {"vocab_size": vocabulary, "bos_token_id": 0, "eos_token_id": 0}
    if family == "gpt2":
        shape = {"n_embd": recipe.width, "n_layer": recipe.layers, "n_head": recipe.heads}
        drop = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
        return GPT2LMHeadModel(GPT2Config(n_positions=recipe.context, **shape, **drop, **ends))
    return GPTNeoXForCausalLM(
        GPTNeoXConfig(
            hidden_size=recipe.width,
            intermediate_size=4 * recipe.width,
            num_hidden_layers=recipe.layers,
            num_attention_heads=recipe.heads,
            max_position_embeddings=recipe.context,
            **ends,
        )
    )


def train(model: Any, sequences: Series[list[int]], recipe: Recipe, seed: int = 0) -> float:
    """Train on whole documents, every token predicted; the mean loss of the last epoch, in nats a token."""
    chance = random.Random(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.98), weight_decay=0.05)
    steps = recipe.epochs * -(-len(sequences) // recipe.batch_documents)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=recipe.learning_rate, total_steps=steps, pct_start=0.1, cycle_momentum=False
    )
    model.train()
    mean = 0.0
    for _ in range(recipe.epochs):
        losses = []
        # The token that begins a text is never one to predict, so it can pad as well.
        for ids in batches(sequences, recipe.batch_documents, 0, chance):
            targets = ids[:, 1:]
            real = targets != 0
            loss = nn.functional.cross_entropy(model(input_ids=ids[:, :-1]).logits[real], targets[real])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(float(loss.detach()))
        mean = sum(losses) / len(losses)
    model.eval()
    return mean


def make(family: str, folder: Path, texts: Series[str], recipe: Recipe, seed: int = 0) -> dict[str, Any]:
    """Train a model with a tokenizer of its own and save both as a Hugging Face folder."""
    began = time.monotonic()
    torch.manual_seed(seed)
    tokenizer = new_tokenizer(texts, recipe.vocabulary)
    model = new_model(family, recipe, len(tokenizer))
    ids = [[0, *tokenizer(text, add_special_tokens=False)["input_ids"]][: recipe.context] for text in texts]
    loss = train(model, ids, recipe, seed)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "tokens": sum(map(len, ids)),
        "loss": round(loss, 3),
        "training seconds": round(time.monotonic() - began, 1),
    }


@dataclass
class Product:
    """The product in a folder, with a worker's hands and no queue; `seconds` by step."""

    settings: Settings
    sessions: sessionmaker[Session]
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.work = DeviceWork(self.settings, self.sessions, "study")

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Add what is done within to a step's time."""
        began = time.monotonic()
        yield
        self.seconds[step] = round(self.seconds.get(step, 0.0) + time.monotonic() - began, 2)

    def add(self, name: str, folder: Path, corpus: str, documents: Series[Document]) -> None:
        """Add the corpus and the model, and fit its factors."""
        with self.timed("add"):
            add_corpus(self.sessions, self.settings.home.resolve(), corpus, "made", documents)
            with self.sessions() as session:
                registry.add_model(session, NullJobs(), name, str(folder), corpus=corpus)
        with self.timed("fit"):
            self.work.prepare(name)

    def ask(self, name: str, corpus: str, asked: Series[tuple[str, str]]) -> list[str]:
        """Ask all of it of a model and answer it; the runs."""
        with self.timed("query"):
            runs = [self._submitted(name, corpus, prompt, completion) for prompt, completion in asked]
            for run in runs:
                scan = self.work.claim(run, 1, run)
                if scan is not None:
                    for number in range(self.work.plan(scan)):
                        self.work.shard(scan, number)
                    self.work.conclude(scan)
        return runs

    def _submitted(self, name: str, corpus: str, prompt: str, completion: str) -> str:
        form = QueryForm(prompt=prompt, completion=completion, models=[name], corpus=corpus, keep=KEEP)
        with self.sessions() as session:
            asked = queries.submit(session, NullJobs(), form)
            return next(run.id for run in queries.get(session, asked.id).runs if run.model == name)

    def documents(self, run: str) -> list[str]:
        """The documents of a run's positive list, each at its heaviest sequence."""
        with self.sessions() as session:
            rows = results.influences(session, run, "positive", 0, KEEP).rows
        return list(dict.fromkeys(row.document for row in rows))

    def log_p(self, run: str) -> float:
        """log p of a run's completion, in nats."""
        with self.sessions() as session:
            return session.get_one(Run, run).log_p or 0.0

    def export(self, run: str) -> int:
        """The bytes of a run's list as Parquet."""
        with self.timed("export"), self.sessions() as session:
            return len(influences_parquet(results.influences(session, run, "positive", 0, KEEP)).body)


def product(home: Path) -> Product:
    """An empty product in a folder."""
    settings = Settings(home=home, device="cpu")
    migrate(settings)
    return Product(settings, session_factory(settings))


def study(family: str, folder: Path, recipe: Recipe, asked: Series[bundle.DemoQuery]) -> dict[str, Any]:
    """Train one model on the demo corpus, put it through the product, and count what it finds."""
    texts = [document.text for document in bundle.documents()]
    made = make(family, folder / "model", texts, recipe)
    here = product(folder / "home")
    documents = [Document(one.id, one.kind, one.source, one.text) for one in bundle.documents()]
    here.add(family, folder / "model", "demo", documents)
    runs = here.ask(family, "demo", [(query.prompt, query.completion) for query in asked])
    ranked = [here.documents(run) for run in runs]
    supporting = [query.supporting for query in asked]
    exported = sum(here.export(run) for run in runs)
    return {
        "recipe": asdict(recipe),
        **made,
        "queries": len(runs),
        "mean log p": round(sum(here.log_p(run) for run in runs) / len(runs), 3),
        "figures": _figures(ranked, supporting),
        # Each list held against the documents that support the next query: what chance and shared words give.
        "figures of other facts": _figures(ranked, [*supporting[1:], supporting[0]]),
        "exported bytes": exported,
        "seconds": here.seconds,
    }


def _figures(ranked: Series[Series[str]], supporting: Series[Series[str]]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in asdict(retrieval_figures(ranked, supporting)).items()}


def main() -> None:
    """Study the families named and put their figures in the file, beside those studied before."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--epochs", type=int, default=None)
    parser.add_argument("--queries", type=int, default=None, help="the first so many planted facts; all if unset")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    asked = [query for query in bundle.planted() if query.group == "forward"][: options.queries]
    found: dict[str, Any] = json.loads(options.out.read_text(encoding="utf-8")) if options.out.exists() else {}
    found |= {"made": describe(), "command": "python -m benchmarks.architectures"}
    for family in options.families:
        recipe = RECIPES[family]
        if options.epochs is not None:
            recipe = Recipe(**{**asdict(recipe), "epochs": options.epochs})
        with tempfile.TemporaryDirectory(prefix="architectures-") as folder:
            found[family] = study(family, Path(folder), recipe, asked)
        print(json.dumps({family: found[family]}, indent=1), flush=True)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
