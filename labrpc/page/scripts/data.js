// The story, and the names of its lanes. The page reads nothing else.

const byId = id => document.getElementById(id);
const story = JSON.parse(byId('story').textContent);
const meta = story.meta;

// Servers come first, then clients. The code refers to a lane by its place here, the data by its id.
const lanes = [...story.servers.map(lane => ({ ...lane, server: true })), ...story.clients];
const serverCount = story.servers.length;
const laneIndex = new Map(lanes.map((lane, index) => [lane.id, index]));
const laneName = id => lanes[laneIndex.get(id)]?.name ?? id;

// The lane of an event; -1 for events of the network.
const laneOfEvent = event => (event.at === undefined ? -1 : laneIndex.get(event.at) ?? -1);

// A note that only repeats what its event says is left out.
for (const step of story.clash ?? []) {
  const said = story.events[step.e]?.say ?? '', note = step.note.replace(/\.$/, '');
  if (note && said.toLowerCase().startsWith(note.toLowerCase())) step.note = '';
}

// The steps of the clash by event, and the operations of the witness.
const clash = story.clash ?? [];
const clashStep = new Map(clash.map((step, index) => [step.e, index]));
const witness = new Map((story.witness ?? []).map(marked => [marked.op, marked.as]));

// Whether any server shows something of its state. Scripted servers that only answer a clerk have none.
const hasStates = story.events.some(event => event.d);

const ROLE_NAMES = { f: 'follower', c: 'candidate', l: 'leader' };

// The jump of the curve: the two neighbouring points between which the failure became most likely.
const curveJump = (() => {
  const { points, jump } = story.curve ?? {};
  return jump === undefined ? null : { before: points[jump - 1], after: points[jump] };
})();
