/* What suites use of vitest, for a page: tests are gathered, and run when the page asks for it. */
import { JestAsymmetricMatchers, JestChaiExpect, JestExtend, type ExpectStatic } from "@vitest/expect";
import * as chai from "chai";

export interface TestResult {
  readonly name: string;
  /** What went wrong. */
  readonly error?: string;
}

for (const plugin of [JestExtend, JestChaiExpect, JestAsymmetricMatchers]) chai.use(plugin);
export const expect = ((value: unknown, message?: string) => chai.expect(value, message)) as unknown as ExpectStatic;

type Body = () => unknown;
type CaseBody = (value: unknown) => unknown;

interface Gathered {
  readonly tests: { readonly name: string; readonly body: Body }[];
  readonly before: Body[];
  path: readonly string[];
}

const gathered: Gathered = { tests: [], before: [], path: [] };

export function describe(name: string, body: Body): void {
  const outside = gathered.path;
  gathered.path = [...outside, name];
  body();
  gathered.path = outside;
}

export function beforeAll(body: Body): void {
  gathered.before.push(body);
}

export function it(name: string, body: Body): void {
  gathered.tests.push({ name: [...gathered.path, name].join(" > "), body });
}

it.each =
  (values: readonly unknown[]) =>
  (name: string, body: CaseBody): void => {
    for (const value of values) it(name.replace("%s", String(value)), () => body(value));
  };

/** Runs all tests, one after the other. */
export async function runTests(): Promise<TestResult[]> {
  for (const body of gathered.before) await body();
  const results: TestResult[] = [];
  for (const { name, body } of gathered.tests) {
    try {
      await body();
      results.push({ name });
    } catch (error) {
      results.push({ name, error: String(error) });
    }
  }
  return results;
}
