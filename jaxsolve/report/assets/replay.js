"use strict";
// Plays the best assemblies of a run one after the other. Bars are blocks: where they stand is their position in the
// frame, how high they are and which color they have is their position in the best order. Below, the error of each frame.
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const BARS = 150, CURVE = 150, GAP = 30, LEFT = 58, RIGHT = 8, TRIED = 22, PHASE = 20;
  const SHORTEST = 40, LONGEST = 450, WHOLE = 20000; // milliseconds: of a frame, and of all of them
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  function make(name, attributes, parent, text) {
    const node = document.createElementNS(SVG, name);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    if (text !== undefined) node.textContent = text;
    if (parent) parent.append(node);
    return node;
  }

  const power = (loss) => Math.log10(loss);
  const ten = (k) => (k === 0 || k === 1 ? String(10 ** k) : `10${[...String(k)].map((digit) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(digit)]).join("")}`);
  const short = (number) => (number >= 0.01 && number < 1e4 ? String(Number(number.toPrecision(3))) : number.toExponential(2));

  class Replay {
    constructor(root) {
      this.root = root;
      this.told = JSON.parse(root.querySelector(".replay-data").textContent);
      this.count = this.told.orders.length;
      this.width = Math.max(1, ...this.told.orders.map((order) => order.length)); // positions
      this.build = this.told.orders[0].length; // steps in which the first order is laid out
      this.frame = 0;
      this.laid = Infinity; // blocks of the first order that are shown
      this.timer = null;
      this.playing = false;
      this.lowest = [];
      let lowest = Infinity; // of whole networks: probes of partial ones say less, and lower, than the readout
      this.told.loss.forEach((loss, k) => {
        if (!this.told.grows[k]) lowest = Math.min(loss, lowest);
        this.lowest.push(lowest < Infinity ? lowest : loss);
      });
      const find = (selector) => root.querySelector(selector);
      [this.stage, this.button, this.slider, this.speed] = [".stage", ".play", ".frame", ".speed"].map(find);
      [this.now, this.spoken] = [".now", ".spoken[role=status]"].map(find);
      find(".controls").hidden = false;
      this.button.addEventListener("click", () => this.toggle());
      this.slider.addEventListener("input", () => this.seek(Number(this.slider.value)));
      this.slider.addEventListener("change", () => this.say());
      root.addEventListener("keydown", (event) => this.key(event));
      this.stage.addEventListener("pointerdown", (event) => this.point(event));
      this.stage.addEventListener("pointermove", (event) => event.buttons && this.point(event));
      new ResizeObserver(() => this.stage.clientWidth !== this.drawn && this.draw()).observe(this.stage);
      this.draw();
    }

    key(event) {
      if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("details, select")) return;
      const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: 10, PageDown: -10 };
      if (event.key === " " && event.target !== this.button) this.toggle();
      else if (event.key in steps) this.seek(this.frame + steps[event.key], true);
      else if (event.key === "Home") this.seek(0, true);
      else if (event.key === "End") this.seek(this.count - 1, true);
      else return;
      event.preventDefault();
    }

    toggle() {
      this.playing ? this.pause() : this.play();
    }

    play() {
      if (this.frame === this.count - 1 && this.count > 1) this.frame = 0;
      if (this.frame === 0) this.laid = calm.matches ? Infinity : 0;
      this.running(true);
      this.say();
      this.tick();
    }

    pause() {
      clearTimeout(this.timer);
      this.laid = Infinity;
      this.running(false);
      this.show();
      this.say();
    }

    running(playing) {
      this.playing = playing;
      this.button.textContent = playing ? "Pause" : "Play";
      this.button.setAttribute("aria-pressed", String(playing));
      this.root.classList.toggle("playing", playing);
    }

    tick() {
      this.show();
      const laying = this.frame === 0 && this.laid < this.build;
      if (!laying && this.frame === this.count - 1) return this.pause();
      const each = laying ? 1500 / this.build : Math.min(LONGEST, Math.max(SHORTEST, WHOLE / this.count));
      this.timer = setTimeout(() => {
        const phase = this.told.phase[this.frame];
        if (laying) this.laid += 1;
        else this.frame += 1;
        if (this.told.phase[this.frame] !== phase) this.say();
        this.tick();
      }, each / Number(this.speed.value));
    }

    seek(frame, aloud) {
      this.frame = Math.max(0, Math.min(this.count - 1, frame));
      this.laid = Infinity;
      if (this.playing) this.pause();
      this.show();
      if (aloud) this.say();
    }

    point(event) {
      const box = this.stage.getBoundingClientRect();
      if (event.clientY - box.top < BARS + GAP) return;
      const share = (event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT);
      this.seek(Math.round(share * (this.count - 1)), true);
    }

    inPlace(order) {
      return order.filter((block, t) => block >= 0 && this.told.places[block] === t).length;
    }

    words() {
      const told = this.told, k = this.frame, order = told.orders[k];
      if (this.laid < this.build) return `${told.phases[told.phase[0]]}: block ${this.laid} of ${this.build} laid out`;
      const parts = [`Frame ${k + 1} of ${this.count}`, told.phases[told.phase[k]]];
      if (told.attempt.at(-1) > 1) parts.push(`attempt ${told.attempt[k]}`);
      if (told.moves[k]) parts.push(told.moves[k]);
      parts.push(`MSE ${told.grows[k] ? "of a probe " : ""}${short(told.loss[k])}`, `${told.evaluations[k].toLocaleString("en")} evaluation${told.evaluations[k] === 1 ? "" : "s"}`);
      parts.push(`${told.seconds[k]} s`, `${this.inPlace(order)} of ${told.blocks} blocks where the ${told.word} has them`);
      return parts.join(" · ");
    }

    say() {
      this.spoken.textContent = `${this.playing ? "Playing. " : ""}${this.words()}`;
    }

    x(frame) {
      return LEFT + (this.count < 2 ? 0 : (frame / (this.count - 1)) * (this.drawn - LEFT - RIGHT));
    }

    y(loss) {
      return BARS + GAP + PHASE + ((this.high - power(loss)) / (this.high - this.low)) * (CURVE - PHASE - 4);
    }

    draw() {
      this.drawn = this.stage.clientWidth || 600;
      const height = BARS + GAP + CURVE + TRIED + 28;
      this.stage.replaceChildren();
      const svg = make("svg", { viewBox: `0 0 ${this.drawn} ${height}`, height, width: this.drawn, "aria-hidden": true }, this.stage);
      this.drawBars(svg);
      this.drawCurve(svg);
      this.show();
    }

    drawBars(svg) {
      const told = this.told, inner = this.drawn - LEFT - RIGHT, slot = inner / this.width;
      const blocks = Math.max(told.blocks, 1);
      make("line", { x1: LEFT, x2: this.drawn - RIGHT, y1: BARS, y2: BARS, class: "axis" }, svg);
      make("text", { x: LEFT, y: BARS + 16, class: "word" }, svg, "0");
      make("text", { x: this.drawn - RIGHT, y: BARS + 16, class: "word", "text-anchor": "end" }, svg, this.width - 1);
      make("text", { x: LEFT + inner / 2, y: BARS + 16, class: "word", "text-anchor": "middle" }, svg, "position now");
      const turned = { x: 0, y: 0, class: "word", "text-anchor": "middle", transform: `translate(14 ${BARS / 2}) rotate(-90)` };
      make("text", turned, svg, `in the ${told.word}`);
      make("text", { x: LEFT - 6, y: 12, class: "word", "text-anchor": "end" }, svg, blocks - 1);
      make("text", { x: LEFT - 6, y: BARS, class: "word", "text-anchor": "end" }, svg, "0");
      this.bars = told.places.map((place, k) => {
        const tall = place < 0 ? 10 : 6 + ((BARS - 10) * (place + 1)) / blocks;
        const size = { x: slot * 0.1, width: slot * 0.8, y: BARS - tall, height: tall };
        const bar = make("rect", { ...size, class: place < 0 ? "bar left-out" : "bar" }, svg);
        if (place >= 0) bar.style.setProperty("--hue", 42 - (155 * place) / Math.max(1, blocks - 1));
        make("title", {}, bar, `first half ${told.pieces[k]}${place < 0 ? `, not in the ${told.word}` : `, position ${place} in the ${told.word}`}`);
        return bar;
      });
      this.slot = slot;
    }

    drawCurve(svg) {
      const told = this.told;
      const highest = power(Math.max(...told.loss)), least = power(Math.min(...told.loss));
      const decades = highest - least >= 1; // of less, no two powers of ten would be seen
      this.high = decades ? Math.ceil(highest) : highest + 0.02;
      this.low = decades ? Math.floor(least) : least - 0.02;
      const top = BARS + GAP, bottom = top + CURVE;
      this.drawPhases(svg, top, bottom);
      const step = Math.ceil((this.high - this.low) / 6);
      const marks = decades ? Array.from({ length: this.high - this.low + 1 }, (_, k) => this.high - k) : [highest, least];
      for (const mark of marks) {
        const y = this.y(10 ** mark), named = !decades || mark % step === 0;
        make("line", { x1: LEFT, x2: this.drawn - RIGHT, y1: y, y2: y, class: named ? "grid" : "grid quiet" }, svg);
        if (named) make("text", { x: LEFT - 6, y: y + 4, class: "word", "text-anchor": "end" }, svg, decades ? ten(mark) : short(10 ** mark));
      }
      const path = (until) => this.lowest.slice(0, until + 1)
        .map((loss, k) => `${k ? `H${this.x(k).toFixed(1)}V` : `M${this.x(0)} `}${this.y(loss).toFixed(1)}`).join("");
      this.path = path;
      told.start.forEach((start, k) => start && k && make("line", { x1: this.x(k - 0.5), x2: this.x(k - 0.5), y1: top, y2: bottom, class: "begins" }, svg));
      make("path", { d: path(this.count - 1), class: "ahead" }, svg);
      this.dots = told.loss.map((loss, k) => loss !== this.lowest[k]
        && make("circle", { cx: this.x(k), cy: this.y(loss), r: 1.8, class: "dot" }, svg));
      this.line = make("path", { class: "best" }, svg);
      const spent = told.evaluations.map((now, k) => (k ? Math.max(0, now - told.evaluations[k - 1]) : 0));
      const most = Math.log1p(Math.max(1, ...spent));
      const wide = Math.max(1, Math.min(6, ((this.drawn - LEFT - RIGHT) / this.count) * 0.6));
      spent.forEach((tried, k) => {
        const tall = (TRIED * Math.log1p(tried)) / most;
        make("rect", { x: this.x(k) - wide / 2, width: wide, y: bottom + 6 + TRIED - tall, height: tall, class: "tried" }, svg);
      });
      make("text", { x: LEFT, y: bottom + TRIED + 22, class: "word" }, svg, "grey: candidates tried for each frame (log)");
      make("text", { x: 0, y: 0, class: "word", "text-anchor": "middle", transform: `translate(10 ${top + CURVE / 2}) rotate(-90)` }, svg, "MSE");
      this.cursor = make("line", { y1: top, y2: bottom + 6 + TRIED, class: "cursor" }, svg);
      this.mark = make("circle", { r: 4, class: "mark" }, svg);
    }

    drawPhases(svg, top, bottom) {
      const { phase, phases } = this.told;
      for (let k = 0; k < this.count; ) {
        let end = k;
        while (end + 1 < this.count && phase[end + 1] === phase[k]) end += 1;
        const from = this.x(Math.max(0, k - 0.5)), to = this.x(Math.min(this.count - 1, end + 0.5));
        const width = Math.max(2, to - from), name = phases[phase[k]];
        make("rect", { x: from, y: top, width, height: bottom - top, class: `phase p${phase[k] % 4}` }, svg);
        make("rect", { x: from, y: top, width, height: 3, class: `strip p${phase[k] % 4}` }, svg);
        if (name.length * 6.6 + 6 < width) make("text", { x: from + 3, y: top + 14, class: "word" }, svg, name);
        k = end + 1;
      }
    }

    show() {
      const told = this.told, order = told.orders[this.frame], moved = new Set(told.moved[this.frame]);
      const gone = new Set(this.bars.keys());
      order.forEach((code, t) => {
        if (t >= this.laid) return;
        const block = code < 0 ? -1 - code : code, bar = this.bars[block];
        gone.delete(block);
        bar.style.transform = `translate(${LEFT + t * this.slot}px)`;
        bar.classList.remove("gone");
        bar.classList.toggle("settled", code >= 0 && told.places[block] === t);
        bar.classList.toggle("exchanged", code < 0 && told.places[block] >= 0);
        bar.classList.toggle("moved", moved.has(t));
      });
      for (const block of gone) this.bars[block].classList.add("gone");
      const loss = told.loss[this.frame], x = this.x(this.frame);
      this.line.setAttribute("d", this.path(this.frame));
      this.dots.forEach((dot, k) => dot && dot.classList.toggle("gone", k > this.frame));
      this.cursor.setAttribute("x1", x);
      this.cursor.setAttribute("x2", x);
      this.mark.setAttribute("cx", x);
      this.mark.setAttribute("cy", this.y(loss));
      this.slider.value = this.frame;
      this.now.textContent = this.words();
      this.slider.setAttribute("aria-valuetext", `${this.frame + 1} of ${this.count}, MSE ${short(loss)}`);
    }
  }

  for (const root of document.querySelectorAll(".replay")) new Replay(root);
})();
