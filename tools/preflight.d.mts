/** Undefined when `version` (like `24.21.0`) will do, else the sentence that says what is wrong and how to mend it. */
export function tooOld(version: string): string | undefined
