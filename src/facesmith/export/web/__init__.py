"""A site that finds faces in the browser alone: `export_site` writes its files."""

from facesmith.export.web.site import export_site

__all__ = ["export_site"]
