"""Draws the few pictures of the demo: small, flat and plainly drawn, so that nobody takes one for a
photo of somebody's kitchen.
"""

from __future__ import annotations

import io
from functools import cache
from typing import Literal

from PIL import Image, ImageDraw

_SIZE = (640, 480)
_FINE = 3
"""Drawn this much larger and scaled down, which smooths the edges."""

Canvas = ImageDraw.ImageDraw
Point = tuple[float, float]


@cache
def draw(name: Literal["kettle", "parcel", "sticker"]) -> bytes:
    """The picture as a PNG, the same bytes every time; the sticker is small and has no ground."""
    if name == "sticker":
        return _sticker()
    size = (_SIZE[0] * _FINE, _SIZE[1] * _FINE)
    image = Image.new("RGB", size, "#dfe9e6" if name == "kettle" else "#e9e2d6")
    canvas = ImageDraw.Draw(image)
    _table(canvas)
    if name == "kettle":
        _kettle(canvas, 320, 330, 1.0)
    else:
        _parcel(canvas)
        _kettle(canvas, 330, 208, 0.62)
        _parcel_front(canvas)
    out = io.BytesIO()
    image.resize(_SIZE, Image.Resampling.LANCZOS).save(out, "PNG", optimize=True)
    return out.getvalue()


def _sticker() -> bytes:
    image = Image.new("RGBA", (640 * _FINE, 480 * _FINE), "#00000000")
    _kettle(ImageDraw.Draw(image), 310, 330, 1.0)
    out = io.BytesIO()
    cut = image.crop((150 * _FINE, 60 * _FINE, 540 * _FINE, 410 * _FINE))
    cut.resize((195, 175), Image.Resampling.LANCZOS).save(out, "PNG", optimize=True)
    return out.getvalue()


def _scaled(*values: float) -> list[float]:
    return [value * _FINE for value in values]


def _points(points: list[Point]) -> list[Point]:
    return [(x * _FINE, y * _FINE) for x, y in points]


def _table(canvas: Canvas) -> None:
    canvas.rectangle(_scaled(0, 372, 640, 480), fill="#c9b79c")
    canvas.rectangle(_scaled(0, 372, 640, 377), fill="#b8a486")


def _kettle(canvas: Canvas, x: float, bottom: float, size: float) -> None:
    """Standing on (x, bottom + 50 × size)."""

    def box(left: float, top: float, right: float, low: float) -> list[float]:
        return _scaled(x + left * size, bottom + top * size, x + right * size, bottom + low * size)

    def shape(points: list[Point]) -> list[Point]:
        return _points([(x + dx * size, bottom + dy * size) for dx, dy in points])

    wide = round(16 * size * _FINE)
    canvas.ellipse(box(-150, 36, 150, 62), fill="#a8946f")
    canvas.arc(box(-110, -250, 110, -60), 145, 395, fill="#6b4a34", width=wide)
    canvas.polygon(shape([(96, -60), (196, -140), (214, -122), (132, 10)]), fill="#28617f")
    canvas.polygon(shape([(190, -146), (224, -128), (212, -112), (182, -134)]), fill="#1f4d66")
    canvas.rounded_rectangle(
        box(-132, -128, 132, 52), radius=round(84 * size * _FINE), fill="#2f7396"
    )
    canvas.rounded_rectangle(
        box(-132, 20, 132, 52), radius=round(16 * size * _FINE), fill="#245c79"
    )
    canvas.ellipse(box(-78, -142, 78, -112), fill="#245c79")
    canvas.ellipse(box(-66, -146, 66, -122), fill="#3d86aa")
    canvas.ellipse(box(-15, -170, 15, -140), fill="#6b4a34")
    canvas.rounded_rectangle(
        box(-100, -92, -80, -6), radius=round(10 * size * _FINE), fill="#6aa6c3"
    )


def _parcel(canvas: Canvas) -> None:
    """The back of an open box: what stands in it is drawn between this and the front."""
    canvas.ellipse(_scaled(130, 404, 530, 436), fill="#b29d79")
    canvas.polygon(_points([(150, 232), (510, 232), (490, 190), (170, 190)]), fill="#9c7446")
    canvas.polygon(_points([(170, 190), (490, 190), (530, 128), (130, 128)]), fill="#d3a56c")


def _parcel_front(canvas: Canvas) -> None:
    canvas.rectangle(_scaled(150, 232, 510, 420), fill="#c08f55")
    canvas.polygon(_points([(150, 232), (96, 270), (120, 312), (150, 280)]), fill="#d3a56c")
    canvas.polygon(_points([(510, 232), (564, 270), (540, 312), (510, 280)]), fill="#d3a56c")
    canvas.rectangle(_scaled(306, 232, 354, 420), fill="#d9c08f")
    canvas.polygon(
        _points(
            [(306, 232), (354, 232), (354, 262), (342, 252), (330, 266), (318, 252), (306, 262)]
        ),
        fill="#c08f55",
    )
    canvas.rectangle(_scaled(378, 330, 484, 396), fill="#f6f1e6")
    for top in (344, 358, 372):
        right = 470 if top < 372 else 436
        canvas.rectangle(_scaled(390, top, right, top + 5), fill="#b9ae98")
