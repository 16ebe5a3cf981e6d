import { useKeys } from './hooks.ts'

/** `j` and `k` move the focus through the links of a list; the browser's Enter opens. */
export function useListKeys(selector: string): void {
  const move = (by: number) => {
    const links = [...document.querySelectorAll(selector)]
    const at = links.indexOf(document.activeElement ?? document.body)
    const next = links[at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + by))]
    if (next instanceof HTMLElement) next.focus()
  }
  useKeys({ j: () => move(1), k: () => move(-1) })
}
