import type { Mutation } from '../mutation.ts'

const ENGINE = 'runtime/src/engine'
const TIMERS = `${ENGINE}/timer.test.ts`
const TIMER_NODES = `${ENGINE}/timer-node.test.ts`
const LIMITS = `${ENGINE}/node-limits.test.ts`
const GIVEN_UP = `${ENGINE}/given-up.test.ts`
const DRAIN = `${ENGINE}/drain.test.ts`

/** Timers, time limits, calls that do not stop, and handing on. */
export const TIME: readonly Mutation[] = [
  {
    rule: 'R1',
    breaks: 'a timer is set anew by each process that meets it',
    file: `${ENGINE}/door/timer.ts`,
    find: '(ask.journal().timer ?? setTimer(ask))',
    replace: 'setTimer(ask)',
    noticed: 'TIM-002',
    test: TIMERS,
  },
  {
    rule: 'R1',
    breaks: 'a timer fires at its wake-up, whatever the clock shows',
    file: `${ENGINE}/door/timer.ts`,
    find: 'while (host.now() < due)',
    replace: 'if (host.now() < due)',
    noticed: 'TIM-003',
    test: TIMERS,
  },
  {
    rule: 'R6',
    breaks: 'a timer node that fired stays open',
    file: `${ENGINE}/responses.ts`,
    find: 'before.requests.filter((one) => one.request_id !== request.request_id)',
    replace: 'before.requests.filter((one) => one.timer || one.request_id !== request.request_id)',
    noticed: 'TIM-010',
    test: TIMER_NODES,
  },
  {
    rule: 'R4',
    breaks: 'a crash gives a node its time anew',
    file: `${ENGINE}/activation.ts`,
    find: 'node, this.fold.usedMs, {',
    replace: 'node, 0, {',
    noticed: 'TIM-023',
    test: LIMITS,
  },
  {
    rule: 'R4',
    breaks: 'a node whose time is up leaves what it has sent',
    file: `${ENGINE}/activation.ts`,
    find: 'if (this.open === 0) throw limit',
    replace: 'throw limit',
    noticed: 'TIM-022',
    test: LIMITS,
  },
  {
    rule: 'R4',
    breaks: 'waiting for a person counts as time of the node',
    file: `${ENGINE}/door/ask.ts`,
    find: '    clock.leave()\n',
    replace: '',
    noticed: 'TIM-021',
    test: LIMITS,
  },
  {
    rule: 'R4',
    breaks: 'a call that ignores its abort is waited for',
    file: `${ENGINE}/door/outlet.ts`,
    find: '      reject(why)\n',
    replace: '',
    noticed: 'TIM-040',
    test: GIVEN_UP,
  },
  {
    rule: 'R8',
    breaks: 'an agent goes on after its turn while its worker is stopped',
    file: `${ENGINE}/activation.ts`,
    find: 'if (this.run.draining) return this.leave()',
    replace: '',
    noticed: 'TIM-060',
    test: DRAIN,
  },
  {
    rule: 'R4',
    breaks: 'what is dropped by a worker that stops keeps its lease',
    file: `${ENGINE}/worker.ts`,
    find: 'await this.giveUpLeases(left)',
    replace: 'await this.giveUpLeases([])',
    noticed: 'TIM-061',
    test: DRAIN,
  },
]
