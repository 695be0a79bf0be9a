"use strict";
// Candles with trades, equity and drawdown over one span of time that can be zoomed and moved.

const told = JSON.parse(document.getElementById("told").textContent);
const canvas = document.getElementById("chart");
const chosen = document.getElementById("symbol");
const readout = document.getElementById("readout");
const pen = canvas.getContext("2d");
const MARGIN = { left: 4, right: 68, top: 8, bottom: 20 };
const SHARES = { price: 0.62, equity: 0.22, drawdown: 0.16 };
const LEAST_BARS = 10;

const series = () => told.candles[chosen.value];
const whole = [told.started_at, told.ended_at];
let view = [...whole];
let pointer = null;

const round = (value) =>
  value.toLocaleString(undefined, Math.abs(value) < 1000 ? { maximumSignificantDigits: 6 } : { maximumFractionDigits: 2 });
const percent = (value) => (value * 100).toFixed(2) + " %";
const moment = (at) => new Date(at * 1000).toISOString().slice(0, 16).replace("T", " ");

function colours() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(
    ["ground", "text", "faint", "line", "up", "down", "curve"].map((name) => [
      name,
      style.getPropertyValue("--" + name).trim(),
    ]),
  );
}

// The first place whose value is not below the one sought.
function placeOf(values, sought) {
  let low = 0, high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < sought) low = middle + 1;
    else high = middle;
  }
  return low;
}

// The places that are seen, with one more on either side.
function seen(values) {
  return [Math.max(0, placeOf(values, view[0]) - 1), Math.min(values.length, placeOf(values, view[1]) + 1)];
}

function panels(width, height) {
  const room = height - MARGIN.top - MARGIN.bottom;
  let top = MARGIN.top;
  return Object.fromEntries(
    Object.entries(SHARES).map(([name, share]) => {
      const panel = { left: MARGIN.left, right: width - MARGIN.right, top, bottom: top + room * share - 8 };
      top += room * share;
      return [name, panel];
    }),
  );
}

function scale(panel, low, high) {
  const spread = high - low || Math.abs(high) || 1;
  const across = (panel.right - panel.left) / (view[1] - view[0]);
  return {
    x: (at) => panel.left + (at - view[0]) * across,
    y: (value) => panel.bottom - ((value - low) / spread) * (panel.bottom - panel.top),
  };
}

function grid(panel, low, high, label, ink) {
  const { y } = scale(panel, low, high);
  pen.strokeStyle = ink.line;
  pen.fillStyle = ink.faint;
  pen.textAlign = "left";
  for (const share of [0, 0.5, 1]) {
    const value = low + (high - low) * share;
    pen.beginPath();
    pen.moveTo(panel.left, y(value));
    pen.lineTo(panel.right, y(value));
    pen.stroke();
    pen.fillText(label(value), panel.right + 4, y(value) + (share === 1 ? 8 : 0));
  }
}

function within(panel, draw) {
  pen.save();
  pen.beginPath();
  pen.rect(panel.left, panel.top - 4, panel.right - panel.left, panel.bottom - panel.top + 8);
  pen.clip();
  draw();
  pen.restore();
}

function drawCandles(panel, ink) {
  const bars = series();
  const [first, last] = seen(bars.opened_at);
  if (first >= last) return;
  let low = Infinity, high = -Infinity;
  for (let place = first; place < last; place++) {
    low = Math.min(low, bars.low[place]);
    high = Math.max(high, bars.high[place]);
  }
  const { x, y } = scale(panel, low, high);
  grid(panel, low, high, round, ink);
  within(panel, () => {
    for (let place = first; place < last; place++) {
      const left = x(bars.opened_at[place]);
      const right = x(bars.opened_at[place + 1] ?? told.ended_at);
      const middle = (left + right) / 2, body = Math.max(1, (right - left) * 0.7);
      const rises = bars.close[place] >= bars.open[place];
      pen.fillStyle = rises ? ink.up : ink.down;
      pen.globalAlpha = 0.75;
      pen.fillRect(middle - 0.5, y(bars.high[place]), 1, Math.max(1, y(bars.low[place]) - y(bars.high[place])));
      const top = y(Math.max(bars.open[place], bars.close[place]));
      const bottom = y(Math.min(bars.open[place], bars.close[place]));
      pen.fillRect(middle - body / 2, top, body, Math.max(1, bottom - top));
    }
    pen.globalAlpha = 1;
    drawTrades(x, y, ink);
  });
}

// A triangle where a trade was entered, pointing its way; a dot where it was left, filled if it won.
function drawTrades(x, y, ink) {
  const trades = told.trades;
  for (let place = 0; place < trades.net.length; place++) {
    if (trades.symbol[place] !== chosen.value) continue;
    if (trades.left_at[place] < view[0] || trades.entered_at[place] > view[1]) continue;
    const from = [x(trades.entered_at[place]), y(trades.entry_price[place])];
    const to = [x(trades.left_at[place]), y(trades.exit_price[place])];
    const wins = trades.net[place] > 0, way = trades.direction[place] === "long" ? 1 : -1;
    pen.strokeStyle = pen.fillStyle = wins ? ink.up : ink.down;
    pen.lineWidth = 1.5;
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(...to);
    pen.stroke();
    pen.fillStyle = ink.text;
    pen.beginPath();
    pen.moveTo(from[0], from[1] - 5 * way);
    pen.lineTo(from[0] - 4, from[1] + 4 * way);
    pen.lineTo(from[0] + 4, from[1] + 4 * way);
    pen.fill();
    pen.fillStyle = wins ? ink.up : ink.ground;
    pen.beginPath();
    pen.arc(to[0], to[1], 3.5, 0, 7);
    pen.fill();
    pen.stroke();
    pen.lineWidth = 1;
  }
}

function drawCurve(panel, values, label, ink, colour, hangs) {
  const { at } = told.curve;
  const [first, last] = seen(at);
  if (first >= last) return;
  const shown = values.slice(first, last);
  const low = hangs ? -Math.max(...shown, 1e-9) : Math.min(...shown);
  const high = hangs ? 0 : Math.max(...shown);
  const { x, y } = scale(panel, low, high);
  const sign = hangs ? -1 : 1;
  grid(panel, low, high, label, ink);
  within(panel, () => {
    pen.strokeStyle = pen.fillStyle = colour;
    pen.lineWidth = 1.5;
    pen.beginPath();
    shown.forEach((value, place) => pen.lineTo(x(at[first + place]), y(sign * value)));
    pen.stroke();
    if (hangs) {
      pen.lineTo(x(at[last - 1]), y(0));
      pen.lineTo(x(at[first]), y(0));
      pen.globalAlpha = 0.2;
      pen.fill();
      pen.globalAlpha = 1;
    }
    pen.lineWidth = 1;
  });
}

function drawTimes(panel, ink) {
  pen.fillStyle = ink.faint;
  const count = Math.max(1, Math.floor((panel.right - panel.left) / 190));
  for (let place = 0; place <= count; place++) {
    const at = view[0] + ((view[1] - view[0]) * place) / count;
    pen.textAlign = place === 0 ? "left" : place === count ? "right" : "center";
    pen.fillText(moment(at), panel.left + ((panel.right - panel.left) * place) / count, panel.bottom + 14);
  }
}

function drawPointer(all, ink) {
  if (pointer === null) {
    readout.textContent = `${moment(view[0])} – ${moment(view[1])} UTC`;
    return;
  }
  const { left, right, top } = all.price;
  const at = view[0] + ((pointer - left) / (right - left)) * (view[1] - view[0]);
  pen.strokeStyle = ink.faint;
  pen.beginPath();
  pen.moveTo(pointer, top);
  pen.lineTo(pointer, all.drawdown.bottom);
  pen.stroke();
  const bars = series(), place = Math.max(0, placeOf(bars.opened_at, at + 1) - 1);
  const prices = ["open", "high", "low", "close"].map((name) => round(bars[name][place]));
  const point = Math.min(placeOf(told.curve.at, at), told.curve.at.length - 1);
  const worth = point < 0 ? "" : `  ${told.words.equity} ${round(told.curve.equity[point])}`;
  readout.textContent = `${moment(bars.opened_at[place])} UTC  ${prices.join(" / ")}${worth}`;
}

function draw() {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.font = "11px system-ui, sans-serif";
  const ink = colours(), all = panels(width, height);
  drawCandles(all.price, ink);
  drawCurve(all.equity, told.curve.equity, round, ink, ink.curve, false);
  drawCurve(all.drawdown, told.curve.drawdown, percent, ink, ink.down, true);
  drawTimes(all.drawdown, ink);
  drawPointer(all, ink);
}

// Zoom by a factor around a share of the way across, or move by a share of what is seen.
function zoom(factor, around = 0.5) {
  const step = (whole[1] - whole[0]) / series().opened_at.length;
  const span = Math.min(whole[1] - whole[0], Math.max(LEAST_BARS * step, (view[1] - view[0]) * factor));
  show(view[0] + (view[1] - view[0] - span) * around, span);
}

function show(start, span) {
  const from = Math.min(Math.max(start, whole[0]), whole[1] - span);
  view = [from, from + span];
  requestAnimationFrame(draw);
}

const move = (share) => show(view[0] + (view[1] - view[0]) * share, view[1] - view[0]);
const all = () => show(whole[0], whole[1] - whole[0]);
const across = (x) => (x - MARGIN.left) / (canvas.clientWidth - MARGIN.left - MARGIN.right);

const fingers = new Map();
canvas.addEventListener("pointerdown", (event) => {
  fingers.set(event.pointerId, event.offsetX);
  canvas.setPointerCapture(event.pointerId);
});
for (const gone of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(gone, (event) => fingers.delete(event.pointerId));
}
canvas.addEventListener("pointermove", (event) => {
  const before = fingers.get(event.pointerId);
  pointer = event.offsetX;
  if (before !== undefined && fingers.size === 1) {
    move(across(before) - across(event.offsetX));
  } else if (before !== undefined && fingers.size === 2) {
    const [other] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, x]) => x);
    const apart = Math.abs(event.offsetX - other);
    if (apart > 8) zoom(Math.abs(before - other) / apart, across((event.offsetX + other) / 2));
  }
  if (before !== undefined) fingers.set(event.pointerId, event.offsetX);
  requestAnimationFrame(draw);
});
canvas.addEventListener("pointerleave", () => { pointer = null; requestAnimationFrame(draw); });
canvas.addEventListener("dblclick", all);
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoom(Math.exp(event.deltaY / 400), across(event.offsetX));
}, { passive: false });
const KEYS = {
  "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), "0": all,
  ArrowLeft: () => move(-0.2), ArrowRight: () => move(0.2),
};
canvas.addEventListener("keydown", (event) => {
  if (!KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});
document.getElementById("nearer").addEventListener("click", () => zoom(0.5));
document.getElementById("further").addEventListener("click", () => zoom(2));
document.getElementById("all").addEventListener("click", all);
chosen.addEventListener("change", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
new ResizeObserver(draw).observe(canvas);
