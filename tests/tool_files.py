"""What annotation tools write, each of two photos or shapes: a.png of 61x47 and sub/b.png."""

from __future__ import annotations

REGION = {
    "type": "rectanglelabels", "original_width": 61, "original_height": 47, "score": 0.5,
    "value": {"x": 10, "y": 20.5, "width": 30, "height": 40, "rotation": 15,
              "rectanglelabels": ["face"]},
    "meta": {"text": ["mask: on"]},
}  # fmt: skip
TASKS = [
    {"data": {"image": "/data/upload/1/1a2b3c4d-a.png"}, "annotations": [{"result": [REGION]}]},
    {"data": {"image": "x", "file_name": "sub/b.png"}, "predictions": [{"result": []}]},
]
LABELME = {
    "version": "5.5.0", "flags": {}, "imagePath": "a.png", "imageHeight": 47, "imageWidth": 61,
    "shapes": [
        {"label": "face", "points": [[5, 6], [25, 26.5]], "shape_type": "rectangle", "flags": {}},
        {"label": "face", "points": [[5, 6], [9, 9], [2, 9]], "shape_type": "polygon"},
    ],
}  # fmt: skip
CVAT = b"""<annotations><version>1.1</version><image id="0" name="a.png" width="61" height="47">
<box label="face" occluded="0" xtl="5.0" ytl="6.5" xbr="25.0" ybr="26.0" rotation="12.5">
<attribute name="mask">on</attribute></box><polygon label="face" points="5,6;25.5,6;9,20"/>
<ellipse label="unsure" cx="20" cy="20" rx="9" ry="5"/></image><image name="sub/b.png"/>
</annotations>"""
