"""Inline SVG charts: plain functions from numbers to markup; no scripts, no fonts, nothing from outside.

A chart is drawn on a `Canvas` (name, width, title, description) and answers one svg element. Looks live in
`reports/templates/chart.css`.
"""

from reports.charts.bars import Bar, Rung, draw_bars, draw_diverging, draw_ladder, ladder_ticks
from reports.charts.bridge import End, Span, Step, draw_bridge, draw_ranges
from reports.charts.curves import Curve, draw_ecdf
from reports.charts.distributions import Histogram, Mark, Reliability, draw_histogram, draw_reliability
from reports.charts.marks import bullet, sparkline
from reports.charts.scatter import Point, draw_scatter
from reports.charts.strip import Deal, PriceStrip, draw_strip
from reports.charts.svg import Canvas
from reports.charts.timeline import Axis, Band, Line, Panel, Pin, Rule, Timeline, draw_timeline
from reports.charts.tracks import Stretch, Track

__all__ = [
    "Axis",
    "Band",
    "Bar",
    "Canvas",
    "Curve",
    "Deal",
    "End",
    "Histogram",
    "Line",
    "Mark",
    "Panel",
    "Pin",
    "Point",
    "PriceStrip",
    "Reliability",
    "Rule",
    "Rung",
    "Span",
    "Step",
    "Stretch",
    "Timeline",
    "Track",
    "bullet",
    "draw_bars",
    "draw_bridge",
    "draw_diverging",
    "draw_ecdf",
    "draw_histogram",
    "draw_ladder",
    "draw_ranges",
    "draw_reliability",
    "draw_scatter",
    "draw_strip",
    "draw_timeline",
    "ladder_ticks",
    "sparkline",
]
