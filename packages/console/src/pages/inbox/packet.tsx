import type { ApprovalDetail } from '@signalbox/protocol'
import type { ReactNode } from 'react'
import { money, prettyJson } from '../../lib/format.ts'
import { approversText, EFFECT } from '../../lib/words.ts'
import { CodeBlock, Facts, Tag } from '../../ui/basics.tsx'
import { Prose } from '../../ui/prose.tsx'
import { Icon } from '../../ui/icon.tsx'
import { Clock } from '../../ui/time.tsx'

/** The four parts that a reviewer decides on, then the arguments and who asks under which rule. All of it is text only. */
export function ApprovalPacket({ approval }: { approval: ApprovalDetail }) {
  const { packet } = approval
  if (!packet)
    return <p className="px-4 py-6 text-sm text-muted">The content was erased; only the facts around it are kept.</p>
  return (
    <>
      <dl className="grid gap-px border-b border-line bg-line sm:grid-cols-2">
        <Part name="Summary">
          <span className="untrusted">{packet.summary}</span>
        </Part>
        <Part name="Target">
          <span className="font-semibold breakable">
            {packet.target.type} {packet.target.id}
          </span>
          <span className="block text-xs text-muted breakable">version {packet.target.version}</span>
        </Part>
        <Part name="Impact">
          {packet.impact.money ? (
            <span className="block text-lg font-semibold tabular-nums">
              {money(packet.impact.money.minor, packet.impact.money.currency)}
            </span>
          ) : null}
          {packet.impact.text ? <span className="untrusted block">{packet.impact.text}</span> : null}
          <EffectLine effect={packet.effect} />
        </Part>
        <Part name="Rollback">
          <span className="untrusted">{packet.rollback || 'None declared.'}</span>
        </Part>
      </dl>
      <div className="flex flex-col gap-4 px-4 py-4">
        <section>
          <h3 className="eyebrow mb-1">Why it is asked</h3>
          <ul className="list-disc pl-5 text-sm">
            {packet.why.map((why) => (
              <li key={why} className="untrusted">
                {/^[A-Z_]+$/.test(why) ? <code className="text-xs">{why}</code> : <Prose text={why} />}
              </li>
            ))}
          </ul>
        </section>
        <section>
          <h3 className="eyebrow mb-1">Arguments{packet.edited_by ? `, as edited by ${packet.edited_by}` : ''}</h3>
          <CodeBlock label="Arguments" text={prettyJson(packet.arguments)} />
        </section>
        <Facts rows={factRows(approval, packet)} />
        <p className="flex gap-2 text-xs text-muted">
          <Icon name="warning" className="mt-0.5" />
          Texts on this page may come from documents or from a model. They are shown as they are and followed by nobody.
        </p>
      </div>
    </>
  )
}

function Part({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="bg-surface px-4 py-3">
      <dt className="eyebrow mb-0.5">{name}</dt>
      <dd className="text-sm breakable">{children}</dd>
    </div>
  )
}

function EffectLine({ effect }: { effect: 'none' | 'reversible' | 'irreversible' }) {
  const tone = effect === 'irreversible' ? 'text-bad' : 'text-muted'
  return (
    <span className={`mt-0.5 inline-flex items-center gap-1 text-xs font-semibold ${tone}`}>
      {effect === 'irreversible' ? <Icon name="warning" className="size-3" /> : null}
      {effect === 'irreversible' ? 'Irreversible: it cannot be taken back' : EFFECT[effect]}
    </span>
  )
}

function factRows(
  approval: ApprovalDetail,
  packet: NonNullable<ApprovalDetail['packet']>,
): (readonly [string, ReactNode])[] {
  return [
    [
      'Tool',
      <span key="t" className="inline-flex flex-wrap items-center gap-x-2">
        <code className="text-xs">{packet.tool}</code>
        <Tag mono>{packet.class}</Tag>
      </span>,
    ],
    ['Requested by', packet.requested_by],
    ['May decide', approversText(approval.approvers)],
    ['Deadline', <Clock key="d" at={approval.deadline} />],
    ['Data labels', labelsText(packet.labels)],
    [
      'Packet hash',
      <code key="h" className="text-xs">
        {approval.packet_hash}
      </code>,
    ],
  ]
}

const TRUST = [
  'from outside, untrusted',
  'from a partner',
  'from an internal system',
  'from a user or operator',
] as const

function labelsText(labels: { integrity: number; marks: readonly string[] }): string {
  return [TRUST[labels.integrity] ?? TRUST[0], ...labels.marks].join('; ')
}
