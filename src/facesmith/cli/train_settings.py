"""What a detector training goes on from, and its settings: options, files, recipes, the plan."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from facesmith.detection.detector import shipped_weights
from facesmith.files import checksum
from facesmith.runs.folder import RunFolder
from facesmith.runs.settings import SettingsError, read_settings, with_changes
from facesmith.training.detector_config import DetectorConfig, weights_of
from facesmith.training.loop_config import LoopConfig
from facesmith.training.plan import ENOUGH_FACES, Plan
from facesmith.training.recipe_files import read_recipe
from facesmith.training.sharing import World
from facesmith.training.warm_start import network_of
from facesmith.untrusted import ContentError, read_json

SHIPPED = Path("shipped")  # what --from takes for the weights that come along
SCRATCH = Path("scratch")  # and for random ones


@dataclass(frozen=True)
class Basis:
    """What a training begins with, before the photos are counted.

    Attributes:
        settings: Those of a file, a recipe or the run to resume.
        start: The weights to go on from; `None`: random ones.
        planned: Whether the number of photos decides the settings that are not given.
        why: A line on what it begins with, for people; may be empty.
    """

    settings: dict[str, Any]
    start: Path | None
    planned: bool
    why: str

    def config(self, plan: Plan | None = None, *, quick: bool = False) -> DetectorConfig:
        """The settings without those of options."""
        if quick:
            config = DetectorConfig.quick()
        elif self.start is not None and plan is not None:
            config = DetectorConfig.continued(self.start, plan)
        else:
            config = DetectorConfig()
        if self.planned and self.start is None:
            config = dataclasses.replace(config, min_choice_faces=ENOUGH_FACES)
        if self.settings.get("keep_proposals"):  # then the refiner is all there is to learn
            config = dataclasses.replace(config, keep_refiner=False)
        return with_changes(config, self.settings)


def find_basis(
    run: RunFolder,
    *,
    start: Path | None,
    config: Path | None,
    recipe: str | None,
    quick: bool,
    resume: bool,
) -> Basis:
    """What the options ask for; without any, going on from the shipped weights.

    Raises:
        click.UsageError: If options do not go together.
        SettingsError: If a file or a recipe cannot be used.
        WeightsError: If there are no weights where they should be.
    """
    if recipe is not None:
        _refuse_beside_recipe({"config": config, "from": start, "quick": quick or None})
        return Basis(read_recipe(recipe), None, planned=False, why="")
    if quick and start not in (None, SCRATCH):
        raise click.UsageError(
            "--quick is for a training from the start; --from is short already, and --epochs says "
            "how short."
        )
    resumed = config is None and resume and not quick and run.config_path.is_file()
    if resumed:
        config = run.config_path
    try:
        settings = read_settings(config, "detector") if config is not None else {}
    except SettingsError as error:
        if not resumed:
            raise
        raise SettingsError(
            f"Cannot resume {run.path}: {error} Start anew with --force, or pass another --out."
        ) from error
    if quick:
        return Basis(settings, None, planned=False, why="--quick trains from random weights.")
    earlier = _started_from(config)
    if earlier is not None:
        return Basis(settings, _same_start(start, earlier, config), planned=False, why="")
    return Basis(settings, *_chosen_start(start, settings))


def basis_for_all(world: World, find: Callable[[], Basis]) -> Basis:
    """What the first process of a training finds, for each of them.

    Another machine may have the shipped weights in another place, so they go by name.
    """
    found, shipped = None, shipped_weights()
    if world.is_first:
        found = find()
        if (
            world.size > 1
            and found.start is not None
            and found.start.resolve() == shipped.resolve()
        ):
            found = dataclasses.replace(found, start=SHIPPED)
    basis = world.from_first(found)
    assert basis is not None
    return dataclasses.replace(basis, start=shipped) if basis.start == SHIPPED else basis


def _refuse_beside_recipe(options: Mapping[str, object]) -> None:
    for option, given in options.items():
        if given is not None:
            raise click.UsageError(
                f"--recipe holds all settings of one training, so --{option} does not go with it."
            )


def _chosen_start(start: Path | None, settings: Mapping[str, Any]) -> tuple[Path | None, bool, str]:
    """The weights to go on from where no earlier run decides; the rest of a `Basis`."""
    if start == SCRATCH:
        return None, True, ""
    if start == SHIPPED:
        return shipped_weights(), True, "Going on from the shipped weights."
    if start is not None:
        return weights_of(start)[0], True, f"Going on from {start}."
    if not _is_like_shipped(settings):
        why = "The network of --config is not the shipped one: training from random weights."
        return None, True, why
    why = "Going on from the shipped weights; --from scratch would train from random ones."
    return shipped_weights(), True, why


def _started_from(config: Path | None) -> list[str] | None:
    """Checksums of the weights that the run of a `config.json` went on from; `None`: no run's."""
    if config is None or config.suffix.lower() == ".toml":
        return None
    try:
        content = read_json(config)
    except ContentError:
        return None
    if not isinstance(content, dict) or "facesmith" not in content:
        return None
    settings = content.get("config")
    started = settings.get("start", []) if isinstance(settings, dict) else []
    return started if isinstance(started, list) else []


def _same_start(start: Path | None, earlier: list[str], config: Path | None) -> Path | None:
    """What a run that is repeated or resumed went on from, unless the command says otherwise."""
    if start == SCRATCH or (start is None and not earlier):
        return None
    if start not in (None, SHIPPED):
        return weights_of(start)[0]
    if start is None and checksum(shipped_weights()) != earlier[0]:
        raise click.UsageError(
            f"The run of {config} went on from other weights than those that ship now. Pass them "
            "again with --from."
        )
    return shipped_weights()


def _is_like_shipped(settings: Mapping[str, Any]) -> bool:
    """Whether the network that settings ask for is that of the shipped weights."""
    proposals = settings.get("proposals")
    wanted = proposals.get("network") if isinstance(proposals, Mapping) else None
    if not isinstance(wanted, Mapping):
        return True
    shipped = network_of(shipped_weights())
    return with_changes(shipped, wanted, "proposals.network.") == shipped


def with_options(
    config: DetectorConfig,
    start: Path | None,
    *,
    single_look: bool = False,
    batch_size: int | None = None,
    seed: int | None = None,
    threads: int | None = None,
    **options: Any,
) -> DetectorConfig:
    """The settings changed by the options that were given.

    Most options are those of the proposal network's training.
    """
    for part in (config.proposals, config.refiner):
        if part and not (part.batch_size > 0 and part.loop.epochs > 0 < part.loop.learning_rate):
            raise SettingsError(
                "Settings `batch_size`, `epochs` and `learning_rate` must be above 0; got "
                f"{part.batch_size}, {part.loop.epochs} and {part.loop.learning_rate:g}."
            )
    if config.proposals.rounds < 1:
        raise SettingsError(
            f"Setting `proposals.rounds` must be above 0; got {config.proposals.rounds}."
        )
    if single_look:
        config = dataclasses.replace(config, refiner=None)
    if config.keep_proposals and (start is None or config.refiner is None):
        raise click.UsageError(
            "`keep_proposals` in --config keeps the proposals of --from MODEL, and does not go "
            "with --no-refiner."
        )
    proposals = config.proposals
    if batch_size is not None:
        proposals = dataclasses.replace(proposals, batch_size=batch_size)
    proposals = dataclasses.replace(proposals, loop=dataclasses.replace(proposals.loop, **options))

    def shared(loop: LoopConfig) -> LoopConfig:
        return dataclasses.replace(
            loop,
            seed=loop.seed if seed is None else seed,
            threads=loop.threads if threads is None else threads,
        )

    return dataclasses.replace(config, proposals=proposals).with_loops(shared)
