"""Builds the documentation as a site: README, guides, API, decisions and results.

python docs/make_site.py OUT

The pages are those of the repository, laid out as they are there, so that links between them stay;
`docs/site/` adds the settings, the start page and the pages of the API. Warnings are errors: a dead
link to a page, a heading or a file ends the build. Links to other hosts are not looked up.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "docs" / "site"
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE",
         "constraints.txt", "docs/*.md", "docs/decisions/*.md", "docs/exercise/*.png",
         "benchmarks/*.py", "benchmarks/results/*", "src/facesmith/weights/*.md",
         "tests/approximation/test_intervals.py")  # fmt: skip
# Shown by HTML in the pages, which Sphinx does not look into.
EXTRA = ("docs/pictures/*.svg", "docs/pictures/*.webp")
FOLDERS = {"(docs/decisions)": "(docs/site/decisions.md)",
           "(../benchmarks)": "(../benchmarks/results/README.md)"}  # fmt: skip
# The start page lies below `docs/`, as all pages lie where they do in the repository.
FIRST = '<!doctype html><meta http-equiv="refresh" content="0; url=docs/site/index.html">\n'


def copy(patterns: tuple[str, ...], folder: Path) -> None:
    """Copy files to where they lie in the repository, below another folder.

    Raises:
        FileNotFoundError: If a pattern matches nothing.
    """
    for pattern in patterns:
        paths = sorted(ROOT.glob(pattern))
        if not paths:
            raise FileNotFoundError(f"No file {pattern} below {ROOT}.")
        for path in paths:
            target = folder / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)


def missing_pictures(folder: Path) -> list[str]:
    """Pictures named in HTML that are not there, as `page: picture`."""
    missing = []
    for page in sorted(folder.rglob("*.md")):
        named = re.findall(r'(?:src|srcset)="([^":]+)"', page.read_text(encoding="utf-8"))
        at = page.relative_to(folder)
        missing += [f"{at}: {name}" for name in named if not (ROOT / at.parent / name).is_file()]
    return missing


def without_folders(text: str, at: Path) -> str:
    """A page with its links to folders led to a page, or, where there is none, as plain words."""
    for link, to in FOLDERS.items():
        text = text.replace(link, to)
    return re.sub(
        r"\[([^\]]+)\]\(([^)#:\s]+)\)",
        lambda found: found[1] if (at / found[2]).is_dir() else found[0],
        text,
    )


def list_all(index: Path) -> None:
    """Add the guides that the start page does not name to a part of their own."""
    text = index.read_text(encoding="utf-8")
    guides = sorted(path.stem for path in index.parents[1].glob("*.md"))
    others = [name for name in guides if f"\n../{name}\n" not in text]
    if others:
        names = "\n".join(f"../{name}" for name in others)
        text += f"\n```{{toctree}}\n:maxdepth: 1\n:caption: More guides\n\n{names}\n```\n"
    index.write_text(text, encoding="utf-8")


def lay_out(folder: Path) -> bool:
    """Put the sources of the site into a folder; says whether every picture is there."""
    copy(PAGES, folder)
    copy(EXTRA, folder / "extra")
    shutil.copytree(SITE, folder / "docs" / "site")
    (folder / "extra" / "index.html").write_text(FIRST, encoding="utf-8")
    list_all(folder / "docs" / "site" / "index.md")
    for page in folder.rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        at = ROOT / page.relative_to(folder).parent
        page.write_text(without_folders(text, at), encoding="utf-8")
    if missing := missing_pictures(folder):
        print("Pictures that are not there:", *missing, sep="\n  ", file=sys.stderr)
    return not missing


def build(sources: Path, read: Path, builder: str, out: Path) -> int:
    """Run one of Sphinx's builders; returns its exit code.

    `read` is the folder of the pages as Sphinx has read them: the second builder takes them from
    there.
    """
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", builder,
               "-d", str(read), "-c", str(sources / "docs" / "site"),
               str(sources), str(out)]  # fmt: skip
    return subprocess.run(command, check=False).returncode  # noqa: S603 - Sphinx itself


def main() -> None:
    """Build the pages, then look for files that links name and that are not there."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("out", type=Path, metavar="OUT")
    out = parser.parse_args().out
    with tempfile.TemporaryDirectory() as name:
        sources, read, links = (Path(name) / part for part in ("sources", "read", "links"))
        if not lay_out(sources):
            raise SystemExit(1)
        code = build(sources, read, "html", out) or build(sources, read, "linkcheck", links)
    if code:
        raise SystemExit(code)
    print(f"wrote {out / 'index.html'}")


if __name__ == "__main__":
    main()
