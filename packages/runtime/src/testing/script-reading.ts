import type { ModelRequest } from '../contracts/model.ts'

/** What a scripted model reads of a request. */

/** Everything that was put to the model by somebody else than itself. */
export function told({ messages }: ModelRequest): string {
  return messages.map(textIn).filter(Boolean).join('\n\n')
}

/** What was put to the model last. */
export function lastTold({ messages }: ModelRequest): string {
  return messages.map(textIn).findLast(Boolean) ?? ''
}

function textIn(message: ModelRequest['messages'][number]): string {
  if (message.role !== 'user') return ''
  return message.content.map((part) => (part.type === 'text' ? part.text : '')).join('')
}

/** The last result of the tool as text, or null when there is none since the model was asked last. */
export function resultOf({ messages }: ModelRequest, tool: string): string | null {
  const from = messages.findLastIndex((message) => message.role === 'user')
  const parts = messages.slice(from).flatMap((message) => (message.role === 'tool' ? message.content : []))
  const part = parts.findLast((each) => each.type === 'tool-result' && each.toolName === tool)
  if (part?.type !== 'tool-result') return null
  return part.output.type === 'text' ? part.output.value : JSON.stringify(part.output)
}
