"""A missing tool cannot make a test vanish from CI."""

import pytest

from tests.required import required


@pytest.mark.parametrize(("ci", "outcome"), [("true", ModuleNotFoundError), ("", pytest.skip.Exception)])
def test_a_missing_tool_fails_in_ci_and_skips_elsewhere(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="no_such_tool"):
        required("no_such_tool")
