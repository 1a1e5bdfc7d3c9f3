"""The application: every path, what it takes and what it answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from facesmith._version import __version__
from facesmith.detection.model_facts import model_facts
from facesmith.server import metrics as counting
from facesmith.server.answers import json_answer
from facesmith.server.config import ServeConfig
from facesmith.server.description import (
    BOXES_FIELD,
    FACES,
    MODEL,
    PHOTO_BACK,
    PREDICT_BODY,
    PREDICTED,
    SETUP_BODY,
    ZIP,
    problems,
    takes_photos,
)
from facesmith.server.guard import Guard
from facesmith.server.label_studio import LabelStudioRoutes
from facesmith.server.metrics import Metrics, SharedCounts
from facesmith.server.options import AlignQuery, CoverQuery, CropQuery, DetectQuery
from facesmith.server.page_files import PageFiles
from facesmith.server.photos import PhotoRoutes
from facesmith.server.problems import add_handlers
from facesmith.server.work import Work

_DESCRIPTION = """Faces in photos. Options are those of the command `facesmith detect`.

Boxes are `[x_min, y_min, x_max, y_max]` in pixels of the upright photo. A request that fails is
answered with problem JSON (RFC 9457); 503 with the seconds after which to send it again."""


def create_app(
    config: ServeConfig | None = None,
    shared: SharedCounts | None = None,
    work_type: type[Work] = Work,
) -> ASGIApp:
    """The ASGI application, with its detector opened.

    Args:
        config: How it works; `None`: as `ServeConfig` has it.
        shared: Where several processes count together; `None`: this one counts alone.
        work_type: What works at the photos.

    Raises:
        WeightsError: If the weights are missing or damaged.
    """
    config = config or ServeConfig()
    metrics = Metrics(shared)
    work = work_type(config, metrics)
    app = FastAPI(
        title="facesmith",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,  # its page loads from a foreign host
        redoc_url=None,
        lifespan=_closing(work),
    )
    add_handlers(app)
    _add_photo_routes(app, PhotoRoutes(work, config, metrics))
    _add_facts(app, work, config, metrics)
    page = PageFiles(config.page)
    for path in page.paths:
        app.router.routes.append(Route(path, page.answer, methods=["GET"]))
    return Guard(app, config, metrics)


def _closing(work: Work) -> Any:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        work.close()

    return lifespan


def _add_photo_routes(app: FastAPI, routes: PhotoRoutes) -> None:
    @app.post(
        "/v1/detect",
        summary="Faces as JSON",
        responses=FACES | problems(408, 413, 415, 422, 503),
        openapi_extra=takes_photos(),
        tags=["photos"],
    )
    async def detect(request: Request, options: DetectQuery) -> Response:
        """One photo as the body, answered with an object; or several in a form, with a list."""
        return await routes.detect(request, options)

    @app.post(
        "/v1/crops",
        summary="Faces cut out",
        responses=ZIP | problems(408, 413, 415, 422, 503),
        openapi_extra=takes_photos(),
        tags=["photos"],
    )
    async def crops(request: Request, options: CropQuery) -> Response:
        """A zip of JPEGs with some room around the faces, and `faces.jsonl`."""
        return await routes.crops(request, options)

    @app.post(
        "/v1/aligned",
        summary="Faces upright",
        responses=ZIP | problems(408, 413, 415, 422, 503),
        openapi_extra=takes_photos(),
        tags=["photos"],
    )
    async def aligned(request: Request, options: AlignQuery) -> Response:
        """A zip of PNGs as networks that compare faces take them, and `faces.jsonl`."""
        return await routes.aligned(request, options)

    @app.post(
        "/v1/anonymise",
        summary="Faces covered",
        responses=PHOTO_BACK | problems(408, 413, 415, 422, 503),
        openapi_extra=takes_photos(BOXES_FIELD),
        tags=["photos"],
    )
    async def anonymise(request: Request, options: CoverQuery) -> Response:
        """The photo in its own format, without metadata; the header says how many are covered."""
        return await routes.anonymise(request, options)


def _add_facts(app: FastAPI, work: Work, config: ServeConfig, metrics: Metrics) -> None:
    facts = model_facts(work.detector, config.model)
    _add_label_studio(app, LabelStudioRoutes(work, config, metrics, facts["weights"]))

    # Checks of health ask by HEAD, too. As in HTTP it stands for GET, the document lists GET alone.
    @app.head("/v1/model", include_in_schema=False)
    @app.get("/v1/model", summary="The weights", responses=MODEL, tags=["server"])
    async def model() -> Response:
        """What the weights are, and what their thresholds mean."""
        return json_answer(facts)

    @app.head("/health", include_in_schema=False)
    @app.get("/health", summary="Whether it works", tags=["server"])
    async def health() -> dict[str, str]:
        """Answers at once, however much waits."""
        return {"status": "UP", "model_class": "facesmith"}

    @app.head("/metrics", include_in_schema=False)
    @app.get("/metrics", summary="Counts for Prometheus", tags=["server"],
             response_class=Response)  # fmt: skip
    async def count() -> Response:
        """Of all processes together, since the server began."""
        return Response(metrics.text(), media_type=counting.MEDIA_TYPE)


def _add_label_studio(app: FastAPI, routes: LabelStudioRoutes) -> None:
    @app.post(
        "/setup",
        summary="A project wants proposals",
        responses=problems(408, 413, 415, 422, 503),
        openapi_extra=SETUP_BODY,
        tags=["Label Studio"],
    )
    async def setup(request: Request) -> Response:
        """What Label Studio asks when this server is added to a project as a model."""
        return await routes.setup(request)

    @app.post(
        "/predict",
        summary="Proposals for tasks",
        responses=PREDICTED | problems(408, 413, 415, 422, 502, 503),
        openapi_extra=PREDICT_BODY,
        tags=["Label Studio"],
    )
    async def predict(request: Request) -> Response:
        """A result for each task: its faces as rectangles, in percent of the photo's sides."""
        return await routes.predict(request)
