"""What several test modules share."""

import os
from pathlib import Path

import pytest

# One thread per test process: the nets here are tiny, and threads that wait for each other on a
# busy machine take a hundred times as long. Must stand before NumPy and PyTorch are imported.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
# The same for the trainings that tests start with two threads: who waits leaves the core to others.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def pytest_configure(config: pytest.Config) -> None:
    import missing_extras  # noqa: PLC0415 - lies in this folder, which is on the path by now

    config.pluginmanager.register(missing_extras)  # a plugin: for the doctests of src too


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests go first, so that no process works on one alone while the others have ended."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def spot_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of the detector that finds white spots, see `spot_detector`."""
    from spot_detector import export_spot_detector  # noqa: PLC0415 - heavy

    return export_spot_detector(tmp_path_factory.mktemp("weights") / "detector.onnx")


@pytest.fixture(scope="session")
def square_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of the classifier that finds white squares, see `square_classifier`."""
    from square_classifier import export_square_classifier  # noqa: PLC0415 - heavy

    return export_square_classifier(tmp_path_factory.mktemp("squares") / "classifier.onnx")
