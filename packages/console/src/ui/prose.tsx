/** A sentence of the server: names between backticks stand in the fixed font. It stays text; nothing else is read in it. */
export function Prose({ text }: { text: string }) {
  const parts = text.split(/`([^`]+)`/)
  return parts.map((part, at) =>
    at % 2 === 1 ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: parts have no id and are never reordered
      <code key={at} className="text-[0.92em] breakable">
        {part}
      </code>
    ) : (
      part
    ),
  )
}
