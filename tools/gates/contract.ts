/** Gate `contract`: what is made from the telemetry contract is up to date, and its review is told when it is due. */
import { contractReviewWarning } from '../../packages/runtime/src/observability/review.ts'
import { contractCode } from '../lib/telemetry-code.ts'
import { readContract, type TelemetryContract } from '../lib/telemetry-contract.ts'
import { contractPage } from '../lib/telemetry-page.ts'
import { schemaText } from '../lib/telemetry-schema.ts'
import type { Finding, SourceFile } from '../lib/source.ts'

const CONTRACT = 'packages/runtime/src/observability/contract.v1.json'
const MADE: Readonly<Record<string, (contract: TelemetryContract) => string>> = {
  'packages/runtime/src/observability/contract.generated.ts': contractCode,
  'docs/reference/telemetry.md': contractPage,
  'docs/reference/telemetry.schema.json': schemaText,
}

/** What is wrong with the contract or is not what it makes; a due review is a warning. `now` is in milliseconds since 1970. */
export function contract(files: readonly SourceFile[], now: number): Finding[] {
  const source = files.find(({ path }) => path === CONTRACT)
  if (!source) return [{ file: CONTRACT, line: 0, message: 'the telemetry contract is missing' }]
  let read: TelemetryContract
  try {
    read = readContract(source.text)
  } catch (cause) {
    return [{ file: CONTRACT, line: 0, message: cause instanceof Error ? cause.message : 'it cannot be read' }]
  }
  const stale = Object.entries(MADE).flatMap(([file, make]): Finding[] =>
    files.find(({ path }) => path === file)?.text === make(read)
      ? []
      : [{ file, line: 0, message: 'it is not what the contract makes: run `node tools/telemetry-contract.ts`' }],
  )
  const { semconv_repository, reviewed_on, review_after_days } = read
  const message = contractReviewWarning(now, {
    semconvRepository: semconv_repository,
    reviewedOn: reviewed_on,
    reviewAfterDays: review_after_days,
  })
  return message === null ? stale : [...stale, { file: CONTRACT, line: 0, message, level: 'warn' }]
}
