"""Draws the objects of the synthetic world: eight instruments and five things that never sound.

A kind can only be recognised by its shape and texture: colours are random, and `sprites` removes the remaining
differences in size, aspect ratio, filled area, brightness and contrast. Each drawing varies its own proportions a
little.
"""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from avloc.synthetic.canvas import Canvas, Colour, Plane, X, Y, box, ellipse, mask, polygon, segment, stripes, union

Palette = dict[str, Colour]  # "main", "second", "dark", "light", "rim"


def guitar(canvas: Canvas, paint: Palette, rng: Generator) -> None:
    """A figure eight with vertical grain, a dark hole and a neck."""
    waist = rng.uniform(-0.24, -0.14)
    body = union(ellipse(0, 0.38, 0.72, 0.5), ellipse(0, waist, 0.52, 0.36))
    canvas.shape(union(box(0, -0.72, 0.15, 0.26), box(0, -0.86, 0.24, 0.12, 0.04)), paint["dark"])
    canvas.shape(body, paint["main"])
    canvas.detail(stripes(X * rng.uniform(3.6, 4.6)) * mask(body), paint["second"])
    canvas.detail(mask(ellipse(0, 0.16, 0.28, 0.25)), paint["light"])
    canvas.detail(mask(ellipse(0, 0.16, 0.21, 0.19)), paint["dark"])
    canvas.detail(mask(box(0, 0.62, 0.34, 0.06)), paint["dark"])


def drum(canvas: Canvas, paint: Palette, rng: Generator) -> None:
    """A tapering shell with one zigzag of lacing, and a plain skin."""
    foot = rng.uniform(0.4, 0.5)
    shell = polygon((-0.82, -0.5), (0.82, -0.5), (foot, 0.72), (-foot, 0.72))
    canvas.shape(union(shell, ellipse(0, 0.72, foot, 0.16)), paint["main"])
    teeth = rng.uniform(1.9, 2.3)
    zigzag = np.abs(((X * teeth) % 1) - 0.5) * 2
    canvas.detail(np.clip(8 * (0.17 - np.abs(Y - 0.45 + 0.62 * zigzag)) + 0.5, 0, 1) * (Y > -0.4), paint["light"])
    canvas.shape(ellipse(0, -0.5, 0.84, 0.3), paint["dark"])
    canvas.shape(ellipse(0, -0.54, 0.74, 0.22), paint["second"])


def flute(canvas: Canvas, paint: Palette, rng: Generator) -> None:
    """Two thick pipes side by side, each with four ringed holes."""
    step = rng.uniform(0.24, 0.34)
    for side, shift in ((-0.4, -step), (0.4, step)):
        canvas.shape(box(side, shift, 0.36, 0.72, 0.12), paint["main"])
        canvas.detail(mask(box(side, shift - 0.66, 0.36, 0.06)), paint["second"])
        centres = shift + np.linspace(-0.42, 0.5, 3)
        canvas.detail(mask(union(*(ellipse(side, y, 0.23, 0.2) for y in centres))), paint["light"])
        canvas.detail(mask(union(*(ellipse(side, y, 0.13, 0.11) for y in centres))), paint["dark"])


def marimba(canvas: Canvas, paint: Palette, rng: Generator) -> None:
    """A row of bars of decreasing length, alternately dark and light, over two rails."""
    bars = int(rng.integers(6, 8))
    short = rng.uniform(0.34, 0.46)
    canvas.shape(polygon((-0.95, -0.6), (0.95, -0.3), (0.95, -0.16), (-0.95, -0.44)), paint["dark"])
    canvas.shape(polygon((-0.95, 0.44), (0.95, 0.16), (0.95, 0.3), (-0.95, 0.6)), paint["dark"])
    width = 1.9 / bars
    for i in range(bars):
        half = 0.9 + (short - 0.9) * i / (bars - 1)
        bar = box(-0.95 + width * (i + 0.5), 0, width * 0.45, half, 0.03)
        canvas.shape(bar, paint["light"] if i % 2 else paint["second"])


def horn(canvas: Canvas, paint: Palette, rng: Generator) -> None:
    """A cone with curved hoops and a dark bell."""
    thin = rng.uniform(0.3, 0.38)
    along = np.clip((X + 0.95) / 1.7, 0, 1)
    cone = np.maximum(np.abs(Y) - (thin + (0.9 - thin) * along**1.3), np.abs(X + 0.1) - 0.85)
    canvas.shape(cone, paint["main"])
    canvas.detail(stripes((X + 0.35 * (1 - Y * Y)) * rng.uniform(2.0, 2.5), 0.4), paint["light"])
    canvas.shape(ellipse(0.72, 0, 0.26, 0.92), paint["second"])
    canvas.shape(ellipse(0.74, 0, 0.17, 0.74), paint["dark"])


def accordion(canvas: Canvas, paint: Palette, rng: Generator) -> None:
    """Close pleats between two blocks, one with a keyboard and one with buttons, slightly skewed."""
    bend = rng.uniform(0.2, 0.26)
    y = Y - bend * np.sin(X * 1.7)
    body = np.maximum(np.abs(X) - 0.92, np.abs(y) - 0.56)
    canvas.shape(body, paint["main"])
    canvas.detail(stripes(X * 6.2 + 0.5 * np.abs(((y * 2.2) % 1) - 0.5)), paint["dark"])
    left, right = (X < -0.5).astype(np.float32), (X > 0.5).astype(np.float32)
    canvas.detail(left, paint["light"])
    canvas.detail(left * (X > -0.74) * stripes(y * 4.0, 0.45), paint["dark"])
    canvas.detail(right, paint["second"])
    dots = np.hypot(((X - 0.5) * 4.7) % 1 - 0.5, (y * 3.6) % 1 - 0.5)
    canvas.detail(right * np.clip((0.3 - dots) * 10 + 0.5, 0, 1), paint["light"])


def harp(canvas: Canvas, paint: Palette, rng: Generator) -> None:
    """A fan of wedges from one corner, under a heavy arm."""
    x, y = X + 0.9, 0.9 - Y
    radius, angle = np.hypot(x, y), np.arctan2(y, x) / (np.pi / 2)
    edge = 1.85 * (1 - rng.uniform(0.1, 0.16) * np.sin(np.pi * np.clip(angle, 0, 1)))
    fan = np.maximum(np.maximum(radius - edge, -x - 0.02), -y - 0.02)
    canvas.shape(fan, paint["light"])
    canvas.detail(stripes(angle * float(rng.choice([4.5, 5.5])) + 0.25), paint["dark"])
    canvas.detail(np.clip((radius - edge + 0.24) * 40, 0, 1), paint["main"])
    canvas.detail(mask(box(-0.84, 0, 0.12, 1)), paint["main"])


def gong(canvas: Canvas, paint: Palette, rng: Generator) -> None:
    """A disc of rings hanging in an open stand."""
    canvas.shape(union(box(-0.86, 0, 0.09, 0.92), box(0.86, 0, 0.09, 0.92), box(0, -0.86, 0.95, 0.08)), paint["dark"])
    disc = ellipse(0, 0.08, 0.76, 0.8)
    canvas.shape(disc, paint["main"])
    rings = stripes(np.hypot(X, (Y - 0.08) * 0.95) * rng.uniform(3.2, 3.8) + rng.uniform(0, 0.3))
    canvas.detail(rings * mask(disc), paint["light"])
    canvas.detail(mask(ellipse(0, 0.08, 0.17, 0.17)), paint["dark"])


def ball(canvas: Canvas, paint: Palette, rng: Generator) -> None:
    """A sphere with soft blotches."""
    canvas.shape(ellipse(0, 0, 0.9, 0.9), paint["main"])
    blotch: Plane = np.zeros_like(X * Y)
    for cx, cy, area in zip(*rng.uniform(-0.9, 0.9, (2, 36)), rng.uniform(0.004, 0.016, 36), strict=True):
        blotch += np.exp((X - cx) ** 2 / -area) * np.exp((Y - cy) ** 2 / -area)
    canvas.detail(np.clip((blotch - 0.5) * 8, 0, 1), paint["dark"])
    canvas.detail(np.exp(-((X + 0.35) ** 2 + (Y + 0.4) ** 2) / 0.06), paint["light"])


def crate(canvas: Canvas, paint: Palette, rng: Generator) -> None:
    """A cube seen from a corner, with a cross on one face."""
    drop = rng.uniform(0.4, 0.5)
    top = polygon((0, -0.95), (0.85, -0.95 + drop), (0, -0.95 + 2 * drop), (-0.85, -0.95 + drop))
    left = polygon((-0.85, -0.95 + drop), (0, -0.95 + 2 * drop), (0, 0.95), (-0.85, 0.95 - drop))
    right = polygon((0, -0.95 + 2 * drop), (0.85, -0.95 + drop), (0.85, 0.95 - drop), (0, 0.95))
    canvas.shape(left, paint["main"])
    canvas.shape(right, paint["dark"])
    canvas.shape(top, paint["second"])
    canvas.detail(mask(right) * (mask(right + 0.14) < 0.5), paint["light"])
    canvas.detail(mask(left) * mask(segment(-0.85, 0.95 - drop, 0, -0.95 + 2 * drop, 0.09)), paint["light"])
    canvas.detail(mask(left) * mask(segment(-0.85, -0.95 + drop, 0, 0.95, 0.09)), paint["light"])
    canvas.detail(mask(left) * (mask(left + 0.1) < 0.5), paint["light"])
    canvas.detail(mask(top) * (mask(top + 0.12) < 0.5), paint["dark"])


def plant(canvas: Canvas, paint: Palette, rng: Generator) -> None:
    """A pot and a few broad leaves."""
    leaves = int(rng.integers(5, 7))
    for turn in np.linspace(-1.35, 1.35, leaves) + rng.uniform(-0.08, 0.08, leaves):
        ux, uy = np.sin(turn), -np.cos(turn)
        x, y = X * ux + (Y - 0.25) * uy, -X * uy + (Y - 0.25) * ux
        leaf = (np.hypot((x - 0.58) / 0.56, y / 0.27) - 1) * 0.27
        canvas.shape(leaf, paint["main"] if rng.random() < 0.5 else paint["light"])
        canvas.detail(mask(leaf) * np.clip((0.03 - np.abs(y)) * 40, 0, 1), paint["dark"])
    canvas.shape(polygon((-0.6, 0.3), (0.6, 0.3), (0.42, 0.95), (-0.42, 0.95)), paint["second"])
    canvas.detail(mask(box(0, 0.36, 0.7, 0.08)), paint["dark"])


def lamp(canvas: Canvas, paint: Palette, rng: Generator) -> None:
    """A shade with a chequered hem on a stem with a foot."""
    brim = rng.uniform(0.84, 0.95)
    canvas.shape(union(box(0, 0.45, 0.16, 0.45), box(0, 0.84, 0.62, 0.12, 0.05)), paint["dark"])
    shade = polygon((-0.5, -0.95), (0.5, -0.95), (brim, 0.3), (-brim, 0.3))
    canvas.shape(shade, paint["main"])
    canvas.detail(mask(shade) * np.clip(0.9 - np.abs(X) * 1.4, 0, 1), paint["light"])
    chequer = (np.floor(X * 3.8) + np.floor((Y - 0.3) * 3.8)) % 2 * (Y > -0.5)
    canvas.detail(mask(shade) * chequer, paint["dark"])


def mug(canvas: Canvas, paint: Palette, rng: Generator) -> None:
    """A round-bottomed cup with a handle and one wavy band."""
    canvas.shape(np.abs(ellipse(0.5, 0.05, 0.36, 0.4)) - 0.09, paint["dark"])
    canvas.shape(union(box(-0.2, 0.08, 0.66, 0.82, 0.36), box(-0.2, -0.3, 0.66, 0.4)), paint["main"])
    wave = np.abs(Y - 0.25 - 0.1 * np.sin(X * rng.uniform(5, 7)))
    canvas.detail(np.clip((0.16 - wave) * 30, 0, 1) * (X < 0.45), paint["second"])
    canvas.shape(ellipse(-0.2, -0.7, 0.66, 0.2), paint["light"])
    canvas.shape(ellipse(-0.2, -0.68, 0.54, 0.13), paint["dark"])


Drawing = Callable[[Canvas, Palette, Generator], None]
INSTRUMENTS: dict[str, Drawing] = {
    draw.__name__: draw for draw in (accordion, drum, flute, gong, guitar, harp, horn, marimba)
}
DISTRACTORS: dict[str, Drawing] = {draw.__name__: draw for draw in (ball, crate, lamp, mug, plant)}
