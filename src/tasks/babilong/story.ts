import type { Rng } from "../../base/random.ts";
import { pick } from "../draw.ts";

/* The world of bAbI (facebookarchive/bAbI-tasks, lua/babi/tasks and worlds/world_basic.txt) and its first three tasks. */

export const LOCATIONS = ["bathroom", "bedroom", "garden", "hallway", "kitchen", "office"] as const;
export type Location = (typeof LOCATIONS)[number];

/** Facts in the order in which they happen, and a question about them. */
export interface Story {
  readonly facts: readonly string[];
  readonly question: string;
  readonly answer: Location;
}

/** WhereIsActor.lua: people move; after every two moves, five times, a question asks where someone who has moved is. */
export function singleFactStory(rng: Rng): Story {
  const world = createWorld();
  for (let asked = 1 + rng.integer(QUESTIONS); asked > 0; asked--) {
    move(world, rng);
    move(world, rng);
  }
  const [actor, answer] = pick([...world.seen], rng);
  return { facts: world.facts, question: `Where is ${actor}?`, answer };
}

/** WhereIsObject.lua: people move, take and drop things; a question asks where a thing that somebody carries is. */
export function twoFactStory(rng: Rng): Story {
  return tellStory(rng, ({ seen, holders }) => {
    const known = [...holders].flatMap(([object, actor]) => {
      const answer = seen.get(actor);
      return answer ? [{ question: `Where is the ${object}?`, answer }] : [];
    });
    return known.length > 0 ? pick(known, rng) : "none";
  });
}

/** WhereWasObject.lua: a question asks where a thing was before the last place it came to. */
export function threeFactStory(rng: Rng): Story {
  return tellStory(rng, ({ histories }) => {
    const moved = OBJECTS.filter((object) => (histories.get(object)?.length ?? 0) > 1);
    if (moved.length === 0) return "none";
    const object = pick(moved, rng);
    const [before, last] = histories.get(object)?.slice(-2) ?? [];
    // Three facts support it, no more: the thing was taken once and carried to both places.
    if (!before || !last || before.taken !== last.taken) return "unfit";
    return { question: `Where was the ${object} before the ${last.location}?`, answer: before.location };
  });
}

// --- internal ---

const ACTORS = ["John", "Mary", "Sandra", "Daniel"] as const;
const OBJECTS = ["apple", "football", "milk"] as const;
type Actor = (typeof ACTORS)[number];
type Thing = (typeof OBJECTS)[number];

const MOVES = ["went to", "journeyed to", "travelled to", "moved to"];
const TAKES = ["grabbed", "took", "got"];
const DROPS = ["dropped", "put down", "let go of"];

/** Questions of a story; one of them is drawn, with the facts before it. */
const QUESTIONS = 5;
/** Facts between two questions. */
const FEWEST_FACTS = 3;

/** The actual world, and what the facts have said about it. */
interface World {
  readonly facts: string[];
  readonly actors: Map<Actor, Location>;
  /** Where things that nobody holds are. */
  readonly floor: Map<Thing, Location>;
  readonly holders: Map<Thing, Actor>;
  /** Where people are according to the facts; at the start those say nothing. */
  readonly seen: Map<Actor, Location>;
  /** The known places of things in order, each with the fact of the last taking. */
  readonly histories: Map<Thing, { location: Location; taken: number }[]>;
  /** The fact by which each thing was last taken. */
  readonly taken: Map<Thing, number>;
}

function createWorld(): World {
  return {
    facts: [],
    actors: new Map([
      ["John", "kitchen"],
      ["Mary", "bedroom"],
      ["Sandra", "garden"],
      ["Daniel", "hallway"],
    ]),
    floor: new Map([
      ["apple", "kitchen"],
      ["football", "garden"],
      ["milk", "kitchen"],
    ]),
    holders: new Map(),
    seen: new Map(),
    histories: new Map(),
    taken: new Map(),
  };
}

type Asked = Omit<Story, "facts">;

/** A story up to one of its five questions; drawn again until all five fit. */
function tellStory(rng: Rng, ask: (world: World) => Asked | "none" | "unfit"): Story {
  for (;;) {
    const story = tryStory(rng, ask);
    if (story) return story;
  }
}

function tryStory(rng: Rng, ask: (world: World) => Asked | "none" | "unfit"): Story | undefined {
  const world = createWorld();
  const stories: Story[] = [];
  for (let sinceQuestion = 0; stories.length < QUESTIONS;) {
    if (!act(world, rng)) continue;
    sinceQuestion += 1;
    if (sinceQuestion < FEWEST_FACTS || rng.uniform() < 0.5) continue;
    const asked = ask(world);
    if (asked === "unfit") return undefined;
    if (asked === "none") continue;
    stories.push({ facts: [...world.facts], ...asked });
    sinceQuestion = 0;
  }
  return pick(stories, rng);
}

/** One fact: a move with probability 1/3, else something taken or dropped; false where that is impossible. */
function act(world: World, rng: Rng): boolean {
  if (rng.integer(3) === 0) {
    move(world, rng);
    return true;
  }
  const deeds = ACTORS.flatMap((actor) => OBJECTS.flatMap((object) => deedOf(world, actor, object) ?? []));
  if (deeds.length === 0) return false;
  pick(deeds, rng)(rng);
  return true;
}

/** Somebody goes where they are not. */
function move(world: World, rng: Rng): void {
  const actor = pick(ACTORS, rng);
  const location = pick(
    LOCATIONS.filter((place) => place !== world.actors.get(actor)),
    rng,
  );
  world.facts.push(`${actor} ${pick(MOVES, rng)} the ${location}.`);
  world.actors.set(actor, location);
  world.seen.set(actor, location);
  for (const [object, holder] of world.holders) if (holder === actor) note(world, object, location);
}

/** Dropping what one holds, or taking what is in the room; nothing else can be done with a thing. */
function deedOf(world: World, actor: Actor, object: Thing): ((rng: Rng) => void) | undefined {
  const { facts, actors, floor, holders, seen, taken } = world;
  const here = actors.get(actor);
  if (!here) return undefined;
  if (holders.get(object) === actor) {
    return (rng) => {
      facts.push(`${actor} ${pick(DROPS, rng)} the ${object}.`);
      holders.delete(object);
      floor.set(object, here);
    };
  }
  if (floor.get(object) !== here) return undefined;
  return (rng) => {
    taken.set(object, facts.push(`${actor} ${pick(TAKES, rng)} the ${object}.`));
    floor.delete(object);
    holders.set(object, actor);
    const location = seen.get(actor);
    if (location) note(world, object, location);
  };
}

/** Records that a thing is known to be at a place; the history grows when the place is new. */
function note({ histories, taken }: World, object: Thing, location: Location): void {
  const history = histories.get(object) ?? [];
  if (history.at(-1)?.location !== location) history.push({ location, taken: taken.get(object) ?? 0 });
  histories.set(object, history);
}
