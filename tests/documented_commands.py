"""Which command line of the pages is run where: the table of tests/test_documented_commands.py.

Lines whose output stands on a page are run by `benchmarks/page_outputs.py` and need no entry here.
"""

# Run in this order in a folder with small inputs of these names; files that a line redirects its
# output to are written.
RUN = (
    "facesmith detect holiday/ --draw seen/ --json > faces.jsonl",
    "facesmith detect holiday/ --json --draw seen/ > faces.jsonl",
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
    "facesmith convert annotations.xml yolo/ --to yolo --images photos/",
    "facesmith convert exported.xml corrected.json --to coco --images photos/",
    "facesmith label photos/ --out labels/",
    "facesmith label photos/ --to cvat --out labels/",
    "facesmith label photos/ --to label-studio --out labels/",
    "facesmith convert export.json labels.json --to coco --images photos/",
    "facesmith audit export.json --images photos/ --out audit/",
    "facesmith prepare people.json --images photos/ --count 200 --out patches.npz",
    "facesmith prepare people.json --images photos/ --negatives pets/ --out patches.npz",
    "facesmith approximate points.csv --target z --out runs/points",
    "facesmith approximate --predict new.csv --model runs/points --out predicted.csv",
    "facesmith approximate points.csv --target z --out runs/points --onnx --code c",
    "facesmith approximate points.csv --target lift --code python --quiet > lift.py",
    'python -c "from lift import predict; print(predict([2.0, 30.0]))"',
)

# Not run as they stand -> why, and what runs instead.
NOT_RUN = {
    (
        "trains a detector for minutes or hours; tests/training/test_detector.py trains small"
        " ones, and tests/cli/test_train_start.py follows the options"
    ): (
        "facesmith train faces.json --images photos --out runs/mine",
        "facesmith train audit/corrected.json --images photos/ --out runs/detector",
        "facesmith train labels/labels.json --images photos/ --out runs/detector",
        "facesmith train export.json --images photos/ --out runs/detector",
        "facesmith train a.json b.json --images photos --out runs/both",
        "facesmith train data/wider --out runs/wider",
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
    "for a mirror of 28,204 photos; tests/fetching/test_fetch.py passes the sums of small ones": (
        "sha256sum archives/*",
        (
            "facesmith fetch fddb --to data/fddb --mirror archives"
            " --sha256 originalPics.tar.gz=... --sha256 FDDB-folds.tgz=..."
        ),
    ),
    "trains in two processes; tests/training/test_processes_that_die.py trains small ones": (
        "facesmith train faces.json --images photos --devices 2 --out runs/two",
        "facesmith train patches.npz --devices 2 --out runs/patches",
    ),
    "for two machines; tests/training/test_processes.py reads these variables": tuple(
        f"NODE_RANK={rank} MASTER_ADDR=10.0.0.1 MASTER_PORT=29500 facesmith train ..."
        " --devices 4 --num-nodes 2 --out runs/eight"
        for rank in (0, 1)
    ),
    "trains a detector for each part of the photos; tests/curation/test_label_audit.py does": (
        "facesmith audit faces.json --images photos/ --out audit/ --folds",
    ),
    "fits nets for minutes; tests/cli/test_approximate.py compares smaller ones": (
        "facesmith approximate --monkey-saddle --compare batch-size=1,100 --out runs/batches",
        "facesmith approximate --resume --out runs/batches --epochs 1000",
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
        "facesmith detect more-photos/ --model runs/detector",
        "facesmith mine --negatives pets --model runs/detector --out mined.json",
        "facesmith roc runs/compact --patches other_patches.npz",
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
        (
            "facesmith benchmark compare --annotations val.json --images val/ --face-free pets/"
            " --detector facesmith --detector yunet:yunet_n.onnx --out comparison"
        ),
        (
            "facesmith benchmark landmarks --annotations val.json --images val/"
            " --detector facesmith --detector yunet:yunet_n.onnx --out landmarks"
        ),
    ),
    "needs photos of others; tests/evaluation and tests/cli run the command on made files": (
        "facesmith benchmark fddb --folds FDDB-folds --images originalPics --out fddb --plot",
        (
            "facesmith benchmark fddb --folds FDDB-folds --detections found.txt"
            " --images originalPics --out fddb"
        ),
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
    "needs a photo of two people; tests/cli/test_anonymise.py spares faces by such a file": (
        "facesmith detect --json party.jpg > me.jsonl",
        "facesmith anonymise party.jpg --out covered/ --except me.jsonl",
    ),
    "reads a camera's stream; tests/video make one": (
        "facesmith anonymise rtsp://10.0.0.4/live --out covered/ --seconds 600",
    ),
    "takes minutes; tests/demo/test_demo.py runs a small one": (
        "facesmith demo --out demo-out",
        "make demo",
    ),
    "needs a bucket at a provider; tests/bulk/test_items.py reads addresses of another kind": (
        (
            "facesmith bulk s3://bucket/photos --out faces/ --engine dask"
            " --scheduler tcp://head:8786"
        ),
    ),
    "would take port 8000, which may be taken; test_serve below takes a free one": (
        "facesmith serve --port 8000",
    ),
    "draws 200 photos; tests/benchmarks/test_draw_photos.py draws some": (
        "python benchmarks/draw_photos.py drawn",
    ),
    "needs a browser; tests/cli/test_approximate.py reads the logs with TensorBoard's reader": (
        "tensorboard --logdir runs/monkey-saddle/tensorboard",
    ),
    "sets up an environment from the network; tests/test_base_install.py does so with the wheel": (
        "python3 -m venv .venv && . .venv/bin/activate",
        "pip install .",
        'pip install ".[video,serve]"',
        'pip install -c constraints.txt ".[train]"',
        *(f'pip install ".[{extra}]"' for extra in ("bulk", "fetch", "heic", "serve")),
        'pip install -c constraints.txt ".[tune]"',
        'pip install ".[video]"',
    ),
    "runs a program of others, which is not among the packages of the tests": (
        "python3 -m venv studio && studio/bin/pip install label-studio",
        (
            "LOCAL_FILES_SERVING_ENABLED=true"
            ' LOCAL_FILES_DOCUMENT_ROOT="$PWD" studio/bin/label-studio start'
        ),
    ),
    "run by CI, .ci/run": ("make check", "make docs", "make lint", "make test"),
    "takes many minutes; tests/test_docs.py reads the commands of the Makefile": (
        *(f"make {name}" for name in ("exercise", "fuzz", "pictures", "wheel")),
        "make exercise FDDB=fddb NEGATIVES=pets",
    ),
}

# Run by the test of this name in tests/test_documented_services.py, in this order.
BY_TEST = {
    "test_serve": (
        "facesmith serve",
        (
            "curl --data-binary @photo.jpg -H 'Content-Type: image/jpeg'"
            " 'http://127.0.0.1:8000/v1/detect?name=photo.jpg'"
        ),
        "curl -F file=@a.jpg -F file=@b.png 'http://127.0.0.1:8000/v1/detect?landmarks=true'",
        "curl -F file=@photo.jpg http://127.0.0.1:8000/v1/detect",
    ),
    "test_serve_for_label_studio": (
        "export FACESMITH_LABEL_STUDIO_TOKEN=...",
        (
            "facesmith serve --host 0.0.0.0 --allow-host my-computer"
            " --label-studio http://localhost:8080"
        ),
    ),
    "test_export_web": (
        "npm pack onnxruntime-web@1.30.0",
        "facesmith export-web --out site/",
        "facesmith export-web --out site/ --runtime onnxruntime-web-1.30.0.tgz",
        "python -m http.server --directory site --bind 127.0.0.1",
    ),
    "test_fetch": (
        "facesmith fetch fddb --to data/fddb",
        "facesmith benchmark fddb --folds data/fddb --out fddb",
        "facesmith benchmark wider --ground-truth data/wider --out wider",
        "facesmith prepare data/wider --out patches.npz",
    ),
    "test_bulk": (
        "facesmith bulk photos/ --out faces/ --dry-run",
        "facesmith bulk photos/ --out faces/",
        "facesmith bulk disk/ 'disk/**/*.tar' --out faces/",
    ),
    "test_bulk_on_a_cluster": (
        "dask scheduler",
        "dask worker tcp://head:8786 --nworkers 16 --nthreads 1",
        ("facesmith bulk /data/photos --out /data/faces --engine dask --scheduler tcp://head:8786"),
    ),
    "test_tune": (
        "facesmith tune faces.json --images photos --trials 20 --out tune/",
        "facesmith train faces.json --images photos --config tune/best.json --out runs/tuned",
    ),
    "test_benchmark_anonymise": (
        (
            "facesmith benchmark anonymise --annotations val.json --images val/ --films 8"
            " --out leaks/ --program"
            " 'deface=deface {input} -o {output} --replacewith img --replaceimg {picture}'"
        ),
        (
            "facesmith benchmark anonymise --annotations val.json --images val/ --out leaks"
            " --program"
            " 'deface=deface {input} -o {output} --replacewith img --replaceimg {picture}'"
        ),
    ),
}
