import type { Message, MessageItem } from './message.ts'

/** Longest text that one block takes there is 3,000 characters; ours are cut well before. */
const MOST = 300

/**
 * A message as Slack and what is compatible with it show it. What a tool, a model or a person outside wrote is plain text:
 * it is not read as a link, a mention or markup. The only button is a link to where a person signs in; nothing can be
 * decided from a message.
 */
export function slackBody(message: Message): string {
  const [only] = message.items
  const single = message.count === 1 && only !== undefined
  const title = single ? only.title : `${message.count} notices`
  const more = message.count - message.items.length
  const blocks = [
    { type: 'header', text: plain(title, 150) },
    ...(single ? detailBlocks(only) : message.items.map((item) => section(`${item.title} (${item.at})`))),
    ...(more > 0 ? [section(`and ${more} more`)] : []),
    { type: 'actions', elements: [{ type: 'button', text: plain('Open in Signalbox', 75), url: message.link }] },
  ]
  return JSON.stringify({ text: escaped(cut(title, MOST)), blocks, unfurl_links: false, unfurl_media: false })
}

function detailBlocks(item: MessageItem): readonly object[] {
  const { preview } = item
  const context = [item.tenant, item.workflow ?? '', item.run_id ?? '', item.at].filter((part) => part !== '')
  return [
    ...(item.type.startsWith('alert.') ? alertBlocks(item) : []),
    ...(preview === null
      ? []
      : [
          section(preview.summary),
          {
            type: 'section',
            fields: [
              plain(`Target: ${preview.target.type} ${preview.target.id}`, MOST),
              plain(`Impact: ${preview.impact}`, MOST),
              plain(`Undo: ${preview.rollback}`, MOST),
            ],
          },
          ...(preview.arguments === undefined ? [] : [section(`Arguments: ${preview.arguments}`, 2_000)]),
        ]),
    { type: 'context', elements: [plain(context.join(' · '), MOST)] },
  ]
}

/** Facts of an alert that have a place of their own in its message. */
const PLACED = ['title', 'severity', 'alert', 'key', 'since', 'count', 'opening', 'runbook', 'command']

/** What was seen, since when, and what to do. */
function alertBlocks({ facts }: MessageItem): readonly object[] {
  const values = Object.entries(facts).filter(([name]) => !PLACED.includes(name))
  const seen = values.map(([name, value]) => `${name}: ${String(value)}`).join(', ')
  return [
    section(`${String(facts.alert)} ${String(facts.key)}, ${String(facts.severity)}, since ${String(facts.since)}`),
    ...(seen === '' ? [] : [section(seen)]),
    section(`Look: ${String(facts.command)}\nDo: ${String(facts.runbook)}`),
  ]
}

function section(text: string, most = MOST): object {
  return { type: 'section', text: plain(text, most) }
}

/** Plain text there is shown as it is; an empty one is refused by the receiver. */
function plain(text: string, most: number): object {
  return { type: 'plain_text', text: cut(text, most) || '(empty)', emoji: false }
}

/** What stands outside of blocks is read as markup: these three characters begin all of it. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

function cut(text: string, most: number): string {
  // Control characters, and those that turn the direction of text around, would make it look like something else.
  const shown = text.replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu, ' ').trim()
  return shown.length <= most ? shown : `${shown.slice(0, most - 1)}…`
}
