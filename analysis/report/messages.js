/* The messages of a window as a sequence diagram: a lane a node, time downwards, an arrow a message, a mark for what a node did
 * by itself. SVG with the page's colours; a title on every shape says what it is. */
(() => {
  const data = JSON.parse(document.getElementById("data").textContent).messages;
  const panel = document.getElementById("messages-panel");
  if (!data) return;
  panel.hidden = false;
  const $ = (id) => document.getElementById(id);
  const [SENT, ARRIVED, FROM, TO, BYTES, KIND, SAYS] = [0, 1, 2, 3, 4, 5, 6];
  const LEFT = 96, TOP = 34, GAP = 22, MOST = 12000;
  const kinds = [...new Set(data.rows.map((r) => r[KIND]))];
  const messages = kinds.filter((k) => data.rows.some((r) => r[KIND] === k && r[TO] >= 0));
  const colour = (kind) => (messages.includes(kind) ? `var(--c${messages.indexOf(kind) % 8})` : "var(--soft)");
  const ms = (ns) => `${(ns / 1e6).toFixed(2)}\u202fms`;
  const at = (ns) => `${((data.start + ns) / 1e9).toFixed(6)}\u202fs`;
  const svg = (tag, set, parent, title) => {
    const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const k in set) e.setAttribute(k, set[k]);
    if (title) e.append(Object.assign(document.createElementNS("http://www.w3.org/2000/svg", "title"), { textContent: title }));
    if (parent) parent.append(e);
    return e;
  };
  const label = (parent, x, y, text, set) => { svg("text", { x, y, "font-size": 12, fill: "var(--soft)", ...set }, parent).textContent = text; };

  /* Moments that something happened at are at least GAP apart where that fits, so that dense bursts can be read: the axis is
   * stretched between moments, in their order. */
  function axis(rows) {
    const moments = [...new Set(rows.flatMap((r) => (r[ARRIVED] === null ? [r[SENT]] : [r[SENT], r[ARRIVED]])))].sort((a, b) => a - b);
    const span = moments[moments.length - 1] - moments[0] || 1;
    const gap = Math.min(GAP, MOST / moments.length) / 2;
    const plain = Math.max(500, Math.min(MOST, gap * moments.length));
    let y = TOP;
    const of = new Map();
    moments.forEach((t, i) => {
      if (i) y += Math.max(gap / 3, Math.min(6 * GAP, ((t - moments[i - 1]) / span) * plain));
      of.set(t, y);
    });
    return { of, moments, height: y + 24 };
  }

  function draw() {
    const want = $("messages-kind").value;
    const rows = data.rows.filter((r) => want === "" || (want === "*" ? r[TO] >= 0 : r[KIND] === want));
    const box = $("messages");
    box.textContent = "";
    if (!rows.length) return;
    const { of, moments, height } = axis(rows);
    const step = Math.max(70, Math.min(190, (1060 - LEFT) / Math.max(1, data.lanes.length)));
    const width = LEFT + step * data.lanes.length;
    const x = (lane) => LEFT + step * (lane + 0.5);
    const root = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${rows.length} messages and marks between ${data.lanes.length} nodes` });
    data.lanes.forEach((name, i) => {
      svg("line", { x1: x(i), x2: x(i), y1: TOP - 10, y2: height - 8, stroke: "var(--line)" }, root);
      label(root, x(i), 14, name, { "text-anchor": "middle", fill: "var(--text)" });
    });
    let last = -Infinity;
    for (const t of moments) if (of.get(t) - last >= 16) label(root, LEFT - 12, (last = of.get(t)) + 4, ms(t), { "text-anchor": "end", "font-size": 11 });
    for (const r of rows) {
      const y = of.get(r[SENT]), from = r[FROM], c = colour(r[KIND]);
      const what = `${r[KIND]}${r[SAYS] ? `: ${r[SAYS]}` : ""}`;
      if (r[TO] < 0) {
        const who = from < 0 ? "" : `${data.lanes[from]}: `, mx = from < 0 ? LEFT : x(from);
        if (r[KIND] === "timer") svg("circle", { cx: mx, cy: y, r: 2.5, fill: c }, root, `${who}${what}\n${at(r[SENT])}`);
        else svg("rect", { x: mx - 4, y: y - 4, width: 8, height: 8, fill: r[KIND] === "commit" ? "var(--good)" : c }, root, `${who}${what}\n${at(r[SENT])}`);
        continue;
      }
      const lost = r[ARRIVED] === null, y2 = lost ? y + 10 : of.get(r[ARRIVED]);
      const x1 = x(from), x2 = lost ? x1 + (x(r[TO]) - x1) * 0.35 : x(r[TO]);
      const title = `${what}\n${data.lanes[from]} to ${data.lanes[r[TO]]}, ${r[BYTES]} bytes\n${at(r[SENT])}${lost ? ", never arrives" : `, after ${ms(r[ARRIVED] - r[SENT])}`}`;
      const g = svg("g", { stroke: c, fill: c, "stroke-width": 1.3 }, root, title);
      svg("line", { x1, y1: y, x2, y2, ...(lost ? { "stroke-dasharray": "3 3" } : {}) }, g);
      const a = Math.atan2(y2 - y, x2 - x1), tip = (d) => `${x2 - 7 * Math.cos(a + d)},${y2 - 7 * Math.sin(a + d)}`;
      if (lost) label(g, x2 - 4, y2 + 5, "\u00d7", { fill: c, "font-size": 15, stroke: "none" });
      else svg("polygon", { points: `${x2},${y2} ${tip(0.4)} ${tip(-0.4)}`, stroke: "none" }, g);
      svg("line", { x1, y1: y, x2, y2, stroke: "transparent", "stroke-width": 9 }, g);
    }
    box.append(root);
  }

  $("messages-kind").append(new Option("everything", ""), new Option("messages only", "*"), ...kinds.map((k) => new Option(k, k)));
  for (const k of messages) {
    const e = document.createElement("span"), i = document.createElement("i");
    i.style.background = colour(k);
    e.append(i, k);
    $("messages-key").append(e);
  }
  const hidden = data.count - data.shown + (data.left_out || 0);
  $("messages-facts").textContent = `${data.shown} of ${data.count + (data.left_out || 0)} rows, from ${at(0)} on` +
    (hidden > 0 && data.more_nodes ? `; ${data.more_nodes} more nodes have no lane` : "") + ". The axis is stretched where much happens at once.";
  $("messages-kind").addEventListener("change", draw);
  draw();
})();
