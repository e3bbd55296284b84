/* Several layers: the load of each over time; of a partitioned network what crossed, what moved, how even the load was, the
 * policy's reasons, and what layers told one another. Many layers are shown in part, or several in one row. */
(() => {
  const page = JSON.parse(document.getElementById("data").textContent), data = page.several;
  if (!data) return;
  const $ = (id) => document.getElementById(id);
  const { short, duration, trim } = charts;
  const make = (tag, name, text) => Object.assign(document.createElement(tag), { className: name || "", textContent: text === undefined ? "" : text });
  const known = (v) => v !== null && v !== undefined;
  const name = (i) => (page.layers[i] ? page.layers[i].name : `layer ${i}`);
  const percent = (v) => (known(v) ? `${trim(Math.round(v * 1000) / 10)}\u202f%` : "–");
  const time = (v, axis) => (axis && page.about.end_time < 600 ? `${trim(v)}\u202fs` : duration(+v.toPrecision(4)));
  const plural = (n, one) => `${short(n)} ${n === 1 ? one : one + "s"}`;
  $("layers-panel").hidden = false;

  function table(heads, rows) {
    const scroll = make("div", "scroll"), tab = make("table"), head = make("tr"), top = make("thead"), body = make("tbody");
    scroll.tabIndex = 0;
    for (const [text, kind] of heads) head.append(make("th", kind, text));
    top.append(head);
    for (const row of rows) {
      const tr = make("tr");
      row.forEach((v, i) => tr.append(make("td", heads[i][1], known(v) ? String(v) : "–")));
      body.append(tr);
    }
    tab.append(top, body);
    scroll.append(tab);
    return scroll;
  }
  function ramp(host, most, more) {
    const bar = make("span", "ramp");
    bar.style.background = "linear-gradient(90deg, rgb(var(--heat-low)), rgb(var(--heat-high)))";
    host.replaceChildren("0", bar, most + (more || ""));
  }

  /* ---- load by layer ---- */
  const load = data.load, units = { gas: "Mgas/s", achieved: "tx/s", pending: "waiting", fee: "gwei" };
  if (load) {
    const last = page.about.end_time || 1;
    const source = () => {
      const values = load[$("layers-what").value], unit = units[$("layers-what").value];
      const most = Math.max(1e-12, ...values.map((r) => Math.max(...r.map((v) => v || 0))));
      const columns = Math.max(...values.map((r) => r.length));
      return { rows: load.rows.map((id, i) => ({ id, name: name(id), values: values[i] })), columns, most, unit,
        ticks: [[duration(0), 0], [duration(last / 2), 0.5], [duration(last), 1]],
        text: (r, k, v) => `${r.name}\n${short(v)} ${unit} at ${duration(+(((k + 0.5) / columns) * last).toPrecision(4))}` };
    };
    const view = charts.heat("layers-heat", source);
    const key = () => {
      const s = source();
      ramp($("layers-key"), `${short(s.most)} ${s.unit}`, load.rows.length < page.layers.length ? ` · the ${load.rows.length} of ${page.layers.length} layers with most and with least gas` : "");
      $("layers-heat").setAttribute("aria-label", `Load of ${load.rows.length} layers over time, up to ${short(s.most)} ${s.unit}`);
    };
    $("layers-heat").setAttribute("role", "img");
    $("layers-what").addEventListener("change", () => { key(); view.draw(); });
    key();
  } else {
    $("layers-heat").replaceWith(make("p", "none", "Nothing was sampled in this run."));
  }

  /* ---- what crossed, by epoch ---- */
  const e = data.epochs, parted = !!e;
  for (const part of document.querySelectorAll(".parted")) part.hidden = !parted;
  if (parted) {
    const c = data.crossed, x = e.time || [], each = (f) => x.map((_, i) => f(i));
    const calm = (i) => (i ? x[i - 1] : 0) < (page.about.load_end || Infinity); /* in the drain, figures are of a handful of transactions */
    const share = (a, b) => (b > 0 ? (100 * a) / b : null);
    const sum = (list) => (list || []).reduce((a, b) => a + (b || 0), 0);
    const median = (text) => (page.latency.find((l) => l.name === text) || { x: [] }).x[100];
    const card = make("div", "card"), value = make("div", "value", percent(sum(e.txs) ? sum(e.crossings) / sum(e.txs) : null));
    value.append(" ", make("small", "", "of transactions"));
    card.append(make("div", "name", "Across layers"), value);
    if (known(median("across layers"))) card.append(make("div", "more", `half of them final within ${duration(median("across layers"))}` + (known(median("within a layer")) ? `, of the others within ${duration(median("within a layer"))}` : "")));
    if (sum(e.arrived)) card.append(make("div", "more", `${plural(sum(e.arrived), "account")} moved`));
    $("cards").append(card);
    const facts = [];
    if (c) {
      const [waited, gathered, placed, final] = c.steps;
      facts.push(`${plural(c.done, "transaction")} went across layers by ${c.protocol}` + (c.dropped ? `, ${short(c.dropped)} were given up` : "") + (c.open ? `, ${short(c.open)} were under way at the end` : "") + (c.local ? `, ${short(c.local)} went on as transactions of one layer` : "") + ".");
      if (c.done) facts.push(`On average one waited ${duration(waited)} for its turn, took ${duration(gathered)} to get what it needs of other layers, ${duration(placed)} to get into a block, and was final ${duration(final)} later; ${trim(c.tries)} tries.`);
    } else if (page.about.record_transactions === "none") facts.push("Transactions were not recorded in this run, so there is no table of crossings.");
    $("crossed").textContent = facts.join(" ");
    const ys = (v) => `${trim(v)} %`;
    charts.lines("cross-share", {
      time: true, xText: time, yText: ys, label: "Share of transactions that touch several layers, by epoch, in percent.", yRange: () => [0, 102],
      lines: () => [{ name: "touch several layers", x, m: each((i) => share(e.crossings[i], e.txs[i])), colour: 1, points: x.length < 60 }],
    });
    charts.lines("epoch-quality", {
      time: true, xText: time, yText: ys, label: "Imbalance, regret and prediction error by epoch, in percent.",
      lines: () => [
        { name: "busiest layer above the mean", x, m: each((i) => (calm(i) && known(e.imbalance[i]) ? 100 * (e.imbalance[i] - 1) : null)), colour: 0, points: x.length < 60 },
        { name: "more to do than by the best placement found (regret)", x, m: each((i) => (calm(i) && known(e.regret[i]) ? 100 * e.regret[i] : null)), colour: 3, dash: [10, 3] },
        { name: "loads off what was predicted", x, m: each((i) => (calm(i) && known(e.error[i]) ? 100 * e.error[i] : null)), colour: 2, dash: [2, 3] },
      ],
    });
    charts.lines("epoch-moves", {
      time: true, xText: time, yText: short, label: "Accounts that moved, by epoch.",
      lines: () => [{ name: "the policy wishes to move", x, m: e.moves || [], colour: 1, dash: [6, 4] }, { name: "came to another layer", x, m: e.arrived || [], colour: 0, points: x.length < 60 }],
    });
    const shown = e.reason.filter((r) => r).length;
    $("reasons").append(shown ? table([["Until", "num"], ["Crossings", "num"], ["Busiest layer", ""], ["above the mean", "num"], ["Regret", "num"], ["Moves", "num"], [`What ${e.policy} said then`, "wide"]],
      e.reason.map((r, i) => [time(x[i]), percent(e.txs[i] > 0 ? e.crossings[i] / e.txs[i] : null), e.load_most[i] > 0 ? name(e.busiest[i]) : "–", percent(known(e.imbalance[i]) ? e.imbalance[i] - 1 : null), percent(e.regret[i]), short(e.moves[i]), r]))
      : make("p", "none", x.length ? `${e.policy} gives no reasons: it moves nothing, or does not say why.` : "No epoch ended in this run."));
    if (e.of > e.reason.length && shown) $("reasons").append(make("p", "why", `${e.reason.length} of ${e.of} epochs; the file has them all.`));

    const t = data.totals, rows = page.layers.map((l, i) => [l.name, short(l.committed), short(t.crossings[i]), short(t.moves_in[i]), short(t.moves_out[i]), duration(t.locked_time[i] / 1e9), `${short(t.base_fee[i] / 1e9)} gwei`]);
    const MOST = 128;
    if (t.crossings) $("layer-totals").append(table([["Layer", ""], ["Final", "num"], ["of them across", "num"], ["Accounts that came", "num"], ["that left", "num"], ["Crossings held locks for", "num"], ["Base fee at the end", "num"]], rows.slice(0, MOST)));
    if (rows.length > MOST) $("layer-totals").append(make("p", "why", `The first ${MOST} of ${rows.length} layers.`));
  }

  /* ---- from layer to layer ---- */
  const p = data.pairs, kinds = [["moves", "accounts that moved", "account"], ["items", "what one had to tell the other", "item"], ["messages", "messages", "message"], ["bytes", "bytes of messages", "byte"]].filter(([k]) => p[k] && p[k].some((v) => v > 0));
  $("pairs-part").hidden = !kinds.length;
  if (kinds.length) {
    for (const [k, text] of kinds) $("pairs-what").append(new Option(text, k));
    const label = (i) => (p.together > 1 ? `${name(i * p.together)} … ${name(Math.min(page.layers.length, (i + 1) * p.together) - 1)}` : name(i));
    const source = () => {
      const key = $("pairs-what").value, cells = p[key], n = Math.round(Math.sqrt(cells.length)), unit = kinds.find(([k]) => k === key)[2];
      return { rows: [...Array(n).keys()].map((i) => ({ id: i * p.together, name: label(i), values: cells.slice(i * n, (i + 1) * n).map((v, k) => (i === k && v === 0 ? null : v)) })),
        columns: n, most: Math.max(1, ...cells), ticks: [[`to ${label(0)}`, 0], ...(n > 1 ? [[`to ${label(n - 1)}`, 1]] : [])],
        text: (r, k, v) => `${plural(v, unit)}\nfrom ${r.name} to ${label(k)}` };
    };
    const view = charts.heat("layer-pairs", source);
    $("layer-pairs").setAttribute("role", "img");
    const key = () => {
      const s = source();
      ramp($("pairs-key"), short(s.most), p.together > 1 ? ` · ${p.together} layers in a row` : "");
      $("layer-pairs").setAttribute("aria-label", `From layer to layer: up to ${short(s.most)} between two`);
    };
    $("pairs-what").addEventListener("change", () => { key(); view.draw(); });
    key();
  }

  /* ---- audits ---- */
  const words = { sound: "sound", proven: "false, and proven so in time", stands: "false, and not proven so in time", open: "window still open at the end" };
  if (data.audits && data.audits.length) {
    $("audits-part").hidden = false;
    $("audits").append(table([["Block was", ""], ["Blocks", "num"], ["Executed by members", "num"], ["Core time", "num"], ["From commit to proof", "num"], ["Stake taken", "num"]],
      data.audits.map((a) => [words[a.outcome], short(a.blocks), short(a.executed), duration(a.core), known(a.delay) ? duration(a.delay) : "–", a.slashed ? `${short(a.slashed)} ether` : "–"])));
  }
})();
