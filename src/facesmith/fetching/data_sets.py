"""The one table of public data sets: where their archives lie, and how they are recognised.

Sums are those that others have published; who, stands beside each. None was computed by us.
"""

from __future__ import annotations

from dataclasses import dataclass

_GIGABYTE = 10**9


@dataclass(frozen=True)
class Archive:
    """One file to fetch and what it unpacks to.

    Attributes:
        name: File name, on its server, on a mirror and in messages.
        part: What it is fetched as, by `--part`.
        urls: Its addresses, tried in this order.
        sum: Checksum as `algorithm:hexadecimal`; empty: none is published.
        sum_source: Who published it.
        n_bytes: Size as published; `None`: unknown.
        folder: The folder that it unpacks to, whether or not its entries begin with it.
        contents: Patterns inside `folder` and how many files match each.
        max_unpacked: More bytes than this are not unpacked.
    """

    name: str
    part: str
    urls: tuple[str, ...]
    sum: str
    sum_source: str
    n_bytes: int | None
    folder: str
    contents: tuple[tuple[str, int], ...]
    max_unpacked: int


@dataclass(frozen=True)
class DataSet:
    """A public data set."""

    name: str
    title: str
    page: str
    licence: str
    citation: str
    archives: tuple[Archive, ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """What of it can be fetched alone."""
        return tuple(archive.part for archive in self.archives)


_HUGGING_FACE = "https://huggingface.co/datasets/CUHK-CSE/wider_face/resolve/main/data"
_TFDS = "tensorflow/datasets, url_checksums/wider_face.txt"
_OF_WIDER = "http://shuoyang1213.me/WIDERFACE/support"
_OF_WIDER_BEFORE = "http://mmlab.ie.cuhk.edu.hk/projects/WIDERFace/support"

FDDB = DataSet(
    "fddb",
    "FDDB: Face Detection Data Set and Benchmark",
    "http://vis-www.cs.umass.edu/fddb/",
    "No licence is published. The photos are press photos of the Faces in the Wild set, whose "
    "rights lie with the agencies; the annotations were published for research.",
    'V. Jain, E. Learned-Miller, "FDDB: A Benchmark for Face Detection in Unconstrained '
    'Settings", Technical Report UM-CS-2010-009, University of Massachusetts, Amherst, 2010.',
    (
        Archive(
            "originalPics.tar.gz",
            "images",
            (
                "http://vis-www.cs.umass.edu/fddb/originalPics.tar.gz",
                "http://tamaraberg.com/faceDataset/originalPics.tar.gz",
            ),
            "md5:cf414253ac596cd858daae0cc321d793",
            "penolove/FDDB_DataSet_4_faster_rcnn, get_data.sh",
            None,
            "originalPics",
            (("**/*.jpg", 28_204),),
            3 * _GIGABYTE,
        ),
        Archive(
            "FDDB-folds.tgz",
            "annotations",
            ("http://vis-www.cs.umass.edu/fddb/FDDB-folds.tgz",),
            "sha1:94ce19ba3348425dfbb8bcbe55802490f8f152f8",
            "visym/vipy, vipy/dataset/fddb.py",
            None,
            "FDDB-folds",
            (("FDDB-fold-??-ellipseList.txt", 10), ("FDDB-fold-??.txt", 10)),
            _GIGABYTE // 10,
        ),
    ),
)

WIDER = DataSet(
    "wider",
    "WIDER FACE: A Face Detection Benchmark",
    "http://shuoyang1213.me/WIDERFACE/",
    "CC BY-NC-ND 4.0, as its copy on Hugging Face states: not for commercial use, and changed "
    "versions may not be passed on.",
    'S. Yang, P. Luo, C. C. Loy, X. Tang, "WIDER FACE: A Face Detection Benchmark", IEEE '
    "Conference on Computer Vision and Pattern Recognition (CVPR), 2016.",
    (
        Archive(
            "wider_face_split.zip",
            "annotations",
            (
                f"{_HUGGING_FACE}/wider_face_split.zip",
                f"{_OF_WIDER}/bbx_annotation/wider_face_split.zip",
                f"{_OF_WIDER_BEFORE}/bbx_annotation/wider_face_split.zip",
            ),
            "sha256:c7561e4f5e7a118c249e0a5c5c902b0de90bbf120d7da9fa28d99041f68a8a5c",
            _TFDS,
            3_591_642,
            "wider_face_split",
            (("wider_face_train_bbx_gt.txt", 1), ("wider_face_val_bbx_gt.txt", 1)),
            _GIGABYTE // 10,
        ),
        Archive(
            "eval_tools.zip",
            "evaluation",
            (
                f"{_OF_WIDER}/eval_script/eval_tools.zip",
                f"{_OF_WIDER_BEFORE}/eval_script/eval_tools.zip",
            ),
            "",
            "",
            None,
            "eval_tools",
            (("ground_truth/wider_*_val.mat", 4),),
            _GIGABYTE,
        ),
        Archive(
            "WIDER_val.zip",
            "val",
            (f"{_HUGGING_FACE}/WIDER_val.zip",),
            "sha256:f9efbd09f28c5d2d884be8c0eaef3967158c866a593fc36ab0413e4b2a58a17a",
            _TFDS,
            362_752_168,
            "WIDER_val",
            (("images/*/*.jpg", 3_226),),
            2 * _GIGABYTE,
        ),
        Archive(
            "WIDER_train.zip",
            "train",
            (f"{_HUGGING_FACE}/WIDER_train.zip",),
            "sha256:e23b76129c825cafae8be944f65310b2e1ba1c76885afe732f179c41e5ed6d59",
            _TFDS,
            1_465_602_149,
            "WIDER_train",
            (("images/*/*.jpg", 12_880),),
            6 * _GIGABYTE,
        ),
    ),
)

DATA_SETS = {data_set.name: data_set for data_set in (FDDB, WIDER)}
