"use strict";
/* Charts: lines with Dygraphs, the cores and the heat map drawn here. Every colour is a CSS variable, so that the
 * theme can change; redraw() draws everything again. */
const charts = (() => {
  const all = [];        // functions that draw one chart again
  const timed = [];      // the Dygraphs that share the time axis
  let fullRange = [0, 1], marks = { faults: [], stale: () => [], phases: [] };

  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const escape = (s) => String(s).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
  const colour = (i) => css(`--c${i % 8}`);

  /* 1234567 -> "1.23 M"; three digits are enough for an axis or a hover. */
  function short(v) {
    if (v === null || v === undefined || Number.isNaN(v)) return "–";
    const a = Math.abs(v);
    for (const [unit, size] of [["G", 1e9], ["M", 1e6], ["k", 1e4]])
      if (a >= size) return trim(v / (unit === "k" ? 1e3 : size)) + "\u202f" + unit;
    return a >= 1000 ? Math.round(v).toLocaleString("en").replace(/,/g, "\u202f") : trim(v);
  }
  const trim = (v) => (v === 0 ? "0" : String(+v.toPrecision(3)));

  function duration(seconds) {
    if (seconds === null || seconds === undefined) return "–";
    const a = Math.abs(seconds);
    if (a === 0) return "0\u202fs";
    if (a >= 120) return `${Math.floor(a / 60)}\u202fmin ${trim(Math.round(a % 60))}\u202fs`;
    if (a >= 1) return `${trim(seconds)}\u202fs`;
    if (a >= 1e-3) return `${trim(seconds * 1e3)}\u202fms`;
    return `${trim(seconds * 1e6)}\u202fµs`;
  }

  /* Round times, as many as there is room for. */
  function timeTicks(from, to, pixels) {
    const steps = [1, 2, 5, 10, 15, 30].flatMap((k) => [k, 60 * k, 3600 * k]).concat([0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 86400]).sort((a, b) => a - b);
    const step = steps.find((k) => k >= (to - from) / Math.max(2, pixels / 75)) || 864000;
    const label = (v) => {
      if (step < 1) return `${+v.toFixed(3)}\u202fs`;
      if (step < 60 && to >= 120) return `${Math.floor(v / 60)}:${String(Math.round(v % 60)).padStart(2, "0")}`;
      return step < 60 ? `${Math.round(v)}\u202fs` : step < 3600 && to < 36000 ? `${Math.round(v / 60)}\u202fmin` : `${trim(v / 3600)}\u202fh`;
    };
    const out = [];
    for (let k = Math.ceil(from / step - 1e-9); k * step <= to * (1 + 1e-12); k++) out.push({ v: k * step, label: label(k * step) });
    return out;
  }

  /* ---- lines ---- */

  /* Lines each with their own x, on one x axis. Points where a line has none stay open. */
  function merge(lines) {
    const rows = new Map();
    lines.forEach((line, k) => line.x.forEach((x, i) => {
      if (!rows.has(x)) rows.set(x, new Array(lines.length).fill(null));
      const m = line.m[i];
      if (m === null) return;
      const low = line.l ? line.l[i] : m, high = line.h ? line.h[i] : m;
      rows.get(x)[k] = [low === null ? m : low, m, high === null ? m : high];
    }));
    return [...rows].sort((a, b) => a[0] - b[0]).map(([x, ys]) => [x, ...ys]);
  }

  function shade(ctx, area, g) {
    const x = (t) => Math.min(Math.max(g.toDomXCoord(t), area.x), area.x + area.w);
    ctx.font = "11.5px system-ui, sans-serif";
    const rows = []; /* where the last label of each row of labels ends */
    const label = (text, a) => {
      const width = ctx.measureText(text).width;
      a = Math.max(area.x + 4, Math.min(a + 4, area.x + area.w - width - 2));
      let row = rows.findIndex((z) => z + 6 <= a);
      if (row < 0) row = rows.length;
      if (row > 2) return;
      rows[row] = a + width;
      ctx.fillText(text, a, area.y + 13 + 14 * row);
    };
    for (const p of marks.phases) {
      ctx.fillStyle = css("--phase");
      ctx.fillRect(x(p.from), area.y, x(p.to) - x(p.from), area.h);
    }
    const faults = new Map(); /* those of one kind and time together */
    for (const f of marks.faults) {
      const key = JSON.stringify([f.kind, f.t, f.end]);
      if (!faults.has(key)) faults.set(key, { ...f, nodes: [] });
      if (f.node >= 0) faults.get(key).nodes.push(f.node);
    }
    for (const f of faults.values()) {
      const a = x(f.t), b = x(f.end === null ? fullRange[1] : f.end);
      ctx.fillStyle = css("--shade");
      ctx.fillRect(a, area.y, Math.max(b - a, 2), area.h);
    }
    const labels = [...faults.values()].filter((f) => f.t <= g.xAxisRange()[1]).map((f) => {
      const n = f.nodes.sort((p, q) => p - q);
      return { t: f.t, bad: true, text: f.kind + (n.length > 4 ? `: ${n.length} nodes` : n.length > 1 ? `: nodes ${n.join(", ")}` : n.length ? `: node ${n[0]}` : "") };
    }).concat(marks.phases.map((p) => ({ t: p.from, to: p.to, text: p.name })));
    for (const l of labels.sort((p, q) => p.t - q.t)) {
      if (l.to !== undefined && x(l.to) - x(l.t) < ctx.measureText(l.text).width + 8) continue;
      ctx.fillStyle = css(l.bad ? "--bad" : "--soft");
      label(l.text, x(l.t));
    }
    const places = marks.stale().map((s) => Math.round(g.toDomXCoord(s.t)) + 0.5).filter((at) => at >= area.x && at <= area.x + area.w);
    const many = places.length > area.w / 20; /* then short ticks, or they would hide the lines */
    ctx.strokeStyle = css("--bad");
    ctx.lineWidth = 1;
    ctx.setLineDash(many ? [] : [2, 3]);
    for (const at of places) {
      ctx.beginPath();
      ctx.moveTo(at, many ? area.y + area.h - 6 : area.y);
      ctx.lineTo(at, area.y + area.h);
      ctx.stroke();
    }
    ctx.setLineDash([]);
  }

  let syncing = false, range = null; // range: what all time charts show, null for everything
  function sync(from, to) {
    syncing = true;
    range = to;
    for (const g of timed) if (g !== from || !to) g.updateOptions({ dateWindow: to || fullRange });
    syncing = false;
  }

  function legend(lines, options) {
    return (data) => {
      const x = data.x === undefined ? "" : options.xText(data.x);
      const parts = data.series.map((s, i) => {
        const line = lines[i];
        if (!line || line.hidden) return "";
        const value = data.x === undefined || s.y === undefined || s.y === null ? "" :
          ` <b>${escape(options.yText(s.y))}</b>`;
        return `<span><i class="${line.dash ? "dash" : ""}" style="border-color:${colour(line.colour)}"></i>${escape(line.name)}${value}</span>`;
      });
      return (x ? `<span class="at">${escape(x)}</span>` : "") + parts.join("");
    };
  }

  /* Fingers scroll the page; a mouse drags to zoom. */
  function interaction() {
    const model = Object.assign({}, Dygraph.defaultInteractionModel);
    delete model.touchstart;
    delete model.touchmove;
    delete model.touchend;
    return model;
  }

  /* options: lines(), time, yText, xText, xRange, yRange, ticker, label (for those who cannot see it).
   * A line with `points` has its measured places marked. Gives back what draws it again. */
  function lines(id, options) {
    const host = document.getElementById(id);
    const key = document.createElement("div");
    key.className = "legend";
    host.before(key);
    host.setAttribute("role", "img");
    host.setAttribute("aria-label", options.label);
    let g = null;
    const draw = () => {
      if (g) {
        if (options.time) timed.splice(timed.indexOf(g), 1);
        g.destroy();
        g = null;
      }
      const what = options.lines().filter((l) => l && l.m.some((v) => v !== null));
      host.replaceChildren();
      key.replaceChildren();
      if (!what.length) {
        host.innerHTML = "<p class='none'>The results file holds nothing for this chart.</p>";
        host.style.height = "auto";
        return;
      }
      host.style.height = "";
      g = new Dygraph(host, merge(what), {
        labels: ["x", ...what.map((l, i) => `${l.name}\u2063${i}`)],
        colors: what.map((l) => colour(l.colour)),
        series: Object.fromEntries(what.map((l, i) => [`${l.name}\u2063${i}`, {
          strokePattern: l.dash || null, strokeWidth: l.width || 2, drawPoints: !!l.points, pointSize: 4,
        }])),
        customBars: true, fillAlpha: 0.16, connectSeparatedPoints: true,
        labelsDiv: key, legend: "always", legendFormatter: legend(what, options),
        interactionModel: interaction(),
        gridLineColor: css("--grid"), axisLineColor: css("--line"), gridLineWidth: 1,
        highlightCircleSize: 4, animatedZooms: false,
        valueRange: options.yRange ? options.yRange(what) : null,
        includeZero: true, dateWindow: options.time ? range || fullRange : options.xRange ? options.xRange() : null,
        axes: {
          x: {
            axisLabelFormatter: (v) => options.xText(v, true), valueFormatter: (v) => options.xText(v),
            pixelsPerLabel: 70, ...(options.ticker || options.time ? { ticker: options.ticker || timeTicks } : {}),
          },
          y: { axisLabelFormatter: (v) => options.yText(v, true), valueFormatter: (v) => options.yText(v), axisLabelWidth: 62, pixelsPerLabel: 34 },
        },
        underlayCallback: options.time ? shade : null,
        zoomCallback: options.time ? (a, b) => {
          if (!syncing) sync(g, g.isZoomed("x") ? [a, b] : null);
        } : null,
      });
      if (options.time) timed.push(g);
    };
    all.push(draw);
    draw();
    return draw;
  }

  /* ---- a canvas of one's own: sharp on every screen, redrawn when its width changes ---- */

  function canvas(host, height, paint, hover) {
    const c = document.createElement("canvas");
    c.className = "own";
    host.appendChild(c);
    const draw = () => {
      const width = host.clientWidth, h = height(), ratio = window.devicePixelRatio || 1;
      if (width === 0) return;
      c.width = Math.round(width * ratio);
      c.height = Math.round(h * ratio);
      c.style.height = `${h}px`;
      const ctx = c.getContext("2d");
      ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
      ctx.clearRect(0, 0, width, h);
      ctx.font = "12px system-ui, sans-serif";
      paint(ctx, width, h);
    };
    const at = (e) => {
      const box = c.getBoundingClientRect();
      return [e.clientX - box.left, e.clientY - box.top];
    };
    c.addEventListener("pointermove", (e) => tip(e, hover(...at(e))));
    c.addEventListener("pointerdown", (e) => tip(e, hover(...at(e))));
    c.addEventListener("pointerleave", () => tip(null));
    new ResizeObserver(draw).observe(host);
    all.push(draw);
    draw();
    return { element: c, draw, at };
  }

  function tip(e, text) {
    const box = document.getElementById("tip");
    box.hidden = !text;
    if (!text) return;
    box.textContent = text;
    const left = Math.min(e.clientX + 14, window.innerWidth - box.offsetWidth - 8);
    const top = e.clientY + 18 + box.offsetHeight > window.innerHeight ? e.clientY - box.offsetHeight - 12 : e.clientY + 18;
    box.style.left = `${Math.max(4, left)}px`;
    box.style.top = `${top}px`;
  }

  /* ---- the simulated cores ---- */

  const KINDS = ["execute", "validate", "commit", "wait"];
  const WORDS = ["executing", "checking what it read", "committing", "waiting for an earlier one"];

  function stripes(ctx) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const t = tile.getContext("2d");
    t.fillStyle = css("--aborted");
    t.fillRect(0, 0, 8, 8);
    t.strokeStyle = css("--aborted-stripe");
    t.lineWidth = 1.5;
    for (const d of [-8, 0, 8]) { /* one stripe, and its continuation in the neighbouring tiles */
      t.beginPath();
      t.moveTo(d - 1, 9);
      t.lineTo(d + 9, -1);
      t.stroke();
    }
    return ctx.createPattern(tile, "repeat");
  }

  function gantt(id, block) {
    const host = document.getElementById(id);
    const left = 34, bottom = 22;
    let range = null, drag = null;
    const span = () => (range || [0, block().span || 1]);
    const row = () => Math.max(7, Math.min(24, 300 / block().cores));
    const x = (ns, w) => left + ((ns - span()[0]) / (span()[1] - span()[0])) * (w - left - 4);
    const paint = (ctx, w, h) => {
      const b = block(), size = row(), hatch = stripes(ctx), s = b.slices;
      ctx.fillStyle = css("--soft");
      ctx.textBaseline = "middle";
      const every = Math.ceil(14 / size);
      for (let c = 0; c < b.cores; c += every) ctx.fillText(String(c), 8, (c + 0.5) * size);
      ctx.strokeStyle = css("--grid");
      for (let c = 0; c <= b.cores; c++) line(ctx, left, c * size + 0.5, w - 4, c * size + 0.5);
      ctx.save();
      ctx.beginPath();
      ctx.rect(left, 0, w - left - 4, b.cores * size);
      ctx.clip();
      const paints = KINDS.map((k) => css(`--${k}`));
      for (let i = 0; i < s.length; i += 7) {
        const a = x(s[i + 5], w), z = x(s[i + 5] + s[i + 6], w);
        if (z < left || a > w) continue;
        ctx.fillStyle = s[i + 4] ? hatch : paints[s[i + 3]] || css("--wait");
        ctx.fillRect(a, s[i] * size + 1.5, Math.max(z - a - (z - a > 3 ? 0.7 : 0), 0.6), size - 2.5);
      }
      ctx.restore();
      axis(ctx, w, b.cores * size);
      if (drag) {
        ctx.fillStyle = css("--phase");
        ctx.fillRect(Math.min(drag.a, drag.b), 0, Math.abs(drag.b - drag.a), b.cores * size);
      }
    };
    const line = (ctx, a, b, c, d) => { ctx.beginPath(); ctx.moveTo(a, b); ctx.lineTo(c, d); ctx.stroke(); };
    const axis = (ctx, w, y) => {
      const [from, to] = span(), rough = (to - from) / Math.max(2, w / 130), power = 10 ** Math.floor(Math.log10(rough));
      const step = [1, 2, 5, 10].map((k) => k * power).find((k) => k >= rough);
      ctx.fillStyle = css("--soft");
      for (let t = Math.ceil(from / step) * step; t <= to; t += step) {
        const text = duration(t / 1e9), half = ctx.measureText(text).width / 2;
        ctx.fillText(text, Math.min(Math.max(x(t, w) - half, left), w - 2 * half - 2), y + 13);
      }
    };
    const hover = (px, py) => {
      const b = block(), c = Math.floor(py / row()), w = host.clientWidth, s = b.slices;
      if (c >= b.cores || px < left) return null;
      for (let i = 0; i < s.length; i += 7) {
        if (s[i] !== c || px < x(s[i + 5], w) - 0.5 || px > Math.max(x(s[i + 5] + s[i + 6], w), x(s[i + 5], w) + 1)) continue;
        const who = s[i + 1] < 0 ? "several transactions (zoom in to tell them apart)" : `transaction ${s[i + 1]}` + (s[i + 2] ? `, run ${s[i + 2] + 1}` : "");
        return `${who}\n${WORDS[s[i + 3]] || ""}${s[i + 4] ? ", thrown away afterwards" : ""}\ncore ${c}, ${duration(s[i + 5] / 1e9)} to ${duration((s[i + 5] + s[i + 6]) / 1e9)} (${duration(s[i + 6] / 1e9)})`;
      }
      return null;
    };
    const view = canvas(host, () => block().cores * row() + bottom, paint, hover);
    const time = (px) => span()[0] + ((px - left) / (host.clientWidth - left - 4)) * (span()[1] - span()[0]);
    view.element.addEventListener("pointerdown", (e) => {
      if (e.pointerType === "mouse") drag = { a: view.at(e)[0], b: view.at(e)[0] };
    });
    window.addEventListener("pointermove", (e) => { if (drag) { drag.b = view.at(e)[0]; view.draw(); } });
    window.addEventListener("pointerup", () => {
      if (!drag) return;
      const a = Math.max(left, Math.min(drag.a, drag.b)), b = Math.max(drag.a, drag.b);
      if (b - a > 6) range = [time(a), time(b)];
      drag = null;
      view.draw();
    });
    view.element.addEventListener("dblclick", () => { range = null; view.draw(); });
    const key = document.createElement("div");
    key.className = "swatches";
    host.after(key);
    const swatches = () => {
      key.innerHTML = KINDS.map((k, i) => `<span><i style="background:var(--${k})"></i>${WORDS[i]}</span>`).join("") +
        `<span><i style="background:repeating-linear-gradient(135deg, var(--aborted) 0 3px, var(--aborted-stripe) 3px 5px)"></i>thrown away</span>`;
    };
    swatches();
    return { show: () => { range = null; view.draw(); } };
  }

  /* ---- heat map ---- */

  /* source(): rows of { id, name, values }, columns, most (the value of the full colour), ticks as [text, share of the
   * width], text(row, column, value) for the hover. Null is no cell; with `quiet`, zero is none either. */
  function heat(id, source) {
    const host = document.getElementById(id), bottom = 20;
    const wide = () => Math.max(...source().rows.map((r) => r.name.length)) > 18;
    const left = () => (host.clientWidth > 640 ? (wide() ? 250 : 130) : wide() ? 110 : 44);
    const row = () => Math.max(8, Math.min(20, 420 / source().rows.length));
    const ramp = (share) => {
      const low = css("--heat-low").split(",").map(Number), high = css("--heat-high").split(",").map(Number);
      return `rgb(${low.map((v, i) => Math.round(v + (high[i] - v) * share)).join(",")})`;
    };
    const fit = (ctx, text, width) => {
      if (ctx.measureText(text).width <= width) return text;
      let n = text.length;
      while (n > 1 && ctx.measureText(text.slice(0, n) + "…").width > width) n--;
      return text.slice(0, n) + "…";
    };
    const paint = (ctx, w) => {
      const s = source(), size = row(), x0 = left(), step = (w - x0) / Math.max(1, s.columns);
      const shades = Array.from({ length: 65 }, (_, i) => ramp(i / 64));
      ctx.textBaseline = "middle";
      const every = Math.ceil(13 / size);
      s.rows.forEach((r, i) => {
        ctx.fillStyle = css("--soft");
        if (i % every === 0) ctx.fillText(x0 > 60 ? fit(ctx, r.name, x0 - 10) : String(r.id), 0, (i + 0.5) * size);
        if (s.quiet) {
          ctx.fillStyle = shades[0];
          ctx.fillRect(x0, i * size, w - x0, size - 1);
        }
        r.values.forEach((v, k) => {
          if (v === null || (s.quiet && v === 0)) return;
          ctx.fillStyle = shades[Math.round(64 * Math.min(1, s.quiet ? 0.25 + (0.75 * v) / s.most : v / s.most))];
          ctx.fillRect(x0 + k * step, i * size, step + 0.6, size - 1);
        });
      });
      ctx.fillStyle = css("--soft");
      for (const [text, share] of s.ticks) ctx.fillText(text, x0 + (w - x0 - ctx.measureText(text).width) * share, s.rows.length * size + 11);
    };
    const hover = (px, py) => {
      const s = source(), r = s.rows[Math.floor(py / row())], x0 = left();
      if (!r || px < x0) return null;
      const k = Math.floor(((px - x0) / (host.clientWidth - x0)) * s.columns);
      if (r.values[k] === undefined || r.values[k] === null) return null;
      return s.text(r, k, r.values[k]);
    };
    return canvas(host, () => source().rows.length * row() + bottom, paint, hover);
  }

  return {
    lines, gantt, heat, short, duration, trim, escape,
    setTime(range, m) { fullRange = range; marks = m; },
    redraw() { for (const draw of all) draw(); },
  };
})();
