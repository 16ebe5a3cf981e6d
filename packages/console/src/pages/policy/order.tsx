import type { BundleChange, Client } from '@signalbox/protocol'
import { useChange } from '../../api/queries.ts'
import { ConfirmDialog } from '../../ui/dialog.tsx'
import { Changes } from './changes.tsx'

/** Something that a person orders about a bundle. */
export type Order = {
  /** `name@sha256`. */
  readonly bundle: string
  /** Against the bundle in force, where they are known. */
  readonly changes: readonly BundleChange[] | null
} & (
  | { readonly act: 'propose' | 'activate' | 'decline' | 'emergency' | 'shadow' | 'stopShadow' }
  | { readonly act: 'review'; readonly activation: number }
)

interface Words {
  readonly title: string
  readonly action: string
  readonly what: string
  readonly word?: string
}

const WORDS: Record<Order['act'], Words> = {
  propose: {
    title: 'Go back to this bundle',
    action: 'Propose',
    what: 'It becomes a draft. Somebody else has to activate it.',
  },
  activate: {
    title: 'Activate this draft',
    action: 'Activate',
    what: 'It decides from now on, for runs under way too. You are the second person.',
    word: 'activate',
  },
  decline: { title: 'Decline this draft', action: 'Decline', what: 'It is taken from the list and stays on record.' },
  emergency: {
    title: 'Bring this bundle back alone',
    action: 'Bring it back',
    what: 'It decides from now on, without a second person. Somebody else has to look at it afterwards.',
    word: 'emergency',
  },
  shadow: {
    title: 'Evaluate this draft in shadow',
    action: 'Start',
    what: 'Every question is asked of it too. It decides nothing.',
  },
  stopShadow: { title: 'Stop the shadow', action: 'Stop', what: 'No draft is evaluated any more; its report stays.' },
  review: {
    title: 'Say that you looked at it',
    action: 'Looked at',
    what: 'One person alone brought this bundle into force. You say that you looked at it.',
  },
}

/** Asks for a reason, shows what would change, and for what decides from now on a typed word. */
export function OrderDialog({ order, onClose }: { order: Order; onClose: () => void }) {
  const change = useChange<string>((client, reason) => send(client, order, reason))
  const { title, action, what, word } = WORDS[order.act]
  return (
    <ConfirmDialog
      title={title}
      action={action}
      {...(word ? { word } : {})}
      kind={word ? 'danger' : 'primary'}
      pending={change.isPending}
      error={change.error}
      onClose={onClose}
      onConfirm={(reason) => change.mutate(reason, { onSuccess: onClose })}
    >
      <p>{what}</p>
      <p className="font-mono text-xs breakable">{order.bundle}</p>
      {order.changes ? <Changes changes={order.changes} /> : null}
    </ConfirmDialog>
  )
}

function send(client: Client, order: Order, reason: string): Promise<unknown> {
  const id = order.bundle.slice(order.bundle.lastIndexOf('@') + 1)
  switch (order.act) {
    case 'propose':
      return client.proposeBundle({ body: { hash: id, reason } })
    case 'activate':
      return client.activateBundle({ params: { id }, body: { reason } })
    case 'decline':
      return client.declineBundle({ params: { id }, body: { reason } })
    case 'emergency':
      return client.takeBackBundle({ params: { id }, body: { reason } })
    case 'shadow':
      return client.startShadow({ body: { hash: id, reason } })
    case 'stopShadow':
      return client.stopShadow({ body: { reason } })
    case 'review':
      return client.reviewActivation({ body: { activation: order.activation, reason } })
  }
}
