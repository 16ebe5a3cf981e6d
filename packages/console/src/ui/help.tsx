import { useState } from 'react'
import { setShortcuts, shortcutsOn } from '../lib/hooks.ts'
import { Button } from './basics.tsx'
import { Dialog } from './dialog.tsx'

const KEYS: readonly (readonly [string, string])[] = [
  ['1  2  3  4  5', 'Runs, approvals, kill switches, schedules, policy'],
  ['6  7  8', 'Alerts, effects, events'],
  ['j  k', 'Next, previous in a list'],
  ['Down  Up', 'Next, previous record in a list of events'],
  ['Enter', 'Open what is selected; confirm in a dialog'],
  ['a', 'Approve: opens the confirmation'],
  ['r', 'Reject: opens the confirmation'],
  ['Escape', 'Close a dialog'],
  ['?', 'This help'],
]

/** The keys, and the switch for people whom single keys disturb. */
export function HelpDialog({ onClose }: { onClose: () => void }) {
  const [on, setOn] = useState(shortcutsOn)
  return (
    <Dialog title="Keyboard" onClose={onClose}>
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-2 text-sm">
        {KEYS.map(([key, what]) => (
          <div key={key} className="col-span-2 grid grid-cols-subgrid items-center">
            <dt>
              <kbd className="rounded border border-line-strong bg-sunken px-1.5 py-0.5 text-xs whitespace-pre">
                {key}
              </kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <div className="mt-4 flex flex-wrap items-center justify-between gap-3 border-t border-line pt-3">
        <label className="flex items-center gap-2 text-sm">
          <input
            type="checkbox"
            checked={on}
            className="size-4 accent-accent"
            onChange={(event) => {
              setShortcuts(event.target.checked)
              setOn(event.target.checked)
            }}
          />
          Single keys act as shortcuts
        </label>
        <Button onClick={onClose}>Close</Button>
      </div>
    </Dialog>
  )
}
