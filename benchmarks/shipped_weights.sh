#!/bin/sh
# Labels the photos and trains the weights that ship, from random ones. See decision 21.
#
#   benchmarks/shipped_weights.sh PHOTOS LANDMARKS BASELINES WORK
#
# PHOTOS holds the sets train, train_street, train_people, negatives and negatives_monkeys, LANDMARKS
# the sets portraits and crops80, BASELINES yunet_n.onnx and yunet_s.onnx. WORK gets the labels and the run; a training that was stopped goes
# on when this is called again. The judge `shipped` is the detector that came along when the labels
# were made: with other weights labels differ.
set -eu
photos=$1 landmarks=$2 baselines=$3 work=$4
here=$(dirname "$0")
mkdir -p "$work/labels" "$work/face_free/monkeys" "$work/face_free/monkeys_held"

if [ ! -e "$work/labels/merged.json" ]; then
    [ -e "$work/labels/redrawn/redrawn.json" ] ||
        facesmith redraw "$photos/train.coco.json" --images "$photos/train" \
            --source fc --like jol --strength 0.6 --out "$work/labels/redrawn"
    python "$here/judge_detections.py" --photos "$photos" --out "$work/labels/found" \
        --set train --set train_street --set train_people \
        --judge "yunet_n=yunet:$baselines/yunet_n.onnx" \
        --judge "yunet_s=yunet:$baselines/yunet_s.onnx" --judge shipped=facesmith
    python "$here/committee_labels.py" --photos "$photos" --found "$work/labels/found" \
        --out "$work/labels" --set "train=$work/labels/redrawn/redrawn.json" \
        --set train_street --set train_people
    # One hundred photos of monkeys are kept aside, drawn by their names.
    for path in "$photos"/negatives_monkeys/*; do
        name=$(basename "$path")
        echo "$(printf %s "$name" | sha256sum | cut -c1-64) $name"
    done | sort | awk '{print (NR <= 100 ? "monkeys_held" : "monkeys"), $2}' |
        while read -r folder name; do
            ln -sf "$(realpath "$photos/negatives_monkeys/$name")" "$work/face_free/$folder/$name"
        done
    rm -rf "$work/photos"
    python "$here/merge_labels.py" --photos "$photos" --links "$work/photos" \
        --out "$work/labels/merged.json" --one-source people \
        "$work/labels/train.json" "$work/labels/train_street.json" "$work/labels/train_people.json"
fi

facesmith train "$work/labels/merged.json" --images "$work/photos" \
    --negatives "$photos/negatives" --negatives "$work/face_free/monkeys" \
    --recipe shipped --resume --out "$work/shipped"

# Landmarks come last, and change nothing of what is found. The weights that ship are WORK/landmarks.
if [ ! -e "$work/labels/points.json" ]; then
    python "$here/landmark_labels.py" "$work/labels/merged.json" --images "$work/photos" \
        --points "$baselines/yunet_n.onnx" --points "$baselines/yunet_s.onnx" \
        --out "$work/labels/with_points.json"
    python "$here/landmark_sets.py" --landmarks "$landmarks" --labels "$work/labels/with_points.json" \
        --links "$work/photos" --held-out "$work/labels/landmarks_held_out" \
        --out "$work/labels/points.json"
fi
facesmith train "$work/labels/points.json" --images "$work/photos" --only landmarks \
    --recipe landmarks --from "$work/shipped" --resume --out "$work/landmarks"
