/** The other tools that change something: a hold, a deletion, a mail. */
import { type Found, tool } from 'signalbox'
import { z } from 'zod'
import { money, subjectOf } from '../case.ts'
import { ArchivedRecord, HoldRecord, Notice } from '../world/client.ts'
import { caseOf, caseVersion, certain, clientOf, common, keyed, options, orNull, type WorldAccess } from './world.ts'

const OWN_RECORDS = { integrity: 2, marks: [] } as const

/** The acting tools, payments apart, over the world that `access` names. */
export function actionTools(access: WorldAccess) {
  return { hold: holdTool(access), archive: archiveTool(access), mail: mailTool(access) }
}

/** Proposes not to pay. `matched` is told for an invoice that is not the run's own, so that a person has to look. */
function holdTool(access: WorldAccess) {
  return tool({
    name: 'desk.propose_hold',
    class: 'desk.decide',
    effect: 'reversible',
    description: 'Leaves an invoice unpaid and says why. `invoice_key` is the file name for a file without a key.',
    ...common(access),
    settleAfterSeconds: access.settleAfterSeconds,
    repeat: 'same_key_is_harmless',
    labels: OWN_RECORDS,
    input: z.object({ invoice_key: z.string().max(120), reason_code: z.string().regex(/^[a-z][a-z0-9_]{0,59}$/) }),
    output: HoldRecord,
    effectKey: ({ invoice_key }) => ({ scope: 'run', key: invoice_key }),
    touches: ({ invoice_key }) => [`invoice:${invoice_key}`],
    facts: {
      schema: z.object({ match_status: z.string(), own_invoice: z.boolean() }),
      read: async ({ invoice_key }, ctx) => {
        const match = await clientOf(access, ctx).match(caseOf(ctx).file, options(ctx))
        return { match_status: match.status, own_invoice: subjectOf({ file: match.source, match }) === invoice_key }
      },
    },
    preview: async ({ invoice_key, reason_code }, ctx) => {
      const { match, vendor } = caseOf(ctx)
      const owed = match.expected && { minor: match.expected.amount_minor, currency: match.expected.currency }
      return {
        summary: `Do not pay invoice ${invoice_key} of ${vendor?.name ?? 'an unknown vendor'} (${reason_code})`,
        target: { type: 'invoice', id: invoice_key, version: await caseVersion(clientOf(access, ctx), ctx) },
        impact: {
          ...(owed ? { money: owed } : {}),
          text: owed ? `${money(owed.minor, owed.currency)} that the match says is owed stays unpaid` : 'stays unpaid',
        },
        rollback: 'Release the hold and start the invoice again; the vendor is paid late.',
      }
    },
    execute: ({ invoice_key, reason_code }, ctx) =>
      certain(async () => {
        const placed = await clientOf(access, ctx).hold({ subject: invoice_key, reason_code }, keyed(ctx))
        return placed.hold
      }),
    reconcile: async (_args, ctx): Promise<Found<z.infer<typeof HoldRecord>>> => {
      const hold = await clientOf(access, ctx).findHoldByKey(ctx.idempotencyKey, options(ctx))
      return hold ? { answer: 'happened', output: hold } : { answer: 'did_not' }
    },
  })
}

function archiveTool(access: WorldAccess) {
  return tool({
    name: 'records.archive',
    class: 'records.delete',
    effect: 'irreversible',
    description: 'Deletes a record of the archive for good.',
    ...common(access),
    settleAfterSeconds: access.settleAfterSeconds,
    repeat: 'same_key_is_harmless',
    labels: OWN_RECORDS,
    input: z.object({ record_id: z.string().max(40) }),
    output: ArchivedRecord,
    undo: 'impossible',
    effectKey: ({ record_id }) => ({ scope: 'tenant', key: record_id }),
    touches: ({ record_id }) => [`record:${record_id}`],
    preview: async ({ record_id }, ctx) => {
      const record = await orNull(() => clientOf(access, ctx).record(record_id, options(ctx)))
      const state = record === null ? 'absent' : record.deleted_at === null ? 'kept' : 'deleted'
      return {
        summary: `Delete archive record ${record_id} (${record?.title ?? 'no such record'})`,
        target: { type: 'archive record', id: record_id, version: state },
        impact: { text: `${record?.title ?? record_id} is gone for everybody` },
        rollback: 'None: the archive keeps no copy.',
      }
    },
    execute: ({ record_id }, ctx) =>
      certain(async () => (await clientOf(access, ctx).deleteRecord(record_id, keyed(ctx))).record),
    reconcile: async ({ record_id }, ctx): Promise<Found<z.infer<typeof ArchivedRecord>>> => {
      const record = await orNull(() => clientOf(access, ctx).record(record_id, options(ctx)))
      const isOurs = record?.deleted_at != null && record.deleted_by_key === ctx.idempotencyKey
      return record && isOurs ? { answer: 'happened', output: record } : { answer: 'did_not' }
    },
  })
}

function mailTool(access: WorldAccess) {
  return tool({
    name: 'mail.send',
    class: 'external.notification.send',
    effect: 'irreversible',
    description: 'Sends a mail outside the company.',
    ...common(access),
    settleAfterSeconds: access.settleAfterSeconds,
    repeat: 'same_key_is_harmless',
    labels: OWN_RECORDS,
    input: z.object({ to: z.string().max(200), subject: z.string().max(200), body: z.string().max(10_000) }),
    output: Notice,
    undo: 'impossible',
    effectKey: ({ to, subject }) => ({ scope: 'run', key: `${to}\n${subject}` }),
    touches: ({ to }, sent) => [`mail:${to}`, ...(sent ? [`ref:${sent.notification_id}`] : [])],
    facts: {
      schema: z.object({ recipient_registered: z.boolean() }),
      read: async ({ to }, ctx) => {
        const vendorId = caseOf(ctx).invoice?.vendor_id
        const vendor = vendorId ? await orNull(() => clientOf(access, ctx).vendor(vendorId, options(ctx))) : null
        return { recipient_registered: vendor !== null && vendor.email === to }
      },
    },
    preview: async ({ to, subject, body }) => ({
      summary: `Send a mail to ${to}: ${subject}`,
      target: { type: 'mail', id: to, version: '1' },
      impact: { text: body.slice(0, 1_000) },
      rollback: 'None: a mail cannot be called back.',
    }),
    execute: (mail, ctx) => certain(async () => (await clientOf(access, ctx).notify(mail, keyed(ctx))).notification),
    reconcile: async (_args, ctx): Promise<Found<z.infer<typeof Notice>>> => {
      const sent = await clientOf(access, ctx).findNotificationByKey(ctx.idempotencyKey, options(ctx))
      return sent ? { answer: 'happened', output: sent } : { answer: 'did_not' }
    },
  })
}
