"""Pages that stay true: the command's reference, links, commands and Python in the pages."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from facesmith import __version__
from facesmith.cli import main

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/**/*.md"),
                *ROOT.glob("src/**/*.md")])  # fmt: skip


def page_id(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def code_blocks(path: Path, language: str) -> list[str]:
    text = path.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def inline_code(path: Path) -> list[str]:
    """What stands between backticks outside of blocks of code."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.S | re.M)
    return re.findall(r"`([^`\n]+)`", text)


def commands_in(path: Path) -> list[list[str]]:
    """The words of every `facesmith` command line that a page shows, after `facesmith`."""
    lines = []
    for language in ("console", "sh", "bash"):
        for block in code_blocks(path, language):
            joined = block.replace("\\\n", " ")
            lines += [line.removeprefix("$ ") for line in joined.splitlines()]
    lines += inline_code(path)
    commands = []
    for line in lines:
        if line.startswith("facesmith "):
            words = shlex.split(line, comments=True)[1:]
            ends = [i for i, word in enumerate(words) if word in ("|", ">", ">>", "&&")]
            commands.append(words[: ends[0]] if ends else words)
    return commands


def test_the_reference_is_made_from_the_help_texts(tmp_path: Path) -> None:
    # In a process of its own: click keeps the names of a command's help option from its first use,
    # and another test may have used that command without the group around it.
    made = tmp_path / "cli.md"
    subprocess.run([sys.executable, str(ROOT / "docs" / "make_cli.py"), str(made)], check=True)
    written = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert written == made.read_text(encoding="utf-8"), "run: python docs/make_cli.py"


def test_each_help_fits_a_screen() -> None:
    """The reference has each help text at a width of 96."""
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    helps = re.findall(r"^## ([^\n]*)\n\n```text\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    assert {"facesmith train", "facesmith benchmark coco"} < {name for name, _ in helps}
    lines = {name: text.count("\n") for name, text in helps}
    assert {name: n for name, n in lines.items() if n > 50} == {}


def all_commands() -> dict[str, click.Command]:
    """Every command by its words after `facesmith`, those of the groups in groups included."""
    found: dict[str, click.Command] = {}

    def add(group: click.Group, words: tuple[str, ...]) -> None:
        context = click.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            found[" ".join((*words, name))] = command
            if isinstance(command, click.Group):
                add(command, (*words, name))

    add(main, ())
    return found


ALL_COMMANDS = all_commands()


@pytest.mark.parametrize("words", ALL_COMMANDS)
def test_every_command_has_help_with_an_example_and_a_page(words: str) -> None:
    command = ALL_COMMANDS[words]
    assert f"facesmith {words} " in (command.help or ""), "the help shows a real example"
    undocumented = [p.name for p in command.params if isinstance(p, click.Option) and not p.help]
    assert not undocumented
    assert (ROOT / "docs" / f"{words.replace(' ', '-')}.md").is_file()


@pytest.mark.parametrize("words", ALL_COMMANDS)
def test_no_help_shows_marks_of_its_source(words: str) -> None:
    command = ALL_COMMANDS[words]
    # The names of the whole program: a command keeps its option for help as it first made it.
    names = main.context_settings["help_option_names"]
    context = click.Context(command, info_name=words, help_option_names=names)
    assert "\\b" not in command.get_help(context)


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    broken = {
        target for target in targets if "://" not in target and not (path.parent / target).exists()
    }
    assert not broken


def check_options(words: list[str]) -> None:
    """That a command, without `facesmith`, exists with the options given."""
    group = words[0] == "benchmark" and len(words) > 1 and not words[1].startswith("-")
    n_words = 2 if group else 1
    assert " ".join(words[:n_words]) in ALL_COMMANDS, words
    command = ALL_COMMANDS[" ".join(words[:n_words])]
    known = {name for p in command.params for name in (*p.opts, *p.secondary_opts)}
    given = {word.partition("=")[0] for word in words[1:] if word.startswith("--")}
    assert given <= known | {"--help"}, words


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_commands_in_pages_have_the_options_that_exist(path: Path) -> None:
    for words in commands_in(path):
        if not words[0].startswith("-"):
            check_options(words)


def test_commands_of_make_have_the_options_that_exist() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    photos = re.findall(r"^EXERCISE_PHOTOS = (.*)$", text, re.MULTILINE)
    assert len(photos) == 2
    lines = re.findall(r"^\t\$\(RUN\)/facesmith (.*)$", text, re.MULTILINE)
    assert {line.split()[0] for line in lines} >= {"demo", "approximate", "prepare", "detect"}
    for line in lines:
        for choice in photos:
            words = re.sub(r"\$\(if \S+,(.*?)\)\s*$", r"\1", choice)
            check_options(line.replace("$(EXERCISE_PHOTOS)", words).split())


# Options of other programs, and of our scripts, that pages name.
OTHER_OPTIONS = {"--logdir", "--no-deps", "--nproc-per-node", "--output"}


@pytest.mark.parametrize("path", sorted(ROOT.glob("docs/*.md")), ids=page_id)
def test_options_named_in_the_text_exist(path: Path) -> None:
    commands = [main, *ALL_COMMANDS.values()]
    known = {name for c in commands for p in c.params for name in (*p.opts, *p.secondary_opts)}
    named = {
        option
        for code in inline_code(path)
        for option in re.findall(r"(?<!\w)--[a-z][a-z0-9-]*", code)
    }
    assert named - known - OTHER_OPTIONS - {"--help"} == set()


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_python_in_pages_compiles_and_imports_what_exists(path: Path) -> None:
    for block in code_blocks(path, "python"):
        compile(block, page_id(path), "exec")
        for line in block.splitlines():
            if line.startswith(("from facesmith", "import facesmith")):
                exec(line, {})  # noqa: S102 - our own pages


def test_the_citation_names_this_version() -> None:
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text("utf-8")


def test_readme_stays_short() -> None:
    assert (ROOT / "README.md").read_text("utf-8").count("\n") <= 150
