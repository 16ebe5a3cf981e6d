import { SignalboxError } from '../../base/errors.ts'
import type { Control, ControlDef } from '../../contracts/control.ts'
import { isPoint } from '../points.ts'
import { isPolicyReason } from '../reasons.ts'

const NAME = /^[a-z][a-z0-9-]{0,62}$/
const VERSION = /^\d+\.\d+\.\d+$/
const CODE = /^[A-Z][A-Z0-9_]{0,62}$/
const DEFAULT_MS = 1_000
const MAX_MS = 60_000

/**
 * Declares a control: a check of your own that follows the policy bundle at the points that it names. It can deny, warn,
 * ask for a person or change the value; it cannot permit what the bundle does not. Throws CONFIG_INVALID naming every
 * fault at once.
 */
export function control(def: ControlDef): Control {
  const { timeoutMs = DEFAULT_MS } = def
  const faults = faultsOf(def, timeoutMs)
  if (faults.length > 0) throw new SignalboxError('CONFIG_INVALID', `control \`${def.name}\`: ${faults.join('; ')}`)
  return Object.freeze({ ...def, timeoutMs, id: `control:${def.name}@${def.version}` })
}

function faultsOf(def: ControlDef, timeoutMs: number): string[] {
  const codes = Object.keys(def.reasons)
  const refused: readonly (readonly [boolean, string])[] = [
    [!NAME.test(def.name), '`name` must be lower-case letters, digits and -'],
    [!VERSION.test(def.version), '`version` must be a version such as 1.0.0'],
    [def.owner.trim() === '', '`owner` must not be empty'],
    [def.points.length === 0, '`points` must name at least one intervention point'],
    [new Set(def.points).size < def.points.length, '`points` names a point twice'],
    [codes.length === 0, '`reasons` must declare at least one reason code'],
    [
      !Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > MAX_MS,
      '`timeoutMs` must be 1 to 60,000 milliseconds',
    ],
  ]
  return [
    ...refused.filter(([wrong]) => wrong).map(([, text]) => text),
    ...def.points.filter((point) => !isPoint(point)).map((point) => `\`${point}\` is not an intervention point`),
    ...codes.filter((code) => !CODE.test(code)).map((code) => `reason \`${code}\` must be capital letters and digits`),
    ...codes.filter(isPolicyReason).map((code) => `reason \`${code}\` is a code of the runtime: choose another`),
  ]
}
