import type { RunDetail } from '@signalbox/protocol'
import { buildChanges, type RunRecord } from 'signalbox'

/** What a run was started with, and where it went on otherwise; null for runs of versions that did not record it. */
export function buildView(records: readonly RunRecord[]): RunDetail['build'] {
  const first = records[0]
  if (first?.type !== 'run.started' || !first.build) return null
  const { models, prompts, tools, prices, ...rest } = first.build
  const changes = records.flatMap((record) => {
    if (record.type !== 'segment.started' || !record.build) return []
    const what = buildChanges(first.build, record.build).join('; ')
    return [{ segment: record.segment, seq: record.seq, what }]
  })
  return {
    ...rest,
    models: { ...models },
    prompts: { ...prompts },
    tools: { ...tools },
    prices: { ...prices },
    changes,
  }
}
