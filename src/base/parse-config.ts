import { InfiniError } from "./errors.ts";
import { closest } from "fastest-levenshtein";
import { z } from "zod";

/** A config that cannot be used. The message names its source, each key at fault and the nearest known key. */
export class ConfigError extends InfiniError {
  override name = "ConfigError";
  readonly code = "ERR_CONFIG";
}

/** Checks a value against a schema. Throws {@link ConfigError} that lists everything that is wrong. */
export function parseConfig<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  source: string,
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => describe(issue, schema));
  throw new ConfigError(`${source}: ${problems.join("; ")}`);
}

/** ` (did you mean "x"?)` for the nearest of some names, or nothing when none is near. */
export function suggestion(name: string, known: readonly string[]): string {
  if (known.length === 0) return "";
  const nearest = closest(name, [...known]);
  const plausible = [...nearest].filter((letter) => name.includes(letter)).length >= name.length / 2;
  return plausible ? ` (did you mean "${nearest}"?)` : "";
}

// --- internal ---

function describe(issue: z.core.$ZodIssue, schema: z.ZodType): string {
  const path = issue.path.join(".");
  if (issue.code !== "unrecognized_keys") return `${path || "value"}: ${issue.message}`;
  const known = keysAt(schema, issue.path);
  const named = issue.keys.map((key) => `"${[...issue.path, key].join(".")}"${suggestion(key, known)}`);
  return `unknown key ${named.join(", ")}`;
}

/** The keys that a schema knows at a path, looking through wrappers such as defaults. */
function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let objects = unwrap(schema);
  for (const step of path) {
    objects = objects.flatMap((object) => {
      const child = object instanceof z.ZodArray ? object.element : shapeOf(object)[String(step)];
      return child instanceof z.ZodType ? unwrap(child) : [];
    });
  }
  return [...new Set(objects.flatMap((object) => Object.keys(shapeOf(object))))];
}

function shapeOf(schema: z.ZodType): Readonly<Record<string, unknown>> {
  return schema instanceof z.ZodObject ? schema.shape : {};
}

function unwrap(schema: z.ZodType): z.ZodType[] {
  if (schema instanceof z.ZodPipe) return unwrap(schema.in as z.ZodType);
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional) {
    return unwrap(schema.unwrap() as z.ZodType);
  }
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((option) => unwrap(option as z.ZodType));
  return [schema];
}
