/** Removes spaces and raises case: `de89 3704 ...` and `DE893704...` are the same account. */
export function normaliseIban(text: string): string {
  return text.replace(/\s+/g, '').toUpperCase()
}

/** True when the text has the shape of an IBAN (country, two check digits, 11 to 30 letters or digits). */
export function looksLikeIban(text: string): boolean {
  return /^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$/.test(text)
}

/** The remainder of ISO 7064 mod 97-10 over the rearranged account number; 1 means that the check digits are right. */
function mod97(iban: string): number {
  const rearranged = iban.slice(4) + iban.slice(0, 4)
  let remainder = 0
  for (const char of rearranged) {
    const digits = char >= 'A' ? String(char.charCodeAt(0) - 55) : char
    for (const digit of digits) remainder = (remainder * 10 + Number(digit)) % 97
  }
  return remainder
}

/** True for a normalised IBAN whose check digits are right. */
export function isIban(text: string): boolean {
  return looksLikeIban(text) && mod97(text) === 1
}

/** Makes an IBAN with right check digits from a country and the national account number. */
export function makeIban(country: string, account: string): string {
  const check = 98 - mod97(`${country}00${account}`)
  return `${country}${String(check).padStart(2, '0')}${account}`
}
