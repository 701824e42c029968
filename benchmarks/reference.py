"""kronfluence 1.0.1 on the same model, batches and labels, with the settings that serve it best."""

import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from kronfluence.analyzer import Analyzer, prepare_model
from kronfluence.arguments import FactorArguments, ScoreArguments
from kronfluence.task import Task
from kronfluence.utils.dataset import DataLoaderKwargs
from torch import Tensor, nn
from torch.utils.data import Dataset

from benchmarks import subject
from benchmarks.machine import Parts
from benchmarks.subject import Settings
from engine import LanguageModel


class Texts(Dataset[dict[str, Tensor]]):
    """Padded ids, labels of the positions to count (-100 elsewhere), and a mask of the predicting positions.

    rows: ids of a text, and the position of the first token whose prediction counts.
    """

    def __init__(self, rows: list[tuple[list[int], int]]) -> None:
        self.rows = rows
        self.longest = max(len(ids) for ids, _ in rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        ids, start = self.rows[index]
        padded = torch.zeros(self.longest, dtype=torch.int64)
        padded[: len(ids)] = torch.tensor(ids)
        labels = torch.full((self.longest,), -100)
        labels[start - 1 : len(ids) - 1] = torch.tensor(ids[start:])
        predicting = (torch.arange(self.longest) < len(ids) - 1).to(torch.int64)
        return {"ids": padded, "labels": labels, "predicting": predicting}


class LanguageModelling(Task):  # type: ignore[misc]
    """Summed cross-entropy; the measurement is -log p, so that kronfluence's sign is the engine's."""

    def __init__(self, tracked: tuple[str, ...]) -> None:
        super().__init__()
        self.tracked = tracked

    def compute_train_loss(self, batch: Any, model: nn.Module, sample: bool = False) -> Tensor:
        logits = model(input_ids=batch["ids"], use_cache=False).logits.flatten(0, 1)
        labels = batch["labels"].flatten()
        if sample:
            with torch.no_grad():
                drawn = torch.multinomial(torch.softmax(logits.detach(), dim=-1), num_samples=1).flatten()
                labels = torch.where(labels == -100, labels, drawn)
        return nn.functional.cross_entropy(logits, labels, reduction="sum", ignore_index=-100)

    def compute_measurement(self, batch: Any, model: nn.Module) -> Tensor:
        return self.compute_train_loss(batch, model)

    def get_influence_tracked_modules(self) -> list[str]:
        return list(self.tracked)

    def get_attention_mask(self, batch: Any) -> Tensor:
        mask: Tensor = batch["predicting"]
        return mask


def analyzer(model: LanguageModel, folder: Path) -> Analyzer:
    """An analyzer of a model that is kronfluence's own from here on: its tracked modules are wrapped in place."""
    task = LanguageModelling(model.tracked)
    wrapped = prepare_model(model.hf_model, task)
    made = Analyzer(
        "benchmark",
        wrapped,
        task,
        cpu=model.device.type == "cpu",
        disable_tqdm=True,
        output_dir=str(folder),
    )
    made.set_dataloader_kwargs(DataLoaderKwargs(num_workers=0))
    return made


class Kronfluence:
    """Its fit and its pairwise scores on the subject, its files in a temporary folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = tempfile.TemporaryDirectory(prefix="kronfluence-")
        self._analyzer = analyzer(subject.language_model(settings), Path(self._folder.name))
        self._train = Texts([(list(s.ids), 1) for s in subject.corpus(settings)])
        self._arguments = FactorArguments(strategy="ekfac")

    def fit(self, sequences: int | None = None) -> Parts:
        """Covariances, eigendecompositions and corrected eigenvalues, with labels sampled from the model."""
        train = self._train if sequences is None else Texts(self._train.rows[:sequences])
        shared = {"factor_args": self._arguments, "overwrite_output_dir": True}
        batched = {"per_device_batch_size": self._settings.batch_sequences, **shared}
        start = time.perf_counter()
        self._analyzer.fit_covariance_matrices("f", train, **batched)
        covariances = time.perf_counter()
        self._analyzer.perform_eigendecomposition("f", **shared)
        vectors = time.perf_counter()
        self._analyzer.fit_lambda_matrices("f", train, **batched)
        return {
            "covariances": covariances - start,
            "eigenvectors": vectors - covariances,
            "eigenvalues": time.perf_counter() - vectors,
        }

    def scores(self, count: int, sequences: int, **arguments: Any) -> None:
        """Pairwise scores of `count` queries and the first `sequences`; the queries are prepared each time."""
        asked = subject.queries(self._settings, count)
        texts = Texts([([*(q.prompt_ids or ()), *(q.completion_ids or ())], len(q.prompt_ids or ())) for q in asked])
        self._analyzer.compute_pairwise_scores(
            "s",
            "f",
            texts,
            self._train,
            per_device_query_batch_size=count,
            per_device_train_batch_size=min(self._settings.batch_sequences, sequences),
            train_indices=list(range(sequences)),
            score_args=ScoreArguments(damping_factor=None, **arguments),
            overwrite_output_dir=True,
        )
