"""Which command line of the pages is run where: the table of tests/test_documented_commands.py.

Lines whose output stands on a page are run by `benchmarks/page_outputs.py` and need no entry here.
"""

# Run in this order in a folder with small inputs of these names; files that a line redirects its
# output to are written.
RUN = (
    "facesmith detect holiday/ --draw seen/ --json > faces.jsonl",
    "facesmith detect holiday/ --aligned faces/",
    "facesmith anonymise holiday/ --out covered/",
    "facesmith detect val/ --json --min-score 0.001 > faces.jsonl",
    "facesmith benchmark coco --annotations val.json --images val/ --detections faces.jsonl",
    "facesmith benchmark coco --annotations val.json --images val/",
    "facesmith benchmark coco --annotations val.json --images val/ --min-height 16",
    "facesmith audit faces.json --images photos --out audit/",
    "facesmith audit faces.json --images photos/ --out audit/ --decisions audit/decisions.csv",
    (
        "facesmith audit faces.json --images photos/ --out audit/ --judge facesmith"
        " --judge detections:found.jsonl"
    ),
    "facesmith convert faces.json annotations.xml --to cvat --images photos/",
    "facesmith convert exported.xml corrected.json --to coco --images photos/",
    "facesmith label photos/ --out labels/",
    "facesmith label photos/ --to cvat --out labels/",
    "facesmith label photos/ --to label-studio --out labels/",
    "facesmith prepare people.json --images photos/ --count 200 --out patches.npz",
    "facesmith approximate points.csv --target z --out runs/points",
    "facesmith approximate points.csv --target lift --code python --quiet > lift.py",
)

# Not run as they stand -> why, and what runs instead.
NOT_RUN = {
    "trains a detector for minutes or hours; tests/cli/test_train_start.py trains small ones": (
        "facesmith train faces.json --images photos --out runs/mine",
        "facesmith train audit/corrected.json --images photos/ --out runs/detector",
        "facesmith train labels/labels.json --images photos/ --out runs/detector",
        "facesmith train export.json --images photos/ --out runs/detector",
        (
            "facesmith train faces.json --images photos/ --negatives pets/ --mined mined.json"
            " --out runs/second"
        ),
        "facesmith train faces.json --images photos --negatives pets --out runs/detector",
        "facesmith train mine.json --images photos/ --negatives pets/ --out runs/mine",
        (
            "facesmith train more.json --images photos/ --negatives pets/ --from runs/mine"
            " --out runs/second"
        ),
        (
            "facesmith train faces.json --images photos --negatives pets --config large.toml"
            " --no-refiner --out runs/large"
        ),
        (
            "facesmith train faces.json --images photos --negatives pets --teacher runs/large"
            " --out runs/detector"
        ),
        (
            "facesmith train faces.json --images photos/ --from shipped --epochs 8 --batch-size 8"
            " --no-refiner --out runs/mine"
        ),
        "facesmith train audit/corrected.json --images photos/ --negatives pets/ --out runs/first",
        (
            "facesmith train audit/corrected.json --images photos/ --negatives pets/"
            " --mined mined.json --out runs/second"
        ),
    ),
    "trains in two processes; tests/training/test_processes.py trains small ones": (
        "facesmith train faces.json --images photos --devices 2 --out runs/two",
        "facesmith train patches.npz --devices 2 --out runs/patches",
    ),
    "trains landmarks for minutes; tests/cli/test_train_landmarks.py trains small ones": (
        (
            "facesmith train points.json --images photos --only landmarks --from runs/detector"
            " --out runs/points"
        ),
    ),
    "trains a classifier for minutes; tests/cli/test_train.py trains small ones": (
        "facesmith train patches.npz --network pointwise --out runs/pointwise",
        "facesmith train patches.npz --network compact --out runs/compact --resume",
    ),
    "needs a run of such a training; the tests of the command make a small one": (
        "facesmith detect holiday/ --model runs/pointwise --draw seen/",
        "facesmith detect holiday/ --model runs/detector",
        "facesmith detect more-photos --landmarks --model runs/points",
        "facesmith detect holiday/ --model runs/second --draw seen/",
        "facesmith label more/ --judge facesmith:runs/second --to label-studio --out more-labels/",
        (
            "facesmith mine --negatives pets/ --annotations audit/corrected.json --images photos/"
            " --model runs/first --out mined.json"
        ),
        "facesmith roc runs/compact --target-fpr 0.01",
        "facesmith roc runs/compact --target-precision 0.98 --patches mine.npz",
        "facesmith roc runs/detector --annotations val.json --images val/ --target-precision 0.95",
        (
            "facesmith benchmark compare --annotations val.json --images val/ --detector facesmith"
            " --detector mine=facesmith:runs/second"
        ),
        "facesmith approximate --predict new.csv --model runs/monkey-saddle",
    ),
    "needs what a person has corrected in another program, or what a redrawing wrote": (
        "facesmith audit export.json --images photos/ --out audit/",
        (
            "facesmith audit export.json --images photos/ --out audit/ --add-missed"
            " --decisions audit/decisions.csv"
        ),
        "facesmith audit redrawn/redrawn.json --images photos/ --out audit/",
    ),
    "needs weights of others; tests/evaluation/test_baselines.py runs stand-ins": (
        (
            "facesmith audit faces.json --images photos/ --out audit/ --judge facesmith"
            " --judge yunet:yunet_n.onnx"
        ),
        "facesmith label photos/ --judge facesmith --judge yunet:yunet_n.onnx --out labels/",
        (
            "facesmith benchmark compare --annotations val.json --images val/ --detector facesmith"
            " --detector yunet:yunet_n.onnx"
        ),
    ),
    "needs photos of others; tests/evaluation and tests/cli run the command on made files": (
        "facesmith benchmark fddb --folds FDDB-folds --images originalPics --out fddb --plot",
        (
            "facesmith benchmark wider --ground-truth ground_truth/ --images WIDER_val/images"
            " --out wider/"
        ),
        (
            "facesmith prepare fddb/FDDB-folds --images fddb/originalPics --negatives pets"
            " --out patches.npz"
        ),
    ),
    "reads a film; tests/cli/test_detect_video.py and test_anonymise.py make some": (
        "facesmith detect clip.mp4 --draw seen.mp4",
        "facesmith detect clip.mp4 --draw seen.mp4 > faces.jsonl",
    ),
    "reads a camera's stream; tests/video make one": (
        "facesmith anonymise rtsp://10.0.0.4/live --out covered/ --seconds 600",
    ),
    "needs a public collection or the result of a search": (
        "facesmith benchmark fddb --folds data/fddb --out fddb",
        "facesmith train faces.json --images photos --config tune/best.json --out runs/tuned",
    ),
    "takes minutes; tests/demo/test_demo.py runs a small one": ("facesmith demo --out demo-out",),
}

# Commands whose own tests run what their pages show.
OF_THEIR_ROOM = ("serve", "export-web", "bulk", "fetch", "tune", "benchmark anonymise")
