"""The style sheet and the script of every page."""

STYLE = """
:root {
  --paper: #fbfaf7; --card: #ffffff; --ink: #1d1c1a; --soft: #6a665e; --rule: #e4e0d8;
  --main: #1f5fa8; --raw: #97b8de; --other: #c2541b; --good: #2c7a4b; --bad: #b3261e;
  --code: #f3f0ea;
  --part0: #1f5fa8; --part1: #d98f3a; --part2: #4f9d76; --part3: #8a6bb8; --part4: #c2541b;
  --part5: #5fa8b8; --part6: #a39a3c; --part7: #8d8880;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #161719; --card: #1d1f22; --ink: #e9e6e0; --soft: #a09b91; --rule: #33353a;
    --main: #7fb2ef; --raw: #3c5878; --other: #f0935a; --good: #74c795; --bad: #f28b82;
    --code: #212327;
    --part0: #7fb2ef; --part1: #e3a95f; --part2: #74c795; --part3: #b79ae0; --part4: #f0935a;
    --part5: #7fc3d3; --part6: #c9c060; --part7: #8f8b84;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 68rem; padding: 3rem 1.5rem 4rem; background: var(--paper);
  color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  font-variant-numeric: tabular-nums; -webkit-text-size-adjust: 100%;
}
h1, h2 { font-family: ui-serif, "Iowan Old Style", Charter, Georgia, serif; font-weight: 600; }
h1 { font-size: 2.25rem; line-height: 1.15; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.35rem; margin: 0 0 .75rem; }
h3 { font-size: .95rem; font-weight: 600; margin: 0; }
section { margin-top: 3rem; }
.lead { color: var(--soft); margin: .5rem 0 0; }
.note, .remark, .unit, .legend { color: var(--soft); font-size: .85rem; }
.note { margin: -.5rem 0 1rem; }
.unit { font-weight: 400; }
.status {
  display: inline-block; font-size: .8rem; font-weight: 600; padding: .1rem .6rem;
  border: 1px solid currentColor; border-radius: 1rem; vertical-align: .45rem; margin-left: .6rem;
  font-family: system-ui, sans-serif;
}
.status.done { color: var(--good); }
.status.failed { color: var(--bad); }
.status.preempted, .status.running { color: var(--other); }
.cards {
  display: flex; flex-wrap: wrap; gap: 1px;
  margin: 2rem 0 0; background: var(--card); border: 1px solid var(--rule); border-radius: .5rem;
  overflow: hidden;
}
.cards div {
  flex: 1 1 13rem; background: var(--card); padding: .8rem 1rem; box-shadow: 0 0 0 1px var(--rule);
}
.cards dt { color: var(--soft); font-size: .8rem; }
.cards dd { margin: 0; font-size: 1.35rem; line-height: 1.3; overflow-wrap: anywhere; }
.cards dd.remark { font-size: .8rem; }
.charts {
  display: grid; gap: 2rem 2.5rem;
  grid-template-columns: repeat(auto-fit, minmax(min(27rem, 100%), 1fr));
}
.charts .chart:first-child { grid-column: 1 / -1; }
.chart { margin: 0; min-width: 0; }
.chart .remark { margin: .25rem 0 0 3.5rem; }
figcaption {
  display: flex; flex-wrap: wrap; align-items: baseline; gap: .1rem 1rem; margin-bottom: .4rem;
}
output { margin-left: auto; font-size: .85rem; color: var(--soft); min-height: 1.3rem; }
.legend {
  display: flex; flex-wrap: wrap; gap: .1rem 1rem; list-style: none; margin: 0; padding: 0;
}
.key { width: 12px; height: 12px; margin-right: .4rem; vertical-align: -1px; }
.axes { display: grid; grid-template-columns: 3.5rem 1fr; }
.axes svg { display: block; width: 100%; overflow: visible; }
.axes .x { grid-column: 2; }
svg text { fill: var(--soft); font-size: 12px; }
.y text { text-anchor: end; }
.plot { touch-action: pan-y; cursor: crosshair; border-bottom: 1px solid var(--rule); }
.plot:focus-visible, summary:focus-visible, .code:focus-visible {
  outline: 2px solid var(--main); outline-offset: 3px;
}
svg path { fill: none; vector-effect: non-scaling-stroke; }
.grid { stroke: var(--rule); stroke-width: 1; }
.curve { stroke-width: 1.8; stroke-linejoin: round; }
.key .curve { stroke-width: 3; }
.main { stroke: var(--main); }
.raw { stroke: var(--raw); stroke-width: 1; }
.other { stroke: var(--other); }
.dots { stroke-width: 7; stroke-linecap: round; }
.cursor { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 3 3; }
.bar { display: block; width: 100%; height: 20px; border-radius: 4px; margin: .25rem 0 .6rem; }
.part0 { fill: var(--part0); } .part1 { fill: var(--part1); } .part2 { fill: var(--part2); }
.part3 { fill: var(--part3); } .part4 { fill: var(--part4); } .part5 { fill: var(--part5); }
.part6 { fill: var(--part6); } .part7 { fill: var(--part7); }
.scroll { overflow-x: auto; }
table {
  border-collapse: collapse; font-size: .9rem; margin: .5rem 0;
  min-width: min(34rem, 100%);
}
th, td {
  text-align: left; padding: .35rem 2rem .35rem 0; border-bottom: 1px solid var(--rule);
  vertical-align: top;
}
thead th { color: var(--soft); font-weight: 500; font-size: .8rem; }
td { overflow-wrap: anywhere; }
td:last-child, th:last-child { padding-right: 0; }
.pairs th { width: 14rem; font-weight: 400; color: var(--soft); white-space: nowrap; }
details { border-bottom: 1px solid var(--rule); padding: .4rem 0; }
details details { margin-left: 1.2rem; border: 0; }
details > .scroll { margin-left: 1.2rem; }
summary { cursor: pointer; font-weight: 500; }
.sample {
  white-space: pre-wrap; overflow-wrap: anywhere; margin: 0 0 1rem; padding: .9rem 1.1rem;
  border-left: 3px solid var(--rule); background: var(--card); border-radius: 0 .4rem .4rem 0;
  font: .875rem/1.55 ui-monospace, "SF Mono", Menlo, Consolas, monospace; tab-size: 4;
}
.sample b { color: var(--main); font-weight: 600; }
.code {
  background: var(--code); border-radius: .4rem; padding: .9rem 1.1rem; margin: 0; overflow-x: auto;
  white-space: pre-wrap; overflow-wrap: anywhere; user-select: all;
  font: .875rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace;
}
footer { margin-top: 3rem; color: var(--soft); font-size: .8rem; }
@media (max-width: 40rem) {
  body { padding: 1.5rem 1rem 3rem; }
  h1 { font-size: 1.7rem; }
  .pairs th { width: auto; white-space: normal; }
}
@media print { body { max-width: none; padding: 0; } section { break-inside: avoid; } }
"""

# Values are read back from the curves, so that no number is in the page twice.
SCRIPT = """
"use strict";
for (const plot of document.querySelectorAll("svg.plot")) {
  const [left, right, low, high] = plot.dataset.bounds.split(" ").map(Number);
  const isLog = plot.dataset.log === "1";
  const { width, height } = plot.viewBox.baseVal;
  const output = plot.closest("figure").querySelector("output");
  const cursor = plot.querySelector(".cursor");
  const curves = [...plot.querySelectorAll(".curve")].map((path) => ({
    name: path.dataset.name,
    points: path.getAttribute("d").slice(1).split("L").map((point) => point.split(" ").map(Number)),
  }));
  const longest = curves.reduce((a, b) => (b.points.length > a.points.length ? b : a)).points;
  const value = (y) => {
    const share = 1 - y / height;
    return isLog ? low * (high / low) ** share : low + share * (high - low);
  };
  const show = (number) => {
    const size = Math.abs(number);
    if (size >= 1000) return Math.round(number).toLocaleString("en");
    return size >= 1e-3 || size < 1e-12 ? String(+number.toPrecision(4)) : number.toExponential(2);
  };
  const nearest = (points, x) => {
    let first = 0, last = points.length - 1;
    while (last - first > 1) {
      const middle = (first + last) >> 1;
      if (points[middle][0] < x) first = middle; else last = middle;
    }
    return Math.abs(points[first][0] - x) <= Math.abs(points[last][0] - x) ? first : last;
  };
  let index = longest.length - 1;
  const read = (position) => {
    index = position;
    const x = longest[index][0];
    const step = Math.round(left + (x / width) * (right - left));
    const values = curves.map(({ name, points }) => {
      const shown = show(value(points[nearest(points, x)][1]));
      return curves.length > 1 ? `${name} ${shown}` : shown;
    });
    output.textContent = [`step ${step.toLocaleString("en")}`, ...values].join(" \\u00b7 ");
    cursor.setAttribute("d", `M${x} 0V${height}`);
  };
  const clear = () => { output.textContent = ""; cursor.setAttribute("d", ""); };
  plot.addEventListener("pointermove", (event) => {
    const box = plot.getBoundingClientRect();
    read(nearest(longest, ((event.clientX - box.left) / box.width) * width));
  });
  plot.addEventListener("pointerleave", clear);
  plot.addEventListener("blur", clear);
  plot.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!move) return;
    event.preventDefault();
    read(Math.max(0, Math.min(longest.length - 1, index + move)));
  });
}
"""
