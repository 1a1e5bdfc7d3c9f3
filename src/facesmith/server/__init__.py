"""Faces over HTTP: a page to drop photos on, and an interface for programs. Needs facesmith[serve].

`create_app` gives the ASGI application, for whoever runs it under a server of their own;
`facesmith serve` runs it under Uvicorn.
"""

from facesmith.server.app import create_app
from facesmith.server.config import ServeConfig

__all__ = ["ServeConfig", "create_app"]
