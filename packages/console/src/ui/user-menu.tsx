import type { Me } from '@signalbox/protocol'
import { DropdownMenu } from 'radix-ui'
import { useSession } from '../api/session.tsx'
import { type ThemeChoice, useTheme } from '../lib/theme.ts'
import { rolesOf } from '../lib/words.ts'
import { Icon } from './icon.tsx'

const THEMES: readonly (readonly [ThemeChoice, string])[] = [
  ['light', 'Light'],
  ['dark', 'Dark'],
  ['system', 'As the system'],
]
const ITEM =
  'flex cursor-pointer items-center gap-2 rounded px-2 py-1.5 text-sm outline-none data-highlighted:bg-sunken data-highlighted:outline-2 data-highlighted:outline-accent'

/** Who is signed in with which roles, the theme, and signing out. */
export function UserMenu({ me }: { me: Me }) {
  const { signOut } = useSession()
  const [theme, setTheme] = useTheme()
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger className="flex items-center gap-2 rounded-md px-2 py-1 text-sm hover:bg-sunken">
        <span className="flex size-6 items-center justify-center rounded-full bg-accent-soft text-accent">
          <Icon name="person" />
        </span>
        <span className="font-semibold">{me.principal.id}</span>
        <span className="hidden text-muted md:inline">{rolesOf(me.principal)}</span>
        <Icon name="chevron" className="size-3 rotate-90 text-muted" />
      </DropdownMenu.Trigger>
      <DropdownMenu.Content
        align="end"
        sideOffset={6}
        aria-label="Account"
        className="z-10 w-64 rounded-lg border border-line bg-surface p-1.5 text-ink shadow-high"
      >
        <div role="presentation" className="px-2 py-1.5 text-sm">
          <div className="font-semibold breakable">{me.principal.id}</div>
          <div className="text-muted breakable">Roles: {rolesOf(me.principal)}</div>
          <div className="text-muted breakable">Tenant: {me.principal.tenant}</div>
        </div>
        <DropdownMenu.Separator className="my-1 h-px bg-line" />
        <DropdownMenu.RadioGroup
          aria-label="Theme"
          value={theme}
          onValueChange={(value) => setTheme(THEMES.find(([name]) => name === value)?.[0] ?? 'system')}
        >
          <div role="presentation" className="eyebrow px-2 pt-1 pb-0.5">
            Theme
          </div>
          {THEMES.map(([value, label]) => (
            <DropdownMenu.RadioItem
              key={value}
              value={value}
              className={ITEM}
              onSelect={(event) => event.preventDefault()}
            >
              <span className="flex size-3.5 items-center justify-center">
                <DropdownMenu.ItemIndicator>
                  <Icon name="check" />
                </DropdownMenu.ItemIndicator>
              </span>
              {label}
            </DropdownMenu.RadioItem>
          ))}
        </DropdownMenu.RadioGroup>
        <DropdownMenu.Separator className="my-1 h-px bg-line" />
        <DropdownMenu.Item className={ITEM} onSelect={() => signOut('You are signed out.')}>
          <span className="size-3.5" />
          Sign out
        </DropdownMenu.Item>
      </DropdownMenu.Content>
    </DropdownMenu.Root>
  )
}
