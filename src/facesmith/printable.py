"""Text of files and file names, made fit for terminals and messages; numbers with their nouns."""

from __future__ import annotations

import re
import unicodedata

_MAX_WORD = 300  # characters of a name or a word in a message
_MAX_LINE = 2000  # characters of a line of a message
# Unicode categories: control, surrogate, private and unassigned characters, and line separators.
_ESCAPED_CATEGORIES = ("Cc", "Cs", "Co", "Cn", "Zl", "Zp")
# Marks that change the direction of writing, and so the order in which a name is shown.
_DIRECTIONS = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C}

_MARKDOWN = "\\`*_[]<>|#&~$"  # what stands for something else in Markdown


def printable(text: str) -> str:
    r"""The text with its control characters written as escapes; line ends and tabs stay.

    What would move the cursor, colour the terminal, change the direction of writing or cannot be
    encoded is written as in Python's source.

    Example:
        >>> printable("red\x1b[31m.jpg")
        'red\\x1b[31m.jpg'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(character) for character in text)


def message_text(text: str) -> str:
    """A message with its control characters escaped, words over 300 characters cut in the middle.

    Example:
        >>> len(message_text("x" * 5000 + ".jpg is empty."))
        310
    """
    lines = printable(text).split("\n")
    shorter = (" ".join(shortened_text(word) for word in line.split(" ")) for line in lines)
    return "\n".join(shortened_text(line, _MAX_LINE) for line in shorter)


def one_line(text: str) -> str:
    r"""The text with its line ends written as escapes, for messages that name files.

    Example:
        >>> print(one_line("two\nlines.jpg"))
        two\nlines.jpg
    """
    return text.replace("\r", "\\r").replace("\n", "\\n")


def counted(n: int, noun: str, plural: str = "") -> str:
    """The number with its noun: `1 box`, `2,000 boxes`; the plural ends in s unless given."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def without_password(text: str) -> str:
    """The text, an address in it without its user and password, for messages and records.

    Example:
        >>> without_password("https://me:secret@host/folder")
        'https://host/folder'
    """
    # The second form: a password with a slash in it, which no port is.
    return re.sub(r"(?<=://)([^/\s]*@|[^/@\[]*:(?!\d*(?:/|$))[^@]*@)", "", text)


def markdown_text(text: str) -> str:
    r"""The text as one line that Markdown shows as it is: no emphasis, link, table or HTML.

    Example:
        >>> print(markdown_text("<b>|*.csv"))
        \<b\>\|\*.csv
    """
    line = " ".join(printable(text).split())
    return "".join(f"\\{each}" if each in _MARKDOWN else each for each in line)


def shortened_text(text: str, max_length: int = _MAX_WORD) -> str:
    """The text, its middle replaced by `...` where it has more than `max_length` characters."""
    if len(text) <= max_length:
        return text
    end = max_length // 3
    return f"{text[: max_length - end - 3]}...{text[-end:]}"


def _escaped(character: str) -> str:
    if character in "\n\t":
        return character
    if ord(character) in _DIRECTIONS or unicodedata.category(character) in _ESCAPED_CATEGORIES:
        return character.encode("unicode_escape", "surrogatepass").decode("ascii")
    return character
