"""The same scores as kronfluence 1.0.1 on the same model, labels, positions and damping."""

from pathlib import Path
from typing import Any

import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn
from torch.utils.data import Dataset

from engine import FactorConfig, LanguageModel, Query, Sequence, fit_factors, score
from tests.engine.tiny import hf_model, sequences
from tests.required import required

kronfluence = required("kronfluence")

QUERIES = [([3, 5, 7], [2, 9, 14]), ([11, 4, 8], [4, 1, 20]), ([9, 9, 1], [17, 3, 6])]


class Texts(Dataset[dict[str, Tensor]]):
    """Padded ids, labels of the positions to count (-100 elsewhere), and a mask of the predicting positions."""

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


class LanguageModelling(kronfluence.task.Task):  # type: ignore[misc, name-defined]
    """Summed cross-entropy; the measurement is -log p, so that kronfluence's sign is the engine's."""

    def __init__(self, tracked: tuple[str, ...]) -> None:
        super().__init__()
        self.tracked = tracked

    def compute_train_loss(self, batch: Any, model: nn.Module, sample: bool = False) -> Tensor:
        assert not sample
        logits = model(input_ids=batch["ids"], use_cache=False).logits
        return nn.functional.cross_entropy(
            logits.flatten(0, 1), batch["labels"].flatten(), reduction="sum", ignore_index=-100
        )

    def compute_measurement(self, batch: Any, model: nn.Module) -> Tensor:
        return self.compute_train_loss(batch, model)

    def get_influence_tracked_modules(self) -> list[str]:
        return list(self.tracked)

    def get_attention_mask(self, batch: Any) -> Tensor:
        mask: Tensor = batch["predicting"]
        return mask


def kronfluence_scores(model: LanguageModel, corpus: list[Sequence], folder: Path) -> Tensor:
    """Pairwise scores [query, sequence] with the empirical Fisher and 0.1 x mean damping."""
    from kronfluence.analyzer import Analyzer, prepare_model
    from kronfluence.arguments import FactorArguments, ScoreArguments
    from kronfluence.utils.dataset import DataLoaderKwargs

    task = LanguageModelling(model.tracked)
    analyzer = Analyzer(
        "test", prepare_model(model.hf_model, task), task, cpu=True, disable_tqdm=True, output_dir=str(folder)
    )
    analyzer.set_dataloader_kwargs(DataLoaderKwargs(num_workers=0))
    train = Texts([(list(s.ids), 1) for s in corpus])
    queries = Texts([([*prompt, *completion], len(prompt)) for prompt, completion in QUERIES])
    arguments = FactorArguments(strategy="ekfac", use_empirical_fisher=True)
    analyzer.fit_all_factors("f", train, per_device_batch_size=8, factor_args=arguments)
    analyzer.compute_pairwise_scores(
        "s",
        "f",
        queries,
        train,
        per_device_query_batch_size=3,
        per_device_train_batch_size=8,
        score_args=ScoreArguments(damping_factor=None),
    )
    result: Tensor = analyzer.load_pairwise_scores("s")["all_modules"]
    return result


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("family", ["llama", "gpt_neox"])
def test_scores_equal_kronfluence_with_the_same_labels_and_damping(family: str, tmp_path: Path) -> None:
    corpus = sequences(48, seed=17)
    ours = LanguageModel(hf_model(family, torch.float32))
    ours.hf_model.set_attn_implementation("eager")
    factors = fit_factors(ours, corpus, FactorConfig(labels="true"))
    scores = score(ours, factors, [Query.from_ids(*query) for query in QUERIES], corpus).sequence
    assert scores is not None
    theirs = LanguageModel(hf_model(family, torch.float32))
    theirs.hf_model.set_attn_implementation("eager")
    expected = kronfluence_scores(theirs, corpus, tmp_path)
    for row, expected_row in zip(scores, expected, strict=True):
        assert spearmanr(row.numpy(), expected_row.numpy()).statistic >= 0.999
        scale = float(expected_row.abs().max())
        assert float((row - expected_row).abs().max()) <= 2e-3 * scale
