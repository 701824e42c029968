"""Which sequences factors are fitted on."""

from pathlib import Path

from app.worker.arrow import write_table
from app.worker.sample import fitting_sample
from app.worker.tokens import TokenSequences


def _sequences(folder: Path, count: int) -> TokenSequences:
    from datasets import List, Value

    features = {"ids": List(Value("int32"))}
    write_table(folder, ({"ids": [number, number]} for number in range(count)), features)
    return TokenSequences.read(folder)


def test_a_small_corpus_is_fitted_on_whole(tmp_path: Path) -> None:
    sequences = _sequences(tmp_path / "few", 5)
    assert fitting_sample(sequences, 5) is sequences


def test_of_a_large_one_a_sample_is_spread_evenly_over_it(tmp_path: Path) -> None:
    sample = fitting_sample(_sequences(tmp_path / "many", 1000), 10)
    assert [sequence.ids[0] for sequence in sample] == list(range(0, 1000, 100))
