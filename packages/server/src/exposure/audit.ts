import type { Host, SecretForm } from 'signalbox'
import { isoTime } from 'signalbox'
import { type Match, type Secret, secretMatcher } from './matcher.ts'
import { EXPOSURE_PLACES, type ExposurePlace, type Piece, type Searched } from './pieces.ts'
import { PLACES } from './places.ts'
import type { ExposureFinding, ExposureReport } from './report.ts'

/** What an audit is made with. */
export interface ExposureAuditOptions extends Searched {
  readonly project: string
  readonly host: Host
  readonly secrets: readonly Secret[]
  /** Forms that are searched. Default: keys and tokens, IBANs, cards. */
  readonly forms?: readonly SecretForm[]
  /** A keyed digest of a value. */
  readonly fingerprint: (value: string) => string
  /** Places that are left out, to see that a test of the audit notices. */
  readonly without?: readonly ExposurePlace[]
}

/** Findings that a report spells out; beyond it they are counted. */
const MOST_FINDINGS = 1_000
const FORMS: readonly SecretForm[] = ['secret', 'iban', 'card']

/**
 * Searches every place where content could have got to. It changes nothing. Throws INPUT_INVALID for a path that is not
 * there, and the store's codes; what it could not read is an error, never a clean report (Invariant 17).
 */
export async function auditExposure(options: ExposureAuditOptions): Promise<ExposureReport> {
  const { secrets, forms = FORMS, fingerprint, host, without = [] } = options
  const match = secretMatcher({ secrets, forms, fingerprint })
  const findings: ExposureFinding[] = []
  const places: ExposureReport['places'] = []
  let [unexplained, total] = [0, 0]
  for (const place of EXPOSURE_PLACES) {
    if (without.includes(place)) continue
    let [texts, found] = [0, 0]
    for await (const piece of PLACES[place](options)) {
      texts += 1
      for (const each of match(piece.text, piece.bytes ? 'known' : undefined)) {
        found += 1
        if (piece.explained === null) unexplained += 1
        if (findings.length < MOST_FINDINGS) findings.push(findingOf(place, piece, each))
      }
    }
    total += found
    places.push({ place, texts, findings: found })
  }
  return {
    kind: 'exposure-audit',
    v: 1,
    made_at: isoTime(host.now()),
    project: options.project,
    result: unexplained === 0 ? 'passed' : 'failed',
    capture: options.capture.settings.mode,
    identity: options.capture.settings.identity,
    known_secrets: secrets.length,
    forms: [...forms],
    places,
    findings_total: total,
    unexplained,
    findings,
  }
}

function findingOf(place: ExposurePlace, { where, explained }: Piece, match: Match): ExposureFinding {
  return { place, where: { ...where }, explained, ...match }
}
