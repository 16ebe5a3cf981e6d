import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { SLOW_FIRST } from './test-order.ts'

it('names test files that are there, each once', () => {
  const root = fileURLToPath(new URL('../', import.meta.url))
  expect(SLOW_FIRST.filter((file) => !existsSync(root + file))).toEqual([])
  expect(new Set(SLOW_FIRST).size).toBe(SLOW_FIRST.length)
})
