"""Settings of Sphinx for `docs/make_site.py`."""

from facesmith import __version__

project = "facesmith"
author = project_copyright = "The facesmith authors"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
root_doc = "docs/site/index"
exclude_patterns = ["extra"]
html_theme = "furo"
html_title = f"facesmith {release}"
html_extra_path = ["../../extra"]
html_copy_source = False
html_show_sourcelink = False
# Letters of the reader's system: nothing is loaded from another host.
html_theme_options = {"light_css_variables": {"font-stack": "system-ui, sans-serif"}}
myst_heading_anchors = 4
myst_enable_extensions = ["fieldlist"]
# Docstrings mark code by single backticks.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "show-inheritance": False}
# Other hosts cannot be asked where this is built.
linkcheck_ignore = [r"https?://"]
# Methods that scikit-learn adds refer to its own glossary.
suppress_warnings = ["misc.highlighting_failure", "ref.term", "ref.ref"]
