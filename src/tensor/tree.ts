/** A tree of plain objects with leaves of one type: parameters, states, gradients. */
export type Tree<Leaf> = { readonly [key: string]: Leaf | Tree<Leaf> };

/** Leaves by their dotted path, as in `blocks.0.attention.query`, in the order of the tree. */
export type Flat<Leaf> = Readonly<Record<string, Leaf>>;

/**
 * Leaves of a tree by dotted path. A leaf is an object that has `shape`, so both symbolic and host tensors are leaves.
 * With `prefix`, every path starts with it and a dot.
 */
export function flatten<Leaf extends Shaped>(tree: object, prefix = ""): Flat<Leaf> {
  const flat: Record<string, Leaf> = {};
  const visit = (node: object, path: string): void => {
    for (const [key, child] of Object.entries(node) as [string, object][]) {
      const childPath = path ? `${path}.${key}` : key;
      if (isLeaf(child)) flat[childPath] = child as Leaf;
      else visit(child, childPath);
    }
  };
  visit(tree, prefix);
  return flat;
}

/** The tree of the same structure whose leaves are `transform(leaf, path)`, each a leaf or a tree of them. */
export function mapTree<T>(tree: object, transform: (leaf: Shaped, path: string) => object, prefix = ""): T {
  const entries = Object.entries(tree) as [string, object][];
  const mapped = entries.map(([key, child]) => {
    const path = prefix ? `${prefix}.${key}` : key;
    return [key, isLeaf(child) ? transform(child, path) : mapTree<object>(child, transform, path)];
  });
  return (Array.isArray(tree) ? mapped.map(([, child]) => child) : Object.fromEntries(mapped)) as T;
}

/** The tree with the structure of `like` whose leaves are taken by path. Throws `RangeError` if one is missing. */
export function unflatten<T>(flat: Flat<Shaped>, like: object, prefix = ""): T {
  return mapTree<T>(
    like,
    (_, path) => {
      const leaf = flat[path];
      if (!leaf) throw new RangeError(`there is no "${path}"`);
      return leaf;
    },
    prefix,
  );
}

/** A flat tree with a prefix before every name. */
export function prefixed<T>(prefix: string, flat: Flat<T>): Flat<T> {
  return Object.fromEntries(Object.entries(flat).map(([name, value]) => [`${prefix}.${name}`, value]));
}

/** The entries whose names start with `from`, with `to` in its place; the others are left out. */
export function replacePrefix<T>(values: Flat<T>, from: string, to: string): Flat<T> {
  const entries = Object.entries(values).filter(([name]) => name.startsWith(from));
  return Object.fromEntries(entries.map(([name, value]) => [to + name.slice(from.length), value]));
}

/**
 * The entries of all, the last one winning for equal names. Spreading objects of hundreds of names makes much garbage,
 * see docs/log.md.
 */
export function merge<T>(...flats: readonly Flat<T>[]): Record<string, T> {
  const merged = Object.create(null) as Record<string, T>; // a table from the start
  for (const flat of flats) Object.assign(merged, flat);
  return merged;
}

// --- internal ---

interface Shaped {
  readonly shape: readonly number[];
}

function isLeaf(node: object): node is Shaped {
  return "shape" in node;
}
