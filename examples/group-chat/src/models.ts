/** Scripted models of the board: each judges by the text of the change that its tool call read. */
import { createModels, loadPrices, type ModelPort, type ModelRequest, type Script } from 'signalbox'

/** The models of the example: its scripts, and every provider that has a key in the environment. */
export function boardModels(env: Readonly<Record<string, string | undefined>>): ModelPort {
  const scripted = { operations, security, product, author, registrar }
  return createModels({ env, prices: loadPrices(), scripted })
}

const operations = judge('operations', (text) =>
  /window: (Friday|Saturday|Sunday)/.test(text) ? 'nobody is there after that window' : null,
)
const security = judge('security', (text) => (/password/i.test(text) ? 'a password must not be in a repository' : null))
const product = judge('product', (text) =>
  line(text, 'rollback') === null ? 'there is no way back' : 'how will we see it?',
)

/** Reads the change first; names a concern, and gives it up when the author's answer meets it. */
function judge(name: string, concern: (text: string) => string | null): Script {
  return (request) => {
    const text = readText(request)
    if (text === null) return { calls: [{ tool: 'changes.read', args: { change: changeOf(request) } }] }
    const why = concern(text)
    if (why === null) return `approve: ${name} sees nothing against it`
    const own = request.messages.filter((message) => message.role === 'assistant')
    if (!JSON.stringify(own).includes('concern:')) return `concern: ${why}`
    return told(request).at(-1)?.includes('> see:') ? 'approve: that answers it' : `object: ${why}`
  }
}

/** Answers with the line of the change that says how it is checked, when it has one. */
const author: Script = (request) => {
  const text = readText(request)
  if (text === null) return { calls: [{ tool: 'changes.read', args: { change: changeOf(request) } }] }
  const check = line(text, 'check')
  return check === null ? 'I have nothing to add.' : `see: ${check}`
}

/** Schedules what every judge approved in the end, in the window of which operations heard. */
const registrar: Script = (request) => {
  const said = told(request).join('\n')
  const result = request.messages.at(-1)
  if (result?.role === 'tool') {
    const done = !JSON.stringify(result.content).includes('"error"')
    return JSON.stringify({
      decision: done ? 'scheduled' : 'declined',
      why: done ? 'all approve' : 'the manager refused',
    })
  }
  const objection = /> object: (.*)/.exec(said)?.[1]
  if (objection !== undefined) return JSON.stringify({ decision: 'declined', why: objection })
  return {
    calls: [{ tool: 'changes.schedule', args: { change: changeOf(request), window: 'Tuesday 06:00 to 07:00' } }],
  }
}

/** What was put to the model, a text a message. */
function told({ messages }: ModelRequest): string[] {
  return messages.flatMap((message) =>
    message.role === 'user' ? message.content.map((part) => (part.type === 'text' ? part.text : '')) : [],
  )
}

/** The change as the tool read it, or null before that. */
function readText({ messages }: ModelRequest): string | null {
  const parts = messages.flatMap((message) => (message.role === 'tool' ? message.content : []))
  const result = parts.find((part) => part.type === 'tool-result' && part.toolName === 'changes.read')
  return result?.type === 'tool-result' && result.output.type === 'text' ? result.output.value : null
}

function changeOf(request: ModelRequest): string {
  return /CHG-\d+/.exec(told(request).join('\n'))?.[0] ?? ''
}

function line(text: string, name: string): string | null {
  return new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1] ?? null
}
