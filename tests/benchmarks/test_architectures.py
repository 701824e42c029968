"""The study of other architectures does with the product what it says, on a corpus and a model of the tests'."""

import io
from pathlib import Path

from pyarrow import parquet

from app.services import results
from app.worker.documents import Document
from benchmarks.architectures import KEEP, Recipe, make, new_tokenizer, product
from tests.app.tiny import lines

TEXTS = [line.text for line in lines(40)]


def test_a_tokenizer_begins_and_ends_texts_with_one_token_and_loses_nothing() -> None:
    made = new_tokenizer(TEXTS, 300)
    assert made.bos_token_id == made.eos_token_id == 0
    assert made.decode(made("Ünseen “text”\n", add_special_tokens=False)["input_ids"]) == "Ünseen “text”\n"


def test_the_study_adds_fits_asks_and_exports(tmp_path: Path) -> None:
    recipe = Recipe(16, 1, 2, vocabulary=300, context=64, epochs=1)
    made = make("gpt2", tmp_path / "model", TEXTS, recipe)
    here = product(tmp_path / "home")
    here.add("gpt2", tmp_path / "model", "towns", [Document(**vars(line)) for line in lines(40)])
    runs = here.ask("gpt2", "towns", [("The mill of town 6", "opened"), ("The tower of town", "4")])
    with here.sessions() as session:
        rows = [results.influences(session, run, "positive", 0, KEEP).rows for run in runs]
        exported = results.influences(session, runs[0], "positive", 0, KEEP)
        log_p = [results.run(session, run).log_p for run in runs]
    assert made["tokens"] > 40 * 10
    assert [here.documents(run) for run in runs] == [[row.document for row in listed] for listed in rows]
    assert [here.log_p(run) for run in runs] == log_p
    assert here.export(runs[0]) > 0
    assert set(here.seconds) == {"add", "fit", "query", "export"}
    from app.web.exports import influences_parquet

    read = parquet.read_table(io.BytesIO(bytes(influences_parquet(exported).body)))
    assert read.column("document").to_pylist() == here.documents(runs[0])
    here.sessions.kw["bind"].dispose()
