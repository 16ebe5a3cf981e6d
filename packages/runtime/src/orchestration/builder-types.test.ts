import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, '../../../..')

it('GRA-018: the compiler refuses each wrong use by itself, and nothing else', () => {
  const source = readFileSync(join(here, 'builder.type-test.ts'), 'utf8')
  const lines = source.split('\n')
  const wrong = lines.flatMap((line, i) => (line.includes('@ts-expect-error') ? [i + 1] : []))
  expect(wrong.length).toBeGreaterThan(15)
  const cache = join(root, 'node_modules/.cache')
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'wrong-uses-'))
  try {
    // Without its directives every wrong use must show up as an error just after the line of the directive.
    const text = source.replaceAll('@ts-expect-error', 'wrong:').replaceAll(/from '(\.[^']*)'/g, (_, path) => {
      return `from '${relative(folder, join(here, String(path)))}'`
    })
    writeFileSync(join(folder, 'wrong.ts'), text)
    const config = { extends: join(root, 'tsconfig.base.json'), compilerOptions: { noEmit: true }, files: ['wrong.ts'] }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const { stdout } = spawnSync(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], { encoding: 'utf8' })
    const reported = [...stdout.matchAll(/^\S*wrong\.ts\((\d+),/gm)].map((match) => Number(match[1]))
    const unexplained = reported.filter((line) => !wrong.some((at) => line === at + 1))
    const missed = wrong.filter((at) => !reported.some((line) => line === at + 1))
    expect({ unexplained, missed, others: stdout.match(/^(?!\S*wrong\.ts|\s).*error TS.*$/gm) }).toEqual({
      unexplained: [],
      missed: [],
      others: null,
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
