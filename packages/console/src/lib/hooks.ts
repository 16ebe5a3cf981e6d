import { useEffect, useLayoutEffect, useRef, useState } from 'react'
import { readLocal, writeLocal } from './theme.ts'

/** The present time in milliseconds, renewed every `everyMs`; stands still while the page is hidden. */
export function useNow(everyMs = 1000): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    const tick = () => {
      if (!document.hidden) setNow(Date.now())
    }
    const timer = setInterval(tick, everyMs)
    document.addEventListener('visibilitychange', tick)
    return () => {
      clearInterval(timer)
      document.removeEventListener('visibilitychange', tick)
    }
  }, [everyMs])
  return now
}

const SHORTCUTS_KEY = 'signalbox.shortcuts'

/** Whether single keys act as shortcuts; people who speak or slip can switch them off. */
export function shortcutsOn(): boolean {
  return readLocal(SHORTCUTS_KEY) !== 'off'
}

/** Switches single-key shortcuts on or off on this device. */
export function setShortcuts(on: boolean): void {
  writeLocal(SHORTCUTS_KEY, on ? null : 'off')
}

/**
 * Single-key shortcuts: the key's value as the browser names it, to what it does. They rest while a dialog is open, in
 * text fields, and with a modifier held.
 */
export function useKeys(keys: Readonly<Record<string, () => void>>): void {
  const latest = useRef(keys)
  latest.current = keys
  // Before the paint: what can be seen can be used.
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.repeat) return
      if (!shortcutsOn() || isTyping(event.target) || document.querySelector('dialog[open]')) return
      const act = Object.hasOwn(latest.current, event.key) ? latest.current[event.key] : undefined
      if (!act) return
      event.preventDefault()
      act()
    }
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [])
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.role === 'menuitem'
}

/** Sets the page's title. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Signalbox`
  }, [title])
}
