"""Names of covered files: no two alike, and none that the command itself writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from facesmith.anonymisation.films import film_name
from facesmith.anonymisation.naming import output_names
from facesmith.errors import WriteError


def test_a_film_may_not_be_written_over_another_one() -> None:
    paths = [Path("in/anim.gif"), Path("in/anim.gif.mp4")]
    with pytest.raises(WriteError, match=r"both be written to anim\.gif\.mp4"):
        output_names(paths, [Path("in")] * 2, lambda _, name: film_name(name))


@pytest.mark.parametrize("name", ["left.png", "Report.html", "boxes.jsonl"])
def test_names_of_the_report_are_refused(name: str) -> None:
    reserved = ("report.html", "report.json", "left.png", "boxes.jsonl")
    with pytest.raises(WriteError, match="is a name of the report's files"):
        output_names([Path("in") / name], [Path("in")], reserved=reserved)
    below = output_names([Path("in/sub") / name], [Path("in")], reserved=reserved)
    assert below == {f"in/sub/{name}": f"sub/{name}"}
