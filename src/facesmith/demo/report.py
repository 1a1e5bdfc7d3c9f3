"""The demo's report: one HTML file that needs nothing else, from the template beside this file."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from facesmith._version import __version__
from facesmith.approximation.experiment.plots import plot_learning_curves
from facesmith.approximation.experiment.summaries import format_r2
from facesmith.demo import pictures, words
from facesmith.demo.classifiers import TrainedClassifier
from facesmith.demo.photos import SearchedPhoto
from facesmith.demo.results import APPROXIMATION_NAME, ROC_NAME, SHEET_NAME, Demo
from facesmith.demo.synthetic.patches import draw_large_face
from facesmith.files import write_bytes
from facesmith.pictures.drawing import draw_faces
from facesmith.pictures.pages import page_style, png_file

_PEOPLE_SHOWN = 12
_WRONG = ' class="wrong"'
_PERSON_SIDE = 180  # pixels
_LARGE_PHOTO, _SMALL_PHOTO = 760, 360  # pixels along the longer side


def write_report(demo: Demo, path: Path) -> None:
    """Write the report; its pictures lie in the demo's folder."""
    write_bytes(path, render(demo).encode())


def render(demo: Demo) -> str:
    """The report as HTML."""
    template = Template((files("facesmith.demo") / "report.html").read_text(encoding="utf-8"))
    first, *others = demo.photos
    classifiers = demo.classifiers
    heights = demo.approximation.split.test.targets
    seed = demo.config.seed
    people = [draw_large_face(seed, number, _PERSON_SIDE) for number in range(_PEOPLE_SHOWN)]
    return template.substitute(
        style=page_style(),
        total=words.duration(sum(demo.seconds.values())),
        tiles=_tiles(demo),
        photos_summary=escape(words.photos_summary(demo.photos)),
        astronaut=_photo(first, _LARGE_PHOTO),
        other_photos="".join(
            f"<figure{_WRONG * (len(photo.faces) != photo.expected)}>"
            f"{_photo(photo, _SMALL_PHOTO)}</figure>"
            for photo in others
        ),
        people="".join(_image(pictures.photo_jpeg(one, _PERSON_SIDE), "") for one in people),
        sheet=_image(pictures.jpeg_file(demo.out / SHEET_NAME), "A few of the drawn patches"),
        rows=f"{demo.config.rows:,}",
        learning="".join(_learning(classifier) for classifier in classifiers),
        classifier_rows="".join(_classifier_row(classifier) for classifier in classifiers),
        comparison=escape(words.comparison(classifiers)),
        roc=_image(png_file(demo.out / ROC_NAME), "ROC curves of the classifiers"),
        mistakes="".join(_mistakes(classifier) for classifier in classifiers),
        real_patches=escape(words.on_real_patches(classifiers)),
        approximation_rows=_approximation_rows(demo),
        height=f"{abs(heights).max():,.0f}",
        curves=_curves(demo),
        surfaces=_surfaces(demo),
        folder=escape(demo.out.as_posix()),
        times=_times(demo),
        version=escape(__version__),
        date=f"{datetime.now().astimezone():%d %B %Y, %H:%M}",
        machine=escape(demo.machine),
    )


def _tiles(demo: Demo) -> str:
    """The main figures at one glance."""
    face = demo.photos[0]
    best_net = max(demo.classifiers, key=lambda c: c.report.curve.auc)
    best_fit = min(demo.approximation.approximations, key=lambda a: a.l2_error)
    free = [photo for photo in demo.photos if not photo.expected]
    clean = sum(not len(photo.faces) for photo in free)
    found = f"found in the photo of {face.title}, in {face.latency_ms:.0f} ms on one thread"
    told = (
        f"of drawn test patches told right by {best_net.network}, after "
        f"{words.duration(best_net.metrics['seconds'])} of training; drawings, not photos"
    )
    fitted = (
        f"L2 error of the fitted surface ({best_fit.method}, "
        f"{words.duration(best_fit.seconds)}); the exercise asks for less than 200"
    )
    tiles = (
        (words.counted(len(face.faces), "face"), found, len(face.faces) == face.expected),
        (f"{clean} of {len(free)}", "photos without a face have no box", clean == len(free)),
        (f"{best_net.report.accuracy:.1%}", told, True),
        (words.figure(best_fit.l2_error), fitted, True),
    )
    return "".join(
        f'<div class="tile{"" if right else " wrong"}"><span class="number">{escape(number)}</span>'
        f'<span class="what">{escape(what)}</span></div>'
        for number, what, right in tiles
    )


def _photo(photo: SearchedPhoto, longest_side: int) -> str:
    """A photo with its boxes, and below it what was found."""
    drawn = draw_faces(photo.image, photo.faces)
    found = words.counted(len(photo.faces), "face")
    told = words.scores(photo.faces.scores)
    caption = f"{photo.title[0].upper()}{photo.title[1:]}: {found}{told}, {photo.latency_ms:.0f} ms"
    image = _image(pictures.photo_jpeg(drawn, longest_side), photo.title)
    return f"{image}<figcaption>{escape(caption)}</figcaption>"


def _learning(classifier: TrainedClassifier) -> str:
    figure = pictures.plot_losses(classifier.history, classifier.metrics["best_epoch"])
    name = classifier.network
    image = _image(pictures.figure_png(figure), f"Loss of {name} by epoch, as told below")
    return _plate(
        f"<b>{escape(name)}</b>, {escape(words.NETWORKS[name])}. "
        f"{escape(words.learning(classifier))}",
        image,
    )


def _classifier_row(classifier: TrainedClassifier) -> str:
    metrics, report = classifier.metrics, classifier.report
    low, high = report.intervals.auc
    return _table_row(
        f"<b>{escape(classifier.network)}</b>",
        f"{report.curve.auc:.4f}<small>95%: {low:.4f} to {high:.4f}</small>",
        f"{report.accuracy:.1%}",
        f"{metrics['parameters']:,}",
        f"{metrics['epochs']}",
        f"{metrics['patches_per_second']:,.0f}",
    )


def _mistakes(classifier: TrainedClassifier) -> str:
    taken, missed = classifier.n_taken_for_faces, classifier.n_missed
    text = ""
    for what, number, patches in (
        (words.counted(taken, "patch", "patches") + " taken for a face", taken,
         classifier.taken_for_faces),
        (words.counted(missed, "face") + " missed", missed, classifier.missed),
    ):  # fmt: skip
        more = f"; the worst {len(patches)}:" if number > len(patches) else ""
        figures = "".join(
            f"<figure>{_image(pictures.patch_png(image), '')}"
            f"<figcaption>{score:.2f}</figcaption></figure>"
            for image, score in patches
        )
        text += (
            f'<p class="faint"><b>{escape(classifier.network)}</b>: {what}{more}</p>'
            f'<div class="mistakes">{figures}</div>'
        )
    return text


def _approximation_rows(demo: Demo) -> str:
    return "".join(
        _table_row(
            f"<b>{escape(fit.method)}</b><small>{escape(words.METHODS[fit.method])}</small>",
            words.figure(fit.l2_error),
            words.figure(fit.mean_abs_error),
            words.figure(fit.rmse),
            format_r2(fit.r2),
            f"{fit.seconds:.1f}",
        )
        for fit in demo.approximation.approximations
    )


def _curves(demo: Demo) -> str:
    """Learning curves, a figure per method: three in a row, or one below the other on a phone."""
    figures = []
    for fit in demo.approximation.approximations:
        figure = plot_learning_curves(replace(demo.approximation, approximations=(fit,)))
        # The page says what is fitted and how it went, in letters that a phone can enlarge.
        figure.suptitle("")
        figure.axes[0].set_title("", loc="left")
        figure.set_size_inches(4.6, 3.6)
        image = _image(pictures.figure_png(figure), f"Learning curves of {fit.method}")
        caption = f"<b>{escape(fit.method)}</b>. {escape(fit.verdict.text)}"
        figures.append(_plate(caption, image))
    return "".join(figures)


def _surfaces(demo: Demo) -> str:
    folder = demo.out / APPROXIMATION_NAME
    return "".join(
        '<figure><div class="plate wide">'
        + _image(png_file(folder / f"surface-{fit.method}.png"), f"Surface: {fit.method}")
        + "</div></figure>"
        for fit in demo.approximation.approximations
    )


def _times(demo: Demo) -> str:
    longest = max(demo.seconds.values())
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{words.duration(seconds)}</td>"
        f'<td class="share"><span class="bar" style="width:{100 * seconds / longest:.1f}%"></span>'
        "</td></tr>"
        for name, seconds in demo.seconds.items()
    )
    total = words.duration(sum(demo.seconds.values()))
    return f"{rows}<tr><td><b>all</b></td><td><b>{total}</b></td><td></td></tr>"


def _plate(caption: str, image: str) -> str:
    """A figure on a white plate, so that its lines can be read in the dark too."""
    return f'<figure><div class="plate">{image}</div><figcaption>{caption}</figcaption></figure>'


def _table_row(*cells: str) -> str:
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _image(uri: str, alternative: str) -> str:
    return f'<img src="{uri}" alt="{escape(alternative, quote=True)}">'
