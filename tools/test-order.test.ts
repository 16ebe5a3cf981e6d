import { existsSync, globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { ALONE, SLOW_FIRST } from './test-order.ts'

it('names test files that are there, each once', () => {
  const root = fileURLToPath(new URL('../', import.meta.url))
  expect(SLOW_FIRST.filter((file) => !existsSync(root + file))).toEqual([])
  expect(new Set(SLOW_FIRST).size).toBe(SLOW_FIRST.length)
})

it('runs alone what puts modules in the place of others', () => {
  const root = fileURLToPath(new URL('../', import.meta.url))
  const files = globSync('{packages,examples,bench,tools}/**/*.test.{ts,tsx}', {
    cwd: root,
    exclude: (name) => name === 'node_modules',
  })
  expect(files.length).toBeGreaterThan(300)
  const replaces = /^vi\.(mock|doMock|hoisted|resetModules)\(/m
  expect(files.filter((file) => replaces.test(readFileSync(root + file, 'utf8')))).toEqual(ALONE)
})
