import type { ContentRef } from '../contracts/common.ts'
import type { BenchBox } from './bench-box.ts'

/** The records of a run and all of its stored contents, opened, as one text: to look for what must not be there. */
export async function everything(one: BenchBox, runId: string): Promise<string> {
  const contents = await one.sb.runs.contents('acme', runId)
  const records = await one.records(runId)
  const values = await Promise.all(records.flatMap((record) => refsIn(record)).map((ref) => contents.read(ref)))
  return JSON.stringify([records, values])
}

function refsIn(value: unknown): ContentRef[] {
  if (typeof value !== 'object' || value === null) return []
  // A reference is the only object of a record with these three fields.
  if ('s' in value && 'i' in value && 'h' in value) return [value as ContentRef]
  return Object.values(value).flatMap(refsIn)
}
