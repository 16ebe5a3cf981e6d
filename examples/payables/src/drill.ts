/** The drill of the desk: invoices of every kind that lead to payments, holds and mails, against the bank's own files. */
import { join } from 'node:path'
import type { DrillInput, RecordedEffect, WorkflowDrill } from '@signalbox/server'
import { type PersonRequest, type Principal, systemHost } from 'signalbox'
import { deskModels } from './desk.ts'
import { keyEnvironment, makeKeys, WORLD_URL } from './tools/index.ts'
import { readBank } from './world/bank-store.ts'
import { readHolds } from './world/holds.ts'
import { spawnWorld } from './world/spawn.ts'
import { DESK } from './workflow.ts'

const TENANT = 'acme'

/** On whose behalf the runs of the drill act. */
export const REQUESTER: Principal = {
  id: 'user:rita',
  kind: 'user',
  tenant: TENANT,
  roles: ['requester', 'payables-clerk'],
}
/** Approves payments, and says what became of an effect after looking at the bank. */
export const APPROVER: Principal = { id: 'user:paul', kind: 'user', tenant: TENANT, roles: ['approver'] }

/** Invoices that do not depend on each other: below and above the limit on both endpoints, held ones, and one that lies. */
const INVOICES: Readonly<Record<string, readonly string[]>> = {
  'small, modern endpoint': ['inv-0005.csv', 'inv-0007.csv', 'inv-0043.csv', 'inv-0089.csv'],
  'small, legacy endpoint': ['inv-0016.json', 'inv-0029.json', 'inv-0037.csv', 'inv-0056.csv', 'inv-0062.csv'],
  'large, modern endpoint': ['inv-0002.json', 'inv-0006.json', 'inv-0022.csv'],
  'large, legacy endpoint': ['inv-0012.json', 'inv-0015.csv', 'inv-0019.csv'],
  'wrong sum': ['inv-0020.json', 'inv-0033.json'],
  'other account': ['inv-0071.json'],
  'wants to be paid twice': ['inv-0034.json'],
  'wants to be paid more': ['inv-0084.csv'],
}

const inputs: readonly DrillInput[] = Object.entries(INVOICES).flatMap(([kind, files]) =>
  files.map((file) => ({ name: `${kind}: ${file}`, input: { file } })),
)

/** What the bank's files say, as they stand. */
export function recordedBy(folder: string): readonly RecordedEffect[] {
  const { bookings, recalls, notifications } = readBank(folder)
  return [
    ...bookings.map((each) => ({
      tool: each.endpoint === 'modern' ? 'payments.pay' : 'payments.pay_legacy',
      subject: each.reference,
      key: each.endpoint === 'modern' ? (each.idempotency_key ?? 'no key') : null,
      runId: each.run_id,
    })),
    ...recalls.map((each) => ({
      tool: 'payments.recall',
      subject: each.reference,
      key: each.idempotency_key,
      runId: each.run_id,
    })),
    ...notifications.map((each) => ({
      tool: 'mail.send',
      subject: `${each.to}: ${each.subject}`,
      key: each.idempotency_key,
      runId: each.run_id,
    })),
    ...readHolds(join(folder, 'ledger.sqlite')).map((each) => ({
      tool: 'desk.propose_hold',
      subject: each.subject,
      key: each.idempotency_key,
      runId: each.run_id,
    })),
  ]
}

/** Approves payments and nothing else; the bank is asked by invoice, since its legacy endpoint keeps no keys. */
const decide = ({ row }: PersonRequest) => (row.class === 'payments.write' ? 'approved' : 'rejected')

function settle({ row, packet }: PersonRequest, effects: readonly RecordedEffect[]): 'happened' | 'did_not' {
  // The arguments of all tools that a person can be asked about name the invoice.
  const { invoice_key } = JSON.parse(packet?.arguments ?? '{}') as { invoice_key?: string }
  return effects.some((each) => each.tool === row.tool && each.subject === invoice_key) ? 'happened' : 'did_not'
}

/** See the file's head. */
export const deskDrill: WorkflowDrill = {
  workflow: DESK,
  inputs,
  principal: REQUESTER,
  person: { by: APPROVER, decide, settle },
  recorded: ['payments.pay', 'payments.pay_legacy', 'mail.send', 'desk.propose_hold'],
  // What bank and records number themselves, and when.
  volatile: [
    'booking_id',
    'booked_at',
    'notification_id',
    'sent_at',
    'hold_id',
    'placed_at',
    'idempotency_key',
    'run_id',
  ],
  models: () => deskModels({}),
  world: async ({ folder }) => {
    const keys = makeKeys(systemHost)
    const world = await spawnWorld({ dataFolder: folder, keys })
    return {
      env: { [WORLD_URL]: world.baseUrl, ...keyEnvironment(keys) },
      effects: async () => recordedBy(folder),
      stop: () => world.stop(),
    }
  },
}
