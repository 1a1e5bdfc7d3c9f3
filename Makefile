# Two commands do all the set-up themselves: `make demo` and `make test`.
# Without make, the same steps stand in CONTRIBUTING.md.

VENV ?= .venv
PYTHON ?= python3
RUN = $(VENV)/bin
OUT ?= demo-out
EXERCISE ?= exercise-out
SITE ?= site-out
# In parallel: no test depends on another, nor on how long it takes. Each process takes a run of tests
# that follow each other, so that what a module prepares for its tests is mostly prepared once.
PYTEST = $(RUN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

.PHONY: help demo exercise test every-test lint check fuzz pictures docs wheel clean
.DEFAULT_GOAL := help

help:
	@echo "make demo        run everything on data that comes along; writes $(OUT)/report.html"
	@echo "make exercise    the exercise step by step into $(EXERCISE)/; FDDB=FOLDER for its photos"
	@echo "make test        the fast test suite"
	@echo "make lint        style and types"
	@echo "make check       test, lint and the slow tests; CI runs it and make docs"
	@echo "make fuzz        thousands of damaged files of every kind; FACESMITH_FUZZ=50 for more"
	@echo "make pictures    draw the pictures of README and docs anew into docs/pictures/"
	@echo "make docs        build the documentation as a site into $(SITE)/"
	@echo "make wheel       build wheel and source archive into dist/, and check them"

demo: $(VENV)/.demo
	$(RUN)/facesmith demo --out $(OUT) --force

# docs/exercise.md: both tasks of the exercise, in order. The classifier's patches are cut from
# drawings, or from the photos of FDDB where FDDB names the folder of FDDB-folds and originalPics;
# NEGATIVES may then name a folder of photos without faces.
ifdef FDDB
EXERCISE_PHOTOS = $(FDDB)/FDDB-folds --images $(FDDB)/originalPics \
  $(if $(NEGATIVES),--negatives $(NEGATIVES))
else
EXERCISE_PHOTOS = $(EXERCISE)/drawn/faces.json --images $(EXERCISE)/drawn/photos \
  --negatives $(EXERCISE)/drawn/face-free --count 2000
endif

exercise: $(VENV)/.demo
	$(RUN)/facesmith approximate --monkey-saddle --out $(EXERCISE)/monkey-saddle --force
	$(RUN)/python benchmarks/draw_photos.py $(EXERCISE)/drawn
	$(RUN)/facesmith prepare $(EXERCISE_PHOTOS) --out $(EXERCISE)/patches.npz --force
	$(RUN)/facesmith train $(EXERCISE)/patches.npz --network pointwise --out $(EXERCISE)/pointwise --force
	$(RUN)/facesmith roc $(EXERCISE)/pointwise
	$(RUN)/facesmith detect $(EXERCISE)/drawn/wide --model $(EXERCISE)/pointwise --draw $(EXERCISE)/seen

test: $(VENV)/.dev
	$(PYTEST)

lint: $(VENV)/.dev
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	$(RUN)/mypy
	$(RUN)/lint-imports
	$(RUN)/codespell src tests docs benchmarks README.md CHANGELOG.md CONTRIBUTING.md

# The fast and the slow tests at once: a process takes longest to import what they all need.
every-test: $(VENV)/.dev
	$(PYTEST) -m 'slow or not slow'

check: lint every-test

# FACESMITH_FUZZ times as many damaged files as the slow tests read, other ones every day.
fuzz: $(VENV)/.dev
	FACESMITH_FUZZ=$${FACESMITH_FUZZ:-10} $(PYTEST) -m slow tests/fuzz
	FACESMITH_KILLS=$${FACESMITH_KILLS:-20} $(PYTEST) -m slow -k random_moments

# The curves of two classifiers are those of a demo, which is run where there is none yet.
pictures: $(VENV)/.dev
	[ -f $(OUT)/report.html ] || $(RUN)/facesmith demo --out $(OUT) --force
	$(RUN)/python docs/make_pictures.py --demo $(OUT)

docs: $(VENV)/.docs
	$(RUN)/python docs/make_site.py $(SITE)

wheel: $(VENV)/.dev
	$(RUN)/python -m build
	$(RUN)/python -m twine check --strict dist/*

clean:
	rm -rf $(VENV) dist

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "facesmith needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1). Try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# A stamp per set of packages: installing again only when what is asked for has changed. The tests
# of tracks compare with trackeval's metrics; what else it asks for (OpenCV, pycocotools) they do not
# need.
$(VENV)/.demo $(VENV)/.dev $(VENV)/.docs: $(VENV)/.%: $(VENV)/bin/python pyproject.toml constraints.txt
	$(RUN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[$*]'
	$(if $(filter dev,$*),$(RUN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --no-deps trackeval)
	@touch $@
