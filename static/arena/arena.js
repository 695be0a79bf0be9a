// The arena: its chart is drawn here, and again whenever its parts were told anew (live.js). They are
// as the server wrote them: no text of a model becomes markup here.
"use strict";

const SPAN_SECONDS = 72 * 3600;
const MARGIN = { top: 12, right: 116, bottom: 24, left: 62 };
const SVG = "http://www.w3.org/2000/svg";

const chart = document.getElementById("chart");
const legend = document.getElementById("legend");
const state = { span: "all", unit: "dollars", hidden: new Set() };

const read = (id) => JSON.parse(document.getElementById(id).textContent);

const element = (name, attributes, text) => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
};

const shown = (value, unit) => unit === "percent"
  ? `${value >= 0 ? "+" : "−"}${Math.abs(value).toFixed(2)} %`
  : `${value < 0 ? "−" : ""}$${Math.abs(value).toLocaleString("en-US", { maximumFractionDigits: value >= 1000 || value <= -1000 ? 0 : 2 })}`;

const colour = (curve) => curve.colour < 0 ? "baseline faint" : `line-${curve.colour % 16}`;
const named = (curve, texts) => curve.colour < 0 ? texts.baseline : curve.name;

// What of the curves is seen: in the span, from the first point before it, as dollars or percent.
const visible = (curves) => {
  const last = Math.max(...curves.flatMap((one) => one.points.map((point) => point[0])));
  const from = state.span === "all" ? -Infinity : last - SPAN_SECONDS;
  return curves.filter((one) => !state.hidden.has(one.id)).map((one) => {
    let points = one.points.map(([at, value]) => [at, Number(value)]);
    const before = points.filter((point) => point[0] < from).pop();
    points = points.filter((point) => point[0] >= from);
    if (before) points.unshift([from, before[1]]);
    // One point alone is no line: it was worth its capital before.
    if (points.length === 1) points.unshift([points[0][0] - 3600, Number(one.initial)]);
    const first = state.span === "all" ? Number(one.initial) : points[0][1];
    if (state.unit === "percent") points = points.map(([at, value]) => [at, first ? 100 * (value / first - 1) : 0]);
    return { ...one, points };
  });
};

const steps = (least, most, count) => {
  const rough = (most - least) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const found = [];
  for (let at = Math.ceil(least / step) * step; at <= most; at += step) found.push(at);
  return found;
};

// As much of a moment as the span needs.
const moment = (seconds, span) => {
  const text = new Date(seconds * 1000).toISOString();
  if (span > 4 * 86400) return text.slice(5, 10);
  return span < 3600 ? text.slice(11, 19) : `${text.slice(5, 10)} ${text.slice(11, 16)}`;
};

const draw = () => {
  const curves = read("curves-data");
  const texts = read("texts-data");
  document.getElementById("chart-empty").hidden = curves.length > 0;
  chart.hidden = curves.length === 0;
  write(legend, curves, texts);
  if (!curves.length) return;
  const lines = visible(curves);
  const width = Math.max(chart.clientWidth, 280);
  const height = width < 600 ? 260 : 380;
  const right = width < 600 ? 74 : MARGIN.right;
  const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, width, height });
  chart.replaceChildren(svg);
  if (!lines.length) return;
  const level = state.unit === "percent" ? 0 : Number(lines[0].initial);
  const values = lines.flatMap((one) => one.points.map((point) => point[1])).concat(level);
  const times = lines.flatMap((one) => one.points.map((point) => point[0]));
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const pad = (most - least || 1) * 0.06;
  const [low, high] = [least - pad, most + pad];
  const [from, until] = [Math.min(...times), Math.max(...times)];
  const x = (at) => MARGIN.left + ((width - MARGIN.left - right) * (at - from)) / (until - from || 1);
  const y = (value) => MARGIN.top + ((height - MARGIN.top - MARGIN.bottom) * (high - value)) / (high - low);
  for (const value of steps(low, high, 5)) {
    svg.append(element("line", { class: "grid", x1: MARGIN.left, x2: width - right, y1: y(value), y2: y(value) }));
    svg.append(element("text", { x: MARGIN.left - 6, y: y(value) + 4, "text-anchor": "end" }, shown(value, state.unit)));
  }
  for (let part = 0; part <= 4; part += 1) {
    const at = from + ((until - from) * part) / 4;
    svg.append(element("text", { x: x(at), y: height - 6, "text-anchor": part === 0 ? "start" : part === 4 ? "end" : "middle" }, moment(at, until - from)));
  }
  svg.append(element("line", { class: "capital", x1: MARGIN.left, x2: width - right, y1: y(level), y2: y(level) }));
  const ends = [];
  for (const one of lines) {
    const path = one.points.map(([at, value], place) => `${place ? "L" : "M"}${x(at).toFixed(1)},${y(value).toFixed(1)}`).join("");
    const group = element("g", { class: `${colour(one)}`, "data-model": one.id });
    group.append(element("path", { class: `curve ${one.basis === "trades" ? "of-trades" : ""} ${one.colour < 0 ? "baseline" : ""}`, d: path }));
    svg.append(group);
    ends.push({ group, value: one.points[one.points.length - 1][1] });
  }
  // The values at the ends stand below each other, however near the lines are.
  let above = -Infinity;
  for (const end of ends.sort((one, other) => other.value - one.value)) {
    above = Math.max(y(end.value) + 4, above + 13);
    end.group.append(element("text", { class: "end", x: width - right + 6, y: above }, shown(end.value, state.unit)));
  }
  point(svg, lines, texts, { x, y, from, until, width, height, right });
};

const write = (place, curves, texts) => {
  place.replaceChildren(...curves.map((one) => {
    const button = document.createElement("button");
    const dot = document.createElement("span");
    dot.className = `dot ${colour(one)}`;
    button.type = "button";
    button.dataset.model = one.id;
    button.setAttribute("aria-pressed", String(!state.hidden.has(one.id)));
    button.append(dot, named(one, texts) + (one.basis === "trades" ? ` (${texts.trades})` : ""));
    button.addEventListener("click", () => {
      if (!state.hidden.delete(one.id)) state.hidden.add(one.id);
      draw();
    });
    return button;
  }));
};

// A line under the pointer, and what every model was worth then.
const point = (svg, lines, texts, scale) => {
  const cross = element("g", { visibility: "hidden" });
  svg.append(cross);
  const hide = () => cross.setAttribute("visibility", "hidden");
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const place = ((event.clientX - box.left) * scale.width) / box.width;
    if (place < MARGIN.left || place > scale.width - scale.right) { hide(); return; }
    const share = (place - MARGIN.left) / (scale.width - MARGIN.left - scale.right);
    const at = scale.from + share * (scale.until - scale.from);
    const isRight = share > 0.5;
    cross.replaceChildren(element("line", { class: "cross", x1: place, x2: place, y1: MARGIN.top, y2: scale.height - MARGIN.bottom }));
    const told = [moment(at, Math.min(scale.until - scale.from, 86400))];
    for (const one of lines) {
      const known = one.points.filter((each) => each[0] <= at).pop();
      if (known) told.push(`${named(one, texts)}  ${shown(known[1], state.unit)}`);
    }
    told.forEach((text, row) => cross.append(element("text", { x: place + (isRight ? -8 : 8), y: MARGIN.top + 12 + 14 * row, "text-anchor": isRight ? "end" : "start" }, text)));
    cross.setAttribute("visibility", "visible");
  });
};

const press = (name) => {
  for (const button of document.querySelectorAll(`[data-${name}]`)) {
    button.addEventListener("click", () => {
      state[name] = button.dataset[name];
      for (const each of document.querySelectorAll(`[data-${name}]`)) each.setAttribute("aria-pressed", String(each === button));
      draw();
    });
  }
};

if (chart) {
  press("span");
  press("unit");
  draw();
  new ResizeObserver(() => { if (Math.abs(chart.clientWidth - (chart.firstChild?.clientWidth || 0)) > 2) draw(); }).observe(chart);
  document.addEventListener("live", draw);
}
