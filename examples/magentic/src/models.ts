/** Scripted models of the team: each acts on what it was told and on what its tools answered. */
import { createModels, type JsonValue, loadPrices, type ModelPort, type ModelRequest, type Script } from 'signalbox'

/** The models of the example: its scripts, and every provider that has a key in the environment. */
export function incidentModels(env: Readonly<Record<string, string | undefined>>): ModelPort {
  return createModels({ env, prices: loadPrices(), scripted: { manager, reader, prober, operator } })
}

/** Sorts facts and plans; directs the next open step by what was reported; ends when the service is healthy. */
const manager: Script = (request) => {
  const all = told(request).join('\n')
  const last = told(request).at(-1) ?? ''
  const service = /"service":"([a-z]+)"/.exec(all)?.[1] ?? ''
  if (last.includes('Give the final answer')) return JSON.stringify(report(last))
  if (last.includes('Is the team in a loop')) return JSON.stringify(progress(all, service))
  return JSON.stringify({
    facts: {
      given: [`${service} refuses orders`],
      lookUp: ['when it began, in the log', 'which release runs'],
      derive: ['which release began it'],
      guesses: ['a release of today'],
    },
    plan: [
      { who: 'reader', what: `search the log of ${service} for errors` },
      { who: 'prober', what: `ask which release of ${service} runs` },
      { who: 'operator', what: `put ${service} back to the release before the errors` },
      { who: 'prober', what: 'see that it takes orders again' },
    ],
  })
}

const reader: Script = (request) => {
  const found = lastResult(request)
  if (found === null) return { calls: [{ tool: 'logs.search', args: { service: serviceOf(request), word: 'error' } }] }
  const lines = Array.isArray(found) ? found.map(String) : []
  const release = /release=(\S+)/.exec(lines[0] ?? '')?.[1]
  const why = /refused: (.*)/.exec(lines[0] ?? '')?.[1]
  if (!release || !why) return `no errors could be read: ${JSON.stringify(found)}`
  return `errors: ${lines.length}, all in release ${release}: ${why}`
}

const prober: Script = (request) => {
  const now = lastResult(request)
  if (now === null) return { calls: [{ tool: 'releases.status', args: { service: serviceOf(request) } }] }
  const { release, healthy } = Object(now) as { release?: string; healthy?: boolean }
  return `runs ${release}, ${healthy ? 'takes orders' : 'refuses orders'}`
}

const operator: Script = (request) => {
  const now = lastResult(request)
  if (now !== null) return JSON.stringify(now).includes('error') ? 'not rolled back' : 'rolled back'
  const args = { service: serviceOf(request), from: '2.4.1', to: '2.4.0' }
  return { calls: [{ tool: 'releases.roll_back', args }] }
}

/** The progress ledger after what was reported. */
function progress(all: string, service: string): JsonValue {
  const read = /> errors: \d+, all in release/.test(all)
  const probed = /> runs /.test(all)
  const rolled = all.includes('> rolled back')
  const healthy = all.includes('takes orders\n') || all.endsWith('takes orders')
  const refused = all.includes('> not rolled back')
  const done = [read, probed, rolled, healthy].flatMap((is, i) => (is ? [i + 1] : []))
  const [next, instruction] = !read
    ? ['reader', `search the log of ${service} for \`error\``]
    : rolled || !probed
      ? ['prober', `ask which release of ${service} runs`]
      : ['operator', `put ${service} back to the release before the errors`]
  const because = (answer: JsonValue, reason: string): JsonValue => ({ answer, reason })
  return {
    satisfied: because(healthy, healthy ? 'it takes orders again' : 'it still refuses orders'),
    inLoop: because(false, 'each report was new'),
    progress: because(!refused, refused ? 'the lead did not let the rollback happen' : 'a step was done'),
    done: because(done, 'as reported'),
    next: because(next ?? '', 'the first step that is open'),
    instruction: because(instruction ?? '', 'it is what the step says'),
  }
}

function report(asked: string): JsonValue {
  const cause = /> errors: \d+, all in (.*)/.exec(asked)?.[1] ?? 'not found'
  return { cause, action: 'put back to 2.4.0; it takes orders again' }
}

function told({ messages }: ModelRequest): string[] {
  return messages.flatMap((message) =>
    message.role === 'user' ? [message.content.map((part) => (part.type === 'text' ? part.text : '')).join('')] : [],
  )
}

/** The result of the call that the model has just made, or null when it has been asked anew. */
function lastResult({ messages }: ModelRequest): unknown {
  const last = messages.at(-1)
  const part = last?.role === 'tool' ? last.content[0] : undefined
  return part?.type === 'tool-result' && 'value' in part.output ? part.output.value : null
}

function serviceOf(request: ModelRequest): string {
  return /"service":"([a-z]+)"/.exec(told(request).join('\n'))?.[1] ?? ''
}
