"""The report of a search: one HTML page with its pictures in it, and the trials as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from facesmith.evaluation.run_pages import page
from facesmith.files import write_bytes, write_json
from facesmith.pictures.charts import BLUE, VERMILION, new_figure, tidy, write_chart
from facesmith.pictures.pages import png_file
from facesmith.printable import counted, printable
from facesmith.training.search.result import BEST_FILE, SearchResult, Trial, summary
from facesmith.training.search.space import Parameter, label_of

REPORT_FILE, TRIALS_FILE = "report.html", "trials.json"
PARALLEL_FILE, IMPORTANCE_FILE = "parallel.png", "importance.png"
_WIDTH = 9.0  # inches


def write_report(result: SearchResult, out: Path) -> None:
    """Write `report.html`, its pictures and `trials.json` into a search's folder.

    Args:
        result: What was found; at least one trial is complete.
        out: The folder.
    """
    write_json(out / TRIALS_FILE, _as_dict(result))
    draw_parallel(result.trials, result.space, result.default, out / PARALLEL_FILE)
    if result.importance:
        draw_importance(result.importance, out / IMPORTANCE_FILE)
    write_bytes(out / REPORT_FILE, _page(result, out).encode())


def draw_parallel(
    trials: Sequence[Trial], space: Sequence[Parameter], default: Trial | None, path: Path
) -> None:
    """Draw trials as lines across one axis a setting; the better, the darker.

    Trials that were stopped early are thin and grey.
    """
    figure = new_figure(_WIDTH, 4.2)
    axes = figure.add_subplot()
    # By rank: one trial that failed to learn would make all others equally dark.
    ranks = sorted({trial.figure for trial in trials if trial.figure is not None})
    for trial in sorted(trials, key=lambda trial: trial.figure or -1.0):
        values = [trial.values.get(parameter.name) for parameter in space]
        if None in values:
            continue
        heights = [p.position(v) for p, v in zip(space, values, strict=True) if v is not None]
        if trial.figure is None:
            axes.plot(range(len(space)), heights, color="0.8", linewidth=0.7, zorder=1)
            continue
        share = ranks.index(trial.figure) / (len(ranks) - 1) if len(ranks) > 1 else 1.0
        colour = VERMILION if trial == default else BLUE
        axes.plot(
            range(len(space)), heights, color=colour, alpha=0.25 + 0.75 * share,
            linewidth=1 + 2 * share, zorder=2 + share,
        )  # fmt: skip
    axes.set_xticks(range(len(space)), [_label(each) for each in space], rotation=25, ha="right")
    for at, parameter in enumerate(space):
        ends = sorted(parameter.choices) or [parameter.low, parameter.high]
        axes.annotate(f"{ends[-1]:.3g}", (at, 1.03), ha="center", va="bottom", fontsize=8)
        axes.annotate(f"{ends[0]:.3g}", (at, -0.03), ha="center", va="top", fontsize=8)
    tidy(axes)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="y", visible=False)
    axes.set(yticks=[], ylim=(-0.12, 1.12))
    axes.set_title(
        "The darker, the higher the average precision (by rank). Orange: the defaults. "
        "Grey: stopped early.",
        fontsize=9,
    )
    write_chart(figure, path)


def draw_importance(importance: dict[str, float], path: Path) -> None:
    """Draw how much each setting decides, as bars, the longest on top."""
    figure = new_figure(_WIDTH, 0.6 + 0.32 * len(importance))
    axes = figure.add_subplot()
    names = list(importance)[::-1]
    axes.barh([label_of(name) for name in names],
              [importance[name] for name in names], color=BLUE)  # fmt: skip
    axes.set_xlabel("share of the differences between trials (fANOVA)")
    tidy(axes)
    axes.grid(axis="y", visible=False)
    write_chart(figure, path)


def _label(parameter: Parameter) -> str:
    return f"{parameter.label} (log)" if parameter.log else parameter.label


def _page(result: SearchResult, out: Path) -> str:
    best = result.complete[0]
    confirmation = result.confirmation
    tiles = [
        (f"{best.figure:.4f}", "best trial"),
        (_figure(result.default), "default settings"),
        (str(len(result.trials)), "trials"),
    ]
    if confirmation is not None:
        tiles.append((f"{confirmation.margin:+.4f}", "margin on other photos"))
    return page(
        "Search for settings",
        f"{escape(summary(result))} Figures are average precision on photos held out from "
        "learning, by which the best trial was chosen: its figure is too high, by luck.",
        result.verdict(),
        tiles,
        [
            _section("What decides", _pictures(result, out)),
            _section("The best settings", _settings(result)),
            _section("All trials", _table(result)),
            *([] if confirmation is None else [_section("Trained again", _confirmed(result))]),
        ],
    )


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def _pictures(result: SearchResult, out: Path) -> str:
    picture = png_file(out / PARALLEL_FILE)
    parts = [
        f'<figure><img alt="Trials across the axes of their settings" src="{picture}"></figure>'
    ]
    if result.importance:
        first = next(iter(result.importance))
        parts.append(
            f'<figure><img alt="Share of each setting" src="{png_file(out / IMPORTANCE_FILE)}">'
            f"<figcaption>{escape(first)} decides most, among the trials that are complete. "
            "With few trials these shares are rough."
            "</figcaption></figure>"
        )
    else:
        equal = len(result.complete) > 1 and len({t.figure for t in result.complete}) == 1
        why = "All complete trials have the same figure" if equal else "Too few trials are complete"
        parts.append(f"<p>{why}: which settings decide cannot be said.</p>")
    return "".join(parts)


def _settings(result: SearchResult) -> str:
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{value:.4g}</td><td>{result.defaults[name]:.4g}</td></tr>"
        for name, value in result.complete[0].values.items()
    )
    return (
        f"<p>They are in <code>{BEST_FILE}</code>: <code>facesmith train ... --config "
        f"{BEST_FILE}</code>, with the <code>--from</code> of the search.</p>"
        "<div style='overflow-x:auto'><table><tr><th>setting</th><th>best trial</th>"
        f"<th>default</th></tr>{rows}</table></div>"
    )


def _table(result: SearchResult) -> str:
    names = [parameter.name for parameter in result.space]
    heads = "".join(f"<th>{escape(printable(each.label))}</th>" for each in result.space)
    ordered = [*result.complete, *(t for t in result.trials if t.state != "complete")]
    rows = "".join(
        f"<tr><td>{trial.number}</td><td>{_figure(trial)}</td>"
        + "".join(f"<td>{_value(trial.values.get(name))}</td>" for name in names)
        + "</tr>"
        for trial in ordered
    )
    return (
        f"<details><summary>{counted(len(ordered), 'trial')}</summary><div style='overflow-x:auto'>"
        f"<table><tr><th>trial</th><th>AP</th>{heads}</tr>{rows}</table></div></details>"
    )


def _confirmed(result: SearchResult) -> str:
    found = result.confirmation
    assert found is not None
    rows = "".join(
        f"<tr><td>{seed}</td><td>{default:.4f}</td><td>{best:.4f}</td><td>{best - default:+.4f}"
        "</td></tr>"
        for seed, default, best in zip(found.seeds, found.default, found.best, strict=True)
    )
    return (
        "<p>Both settings with other seeds, which hold out other photos.</p>"
        f"<table><tr><th>seed</th><th>defaults</th><th>best</th><th>difference</th></tr>{rows}"
        "</table>"
    )


def _figure(trial: Trial | None) -> str:
    if trial is None:
        return "unknown"
    return trial.state if trial.figure is None else f"{trial.figure:.4f}"


def _value(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _as_dict(result: SearchResult) -> dict[str, Any]:
    confirmation = result.confirmation
    return {
        "trials": [vars(trial) for trial in result.trials],
        "space": {parameter.name: parameter.to_dict() for parameter in result.space},
        "importance": result.importance,
        "verdict": result.verdict(),
        "confirmation": None if confirmation is None else confirmation.to_dict(),
    }
