"""Answers that several routes give alike."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import Response


def json_answer(content: Any) -> Response:
    """The content as JSON, written as the command writes it."""
    return Response(json.dumps(content), media_type="application/json")
