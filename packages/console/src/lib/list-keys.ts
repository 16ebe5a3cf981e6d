import { useKeys } from './hooks.ts'

/** `j` and `k` move the focus through the links of a list; the browser's Enter opens. */
export function useListKeys(selector: string): void {
  const move = (by: number) => {
    const links = [...document.querySelectorAll<HTMLElement>(selector)]
    const at = links.findIndex((link) => link === document.activeElement)
    const next = links[at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + by))]
    next?.focus()
  }
  useKeys({ j: () => move(1), k: () => move(-1) })
}
