"""Plots as SVG: lines on two axes, and stacked bars. Text of a few kilobytes that differs only where a figure does,
with colours for a light page and for a dark one."""
import html
import math

from measure import number

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 74, 190, 70, 52
STYLE = """\
<style>
svg { --page: #ffffff; --ink: #1f2328; --soft: #59636e; --grid: #d8dee4;
  --c0: #0969da; --c1: #bc4c00; --c2: #1a7f37; --c3: #8250df; --c4: #bf3989; --c5: #57606a; }
@media (prefers-color-scheme: dark) {
  svg { --page: #0d1117; --ink: #f0f6fc; --soft: #9198a1; --grid: #30363d;
    --c0: #58a6ff; --c1: #f0883e; --c2: #3fb950; --c3: #bc8cff; --c4: #f778ba; --c5: #b1bac4; } }
text { font: 12px system-ui, -apple-system, "DejaVu Sans", sans-serif; fill: var(--ink); }
.title { font-size: 15px; font-weight: 600; } .soft { fill: var(--soft); }
.grid { stroke: var(--grid); stroke-width: 1; } .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.page { fill: var(--page); }
</style>"""
COLOURS = 6
BAR = 46


class Picture:
    def __init__(self, title, height=HEIGHT):
        self.height = height
        self.parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
                      f'height="{height}" role="img" aria-label="{html.escape(title)}">', STYLE,
                      f'<rect class="page" width="{WIDTH}" height="{height}"/>']
        self.text(16, 28, title, "title")

    def text(self, x, y, text, kind="", anchor="start"):
        kind = f' class="{kind}"' if kind else ""
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind}>{html.escape(text)}</text>')

    def grid(self, x1, y1, x2, y2):
        self.parts.append(f'<line class="grid" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')

    def finish(self):
        return "\n".join([*self.parts, "</svg>\n"])


# ---- axes -----------------------------------------------------------------------------------------------

class Axis:
    """Values to places. `ticks` are the values that are written."""

    def __init__(self, values, start, end, log):
        self.start, self.end, self.log = start, end, log
        if log:
            self.low, self.high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
            self.high = max(self.high, self.low + 1)
            self.ticks = [10.0**power for power in range(self.low, self.high + 1)]
        else:
            self.low, step = 0, nice_step(max(values))
            self.high = math.ceil(max(values) / step) * step
            self.ticks = [step * n for n in range(round(self.high / step) + 1)]

    def place(self, value):
        at = math.log10(value) if self.log else value
        return self.start + (at - self.low) / (self.high - self.low) * (self.end - self.start)


def nice_step(most):
    size = 10 ** math.floor(math.log10(most))
    return next(step * size for step in (0.2, 0.5, 1, 2) if most / (step * size) <= 6)


def tick_text(value, unit):
    if unit.startswith("seconds"):
        for name, size in (("s", 1), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9)):
            if value >= size * 0.999:
                return f"{value / size:g} {name}"
    for name, size in (("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:g}{name}"
    return f"{value:g}"


def apart(places, least):
    """Moves places down where they are nearer than `least`; they keep their order."""
    order, moved, before = sorted(range(len(places)), key=places.__getitem__), list(places), -math.inf
    for one in order:
        before = moved[one] = max(places[one], before + least)
    return moved


# ---- pictures -------------------------------------------------------------------------------------------

def lines(title, x_title, y_title, series, log=True):
    """series: name -> [(x, y)]. Logarithmic axes, or plain ones that begin at 0."""
    picture = Picture(title)
    points = [point for some in series.values() for point in some]
    x_axis = Axis([x for x, _ in points], LEFT, WIDTH - RIGHT, log)
    y_axis = Axis([y for _, y in points], HEIGHT - BOTTOM, TOP, log)
    if not log:
        x_axis.ticks = sorted({x for x, _ in points})
    for value in y_axis.ticks:
        picture.grid(LEFT, y_axis.place(value), WIDTH - RIGHT, y_axis.place(value))
        picture.text(LEFT - 8, y_axis.place(value) + 4, tick_text(value, y_title), "soft", "end")
    for value in x_axis.ticks:
        picture.text(x_axis.place(value), HEIGHT - BOTTOM + 18, tick_text(value, x_title), "soft", "middle")
    picture.text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, x_title, "soft", "middle")
    picture.text(16, TOP - 20, y_title, "soft")
    labels = apart([y_axis.place(some[-1][1]) for some in series.values()], 17)
    for place, (name, some), colour in zip(labels, series.items(), range(len(series))):
        draw_series(picture, name, [(x_axis.place(x), y_axis.place(y)) for x, y in some], place, colour % COLOURS)
    return picture.finish()


def draw_series(picture, name, places, label, colour):
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    picture.parts.append(f'<polyline class="line" style="stroke:var(--c{colour})" points="{path}"/>')
    picture.parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" style="fill:var(--c{colour})"/>' for x, y in places]
    x, y = places[-1]
    picture.parts.append(f'<polyline class="line" style="stroke:var(--c{colour});stroke-width:1;opacity:.6" '
                         f'points="{x + 5:.1f},{y:.1f} {WIDTH - RIGHT + 18:.1f},{label:.1f}"/>')
    picture.text(WIDTH - RIGHT + 22, label + 4, name)


def bars(title, x_title, rows):
    """rows: name -> {part: value}: one bar each, of its parts in order. Of single parts, ours
    have the first colour."""
    parts = list(next(iter(rows.values())))
    left, top = 24 + 7 * max(map(len, rows)), 56
    bottom = top + BAR * len(rows) - 12
    height = bottom + 50 + (26 if len(parts) > 1 else 0)
    picture = Picture(title, height)
    axis = Axis([sum(some.values()) for some in rows.values()], left, WIDTH - 70, log=False)
    for value in axis.ticks:
        picture.grid(axis.place(value), top - 8, axis.place(value), bottom)
        picture.text(axis.place(value), bottom + 18, tick_text(value, x_title), "soft", "middle")
    picture.text((left + WIDTH - 70) / 2, bottom + 38, x_title, "soft", "middle")
    for at, (name, some) in enumerate(rows.items()):
        draw_bar(picture, axis, top + BAR * at, name, some)
    if len(parts) > 1:
        draw_legend(picture, left, height - 24, parts)
    return picture.finish()


def draw_legend(picture, x, y, parts):
    for colour, part in enumerate(parts):
        picture.parts.append(f'<rect x="{x}" y="{y}" width="12" height="12" style="fill:var(--c{colour})"/>')
        picture.text(x + 18, y + 10, part)
        x += 34 + 8 * len(part)


def draw_bar(picture, axis, y, name, parts):
    picture.text(axis.start - 8, y + 21, name, anchor="end")
    total = 0
    first = 0 if len(parts) > 1 or name.startswith("Colonnade") else COLOURS - 1
    for colour, value in enumerate(parts.values(), first):
        x, total = axis.place(total), total + value
        width = axis.place(total) - x
        if width < 0.5:
            continue
        picture.parts.append(f'<rect x="{x:.1f}" y="{y}" width="{max(width - 1, 0.5):.1f}" height="{BAR - 12}" '
                             f'style="fill:var(--c{colour})"/>')
        if width > 40 and len(parts) > 1:
            picture.parts.append(f'<text x="{x + width / 2:.1f}" y="{y + 21}" text-anchor="middle" '
                                 f'style="fill:var(--page)">{number(value)}</text>')
    picture.text(axis.place(total) + 6, y + 21, number(total), "soft")
