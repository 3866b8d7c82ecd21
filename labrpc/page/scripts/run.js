// A run: its events, and what follows from them. The failing run is one, the passing run another.
//
// One pass over the events collects messages, operations, and the bands of each lane. The state of all servers is
// kept every KEY_FRAME events, so that the state after any event is at most that many events away.

const KEY_FRAME = 512;

function initialState(id) {
  const known = structuredClone(story.init[id] ?? {});
  return {
    up: true, paused: false, role: 'f', term: 0, vote: null, log: [], base: [0, 0], commit: 0, applied: 0, disk: null,
    kv: {}, ...known,
  };
}

const initialWorld = () => ({
  servers: story.servers.map(lane => initialState(lane.id)),
  inFlight: new Set(),
  cut: new Set(), // 'from>to'
});

const cloneWorld = world => ({
  servers: world.servers.map(state => ({ ...state, log: state.log.slice() })),
  inFlight: new Set(world.inFlight),
  cut: new Set(world.cut),
});

const lastIndex = state => state.base[0] + state.log.length;

// Applies what an event changed on its server.
function applyDelta(state, delta) {
  if (delta.base && !delta.log) {
    state.log.splice(0, Math.max(0, delta.base[0] - state.base[0]));
    state.base = delta.base;
  }
  if (delta.log) {
    const [keep, ...added] = delta.log;
    if (delta.base) {
      state.base = delta.base;
      state.log = [];
    }
    state.log.length = Math.max(0, Math.min(state.log.length, keep - state.base[0]));
    for (const entry of added) state.log.push(entry);
  }
  for (const field of ['role', 'term', 'vote', 'commit', 'applied', 'disk']) {
    if (field in delta) state[field] = delta[field];
  }
  if (delta.kv) state.kv = { ...state.kv, ...delta.kv };
}

class Run {
  // `world` is the state before the first event. `earlier` are messages that were sent before it.
  constructor(events, world, earlier = []) {
    this.events = events;
    this.messages = [];
    for (const message of earlier) this.messages[message.number] = { ...message, sent: -1, received: [] };
    this.operations = new Map();
    this.bands = lanes.map(() => []);
    this.fences = lanes.map(() => []);
    this.frames = [];
    this.cache = { event: -2, world: null };
    this.initial = cloneWorld(world);
    this.collectMessages();
    this.collectBands(world);
    this.operationsOfLane = lanes.map(lane => [...this.operations.values()].filter(op => op.client === lane.id));
    this.lanesOfEvents = Int16Array.from(events, laneOfEvent);
  }

  collectMessages() {
    this.events.forEach((event, index) => {
      if (event.k === 'send') {
        this.messages[event.m] = {
          number: event.m, sent: index, sentTime: event.t, received: [], from: event.at, to: event.to,
          name: event.msg ?? 'message', fields: event.f ?? {}, lost: event.lost,
        };
      } else if (event.k === 'recv') {
        this.messages[event.m]?.received.push(index);
      }
    });
  }

  collectBands(world) {
    const end = this.events.length;
    const band = (state, from) => ({
      from, to: end, term: state.term, role: state.role, up: state.up, paused: state.paused,
    });
    const open = world.servers.map((state, index) => {
      this.bands[index].push(band(state, -1));
      return this.bands[index][0];
    });
    const openFences = lanes.map(() => null), answers = lanes.map(() => null);
    this.updateFences(world, -1, openFences);
    for (let i = 0; i < end; i++) {
      if (i % KEY_FRAME === 0) this.frames.push(cloneWorld(world));
      const event = this.events[i];
      this.advance(world, event);
      const lane = laneOfEvent(event);
      if (lane >= 0 && lane < serverCount) {
        const state = world.servers[lane], now = open[lane];
        if (now.term !== state.term || now.role !== state.role || now.up !== state.up || now.paused !== state.paused) {
          now.to = i;
          this.bands[lane].push((open[lane] = band(state, i)));
        }
      }
      if (event.k === 'recv' && lane >= serverCount) answers[lane] = this.messages[event.m];
      if (event.k === 'call' || event.k === 'ret') this.noteOperation(event, i, answers[lane]);
      if (event.k === 'cut' || event.k === 'heal') this.updateFences(world, i, openFences);
    }
  }

  // An operation returns with the last message that its clerk has got: the answer of the server that did it.
  noteOperation(event, index, answer) {
    if (event.k === 'call') {
      this.operations.set(event.op, {
        number: event.op, client: event.at, call: index, ret: this.events.length, fields: event.f ?? {}, done: false,
      });
      return;
    }
    const operation = this.operations.get(event.op);
    if (!operation) return;
    operation.ret = index;
    operation.done = true;
    operation.result = event.f?.value;
    if (answer?.fields.ok && answer.received.some(arrival => arrival > operation.call)) operation.server = answer.from;
  }

  // A fence stands beside a server's lane while any of its links to other servers is cut.
  updateFences(world, index, open) {
    for (let lane = 0; lane < serverCount; lane++) {
      const id = lanes[lane].id, peers = new Set();
      for (const link of world.cut) {
        const [from, to] = link.split('>');
        if (from === id) peers.add(to);
        else if (to === id) peers.add(from);
      }
      const key = [...peers].sort().join();
      if ((open[lane]?.key ?? '') === key) continue;
      if (open[lane]) open[lane].to = index;
      open[lane] = null;
      if (key) {
        const servers = [...peers].filter(peer => laneIndex.get(peer) < serverCount).length;
        open[lane] = { from: index, to: this.events.length, key, all: servers >= serverCount - 1 };
        this.fences[lane].push(open[lane]);
      }
    }
  }

  // Changes `world` by one event.
  advance(world, event) {
    switch (event.k) {
      case 'send': if (!event.lost) world.inFlight.add(event.m); break;
      case 'recv': {
        const message = this.messages[event.m];
        if (!message || this.events[message.received.at(-1)] === event) world.inFlight.delete(event.m);
        break;
      }
      case 'cut': for (const [from, to] of event.links ?? []) world.cut.add(from + '>' + to); break;
      case 'heal': for (const [from, to] of event.links ?? []) world.cut.delete(from + '>' + to); break;
    }
    const state = world.servers[laneOfEvent(event)];
    if (!state) return;
    switch (event.k) {
      case 'crash': state.up = false; state.paused = false; break;
      case 'restart': state.up = true; state.paused = false; state.role = 'f'; break;
      case 'pause': state.paused = true; break;
      case 'resume': state.paused = false; break;
    }
    if (event.d) applyDelta(state, event.d);
  }

  // The world just after an event; before the first one for -1. The caller must not change it.
  worldAfter(index) {
    if (index < 0 || !this.events.length) return this.initial;
    if (this.cache.event === index) return this.cache.world;
    let world, next;
    if (this.cache.event >= 0 && this.cache.event < index && index - this.cache.event < KEY_FRAME) {
      world = this.cache.world;
      next = this.cache.event + 1;
    } else {
      const frame = Math.floor(index / KEY_FRAME);
      world = cloneWorld(this.frames[frame]);
      next = frame * KEY_FRAME;
    }
    for (; next <= index; next++) this.advance(world, this.events[next]);
    this.cache = { event: index, world };
    return world;
  }

  // The last event at or before a time, -1 if there is none.
  lastAt(time) {
    let low = 0, high = this.events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.events[middle].t <= time) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  // The number of a message's event, from either end; -1 for other events.
  messageOf(index) {
    const event = this.events[index];
    return event && (event.k === 'send' || event.k === 'recv') && this.messages[event.m] ? event.m : -1;
  }
}

const failing = new Run(story.events, initialWorld());
const eventCount = failing.events.length;

// The passing run begins where it parts from the failing one.
const partsAt = story.twin ? Math.min(story.twin.parts, eventCount) : eventCount;
const passing = story.twin
  ? new Run(
      story.twin.events,
      cloneWorld(failing.worldAfter(partsAt - 1)),
      failing.messages.filter(message => message.sent < partsAt),
    )
  : null;
