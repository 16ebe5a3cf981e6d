/** How a secret may be written: as it is, in a URL, as base64 of either alphabet, in hexadecimal. */
export function spellings(value: string): readonly string[] {
  const bytes = Buffer.from(value)
  const padded = [bytes.toString('base64'), bytes.toString('base64url')]
  const coded = [...padded, ...padded.map((text) => text.replace(/=+$/, ''))]
  // Base64 of the value with something before it, such as `user:value`, shifts the text: each shift is a spelling.
  const shifted = [1, 2].flatMap((n) => {
    const text = Buffer.concat([Buffer.alloc(n), bytes])
      .toString('base64')
      .replace(/=+$/, '')
    // The first and last characters mix with what stands around.
    return [text.slice(n + 1, -1)]
  })
  const all = [value, encodeURIComponent(value), ...coded, ...shifted, bytes.toString('hex')]
  // Longest first, so that no part of a longer one is left.
  return [...new Set(all)].sort((a, b) => b.length - a.length)
}
