import { describe, it } from 'vitest'
import { memoryUnderTest, sqliteUnderTest } from '../testing/conformance/places.ts'
import { storeConformance } from '../testing/store-conformance.ts'

const test = { describe, it }

storeConformance({
  name: 'memory',
  open: memoryUnderTest,
  capabilities: { durable: false, sharedBetweenProcesses: false },
  test,
})

storeConformance({
  name: 'sqlite',
  open: sqliteUnderTest,
  capabilities: { durable: true, sharedBetweenProcesses: true },
  test,
})
