"""Sphinx: the pages of this folder, README, CHANGELOG and CONTRIBUTING, and the public names from their docstrings.

``make docs`` builds ``site/``; every warning (a link that leads nowhere, a name that is gone) is an error.
"""

import twingap

project = "twingap"
version = release = twingap.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
# Links to headings, as GitHub makes them.
myst_heading_anchors = 4
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
html_theme = "furo"
html_title = "twingap"
