/** Where kill switches of the mock backend stand with the workers, what they would touch, overrides, history. */
import type {
  BlastRadiusView,
  EndpointName,
  KillSwitchView,
  Me,
  OverrideView,
  SwitchHistoryView,
  SwitchStatusView,
} from '@signalbox/protocol'

const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString()

/** What any switch would touch; nothing for a name that nothing has. */
function radiusOf(target: string): BlastRadiusView {
  const known = target !== 'nothing.there'
  return {
    open_runs: known ? 3 : 0,
    runs: known ? [{ run_id: 'run_01', workflow: 'payables', status: 'waiting' }] : [],
    waiting_approvals: known ? 1 : 0,
    approvals: known ? [{ approval_id: 'ask_1', run_id: 'run_01', tool: 'payments.pay' }] : [],
    effects_in_flight: 0,
    in_flight: [],
    schedules: known ? ['close-the-day'] : [],
    cut: false,
  }
}

/** Two workers: one that acts on every switch, one that is silent. */
function statusOfSwitches(switches: readonly KillSwitchView[], overrides: readonly OverrideView[]) {
  const workers: SwitchStatusView['switches'][number]['workers'] = [
    { worker: 'worker-1', state: 'acknowledged', seen_at: ago(1), at: ago(1) },
    { worker: 'worker-2', state: 'dead', seen_at: ago(60), at: null },
  ]
  return {
    switches: switches.filter((one) => one.engaged).map((one) => ({ kill_switch: one, acknowledged: false, workers })),
    unreviewed_overrides: overrides.filter((one) => one.confirmed_by !== null && one.reviewed_by === null).length,
  }
}

/** An override that waits for a second person, and one that was used. */
export function allOverrides(): OverrideView[] {
  const one = {
    switch_id: 'ks_01',
    run_id: 'run_01',
    reason: 'The landlord cuts the power at noon.',
    created_at: ago(300),
  }
  return [
    {
      ...one,
      id: 'ov_2',
      ask: 'root.0.pay.0/1/0',
      asked_by: 'user:vera',
      confirmed_by: null,
      expires_at: ago(-600),
      used_at: null,
      reviewed_by: null,
    },
    {
      ...one,
      id: 'ov_1',
      ask: 'root.0.pay.0/0/0',
      asked_by: 'user:vera',
      confirmed_by: 'user:olga',
      expires_at: ago(100),
      used_at: ago(200),
      reviewed_by: null,
    },
  ]
}

/** What was done with switches, oldest first. */
function switchHistory(): SwitchHistoryView {
  const one = {
    switch_id: 'ks_01',
    override_id: null,
    scope: 'tool',
    target: 'notices.send',
    mode: 'stop_now',
  } as const
  return {
    ok: true,
    findings: [],
    events: [
      {
        ...one,
        seq: 1,
        at: ago(90_000),
        kind: 'thrown',
        by: 'user:olga',
        reason: 'The mail relay bounces everything.',
        channel: 'file',
      },
      { ...one, seq: 2, at: ago(80_000), kind: 'lifted', by: 'user:olga', reason: 'It works again.', channel: 'api' },
    ],
  }
}

/** What these answers need of the backend. */
interface Held {
  killSwitches: KillSwitchView[]
  overrides: OverrideView[]
}
type Answers = Partial<
  Record<EndpointName, (held: Held, call: { id: string; query: unknown; body: unknown; me: Me | null }) => unknown>
>

/** What is read of switches. */
export const SWITCH_READS: Answers = {
  killSwitches: (held) => ({ kill_switches: held.killSwitches }),
  blastRadius: (_held, { query }) => radiusOf((query as { target: string }).target), // parsed before
  switchStatus: (held) => statusOfSwitches(held.killSwitches, held.overrides),
  switchHistory: () => switchHistory(),
  overrides: (held) => ({ overrides: held.overrides }),
}

/** What is done with them. A switch on everything takes two persons to lift. */
export const SWITCH_CHANGES: Answers = {
  engageKillSwitch: (held, { body, me }) => {
    const { scope, target, mode, reason } = body as KillSwitchView // parsed before
    const made: KillSwitchView = {
      id: `ks_${held.killSwitches.length + 10}`,
      scope,
      target,
      mode,
      reason,
      by: me?.principal.id ?? '',
      created_at: new Date().toISOString(),
      expires_at: null,
      lifted_at: null,
      lifted_by: null,
      lift_asked_by: null,
      channel: 'api',
      engaged: true,
    }
    held.killSwitches = [made, ...held.killSwitches]
    return made
  },
  liftKillSwitch: (held, { id, me }) => {
    const who = me?.principal.id ?? null
    const row = held.killSwitches.find((one) => one.id === id)
    const isFirst = row?.scope === 'tenant' && row.lift_asked_by === null
    const change = isFirst
      ? { lift_asked_by: who }
      : { engaged: false, lifted_at: new Date().toISOString(), lifted_by: who }
    held.killSwitches = held.killSwitches.map((each) => (each.id === id ? { ...each, ...change } : each))
    return { kill_switches: held.killSwitches, lifted: !isFirst }
  },
  confirmOverride: (held, { id, me }) => changed(held, id, { confirmed_by: me?.principal.id ?? null }),
  reviewOverride: (held, { id, me }) => changed(held, id, { reviewed_by: me?.principal.id ?? null }),
}

function changed(held: Held, id: string, change: Partial<OverrideView>): OverrideView | undefined {
  held.overrides = held.overrides.map((one) => (one.id === id ? { ...one, ...change } : one))
  return held.overrides.find((one) => one.id === id)
}
