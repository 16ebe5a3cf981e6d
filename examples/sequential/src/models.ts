/** Scripted models of the newsletter: they write from what their tools and the others said. */
import { createModels, loadPrices, type ModelPort, type Script } from 'signalbox'
import { lastTold, resultOf, told } from 'signalbox/testing'

/** The models of the example: its scripts, and every provider that has a key in the environment. */
export function newsletterModels(env: Readonly<Record<string, string | undefined>>): ModelPort {
  return createModels({ env, prices: loadPrices(), scripted: { drafter, editor, sender } })
}

const drafter: Script = (request) => {
  const changes = resultOf(request, 'changes.read')
  if (changes === null) return { calls: [{ tool: 'changes.read', args: { release: releaseIn(told(request)) } }] }
  const sentences = changes.split('\n').map((line) => line.replace(/^- \w+: /, '').trim())
  return `Dear customer, ${sentences.filter(Boolean).join(' ')}`
}

/** Takes the draft as it is; leaves away what the feedback asks it to. */
const editor: Script = (request) => {
  const draft = /Dear customer.*/.exec(told(request))?.[0] ?? ''
  const unwanted = /without (.*)/.exec(lastTold(request))?.[1]
  const sentences = draft.split(/(?<=\.) /)
  return sentences.filter((sentence) => unwanted === undefined || !sentence.toLowerCase().includes(unwanted)).join(' ')
}

const sender: Script = (request) => {
  const sent = resultOf(request, 'letters.send')
  if (sent !== null) return sent.includes('"error"') ? 'The letter was not sent.' : 'The letter is sent.'
  const text = [...told(request).matchAll(/> (Dear customer.*)/g)].at(-1)?.[1] ?? ''
  return { calls: [{ tool: 'letters.send', args: { release: releaseIn(told(request)), text } }] }
}

function releaseIn(text: string): string {
  return /"release":"([^"]+)"/.exec(text)?.[1] ?? ''
}
