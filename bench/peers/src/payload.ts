/** The payload that every peer carries: a message of 1 KB and a state of 4 KB, rewritten at each step. */

/** Texts made once, so that making them is not what is measured; neighbours differ. */
function texts(bytes: number): readonly string[] {
  return Array.from({ length: 64 }, (_, i) => {
    const word = `${((i + 1) * 2_654_435_761) % 4_294_967_296} `
    return Buffer.from(word.repeat(bytes).slice(0, bytes)).toString()
  })
}

const MESSAGES = texts(1_024)
const STATES = texts(4_096)

/** The message of a step: 1 KB. */
export function messageOf(step: number): string {
  return MESSAGES[step % MESSAGES.length] ?? ''
}

/** The state after a step: 4 KB. */
export function stateOf(step: number): string {
  return STATES[step % STATES.length] ?? ''
}

const ANSWERS = texts(900)
const RESULTS = texts(2_000)

/** What the model puts into the arguments of a turn's call: 900 bytes. */
export function answerOf(turn: number): string {
  return ANSWERS[turn % ANSWERS.length] ?? ''
}

/** What the tool answers in a turn: 2,000 bytes. */
export function resultOf(turn: number): string {
  return RESULTS[turn % RESULTS.length] ?? ''
}
