import { RECORD_TYPES as STORED } from 'signalbox'
import { expect, it } from 'vitest'
import { RECORD_TYPES } from './record-types.ts'

it('CON-145: every type of record that is stored can be filtered by, and no other', () => {
  expect([...RECORD_TYPES].sort()).toEqual([...STORED].sort())
})
