// Watches a maker: over a stream while there is one, by asking where there is none. Whatever the
// line does, the page knows which readings it has, and is told those that it has not.
const place = document.getElementById("maker");
const titles = JSON.parse(document.getElementById("maker-titles").textContent);
const DRAWN = ["mid", "bid", "ask", "inventory", "equity", "drawdown_percent", "pnl_total", "half_bps", "shift_bps", "distance_bid_bps", "distance_ask_bps"];
const COLOURS = ["#7c3aed", "#16a34a", "#dc2626", "#d97706"];
const KEPT = 600;
const points = [];
let seen = 0;

const element = (name, text, kind) => {
  const made = document.createElement(name);
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
};

const table = (id, rows) => {
  const body = document.querySelector(`#${id} tbody`);
  body.replaceChildren(...rows.map((cells) => {
    const row = document.createElement("tr");
    row.append(...cells.map(([text, kind]) => element("td", text, kind)));
    return row;
  }));
};

const plain = (value) => {
  if (value === null || value === undefined || value === "") return "–";
  if (Array.isArray(value)) return value.join(", ") || "–";
  const number = Number(value);
  return Number.isNaN(number) ? String(value) : number.toLocaleString("en", { maximumSignificantDigits: 8 });
};

const draw = (canvas) => {
  // Setting a canvas's height sets its attribute, too: what the page says is kept beside it.
  canvas.dataset.height ||= canvas.getAttribute("height");
  const width = canvas.clientWidth, height = Number(canvas.dataset.height);
  canvas.style.height = `${height}px`;
  const ratio = window.devicePixelRatio || 1;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  pen.clearRect(0, 0, width, height);
  const lines = canvas.dataset.lines.split(" ").map((name) => DRAWN.indexOf(name) + 1);
  const values = points.flatMap((one) => lines.map((at) => one[at])).filter((value) => value !== null).map(Number);
  if (!values.length) return;
  const least = Math.min(...values), most = Math.max(...values), span = most - least || 1;
  const first = points[0][0], length = points[points.length - 1][0] - first || 1;
  const x = (at) => 4 + (width - 8) * (at - first) / length;
  const y = (value) => 14 + (height - 28) * (1 - (value - least) / span);
  lines.forEach((at, number) => {
    pen.strokeStyle = COLOURS[number];
    pen.beginPath();
    let isDown = false;
    for (const one of points) {
      if (one[at] === null) { isDown = false; continue; }
      pen[isDown ? "lineTo" : "moveTo"](x(one[0]), y(Number(one[at])));
      isDown = true;
    }
    pen.stroke();
  });
  pen.fillStyle = getComputedStyle(canvas).color;
  pen.font = "11px sans-serif";
  pen.fillText(plain(most), 4, 11);
  pen.fillText(plain(least), 4, height - 3);
  lines.forEach((at, number) => {
    pen.fillStyle = COLOURS[number];
    pen.textAlign = "right";
    pen.fillText(titles[DRAWN[at - 1]] || DRAWN[at - 1], width - 4, 11 + 12 * number);
  });
  pen.textAlign = "left";
};

const side = (one) => [one.side, one.is_buy ? "maker-buy" : "maker-sell"];

const show = (told) => {
  const status = document.getElementById("maker-status");
  status.textContent = told.shown;
  status.dataset.status = told.status;
  document.getElementById("maker-reason").textContent = told.reason;
  for (const form of document.querySelectorAll("[data-verb]")) form.hidden = !told.may[form.dataset.verb];
  for (const one of told.readings) if (!points.length || one[0] > points[points.length - 1][0]) points.push(one);
  points.splice(0, Math.max(points.length - KEPT, 0));
  seen = told.seen;
  document.querySelectorAll(".maker-chart").forEach(draw);
  document.getElementById("maker-figures").replaceChildren(...Object.entries(titles).map(([name, title]) => {
    const pair = document.createElement("div");
    pair.dataset.figure = name;
    pair.append(element("dt", title), element("dd", plain(told.figures[name]), "number"));
    return pair;
  }));
  table("maker-quotes", told.quotes.map((one) => [[one.side, one.side === "buy" ? "maker-buy" : "maker-sell"], [plain(one.price), "number"], [plain(one.quantity), "number"], [plain(one.filled), "number"]]));
  table("maker-fills", told.fills.map((one) => [[one.at], side(one), [plain(one.price), "number"], [plain(one.quantity), "number"], [plain(one.fee), "number"]]));
  table("maker-orders", told.orders.map((one) => [[one.at], side(one), [plain(one.quantity), "number"], [plain(one.filled), "number"], [one.status]]));
  table("maker-notices", told.notices.map((one) => [[one.at], [one.level, `maker-${one.level}`], [one.kind], [one.facts]]));
  const line = document.getElementById("maker-line");
  if (told.seconds_silent > 5) line.textContent = `${line.dataset.silent} ${told.seconds_silent}`;
};

const ask = async () => {
  const answer = await fetch(`${place.dataset.state}?after=${seen}`);
  if (!answer.ok) throw new Error(String(answer.status));
  show(await answer.json());
};

const say = (word) => {
  const line = document.getElementById("maker-line");
  line.textContent = line.dataset[`${word}Word`];
};

show(JSON.parse(document.getElementById("maker-state").textContent));
// Once live.js is there, wherever it stands in the page.
document.addEventListener("DOMContentLoaded", () => {
  live.follow({ address: () => `${place.dataset.stream}?after=${seen}`, tell: show, ask, say, askMs: 1000 });
});
