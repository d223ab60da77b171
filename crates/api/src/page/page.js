// The live page. Data come in over one stream of events (a snapshot, then what changed each second) and, for charts and
// lists, from the same routes that programs use. Five parts: elements, data, charts, views, what people do with alarms.

// ---------------------------------------------------------------------------------------------------------- elements

/** An element. `class`, `text` and `on…` are what they say; everything else is an attribute, left out if null or false. */
function element(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** An element of a drawing. */
function drawn(name, attributes = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);
}

function fill(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (key === 'text') node.textContent = value;
    else node.setAttribute(key, value === true ? '' : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

/** Sets the text only if it differs, so that nothing is laid out anew and no selection is lost. */
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function setAttribute(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

// --------------------------------------------------------------------------------------------------- numbers and times

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A number with three significant digits, whole ones in full. */
function figure(value) {
  if (value === null || value === undefined) return '–';
  const size = Math.abs(value);
  if (size < 1e-6) return '0';
  if (size >= 1000 || Number.isInteger(value)) return Math.round(value).toLocaleString('en');
  const digits = Math.max(0, 2 - Math.floor(Math.log10(size)));
  return value.toFixed(Math.min(digits, 6));
}

/** Not broken before the sign at the end of a line. */
function percent(share) {
  return `${Math.round(100 * share)}\u00a0%`;
}

const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });

/** The time in the reader's zone: without the date if it is today's. */
function localTime(milliseconds) {
  const today = DATE.format(data.now()) === DATE.format(milliseconds);
  return today ? TIME.format(milliseconds) : `${DATE.format(milliseconds)}, ${TIME.format(milliseconds)}`;
}

const RANGE = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** A `<time>` in the reader's zone, with UTC when the pointer rests on it. */
function timeElement(iso) {
  if (!iso) return element('span', { text: '–' });
  const utc = iso.replace('T', ' ').replace(/\.\d+/, '').replace('Z', ' UTC');
  return element('time', { datetime: iso, title: utc, text: localTime(Date.parse(iso)) });
}

function duration(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / SECOND));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 2 * 86400) {
    const minutes = Math.floor((seconds % 3600) / 60);
    return `${Math.floor(seconds / 3600)} h${minutes > 0 ? ` ${minutes} min` : ''}`;
  }
  return `${Math.floor(seconds / 86400).toLocaleString('en')} days`;
}

// -------------------------------------------------------------------------------------------------------------- data

/** In paths and links, readings that name no turbine belong to this one. */
const NAMELESS = '-';
const nameOf = (turbineId) => turbineId ?? NAMELESS;
const shownName = (name) => (name === NAMELESS ? '(no name)' : name);

/** No byte for this long: the connection is lost, whatever the browser says of it. */
const LOST_AFTER = 5 * SECOND;
const LONGEST_PAUSE = 15 * SECOND;
/** A page that nobody looks at gives its stream back after this long. */
const HIDDEN_AFTER = MINUTE;

/** What the service has said so far. */
const data = {
  turbines: new Map(),
  /** Running alarms by id. */
  alarms: new Map(),
  /** Counts what people did with alarms, so that views see that something was done. */
  handled: 0,
  features: [],
  threshold: null,
  modelVersion: null,
  /** Set with the first snapshot. */
  known: false,
  /** The service's clock against this machine's, in milliseconds. */
  ahead: 0,
  now() {
    return Date.now() + this.ahead;
  },

  snapshot(frame) {
    this.turbines = new Map(frame.turbines.map((turbine) => [nameOf(turbine.turbine_id), turbine]));
    this.alarms = new Map(frame.alarms.map((alarm) => [alarm.id, alarm]));
    this.features = frame.features;
    this.threshold = frame.alarm_threshold;
    this.modelVersion = frame.model_version;
    this.ahead = Date.parse(frame.now) - Date.now();
    this.handled += 1;
    this.known = true;
  },

  tick(frame) {
    this.ahead = Date.parse(frame.now) - Date.now();
    for (const turbine of frame.turbines) this.turbines.set(nameOf(turbine.turbine_id), turbine);
    for (const alarm of frame.alarms) this.takeAlarm(alarm);
  },

  takeAlarm(alarm) {
    if (alarm.cleared || handlingKey(alarm) !== handlingKey(this.alarms.get(alarm.id))) this.handled += 1;
    if (alarm.cleared) this.alarms.delete(alarm.id);
    else this.alarms.set(alarm.id, alarm);
  },
};

/** Sends a request, with the key if one was given. Fails with the words of the refusal and its status. */
async function ask(path, options = {}) {
  const key = sessionStorage.getItem('key');
  const headers = { ...options.headers, ...(key && { 'X-API-Key': key }) };
  const response = await fetch(path, { ...options, headers, cache: 'no-store' });
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  const error = new Error(problem.error ?? `the service answered ${response.status}`);
  error.status = response.status;
  throw error;
}

async function askJson(path, signal) {
  return (await ask(path, { signal })).json();
}

/** Has the service do something. Fails with words for the person who pressed the button. */
async function command(method, path, content) {
  const body = content && JSON.stringify(content);
  try {
    return await (await ask(path, { method, headers: { 'Content-Type': 'application/json' }, body })).json();
  } catch (error) {
    throw new Error(`Not done: ${error.status ? error.message : 'the service does not answer'}`);
  }
}

/** What `/model/info` says of the model in service; asked for once a version. */
const modelInfo = {
  version: undefined,
  info: null,
  async get(signal) {
    if (this.version !== data.modelVersion || !this.info) {
      this.info = await askJson('/model/info', signal);
      this.version = this.info.model_version;
    }
    return this.info;
  },
};

/** The one stream of events, kept up for as long as somebody looks at the page. */
const stream = {
  abort: null,
  lastId: null,
  lastByte: 0,
  lostSince: null,

  start() {
    if (!this.abort) this.run();
  },

  stop() {
    this.abort?.abort();
    this.abort = null;
  },

  async run() {
    const abort = new AbortController();
    this.abort = abort;
    let pause = SECOND;
    while (!abort.signal.aborted) {
      const attempt = new AbortController();
      const watchdog = setInterval(() => {
        if (Date.now() - this.lastByte > LOST_AFTER) attempt.abort();
      }, SECOND);
      try {
        this.lastByte = Date.now();
        await this.read(AbortSignal.any([abort.signal, attempt.signal]), () => (pause = SECOND));
        showConnection('lost');
      } catch (error) {
        if (abort.signal.aborted) break;
        if (error.status === 401) {
          this.abort = null;
          askForKey();
          return;
        }
        showConnection('lost', error.status ? error.message : null);
      } finally {
        clearInterval(watchdog);
      }
      await new Promise((wake) => setTimeout(wake, pause));
      pause = Math.min(2 * pause, LONGEST_PAUSE);
    }
  },

  /** Reads frames until the stream ends. */
  async read(signal, connected) {
    const headers = { Accept: 'text/event-stream' };
    if (this.lastId) headers['Last-Event-ID'] = this.lastId;
    const response = await ask('/events', { signal, headers });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      this.lastByte = Date.now();
      text += value;
      const frames = text.split('\n\n');
      text = frames.pop();
      for (const frame of frames) this.take(frame);
      if (frames.length > 0) connected();
    }
  },

  take(frame) {
    const fields = { event: 'message', data: '' };
    for (const line of frame.split('\n')) {
      const [, name, value] = /^([a-z]+): ?(.*)$/.exec(line) ?? [];
      if (name) fields[name] = value;
    }
    if (fields.id) this.lastId = fields.id;
    if (fields.event !== 'snapshot' && fields.event !== 'tick') return;
    const told = JSON.parse(fields.data);
    // After a change of the model the service sends a snapshot by itself.
    if (fields.event === 'snapshot') data.snapshot(told);
    else data.tick(told);
    showConnection('live');
    showOutdated(told.outdated);
    changed();
  },
};

function showConnection(state, why = null) {
  const shown = document.getElementById('connection');
  const banner = document.getElementById('banner');
  if (state === 'live') {
    stream.lostSince = null;
    banner.hidden = true;
  } else {
    stream.lostSince ??= Date.now();
    const since = TIME.format(stream.lostSince);
    setText(banner, `No connection to the service since ${since}${why ? ` (${why})` : ''}. What is shown may be out of ` +
      'date. The page goes on by itself once the service answers.');
    banner.hidden = false;
  }
  setAttribute(shown, 'data-state', state);
  setText(shown, state === 'live' ? 'Live' : 'Connection lost');
}

/** In front of a cluster: why the service itself may be out of date. */
function showOutdated(why) {
  const banner = document.getElementById('banner');
  banner.hidden = !why;
  if (!why) return;
  setText(banner, `What is shown may be out of date: ${why}. The page goes on by itself.`);
  const shown = document.getElementById('connection');
  setAttribute(shown, 'data-state', 'lost');
  setText(shown, 'Cluster lost');
}

/** Whether the form for the key is in front. */
let keyAsked = false;

function askForKey() {
  if (keyAsked) return;
  keyAsked = true;
  const refused = sessionStorage.getItem('key') !== null;
  const key = element('input', { id: 'key', type: 'password', autocomplete: 'current-password', required: true });
  const form = element('form', {
    class: 'panel',
    onsubmit: (event) => {
      event.preventDefault();
      sessionStorage.setItem('key', key.value);
      keyAsked = false;
      stream.start();
      show();
    },
  },
  element('h1', { text: 'Key' }),
  refused ? element('p', { role: 'alert', text: 'The service did not accept this key.' }) : null,
  element('p', { text: 'This service answers only with a key. It is kept until this tab is closed.' }),
  element('label', { for: 'key', text: 'API key ' }), key, ' ', element('button', { text: 'Go on' }));
  leave();
  document.getElementById('view').replaceChildren(form);
  key.focus();
}

// ------------------------------------------------------------------------------------------------------------- states

/** From the worst; `sensor`: a sensor is stuck, missing or implausible. */
const STATES = ['alarm', 'silent', 'sensor', 'normal'];
const STATE_WORDS = { alarm: 'in alarm', silent: 'silent', sensor: 'with sensor trouble', normal: 'normal' };
const SENSOR_TROUBLES = ['stuck', 'missing', 'implausible'];

function stateOf(turbine) {
  if (turbine.in_alarm) return 'alarm';
  if (turbine.silent) return 'silent';
  return SENSOR_TROUBLES.some((trouble) => turbine[trouble].length > 0) ? 'sensor' : 'normal';
}

/** The state in words, with whatever else is wrong besides. */
function stateText(turbine) {
  const words = [];
  if (turbine.in_alarm) words.push('alarm', ...handlingInShort(turbine));
  if (turbine.silent) words.push('silent');
  for (const trouble of SENSOR_TROUBLES) {
    if (turbine[trouble].length > 0) words.push(`${trouble}: ${turbine[trouble].join(', ')}`);
  }
  return words.length > 0 ? words.join(', ') : 'normal';
}

function stateElement(turbine) {
  return element('span', { class: 'state', 'data-state': stateOf(turbine), text: stateText(turbine) });
}

/** The smoothed surprisal as a bar; the mark in its middle is the threshold of the alarm. */
function gauge() {
  const bar = element('i');
  const box = element('div', { class: 'gauge', 'aria-hidden': 'true' }, bar);
  const number = element('span', { class: 'number' });
  const whole = element('div', { class: 'measure' }, box, number);
  const set = (surprisal, inAlarm) => {
    const { threshold } = data;
    const share = surprisal === null || threshold === null ? 0 : surprisal / (2 * threshold);
    bar.style.width = `${Math.min(100, 100 * share).toFixed(1)}%`;
    box.classList.toggle('bare', threshold === null);
    // An alarm goes on until the surprisal is well below its threshold.
    setAttribute(box, 'data-over', String(inAlarm));
    setText(number, surprisal === null ? '–' : surprisal.toFixed(2));
  };
  return { whole, set };
}

/** The sensors behind an alarm or a reading, by their share; those below half a percent only by their number. */
function reasons(why) {
  const named = why.filter((reason) => reason.share >= 0.005);
  const left = why.length - named.length;
  const rest = left > 0 ? element('li', { class: 'quiet', text: `${left} other ${left === 1 ? 'sensor' : 'sensors'}: 0\u00a0%` }) : null;
  return element('ul', { class: 'why' }, named.map((reason) => {
    const bar = element('i');
    bar.style.width = `${Math.round(100 * reason.share)}%`;
    return element('li', {},
      element('div', { class: 'share' },
        element('strong', { text: reason.feature }),
        element('div', { class: 'gauge bare', 'data-over': 'true', 'aria-hidden': 'true' }, bar),
        element('span', { class: 'number', text: percent(reason.share) })),
      element('div', { class: 'quiet number', text: `${figure(reason.value)}, expected ${figure(reason.expected)}` }));
  }), rest);
}

function reasonsInShort(why) {
  return why.filter((reason) => reason.share >= 0.1).slice(0, 3)
    .map((reason) => `${reason.feature} ${percent(reason.share)}`).join(', ') || '–';
}

// ------------------------------------------------------------------------------------------------------------- charts

/** The padding of a panel. */
const CHART_PADDING = 16;
const CHART = { left: 54, right: 10, top: 8, bottom: 22 };

/** Round numbers from `low` to `high`, about `count` of them. */
function ticksOf(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough);
  const ticks = [];
  for (let k = Math.ceil(low / step); k * step <= high; k += 1) ticks.push(k * step);
  return { ticks, digits: Math.max(0, -Math.floor(Math.log10(step))) };
}

const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000]
  .map((seconds) => seconds * SECOND);

/** Round local times between two times, and how to write them. */
function timeTicks(from, to, most) {
  const step = TIME_STEPS.find((candidate) => (to - from) / candidate <= most) ?? Math.ceil((to - from) / most / DAY) * DAY;
  const zone = new Date(from).getTimezoneOffset() * MINUTE;
  const ticks = [];
  for (let t = Math.ceil((from - zone) / step) * step + zone; t <= to; t += step) ticks.push(t);
  const options = step >= DAY ? { day: 'numeric', month: 'short' }
    : { hour: '2-digit', minute: '2-digit', second: step < MINUTE ? '2-digit' : undefined };
  const format = new Intl.DateTimeFormat(undefined, options);
  return ticks.map((time) => ({ time, label: format.format(time) }));
}

/**
 * One chart over time.
 *
 * `points` are `{t, min, mean, max}` in order of time; `gap` is the longest time between two that a line still joins.
 * `alarms` are shaded, `threshold` and `expected` (`{from, to, value}`) are drawn across. `onPoint` is told the place of the
 * point under the cursor or null, `onRange` the range that was dragged over.
 */
function chart({ title, width, height, from, to, points, gap, alarms, threshold = null, expected = [], zero = false, onPoint, onRange }) {
  const { left, right, top, bottom } = CHART;
  const values = points.flatMap((point) => [point.min, point.max]);
  values.push(...expected.map((line) => line.value));
  if (threshold !== null) values.push(threshold);
  if (zero) values.push(0);
  let [low, high] = values.length > 0 ? [Math.min(...values), Math.max(...values)] : [0, 1];
  const margin = (high - low) * 0.06 || Math.abs(high) * 0.05 || 1;
  [low, high] = [zero && low >= 0 ? 0 : low - margin, high + margin];
  const x = (time) => left + ((time - from) / (to - from)) * (width - left - right);
  const y = (value) => top + (1 - (value - low) / (high - low)) * (height - top - bottom);
  const at = (time, value) => `${x(time).toFixed(1)} ${y(value).toFixed(1)}`;

  const layers = [];
  for (const alarm of alarms) {
    const start = Math.max(from, alarm.from);
    const end = Math.min(to, alarm.to);
    if (end >= start) {
      layers.push(drawn('rect', {
        class: 'alarm', x: x(start).toFixed(1), y: top, width: Math.max(2, x(end) - x(start)).toFixed(1), height: height - top - bottom,
      }));
    }
  }
  const { ticks, digits } = ticksOf(low, high, Math.max(4, Math.round(height / 35)));
  for (const value of ticks) {
    layers.push(drawn('line', { class: 'grid', x1: left, x2: width - right, y1: y(value), y2: y(value) }));
    layers.push(drawn('text', { x: left - 6, y: y(value) + 4, 'text-anchor': 'end', text: value.toFixed(digits) }));
  }
  for (const { time, label } of timeTicks(from, to, Math.max(2, Math.floor(width / 120)))) {
    layers.push(drawn('text', { x: x(time), y: height - 6, 'text-anchor': 'middle', text: label }));
  }
  // Stretches without a gap: each is a line of its own.
  const stretches = [];
  points.forEach((point, place) => {
    if (place === 0 || point.t - points[place - 1].t > gap) stretches.push([]);
    stretches.at(-1).push(point);
  });
  for (const stretch of stretches) {
    if (stretch.length === 1) {
      layers.push(drawn('circle', { class: 'dot', cx: x(stretch[0].t), cy: y(stretch[0].mean), r: 2 }));
      continue;
    }
    const edge = [...stretch.map((p) => at(p.t, p.max)), ...stretch.toReversed().map((p) => at(p.t, p.min))];
    layers.push(drawn('path', { class: 'band', d: `M${edge.join('L')}Z` }));
    layers.push(drawn('path', { class: 'mean', d: `M${stretch.map((p) => at(p.t, p.mean)).join('L')}` }));
  }
  if (threshold !== null) {
    layers.push(drawn('line', { class: 'threshold', x1: left, x2: width - right, y1: y(threshold), y2: y(threshold) }));
  }
  for (const line of expected) {
    const [start, end] = [Math.max(from, line.from), Math.min(to, line.to)];
    if (end >= start) {
      layers.push(drawn('line', { class: 'expected', x1: x(start), x2: Math.max(x(end), x(start) + 4), y1: y(line.value), y2: y(line.value) }));
    }
  }
  const cursor = drawn('line', { class: 'cursor', y1: top, y2: height - bottom, x1: 0, x2: 0, visibility: 'hidden' });
  const selection = drawn('rect', { class: 'selection', y: top, height: height - top - bottom, x: 0, width: 0, visibility: 'hidden' });
  const readout = element('span', { text: points.length > 0 ? figure(points.at(-1).mean) : 'no readings here' });
  const summary = points.length > 0
    ? `${title}: last ${figure(points.at(-1).mean)}, from ${figure(Math.min(...points.map((p) => p.min)))} to ` +
      `${figure(Math.max(...points.map((p) => p.max)))}. Arrow keys read single values.`
    : `${title}: no readings in this range.`;

  const timeAt = (event) => {
    const box = picture.getBoundingClientRect();
    const place = ((event.clientX - box.left) / box.width) * width;
    return from + (Math.min(Math.max(place, left), width - right) - left) / (width - left - right) * (to - from);
  };
  const nearest = (time) => {
    let best = null;
    points.forEach((point, place) => {
      if (best === null || Math.abs(point.t - time) < Math.abs(points[best].t - time)) best = place;
    });
    return best;
  };
  let dragFrom = null;
  let held = null;
  const picture = drawn('svg', {
    viewBox: `0 0 ${width} ${height}`, role: 'img', tabindex: 0, 'aria-label': summary,
    onpointermove: (event) => {
      const time = timeAt(event);
      onPoint(nearest(time));
      if (dragFrom === null) return;
      const [start, end] = [x(Math.min(dragFrom, time)), x(Math.max(dragFrom, time))];
      fill(selection, { x: start, width: end - start, visibility: 'visible' }, []);
    },
    onpointerleave: () => onPoint(null),
    onpointerdown: (event) => {
      if (event.pointerType === 'touch' || event.button !== 0) return;
      picture.setPointerCapture(event.pointerId);
      dragFrom = timeAt(event);
    },
    onpointerup: (event) => {
      if (dragFrom === null) return;
      const [start, end] = [Math.min(dragFrom, timeAt(event)), Math.max(dragFrom, timeAt(event))];
      dragFrom = null;
      selection.setAttribute('visibility', 'hidden');
      if (x(end) - x(start) > 6) onRange(start, end);
    },
    onpointercancel: () => {
      dragFrom = null;
      selection.setAttribute('visibility', 'hidden');
    },
    onkeydown: (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step || points.length === 0) return;
      event.preventDefault();
      held = Math.min(points.length - 1, Math.max(0, (held ?? points.length) + step));
      onPoint(held);
    },
    onblur: () => {
      held = null;
      onPoint(null);
    },
  }, layers, cursor, selection);

  const point = (place) => {
    const shown = place === null ? null : points[place];
    cursor.setAttribute('visibility', shown ? 'visible' : 'hidden');
    if (!shown) {
      setText(readout, points.length > 0 ? figure(points.at(-1).mean) : 'no readings here');
      return;
    }
    cursor.setAttribute('x1', x(shown.t));
    cursor.setAttribute('x2', x(shown.t));
    const spread = shown.min < shown.max ? ` (${figure(shown.min)} to ${figure(shown.max)})` : '';
    setText(readout, `${localTime(shown.t)}: ${figure(shown.mean)}${spread}`);
  };
  return { whole: element('div', { class: 'chart' }, element('h3', {}, title, readout), picture), point };
}

// -------------------------------------------------------------------------------------------------------------- fleet

/** All turbines, those in trouble first. */
function fleetView() {
  const rows = new Map();
  let handled = 0;
  const filter = element('input', {
    type: 'search', id: 'filter', placeholder: 'Filter by name or state', 'aria-label': 'Filter by name or state', oninput: () => arrange(),
  });
  const counts = element('p', { class: 'quiet' });
  const body = element('tbody');
  const table = element('table', { class: 'fleet' },
    element('thead', {}, element('tr', {},
      element('th', { scope: 'col', text: 'State' }),
      element('th', { scope: 'col', text: 'Turbine' }),
      element('th', { scope: 'col', text: 'Surprisal', title: 'Smoothed surprisal in decades: 3 = as rare as one normal reading in a thousand. The mark is the threshold of the alarm.' }),
      element('th', { scope: 'col', class: 'behind', text: 'Sensors behind the alarm' }),
      element('th', { scope: 'col', class: 'wide number', text: 'Alarms, 24 h' }),
      element('th', { scope: 'col', class: 'number', text: 'Last reading' }),
      element('th', { scope: 'col', class: 'wide number', text: 'Readings' }))),
    body);
  const command = element('code');
  const empty = element('div', { class: 'panel', hidden: true },
    element('h2', { text: 'No reading yet' }),
    element('p', { text: 'The service is ready and waits for readings. This sends some:' }),
    element('pre', { tabindex: 0, role: 'region', 'aria-label': 'Command' }, command),
    element('p', {}, 'Or send your own with ', element('code', { text: 'POST /predict' }), '; the ',
      element('a', { href: '/docs', text: 'interface is described here' }), '.'));
  const panel = element('div', { class: 'panel' }, table);
  const whole = [element('div', { class: 'head' }, element('h1', { text: 'Fleet' }), counts, filter), empty, panel];

  function rowOf(name) {
    const state = element('span', { class: 'state' });
    const surprisal = gauge();
    const [alarms, age, readings] = [element('td', { class: 'wide number' }), element('td', { class: 'number' }), element('td', { class: 'wide number' })];
    const behind = element('td', { class: 'behind' });
    const whole = element('tr', {}, element('td', {}, state),
      element('td', { class: 'name' }, element('a', { href: linkTo(name), text: shownName(name) })),
      element('td', {}, surprisal.whole), behind, alarms, age, readings);
    return { whole, state, surprisal, behind, alarms, age, readings, shown: null, words: '' };
  }

  function set(row, name, turbine) {
    row.shown = turbine;
    const text = stateText(turbine);
    row.words = `${name} ${text}`.toLowerCase();
    setAttribute(row.whole, 'data-state', stateOf(turbine));
    setAttribute(row.state, 'data-state', stateOf(turbine));
    setText(row.state, text);
    row.surprisal.set(turbine.smoothed_surprisal, turbine.in_alarm);
    const alarm = runningAlarm(turbine);
    setText(row.behind, alarm ? reasonsInShort(alarm.why) : '');
    setText(row.alarms, figure(turbine.alarms_today ?? null));
    setText(row.readings, turbine.readings.toLocaleString('en'));
    if (turbine.last_reading) row.age.title = turbine.last_reading;
  }

  const rank = (row) => STATES.indexOf(stateOf(row.shown));
  const byTrouble = (a, b) => rank(a[1]) - rank(b[1])
    || (rank(a[1]) === 0 ? (b[1].shown.smoothed_surprisal ?? 0) - (a[1].shown.smoothed_surprisal ?? 0) : 0)
    || a[0].localeCompare(b[0], 'en', { numeric: true });

  /** Puts the rows in order; a row that is in its place is not touched. */
  function arrange() {
    const wanted = filter.value.trim().toLowerCase();
    const shown = [...rows].filter(([, row]) => row.words.includes(wanted)).sort(byTrouble);
    let place = body.firstChild;
    for (const [, row] of shown) {
      if (row.whole === place) place = place.nextSibling;
      else body.insertBefore(row.whole, place);
    }
    while (place) {
      const next = place.nextSibling;
      place.remove();
      place = next;
    }
    const count = (state) => [...rows.values()].filter((row) => stateOf(row.shown) === state).length;
    const named = STATES.map((state) => [count(state), state]).filter(([number]) => number > 0);
    setText(counts, named.map(([number, state]) => `${number.toLocaleString('en')} ${STATE_WORDS[state]}`).join(' · ')
      + (shown.length < rows.size ? ` · ${shown.length} shown` : ''));
  }

  function update() {
    for (const name of rows.keys()) if (!data.turbines.has(name)) rows.delete(name);
    let rearrange = rows.size !== data.turbines.size;
    for (const [name, turbine] of data.turbines) {
      let row = rows.get(name);
      if (!row) rows.set(name, (row = rowOf(name)));
      if (row.shown !== turbine || (turbine.in_alarm && handled !== data.handled)) {
        set(row, name, turbine);
        rearrange = true;
      }
      setText(row.age, turbine.last_reading ? `${duration(data.now() - Date.parse(turbine.last_reading))} ago` : '–');
    }
    handled = data.handled;
    empty.hidden = !data.known || rows.size > 0;
    setText(command, senderCommand());
    panel.hidden = rows.size === 0;
    if (rearrange) arrange();
  }
  return { title: 'Fleet', whole, update };
}

/** What sends readings of the features of the model in service: simulated ones if they are those of the default turbine. */
function senderCommand() {
  const isDefault = data.features.join() === 'temperature,humidity,sound_volume';
  const readings = isDefault ? '' : ' --replay FILE';
  const key = sessionStorage.getItem('key') === null ? '' : ' --api-key KEY';
  return `cargo run --release -p sender -- --api-url ${location.origin}/predict${readings}${key}`;
}

const linkTo = (name) => `#/turbines/${encodeURIComponent(name)}`;

// ------------------------------------------------------------------------------------------------------------ turbine

const RANGES = [['5m', '5 min', 5 * MINUTE], ['1h', '1 h', HOUR], ['24h', '24 h', DAY], ['30d', '30 days', 30 * DAY]];

/** One turbine: its sensors and its surprisal over time, the alarm that is running with its reasons, and past alarms. */
function turbineView(name, parameters, abort) {
  const range = RANGES.find(([key]) => key === parameters.get('range')) ?? RANGES[1];
  const [begin, end] = ['from', 'to'].map((name) => Date.parse(parameters.get(name)));
  const fixed = begin < end ? { from: begin, to: end } : null;
  const state = element('span');
  const facts = element('dl');
  const why = element('div', { class: 'panel reasons', hidden: true });
  const past = element('div', { class: 'panel' });
  const charts = element('div', { class: 'panel charts', 'aria-busy': 'true' }, element('p', { class: 'quiet', text: 'Reading the log …' }));
  const buttons = element('div', { class: 'buttons', role: 'group', 'aria-label': 'Range' },
    RANGES.map(([key, label]) => element('button', {
      text: label, 'aria-pressed': String(!fixed && key === range[0]), onclick: () => { location.hash = `${linkTo(name)}?range=${key}`; },
    })),
    fixed ? element('button', { text: 'Zoom out', onclick: () => zoomTo(fixed.from - (fixed.to - fixed.from) / 2, fixed.to + (fixed.to - fixed.from) / 2) }) : null);
  const whole = [
    element('div', { class: 'head' }, element('h1', { text: shownName(name) }), state, buttons),
    element('div', { class: 'columns' }, charts, element('div', {}, why, element('div', { class: 'panel' }, element('h2', { text: fixed ? 'When this was opened' : 'Now' }), facts), past)),
  ];
  const zoomTo = (from, to) => {
    const iso = (time) => new Date(time).toISOString();
    location.hash = `${linkTo(name)}?from=${iso(from)}&to=${iso(to)}`;
  };
  let alarms = [];
  let shown = null;
  let handled = data.handled;
  let due = 0;
  let busy = false;
  /** Something changed while a load was under way. */
  let again = false;

  function bounds() {
    if (fixed) return fixed;
    const last = Date.parse(data.turbines.get(name)?.last_reading ?? '') || data.now();
    // A recording that is replayed, or a turbine that fell silent long ago: up to its last reading.
    const to = last > data.now() - range[2] && last < data.now() + MINUTE ? data.now() : last;
    return { from: to - range[2], to };
  }

  async function load() {
    busy = true;
    let { from, to } = bounds();
    const path = `/turbines/${encodeURIComponent(name)}`;
    const historyOf = (start, end) =>
      askJson(`${path}/history?from=${new Date(start).toISOString()}&to=${new Date(end).toISOString()}&points=400`, abort);
    try {
      let [history, listed, now, model] = await Promise.all([
        historyOf(from, to),
        askJson(`/alarms?turbine=${encodeURIComponent(name)}&limit=200`, abort),
        askJson(path, abort),
        modelInfo.get(abort),
      ]);
      const first = Date.parse(history.buckets[0]?.t ?? '');
      if (!fixed && first > from + (to - from) / 2) {
        // Most of the range lies before the first reading: show what there is.
        from = Math.min(first, to - MINUTE);
        history = await historyOf(from, to);
      }
      alarms = listed.alarms;
      draw(history, model, from, to);
      showReasons(now);
      // A range of a month changes more slowly than one of five minutes.
      due = fixed ? Infinity : Date.now() + Math.min(30, Math.max(1, history.bucket_seconds / 2)) * SECOND;
    } catch (error) {
      if (abort.aborted) return;
      due = Date.now() + 5 * SECOND;
      if (error.status) charts.replaceChildren(element('p', { text: `Cannot show this turbine: ${error.message}` }));
    } finally {
      busy = false;
      if (again) due = 0;
      again = false;
    }
  }

  function draw(history, model, from, to) {
    showPast();
    // While a range is being dragged or a value read, the charts stay as they are.
    if (charts.querySelector('svg:focus-visible, svg:hover') && !charts.hasAttribute('aria-busy') && !fixed) return;
    const gap = Math.max(2.5 * history.bucket_seconds * SECOND, 10 * (model.typical_interval_seconds ?? 0) * SECOND);
    const end = (alarm) => (alarm.cleared ? Date.parse(alarm.cleared) : Math.max(to, data.now()));
    const spans = alarms.map((alarm) => ({ from: Date.parse(alarm.raised), to: end(alarm), why: alarm.why }));
    const width = Math.max(280, charts.clientWidth - 2 * CHART_PADDING);
    const common = { width, from, to, gap, alarms: spans, onPoint: (place) => all.forEach((one) => one.point(place)), onRange: zoomTo };
    const surprisal = history.buckets.filter((bucket) => bucket.smoothed_surprisal)
      .map((bucket) => ({ t: Date.parse(bucket.t), ...bucket.smoothed_surprisal }));
    const all = [];
    if (surprisal.length > 0) {
      all.push(chart({ ...common, title: 'Smoothed surprisal (decades)', height: 170, points: surprisal, threshold: data.threshold, zero: true }));
    }
    history.features.forEach((feature, place) => {
      const points = history.buckets.map((bucket) => ({ t: Date.parse(bucket.t), min: bucket.min[place], mean: bucket.mean[place], max: bucket.max[place] }));
      const expected = spans.flatMap((span) => {
        const reason = span.why.find((candidate) => candidate.feature === feature);
        return reason && span.to >= from && span.from <= to ? [{ from: span.from, to: span.to, value: reason.expected }] : [];
      });
      const unit = model.features.find((known) => known.name === feature)?.unit;
      all.push(chart({ ...common, title: unit ? `${feature} (${unit})` : feature, height: 130, points, expected }));
    });
    const legend = element('p', { class: 'legend' },
      element('span', { class: 'l-mean', text: 'mean' }), element('span', { class: 'l-band', text: 'lowest to highest' }),
      data.threshold === null ? null : element('span', { class: 'l-threshold', text: 'threshold of the alarm' }),
      element('span', { class: 'l-expected', text: 'expected during an alarm' }), element('span', { class: 'l-alarm', text: 'alarm' }));
    const span = element('p', { class: 'quiet' }, RANGE.formatRange(Date.parse(history.from), Date.parse(history.to)), ` · one point every ${duration(history.bucket_seconds * SECOND)}`,
      element('span', { class: 'by-mouse', text: ' · drag over a chart to zoom in' }));
    const focused = [...charts.querySelectorAll('svg')].indexOf(document.activeElement);
    charts.replaceChildren(span, ...all.map((one) => one.whole), legend);
    charts.removeAttribute('aria-busy');
    if (focused >= 0) charts.querySelectorAll('svg')[focused]?.focus();
  }

  function showPast() {
    refill(past, alarms, element('h2', { text: 'Alarms' }), alarms.length > 0
      ? element('ul', { class: 'why' }, alarms.slice(0, 50).map((alarm) => element('li', {},
        element('a', { href: alarmLink(alarm) }, timeElement(alarm.raised)), ' ', handleButton(alarm),
        element('div', { class: 'quiet', text: `${lasting(alarm)}, peak ${alarm.peak.toFixed(1)}: ${reasonsInShort(alarm.why)}` }),
        handlingList(alarm))))
      : element('p', { class: 'quiet', text: 'None so far.' }));
  }

  function showReasons(now) {
    const running = alarms.find((alarm) => !alarm.cleared);
    const reason = running?.why?.length > 0 ? running.why : null;
    why.hidden = !reason;
    if (reason) {
      refill(why, running, element('h2', { text: `Alarm since ` }, timeElement(running.raised)), reasons(reason),
        element('p', { class: 'quiet', text: `As of the peak, ${running.peak.toFixed(2)}. Expected: estimated from the other sensors.` }),
        handlingList(running), handleButton(running));
    }
    const turbine = data.turbines.get(name) ?? now;
    const rows = [
      ['Last reading', timeElement(turbine.last_reading)],
      ['Readings', turbine.readings.toLocaleString('en')],
      ['Anomalies', `${turbine.anomalies.toLocaleString('en')} (${percent(turbine.anomalies / Math.max(1, turbine.readings))})`],
      ['Surprisal', turbine.smoothed_surprisal === null ? 'the model is not calibrated' : `${turbine.smoothed_surprisal.toFixed(2)}, alarm above ${data.threshold?.toFixed(2) ?? '–'}`],
      ['Model', turbine.model_version ?? '–'],
      ...(now.values ?? []).map((value, place) => [data.features[place] ?? `value ${place + 1}`, figure(value)]),
    ];
    facts.replaceChildren(...rows.flatMap(([term, value]) => [element('dt', { text: term }), element('dd', { class: 'number' }, value)]));
  }

  function update() {
    const turbine = data.turbines.get(name);
    if (turbine && turbine !== shown) {
      if (shown && shown.in_alarm !== turbine.in_alarm) {
        due = 0;
        again = busy;
      }
      shown = turbine;
      state.replaceChildren(stateElement(turbine));
    }
    if (handled !== data.handled) {
      handled = data.handled;
      if (turbine) state.replaceChildren(stateElement(turbine));
      due = 0;
      again = busy;
    }
    if (!busy && Date.now() >= due) load();
  }
  const resize = () => {
    due = 0;
    again = busy;
  };
  return { title: shownName(name), whole, update, resize };
}

/** The turbine around the time of an alarm. */
function alarmLink(alarm) {
  const raised = Date.parse(alarm.raised);
  const cleared = alarm.cleared ? Date.parse(alarm.cleared) : data.now();
  const around = Math.max(cleared - raised, 2 * MINUTE);
  const iso = (time) => new Date(time).toISOString();
  return `${linkTo(nameOf(alarm.turbine_id))}?from=${iso(raised - around)}&to=${iso(cleared + around / 2)}`;
}

function lasting(alarm) {
  const raised = Date.parse(alarm.raised);
  return alarm.cleared ? `${duration(Date.parse(alarm.cleared) - raised)}` : 'running';
}

// ------------------------------------------------------------------------------------------------------------- alarms

/** Running and past alarms, newest first. */
function alarmsView(_, __, abort) {
  const body = element('tbody');
  const none = element('p', { class: 'quiet', hidden: true, text: 'No alarm so far.' });
  const table = element('table', { class: 'alarms' },
    element('thead', {}, element('tr', {}, ['State', 'Turbine', 'Raised', 'Lasted', 'Peak', 'Sensors', 'Action'].map((label) =>
      element('th', { scope: 'col', class: { Peak: 'number' }[label] ?? null, text: label })))), body);
  const whole = [element('div', { class: 'head' }, element('h1', { text: 'Alarms' })), element('div', { class: 'panel' }, table, none)];
  let due = 0;
  let busy = false;
  let key = '';

  async function load() {
    if (busy) return;
    busy = true;
    try {
      const { alarms } = await askJson('/alarms?limit=500', abort);
      alarms.sort((a, b) => Boolean(a.cleared) - Boolean(b.cleared) || b.raised.localeCompare(a.raised));
      refill(body, [alarms, Math.floor(data.now() / MINUTE)], ...alarms.map((alarm) => element('tr', { 'data-state': alarm.cleared ? 'normal' : 'alarm' },
        element('td', {}, element('span', { class: 'state', 'data-state': alarm.cleared ? 'normal' : 'alarm', text: alarm.cleared ? 'cleared' : 'running' })),
        element('td', { class: 'name' }, element('a', { href: alarmLink(alarm), text: shownName(nameOf(alarm.turbine_id)) })),
        element('td', {}, timeElement(alarm.raised)),
        element('td', { class: 'lasted', text: alarm.cleared ? lasting(alarm) : `${duration(data.now() - Date.parse(alarm.raised))} so far` }),
        element('td', { class: 'number peak', text: alarm.peak.toFixed(2) }),
        element('td', { class: 'behind' }, reasonsInShort(alarm.why), handlingList(alarm)),
        element('td', { class: 'action' }, handleButton(alarm)))));
      none.hidden = alarms.length > 0;
      table.hidden = alarms.length === 0;
      due = Date.now() + 30 * SECOND;
    } catch (error) {
      if (!abort.aborted) due = Date.now() + 5 * SECOND;
    } finally {
      busy = false;
    }
  }

  function update() {
    const running = `${[...data.alarms.keys()].join()} ${data.handled}`;
    if (!busy && (running !== key || Date.now() >= due)) {
      key = running;
      load();
    }
  }
  return { title: 'Alarms', whole, update };
}

// ----------------------------------------------------------------------------------------- what people do with alarms

/** Differs if somebody did something with the alarm meanwhile. */
function handlingKey(alarm) {
  return JSON.stringify([alarm?.acknowledged_at, alarm?.snoozed_at, alarm?.false_alarm_at, alarm?.comments?.at(-1)]);
}

const isSnoozed = (alarm) => Boolean(alarm.snoozed_until) && Date.parse(alarm.snoozed_until) > data.now();

/** The alarm that a turbine is in. */
const runningAlarm = (turbine) => data.alarms.get(`${nameOf(turbine.turbine_id)}@${turbine.alarm_since}`);

/** What was done with the alarm of a turbine, in a word each. */
function handlingInShort(turbine) {
  const alarm = runningAlarm(turbine);
  if (!alarm) return [];
  return [alarm.acknowledged_by && 'acknowledged', isSnoozed(alarm) && 'snoozed', alarm.false_alarm_by && 'marked false'].filter(Boolean);
}

/** What was done with an alarm: by whom and when, and the last comment or all of them. */
function handlingList(alarm, allComments = false) {
  const lines = [];
  const line = (mark, ...words) => lines.push(element('li', { 'data-mark': mark }, words));
  if (alarm.acknowledged_by) line('acknowledged', `acknowledged by ${alarm.acknowledged_by}, `, timeElement(alarm.acknowledged_at));
  if (isSnoozed(alarm)) line('snoozed', `snoozed by ${alarm.snoozed_by} until `, timeElement(alarm.snoozed_until));
  if (alarm.false_alarm_by) line('false', `false alarm, says ${alarm.false_alarm_by}, `, timeElement(alarm.false_alarm_at));
  const comments = alarm.comments ?? [];
  for (const comment of allComments ? comments : comments.slice(-1)) {
    line('comment', `${comment.text} (${comment.by}, `, timeElement(comment.at), ')');
  }
  const more = allComments ? 0 : comments.length - 1;
  if (more > 0) line('more', `and ${more} earlier ${more === 1 ? 'comment' : 'comments'}`);
  return lines.length > 0 ? element('ul', { class: 'handling' }, lines) : null;
}

function handleButton(alarm) {
  const name = shownName(nameOf(alarm.turbine_id));
  return element('button', {
    class: 'small', text: 'Handle', 'data-alarm': alarm.id, 'aria-haspopup': 'dialog',
    'aria-label': `Handle the alarm of ${name}, raised ${localTime(Date.parse(alarm.raised))}`, onclick: () => openHandling(alarm),
  });
}

function focusAlarm(within, id) {
  [...within.querySelectorAll('[data-alarm]')].find((button) => button.dataset.alarm === id)?.focus({ preventScroll: true });
}

/** Fills a node anew if what it shows is not what it showed: a button that is being pressed stays, and keeps the focus. */
function refill(node, shown, ...children) {
  const text = JSON.stringify(shown);
  if (node.shownText === text) return;
  node.shownText = text;
  const id = node.contains(document.activeElement) ? document.activeElement.dataset.alarm : undefined;
  node.replaceChildren(...children.filter((child) => child !== null));
  if (id) focusAlarm(node, id);
}

/** The dialog in which a person says what is to be done with an alarm. */
function openHandling(alarm) {
  const input = (id, label, name, attributes) => {
    const field = element(name, { id, ...attributes });
    return { field, whole: element('p', {}, element('label', { for: id, text: label }), field) };
  };
  const who = input('handling-by', 'Your name', 'input', { required: true, maxlength: 64, autocomplete: 'name', value: localStorage.getItem('by') });
  const words = input('handling-comment', 'Comment (optional)', 'textarea', { maxlength: 1000, rows: 2 });
  const until = input('handling-until', 'Snooze until', 'input', { type: 'datetime-local' });
  const problem = element('p', { class: 'problem', role: 'alert' });
  const button = (label, onclick) => element('button', { type: 'button', text: label, onclick });
  const snooze = (end) => act('snooze', { until: new Date(end).toISOString() });
  const title = `Alarm of ${shownName(nameOf(alarm.turbine_id))}`;
  const dialog = element('dialog', {
    class: 'handle', 'aria-labelledby': 'handling-title',
    onclose: () => {
      dialog.remove();
      focusAlarm(document, alarm.id);
    },
  },
  element('h2', { id: 'handling-title', text: title }),
  element('p', { class: 'quiet' }, 'Raised ', timeElement(alarm.raised), `, ${alarm.cleared ? `lasted ${lasting(alarm)}` : 'running'}: ${reasonsInShort(alarm.why)}`),
  handlingList(alarm, true), who.whole, words.whole,
  element('div', { class: 'buttons', role: 'group', 'aria-label': 'What to do' },
    alarm.acknowledged_by ? button('Take acknowledgement back', () => act('unacknowledge')) : button('Acknowledge', () => act('acknowledge')),
    alarm.false_alarm_by ? button('Not a false alarm', () => act('not_false_alarm')) : button('False alarm', () => act('false_alarm')),
    button('Only comment', () => act('comment')),
    button('Snooze 1 h', () => snooze(data.now() + HOUR)), button('Snooze 8 h', () => snooze(data.now() + 8 * HOUR))),
  until.whole,
  element('div', { class: 'buttons' },
    button('Snooze until then', () => {
      until.field.required = true;
      if (until.field.reportValidity()) snooze(until.field.value);
    }),
    button('Close', () => dialog.close())),
  problem);

  async function act(action, more = {}) {
    words.field.required = action === 'comment';
    if (!who.field.reportValidity() || !words.field.reportValidity()) return;
    const by = who.field.value.trim();
    // A comment is one line of the file of alarms.
    const comment = words.field.value.replace(/\s+/g, ' ').trim() || undefined;
    setText(problem, '');
    try {
      data.takeAlarm(await command('POST', `/alarms/${encodeURIComponent(alarm.id)}/actions`, { action, by, comment, ...more }));
      localStorage.setItem('by', by);
      dialog.close();
      changed();
    } catch (error) {
      setText(problem, error.message);
    }
  }

  document.body.append(dialog);
  dialog.showModal();
  (who.field.value ? dialog.querySelector('.buttons button') : who.field).focus();
}

// -------------------------------------------------------------------------------------------------------------- model

/** Models: what waits for a decision first, then whether the readings still fit, then the model in service in detail. */
function modelView(_, __, abort) {
  const panels = element('div');
  const life = lifecycle(abort);
  const drift = driftPanel(abort);
  const whole = [element('div', { class: 'head' }, element('h1', { text: 'Model' })), life.whole, drift.whole, panels];
  let shownVersion;
  let due = Infinity;

  async function load(version) {
    try {
      const info = await modelInfo.get(abort);
      if (version === shownVersion) panels.replaceChildren(...modelPanels(info));
    } catch (error) {
      if (abort.aborted || version !== shownVersion) return;
      const what = error.status === 503 ? 'No model is in service' : 'Cannot show the model';
      panels.replaceChildren(element('p', { class: 'panel', text: `${what}: ${error.message}` }));
      due = Date.now() + 5 * SECOND;
    }
  }

  function update() {
    life.update();
    drift.update();
    if (data.modelVersion === shownVersion && Date.now() < due) return;
    shownVersion = data.modelVersion;
    due = Infinity;
    load(shownVersion);
  }
  return { title: 'Model', whole, update };
}

function modelPanels(info) {
  const facts = [
    ['Detector', info.detector],
    ['Trained on', `${(info.training_rows ?? 0).toLocaleString('en')} readings`],
    ['Trees', info.n_estimators],
    ['Score', info.score_meaning],
    ['Anomaly above', figure(info.threshold)],
  ];
  if (info.alarm_threshold !== undefined && info.alarm_threshold !== null) {
    facts.push(['Alarm above', `${figure(info.alarm_threshold)} decades, smoothed over ${info.smoothing_span} readings; cleared below ${figure(info.alarm_clear_threshold)}`]);
    facts.push(['False alarms to expect', `${figure(info.expected_false_alarms_per_day)} a day and turbine`]);
    facts.push(['Typical interval', `${figure(info.typical_interval_seconds)} s; silent after ten of them`]);
  } else {
    facts.push(['Alarms', 'none: the model is not calibrated']);
  }
  const list = element('dl', {}, facts.flatMap(([term, value]) => [element('dt', { text: term }), element('dd', { text: String(value ?? '–') })]));
  const splits = Object.entries(info.evaluation ?? {}).filter(([, split]) => split);
  const evaluation = splits.length === 0 ? element('p', { class: 'quiet', text: 'Trained without labels, so there are no figures of precision and recall.' })
    : element('div', { class: 'scroll' }, element('table', {},
      element('thead', {}, element('tr', {}, ['Part', 'Precision', 'Recall', 'F1', 'ROC AUC'].map((label, place) =>
        element('th', { scope: 'col', class: place > 0 ? 'number' : null, text: label })))),
      element('tbody', {}, splits.map(([name, split]) => element('tr', {}, element('td', { text: name === 'val' ? 'validation' : name }),
        [split.precision, split.recall, split.f1, split.roc_auc].map((value) =>
          element('td', { class: 'number', text: typeof value === 'number' ? value.toFixed(3) : '–' })))))));
  const features = element('div', { class: 'scroll' }, element('table', {},
    element('thead', {}, element('tr', {}, ['Feature', 'Unit', 'Mean', 'Standard deviation'].map((label, place) =>
      element('th', { scope: 'col', class: place > 1 ? 'number' : null, text: label })))),
    element('tbody', {}, info.features.map((feature) => element('tr', {},
      element('td', { text: feature.name }), element('td', { text: feature.unit || '–' }),
      element('td', { class: 'number', text: figure(feature.mean) }), element('td', { class: 'number', text: figure(feature.std) }))))));
  return [
    element('div', { class: 'panel' }, element('h2', { text: `In service: ${info.model_version}` }), list),
    element('div', { class: 'halves' },
      element('div', { class: 'panel' }, element('h2', { text: 'Evaluation' }), evaluation),
      element('div', { class: 'panel' }, element('h2', { text: 'Features in training' }), features)),
  ];
}

// ----------------------------------------------------------------------------------------------------- life of models

const FILE_STATES = {
  in_service: 'in service',
  pending: 'replaced, waits for a reload',
  shadow: 'shadow',
  previous: 'the one before',
  rolled_back: 'rolled back',
  available: 'available',
  other_features: 'other features',
  unusable: 'cannot be used',
};

/** Asks whether to do something, and then does it; what goes wrong is said in the dialog. */
function confirmed(title, text, label, act) {
  const problem = element('p', { role: 'alert', hidden: true });
  const close = () => dialog.close();
  const go = element('button', {
    class: 'primary',
    text: label,
    onclick: async () => {
      go.disabled = true;
      try {
        await act();
        close();
      } catch (error) {
        problem.hidden = false;
        setText(problem, error.message);
        go.disabled = false;
      }
    },
  });
  const dialog = element('dialog', { 'aria-labelledby': 'dialog-title', onclose: () => dialog.remove() },
    element('h2', { id: 'dialog-title', text: title }), element('p', { text }), problem,
    element('div', { class: 'buttons' }, go, element('button', { text: 'Cancel', onclick: close })));
  document.body.append(dialog);
  dialog.showModal();
}

/** The model files: compare one as the shadow, put it into service, go back. */
function lifecycle(abort) {
  const whole = element('div');
  let due = 0;
  let busy = false;
  let shown = '';

  async function load() {
    busy = true;
    try {
      const models = await askJson('/models', abort);
      const text = JSON.stringify(models);
      // What did not change is left alone, so that nobody loses the button that they are about to press.
      if (text !== shown) whole.replaceChildren(...lifecyclePanels(models, act));
      shown = text;
      due = Date.now() + 3 * SECOND;
    } catch (error) {
      if (abort.aborted) return;
      due = Date.now() + 5 * SECOND;
      if (error.status) whole.replaceChildren(element('p', { class: 'panel', text: `Cannot list the models: ${error.message}` }));
    } finally {
      busy = false;
    }
  }

  async function act(method, path, body) {
    await command(method, path, body);
    await load();
  }

  function update() {
    if (!busy && Date.now() >= due) load();
  }
  return { whole, update };
}

function lifecyclePanels(models, act) {
  const panels = [];
  if (models.trial) {
    panels.push(element('div', { class: 'panel notice' }, element('p', {}, `The model ${models.trial.model_version} was promoted and is on trial until `,
      timeElement(models.trial.until), `: it is taken back if ${models.trial.rule}, compared with the model before on the same readings.`)));
  }
  if (models.taken_back) panels.push(element('div', { class: 'panel notice', role: 'alert' }, element('p', { text: models.taken_back })));
  if (models.shadow) panels.push(shadowPanel(models, act));
  const golden = models.golden;
  const proof = golden === null ? 'There is no model in service.'
    : `${golden.readings} golden readings ${golden.proved ? 'score just as they did in training.' : 'do NOT score as they did in training: restore the model file.'}`;
  panels.push(element('div', { class: 'panel' }, element('h2', { text: `Model files in ${models.folder}/` }),
    element('p', { class: 'quiet', text: proof }),
    element('div', { class: 'scroll' }, element('table', { class: 'models' },
      element('thead', {}, element('tr', {}, ['File', 'State', 'Version', 'Trained on', 'Written', 'Actions'].map((label) =>
        element('th', { scope: 'col', class: { 'Trained on': 'number wide', Written: 'wide' }[label] ?? null, text: label })))),
      element('tbody', {}, inOrder(models.models).map((model) => modelRow(model, models, act)))))));
  return panels;
}

/** The file in service first, those that cannot be used last. */
function inOrder(files) {
  const states = Object.keys(FILE_STATES);
  return files.toSorted((a, b) => states.indexOf(a.state) - states.indexOf(b.state) || a.file.localeCompare(b.file, 'en'));
}

function modelRow(model, models, act) {
  const rows = model.training_rows > 0 ? `${model.training_rows.toLocaleString('en')} readings` : '–';
  return element('tr', { 'data-state': model.state },
    element('td', { class: 'name' }, element('strong', { text: model.file }), model.problem ? element('div', { class: 'quiet', text: model.problem }) : null),
    element('td', { text: FILE_STATES[model.state] ?? model.state }),
    element('td', { text: model.model_version ?? '–' }),
    element('td', { class: 'number wide', text: rows }),
    element('td', { class: 'wide' }, timeElement(model.modified)),
    element('td', {}, element('div', { class: 'buttons' }, modelButtons(model, models, act))));
}

function modelButtons(model, models, act) {
  const { file, state } = model;
  const button = (label, title, text, method, path) => element('button', {
    text: label,
    'aria-label': `${label}: ${file}`,
    onclick: () => confirmed(title, text, label, () => act(method, path, { file })),
  });
  const begins = state === 'other_features' ? ' It reads other features: a new prediction log is begun, and turbines start afresh.' : '';
  const promote = () => button('Promote', `Promote ${file}?`,
    `The model ${model.model_version} goes into service in place of ${models.in_service ?? 'none'}, now and after a restart.${begins} The one before is kept.`,
    'POST', '/model/promote');
  const shadow = () => button('Shadow', `Compare ${file} as the shadow?`,
    `The model ${model.model_version} scores the same readings as the one in service from now on. It answers none.`, 'POST', '/model/shadow');
  if (state === 'previous') {
    if (model.model_version === models.in_service) return [];
    return [button('Roll back', 'Roll back?',
      `The model ${model.model_version} goes into service again in place of ${models.in_service ?? 'none'}, which is kept as rolled back.`, 'POST', '/model/rollback')];
  }
  if (model.model_version === models.in_service || ['unusable', 'pending'].includes(state)) return [];
  const canShadow = ['available', 'rolled_back'].includes(state) && !models.trial;
  return [promote(), canShadow ? shadow() : null].filter(Boolean);
}

/** What the shadow makes of the readings, beside the model in service. */
function shadowPanel(models, act) {
  const { shadow } = models;
  const share = (count) => (shadow.readings > 0 ? ` (${figure(100 * count / shadow.readings)} %)` : '');
  const rows = [['Anomalies', shadow.anomalies, share], ['Alarms raised', shadow.alarms, () => '']];
  const title = shadow.role === 'previous' ? `The model before, ${shadow.model_version}` : `Shadow: ${shadow.file}, ${shadow.model_version}`;
  const readings = shadow.readings.toLocaleString('en');
  const agreement = shadow.agreement === null ? 'Nothing compared yet: it waits for readings.'
    : `Both agree on ${figure(100 * shadow.agreement)} % of ${readings} readings; the shadow’s scores are ${figure(Math.abs(shadow.mean_score_difference))} ${shadow.mean_score_difference < 0 ? 'lower' : 'higher'} on average.`;
  const end = models.trial ? null : element('button', {
    text: 'End shadow',
    onclick: () => confirmed('End the shadow?', `The model ${shadow.model_version} scores no more readings. Its file stays.`, 'End shadow', () => act('DELETE', '/model/shadow')),
  });
  return element('div', { class: 'panel', id: 'shadow' },
    element('h2', { text: title }),
    element('p', {}, agreement, element('span', { class: 'quiet' }, ' Since ', timeElement(shadow.since), '.')),
    shadow.dropped > 0 ? element('p', { class: 'quiet', text: `${shadow.dropped.toLocaleString('en')} readings were left out: it could not keep up.` }) : null,
    element('table', {},
      element('thead', {}, element('tr', {}, ['Count', 'In service', 'Shadow'].map((label, place) =>
        element('th', { scope: 'col', class: place > 0 ? 'number' : null, text: label })))),
      element('tbody', {}, rows.map(([label, both, more]) => element('tr', {}, element('td', { text: label }),
        [both.service, both.shadow].map((count) => element('td', { class: 'number', text: count.toLocaleString('en') + more(count) })))))),
    end ? element('div', { class: 'buttons' }, end) : null);
}

// -------------------------------------------------------------------------------------------------------------- drift

const DRIFT_EVERY = 5 * SECOND;

/** How the newest readings compare with those of the training, feature by feature. */
function driftPanel(abort) {
  const body = element('div');
  const whole = element('section', { class: 'panel', id: 'drift', 'aria-labelledby': 'drift-title' },
    element('h2', { id: 'drift-title', text: 'Drift of the readings' }), body);
  let due = 0;
  let busy = false;

  async function load() {
    busy = true;
    try {
      const report = await askJson('/drift', abort);
      body.replaceChildren(...(report.problem ? [element('p', { class: 'quiet', text: report.problem })] : driftOf(report)));
      due = Date.now() + DRIFT_EVERY;
    } catch (error) {
      if (abort.aborted) return;
      if (error.status) body.replaceChildren(element('p', { class: 'quiet', text: `Cannot show drift: ${error.message}` }));
      due = Date.now() + 5 * SECOND;
    } finally {
      busy = false;
    }
  }

  function update() {
    if (!busy && Date.now() >= due) load();
  }
  return { whole, update };
}

function driftOf(report) {
  const share = (value) => (value === null ? '–' : `${(100 * value).toFixed(1)} %`);
  const readings = `The newest ${report.readings.toLocaleString('en')} readings against those of the training`;
  const drifting = report.features.filter((feature) => feature.drifting);
  const summary = drifting.length === 0 ? null : element('p', {}, element('span', { class: 'state', 'data-state': 'sensor', text:
    `${drifting.length} of ${report.features.length} features drift: ${drifting.map((feature) => feature.feature).join(', ')}` }));
  const ordered = report.features.toSorted((a, b) => Number(b.drifting) - Number(a.drifting));
  return [
    element('p', { class: 'quiet', text: `${readings}. Flagged as anomalies: ${share(report.anomaly_rate)}, expected ${share(report.expected_rate)}.` }),
    summary,
    element('div', { class: 'multiples' }, ordered.map(driftChart)),
    element('p', { class: 'legend' },
      element('span', { class: 'l-window', text: 'newest readings' }), element('span', { class: 'l-training', text: 'training' }),
      element('span', { text: 'Each column is a range of values, low to high, with about a twentieth of the training.' })),
  ].filter(Boolean);
}

/** What the figures say, in words. */
function driftWords(feature) {
  if (feature.drifting) return ['drifting since ', timeElement(feature.since)];
  if (feature.values === 0) return ['no readings yet'];
  return [feature.decided ? 'no drift' : 'too few readings to say'];
}

const MULTIPLE = { width: 320, height: 110, base: 92, left: 4 };

/** One feature: a column for each range of values, as high as its share of the newest readings, under the training's line. */
function driftChart(feature) {
  const { width, height, base, left } = MULTIPLE;
  const bins = feature.bins;
  const high = Math.max(...bins.flatMap((bin) => [bin.training, bin.window ?? 0])) * 1.05;
  const step = (width - 2 * left) / bins.length;
  const x = (place) => (left + place * step).toFixed(1);
  const y = (share) => (base - (share / high) * (base - 6)).toFixed(1);
  const columns = bins.map((bin, place) => bin.window && drawn('rect', {
    class: 'column', x: x(place), y: y(bin.window), width: Math.max(1, step - 1).toFixed(1), height: (base - y(bin.window)).toFixed(1),
  }));
  const line = bins.map((bin, place) => `${x(place)} ${y(bin.training)}L${x(place + 1)} ${y(bin.training)}`).join('L');
  const ends = bins.slice(0, -1).map((bin) => bin.up_to);
  const label = (place, anchor) => ends.length > 0
    && drawn('text', { x: x(place + 1), y: height - 4, 'text-anchor': anchor, text: figure(ends[place]) });
  const middle = Math.floor((ends.length - 1) / 2);
  const labels = ends.length < 3 ? [label(0, 'start')] : [label(0, 'start'), label(middle, 'middle'), label(ends.length - 1, 'end')];
  const words = driftWords(feature);
  const unit = modelInfo.info?.features.find((known) => known.name === feature.feature)?.unit;
  const figures = feature.psi === null ? '' : `PSI ${feature.psi.toFixed(2)}, KS ${feature.ks.toFixed(2)}`;
  return element('figure', { class: 'multiple' },
    element('figcaption', {}, element('strong', { text: unit ? `${feature.feature} (${unit})` : feature.feature }),
      element('span', { class: 'quiet number', text: figures, title: 'Population stability index and Kolmogorov–Smirnov distance' }),
      element('span', { class: 'state', 'data-state': feature.drifting ? 'sensor' : feature.decided ? 'normal' : 'silent' }, words)),
    drawn('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `${feature.feature}: shares of newest readings and of the training. ${figures}` },
      columns.filter(Boolean), drawn('path', { class: 'training', d: `M${line}` }), labels.filter(Boolean)));
}

// -------------------------------------------------------------------------------------------------------------- views

let view = null;
let viewAbort = null;

/** `#/turbines/WT%2023?range=1h` → its parts. */
function place() {
  const [path, query] = location.hash.replace(/^#/, '').split('?');
  const [, first = '', second = ''] = path.split('/');
  return { first, second: decoded(second), parameters: new URLSearchParams(query ?? '') };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function leave() {
  viewAbort?.abort();
  view = null;
}

function show() {
  if (keyAsked) return;
  leave();
  viewAbort = new AbortController();
  const { first, second, parameters } = place();
  const make = { turbines: turbineView, alarms: alarmsView, model: modelView }[first] ?? fleetView;
  view = make(second, parameters, viewAbort.signal);
  document.title = `${view.title} – turbines`;
  document.getElementById('view').replaceChildren(...view.whole);
  for (const link of document.querySelectorAll('nav a')) {
    const here = link.getAttribute('href').slice(2) === (first === 'turbines' ? '' : first);
    if (here) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  if (data.known) view.update();
}

/** New data: the view in front shows them. */
function changed() {
  const count = document.getElementById('alarm-count');
  setText(count, data.alarms.size > 0 ? String(data.alarms.size) : '');
  view?.update();
}

let hiddenTimer = null;
document.addEventListener('visibilitychange', () => {
  clearTimeout(hiddenTimer);
  if (document.hidden) hiddenTimer = setTimeout(() => stream.stop(), HIDDEN_AFTER);
  else if (!keyAsked) stream.start();
});
addEventListener('hashchange', show);
addEventListener('resize', () => view?.resize?.());
show();
stream.start();
