/** Runs tests with one wrong change in the source, made in memory while the file is loaded. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createVitest, type Vitest } from 'vitest/node'
import type { Mutation } from './mutation.ts'

/** How the tests of a behaviour ended. */
export interface Verdict {
  readonly passed: number
  readonly failed: number
  /** What the slowest of them took. */
  readonly slowestMs: number
}

/** What an unchanged test may take on a slow machine. */
const MOST_MS = 30_000
/** A test that waits for what the change took away never ends by itself: so many times what it took unchanged. */
const PATIENCE = 10
const LEAST_MS = 3_000

/** One vitest for all: only the changed file is transformed again. */
export class RuleRunner {
  readonly #root: string
  readonly #vitest: Vitest
  #change: Mutation | null = null

  private constructor(root: string, vitest: Vitest) {
    this.#root = root
    this.#vitest = vitest
  }

  /** Opens it over the tree at `root`; close it after use. */
  static async open(root: string): Promise<RuleRunner> {
    const runner: { current: RuleRunner | null } = { current: null }
    const conditions = ['signalbox-source']
    const vitest = await createVitest(
      'test',
      {
        root,
        config: false,
        watch: false,
        pool: 'forks',
        maxWorkers: 1,
        // Files changed in memory must not be kept on disk for other runs.
        fsModuleCache: false,
        reporters: [{}],
        include: ['packages/*/src/**/*.test.ts'],
        testTimeout: MOST_MS,
        // One red test says enough; the others would each wait for what the change took away.
        bail: 1,
      },
      {
        plugins: [
          {
            name: 'signalbox:mutation',
            enforce: 'pre',
            transform: (code, id) => runner.current?.change(code, id.split('?')[0] ?? id),
          },
        ],
        resolve: { conditions },
        ssr: { resolve: { conditions } },
      },
    )
    await vitest.standalone()
    runner.current = new RuleRunner(root, vitest)
    return runner.current
  }

  /** Runs the tests whose names hold the behaviour's number, unchanged. */
  honest(test: string, behaviour: string): Promise<Verdict> {
    return this.#run(test, behaviour, null, MOST_MS)
  }

  /** The same with the wrong change; `before` is how they ended without it. */
  broken(mutation: Mutation, before: Verdict): Promise<Verdict> {
    const limit = Math.min(MOST_MS, Math.max(LEAST_MS, before.slowestMs * PATIENCE))
    return this.#run(mutation.test, mutation.noticed, mutation, limit)
  }

  async #run(test: string, behaviour: string, mutation: Mutation | null, limitMs: number): Promise<Verdict> {
    const [project] = this.#vitest.projects
    if (!project) throw new Error('vitest has no project')
    project.config.testTimeout = limitMs
    const changed = mutation && join(this.#root, 'packages', mutation.file)
    this.#change = mutation
    if (changed) this.#vitest.invalidateFile(changed)
    try {
      this.#vitest.state.clearErrors()
      this.#vitest.setGlobalTestNamePattern(new RegExp(behaviour))
      const file = join(this.#root, 'packages', test)
      const ended = await this.#vitest.runTestSpecifications([project.createSpecification(file)])
      // What earlier calls ran is told again.
      const modules = ended.testModules.filter((module) => module.moduleId === file)
      const tests = modules.flatMap((module) => [...module.children.allTests()])
      const states = tests.map((each) => each.result().state)
      const slowestMs = Math.max(0, ...tests.map((each) => each.diagnostic()?.duration ?? 0))
      const count = (state: string): number => states.filter((each) => each === state).length
      // A file that cannot be loaded, and a rejection that nobody took, are red too.
      const broken = modules.filter((module) => module.errors().length > 0).length
      return { passed: count('passed'), failed: count('failed') + broken + ended.unhandledErrors.length, slowestMs }
    } finally {
      this.#change = null
      if (changed) this.#vitest.invalidateFile(changed)
    }
  }

  /** The changed text of a file, when it is the one that is changed at the moment. */
  change(code: string, id: string): { code: string; map: null } | undefined {
    const mutation = this.#change
    if (!mutation || id !== join(this.#root, 'packages', mutation.file)) return undefined
    return { code: code.replace(mutation.find, () => mutation.replace), map: null }
  }

  async close(): Promise<void> {
    await this.#vitest.close()
  }
}

/** What is wrong with the list itself: a place that is not there once, a behaviour that does not name the rule. */
export function misplaced(root: string, mutations: readonly Mutation[]): readonly string[] {
  const read = (path: string): string => readFileSync(join(root, path), 'utf8')
  const wrong: string[] = []
  for (const { rule, file, find, noticed, test, breaks } of mutations) {
    const places = read(join('packages', file)).split(find).length - 1
    if (places !== 1) wrong.push(`${rule} (${breaks}): \`${find}\` stands ${places} times in ${file}`)
    if (!citedBy(root, noticed).has(rule)) wrong.push(`${rule} (${breaks}): docs/spec does not name it at ${noticed}`)
    if (!test.endsWith('.test.ts')) wrong.push(`${rule} (${breaks}): ${test} is not a test file`)
  }
  return wrong
}

/** The rules that the heading over a behaviour's line, or the line itself, names. */
function citedBy(root: string, behaviour: string): ReadonlySet<string> {
  const rules = new Set<string>()
  for (const page of [
    'engine',
    'store',
    'observability',
    'agents',
    'budgets',
    'fork',
    'deploy',
    'compensation',
    'cost',
    'simulation',
    'flow',
    'time',
    'graph',
    'scopes',
    'policy-author',
    'points',
    'kill-switch',
  ]) {
    let heading = ''
    for (const line of linesOf(join(root, 'docs/spec', `${page}.md`))) {
      if (line.startsWith('## ')) heading = line
      if (line.startsWith(`- **${behaviour}**`))
        for (const found of `${heading} ${line}`.matchAll(/\bR\d+\b/g)) rules.add(found[0])
    }
  }
  return rules
}

function linesOf(path: string): readonly string[] {
  try {
    return readFileSync(path, 'utf8').split('\n')
  } catch {
    return []
  }
}

/** The rules that docs/ENGINE.md has. */
export function rulesOf(root: string): readonly string[] {
  const text = readFileSync(join(root, 'docs/ENGINE.md'), 'utf8')
  return [...text.matchAll(/^- \*\*(R\d+) /gm)].flatMap(([, rule]) => (rule === undefined ? [] : [rule]))
}
