import type { SimScenario } from '../scenario.ts'
import { clerk, tight } from './clerk.ts'
import { branched, cancelled, fan, forked, restored, switchedOff } from './fan.ts'
import { nested, nestedMoved } from './nested.ts'
import { gathered, loop, once, race } from './order.ts'
import { hurried, timers } from './time.ts'
import { approvals, ports, unanswered } from './people.ts'

/** The scenarios that `npm test` and the full run simulate. */
export const SIM_SCENARIOS: readonly SimScenario[] = [
  fan,
  clerk,
  approvals,
  loop,
  race,
  ports,
  tight,
  once,
  restored,
  cancelled,
  switchedOff,
  unanswered,
  branched,
  forked,
  gathered,
  nested,
  nestedMoved,
  timers,
  hurried,
]
