import { defineConfig } from 'vitest/config'
import { PlainReporter } from './tools/reporter.ts'
import { ALONE, SlowFirst } from './tools/test-order.ts'

const places = ['packages/*/{src,test}', 'examples/*/{src,test}', 'bench/src', 'tools']
const whole = (suffix: string) => places.map((place) => `${place}/**/*.${suffix}`)
const [ends, kills] = [whole('e2e.test.{ts,tsx}'), whole('kill.test.ts')]
const quick = { testTimeout: 30_000, hookTimeout: 30_000 }
// The time that a busy machine needs.
const patient = { testTimeout: 240_000, hookTimeout: 120_000 }

export default defineConfig({
  resolve: { conditions: ['signalbox-source'] },
  ssr: { resolve: { conditions: ['signalbox-source'] } },
  test: {
    pool: 'forks',
    // Tests wait for disks and for each other's processes: more of them than a small machine has processors.
    maxWorkers: 3,
    sequence: { sequencer: SlowFirst },
    // What any test stores is compared with the telemetry contract; what a file sets in its environment ends with it.
    setupFiles: ['tools/telemetry-setup.ts', 'tools/env-setup.ts'],
    reporters: [['default', { summary: false }], new PlainReporter()],
    projects: [
      {
        // Loads each module once per worker instead of once per file, which takes less than half of the time.
        extends: true,
        test: {
          name: 'unit',
          include: whole('test.{ts,tsx}'),
          exclude: [...ends, ...kills, ...ALONE],
          isolate: false,
          ...quick,
        },
      },
      { extends: true, test: { name: 'alone', include: [...ALONE], ...quick } },
      {
        // Tests that start processes: they run after the quick ones.
        extends: true,
        test: {
          name: 'process',
          include: ends,
          maxWorkers: 4,
          ...patient,
          sequence: { groupOrder: 1 },
        },
      },
      {
        // Tests that kill processes: they mostly wait for leases to run out, and fill what the others leave free.
        extends: true,
        test: {
          name: 'kill',
          include: kills,
          maxWorkers: 4,
          ...patient,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
