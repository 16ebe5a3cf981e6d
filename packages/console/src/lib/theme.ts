import { useEffect, useState } from 'react'

/** What the person chose; `system` follows the device. */
export type ThemeChoice = 'light' | 'dark' | 'system'

const KEY = 'signalbox.theme'

/** The stored choice; `system` when there is none or storage is switched off. */
export function storedTheme(): ThemeChoice {
  const text = readLocal(KEY)
  return text === 'light' || text === 'dark' ? text : 'system'
}

/** Current choice and a way to change it; the page follows at once, and the device's changes while on `system`. */
export function useTheme(): readonly [ThemeChoice, (choice: ThemeChoice) => void] {
  const [choice, setChoice] = useState(storedTheme)
  useEffect(() => {
    const device = matchMedia('(prefers-color-scheme: dark)')
    const apply = () => {
      const dark = choice === 'dark' || (choice === 'system' && device.matches)
      document.documentElement.dataset.theme = dark ? 'dark' : 'light'
    }
    apply()
    device.addEventListener('change', apply)
    return () => device.removeEventListener('change', apply)
  }, [choice])
  return [
    choice,
    (next) => {
      writeLocal(KEY, next === 'system' ? null : next)
      setChoice(next)
    },
  ]
}

/** Reads local storage; null when it is switched off. */
export function readLocal(key: string): string | null {
  try {
    return localStorage.getItem(key)
  } catch {
    return null
  }
}

/** Writes local storage; null removes. Nothing happens when it is switched off. */
export function writeLocal(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key)
    else localStorage.setItem(key, value)
  } catch {
    // The choice then holds for this page only.
  }
}
