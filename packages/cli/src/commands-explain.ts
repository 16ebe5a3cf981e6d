import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { explanationMarkdown } from '@signalbox/protocol'
import { type EvidenceCheck, publicKeyPath, readPublicKey, verifyEvidence } from '@signalbox/server'
import type { Command } from 'commander'
import { renderExplanation } from 'signalbox'
import { ERROR_TABLE, SignalboxError } from 'signalbox/errors'
import { type CommandContext, type Shell, withClient, withShared } from './context.ts'
import { time, who } from './format.ts'
import { writeNew } from './new-file.ts'
import { folded, indented, type Output, outputOf, printable, table } from './output.ts'

interface ExplainOptions {
  readonly all?: boolean
  readonly markdown?: boolean
  readonly json?: boolean
  readonly bundle?: string
  readonly withContent?: boolean
  readonly reason?: string
  readonly key?: string
  readonly data: string
}

/** Adds `explain`: a run as a story, for a terminal, a ticket, a program, or as signed evidence. */
export function addExplainCommand(program: Command, shell: Shell): void {
  const explain = withShared(program.command('explain [run] [file]'))
    .description(
      'tell in plain language what happened, why, and how to go on safely; `explain verify <file>` checks evidence',
    )
    .option('--all', 'every sentence, also where many tell the same')
    .option('--markdown', 'as Markdown for a ticket: content from outside cannot make links or headings in it')
    .option('--bundle <file>', 'write all that is on record as a signed archive to this new file; on record itself')
    .option('--with-content', 'with --bundle: contents too, as the redaction of the project leaves them')
    .option('--reason <text>', 'with --bundle: why; stored with your name')
    .option('--key <file>', 'with `verify`: the public key that was kept; default: audit.pub in the data folder')
  explain.action(
    async (id: string | undefined, file: string | undefined, options: ExplainOptions, command: Command) => {
      if (id === 'verify' && file !== undefined) {
        verify(file, options, shell)
        return
      }
      if (id === undefined || file !== undefined)
        throw new SignalboxError('USAGE', '`explain` takes a run, or `verify` and a file')
      refuseMix(options)
      await withClient(command, shell, (context) =>
        options.bundle === undefined ? tell(context, id, options) : takeAlong(context, id, options.bundle, options),
      )
    },
  )
}

function refuseMix(options: ExplainOptions): void {
  if (options.markdown && options.json) throw new SignalboxError('USAGE', 'give one of --markdown and --json')
  if (options.bundle === undefined && (options.withContent || options.reason !== undefined))
    throw new SignalboxError('USAGE', '`--with-content` and `--reason` go with `--bundle`')
  if (options.bundle !== undefined && options.reason === undefined)
    throw new SignalboxError('USAGE', '`--bundle` goes on record with its reason: add --reason <text>')
}

async function tell({ client, out, url }: CommandContext, id: string, options: ExplainOptions): Promise<void> {
  const explanation = await client.explain({ params: { id } })
  const all = options.all === true
  out.data(explanation)
  if (options.markdown) {
    const linkOf = url === null ? {} : { linkOf: (seq: number): string => recordUrl(url, id, String(seq)) }
    out.text(explanationMarkdown(explanation, { all, ...linkOf }).trimEnd())
    return
  }
  const lines = renderExplanation(explanation, { all }).trimEnd().split('\n')
  out.text(lines.map((line) => folded(line, out.width, '  ')).join('\n'))
  const hidden = all ? 0 : explanation.chapters.flatMap((chapter) => chapter.lines).filter((line) => line.text).length
  if (hidden > 0) out.text(out.color.dim(`\n${hidden} lines stand for several sentences: --all tells each`))
  if (url !== null) out.text(out.color.dim(`\nrecord [n]: ${recordUrl(url, id, '<n>')}`))
}

/** The page of a record in the console. */
function recordUrl(url: string, run: string, seq: string): string {
  return `${url.replace(/\/$/, '')}/runs/${encodeURIComponent(run)}/events?at=${seq}`
}

async function takeAlong(
  { client, out }: CommandContext,
  id: string,
  file: string,
  options: ExplainOptions,
): Promise<void> {
  const path = resolve(file)
  if (existsSync(path)) throw new SignalboxError('CONFLICT', `\`${path}\` exists already: name a file that does not`)
  const body = { content: options.withContent === true, reason: options.reason ?? '' }
  const { archive, ...made } = await client.exportEvidence({ params: { id }, body })
  const bytes = Buffer.from(archive, 'base64')
  writeNew(path, bytes)
  out.data({ ...made, file: path, bytes: bytes.length })
  const contents = made.contents === 'sealed' ? 'contents left out' : 'contents in it'
  out.text(`${path}: ${made.records} records of run ${id}, ${contents}, ${bytes.length} bytes`)
  if (made.contents_left_out > 0) out.text(`${made.contents_left_out} contents were erased or withheld`)
  out.text(
    made.tree_head === null
      ? `no tree head vouches for it: ${made.no_proof ?? ''}`
      : `under tree head ${made.tree_head}`,
  )
  out.text('Check it anywhere with: signalbox explain verify <file> --key <audit.pub>')
}

/** Checks a bundle without store and server. Exit code 6 when something is wrong. */
function verify(file: string, { key, data, json }: ExplainOptions, shell: Shell): void {
  const path = resolve(file)
  if (!existsSync(path)) throw new SignalboxError('NOT_FOUND', `there is no bundle \`${path}\``)
  const kept = key === undefined ? publicKeyPath(resolve(data)) : resolve(key)
  const trusted = key !== undefined || existsSync(kept) ? readPublicKey(kept) : null
  const check = verifyEvidence(readFileSync(path), trusted)
  const out = outputOf(shell.terminal, json === true)
  out.data(check)
  out.text(checkText(check, trusted === null ? null : kept, out))
  if (!check.ok) shell.setExitCode(ERROR_TABLE.AUDIT_FAILED.exit)
}

function checkText(
  { ok, findings, remarks, manifest, signer }: EvidenceCheck,
  kept: string | null,
  out: Output,
): string {
  const { color } = out
  const lines = [
    ...findings.map((each) => `  ${each.code}: ${printable(each.text)}`),
    ...remarks.map((each) => `  ${color.dim(printable(each))}`),
  ]
  if (!ok || !manifest) return [color.red('does not verify'), ...lines].join('\n')
  const by = kept === null ? printable(signer ?? '') : kept
  return [
    `run ${printable(manifest.run_id)} of tenant ${printable(manifest.tenant)}  ${color.green('verified')}  ${manifest.records} records, contents ${manifest.contents}`,
    `made at ${manifest.made_at} for ${printable(manifest.made_by)}: ${printable(manifest.reason)}`,
    `signed by the key ${by}`,
    ...(manifest.proof ? [`under tree head ${manifest.proof.tree_head}, up to record ${manifest.proof.seq}`] : []),
    ...lines,
  ].join('\n')
}

/** Adds `content`: one content that telemetry names by reference. */
export function addContentCommand(program: Command, shell: Shell): void {
  withShared(program.command('content <reference>'))
    .description('one content that telemetry names as <run>/<record>/<place>; on record with your name')
    .requiredOption('--reason <text>', 'why; stored with your name')
    .action(async (reference: string, { reason }: { reason: string }, command: Command) => {
      const [, id = '', seq, index] = REFERENCE.exec(reference) ?? []
      if (seq === undefined || index === undefined)
        throw new SignalboxError('USAGE', `\`${reference}\` is no reference: give <run>/<record>/<place>`)
      const body = { seq: Number(seq), index: Number(index), reason }
      await withClient(command, shell, async ({ client, out }) => {
        const found = await client.readContent({ params: { id }, body })
        out.data(found)
        const text = JSON.stringify(found.value, null, 2)
        out.text(found.left_out === null ? indented(text, '') : `left out: ${found.left_out}`)
      })
    })
}

/** As telemetry writes it: an attribute's name before, and the keyed hash after, say nothing more. */
const REFERENCE = /^(?:[\w.]+=)?([\w-]+)\/(\d{1,15})\/(\d{1,15})(?:#.*)?$/

/** Adds `audit disclosures`: what was handed out. */
export function addDisclosuresCommand(audit: Command, shell: Shell): void {
  withShared(audit.command('disclosures [run]'))
    .description('who took evidence, exports or contents out, when and why')
    .action(async (run: string | undefined, _options: unknown, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        const { disclosures } = await client.disclosures({ query: run === undefined ? {} : { run } })
        out.data({ disclosures })
        if (disclosures.length === 0) out.text('nothing was handed out')
        else
          out.text(
            table(
              disclosures,
              [
                { title: 'time (utc)', of: (each) => time(each.at) },
                { title: 'what', of: (each) => each.what },
                { title: 'content', of: (each) => (each.content ? 'yes' : 'no') },
                { title: 'run', of: (each) => each.run_id ?? 'all' },
                { title: 'by', of: (each) => who(each.by) },
                { title: 'reason', of: (each) => each.reason, grow: true },
              ],
              out.width,
            ),
          )
      })
    })
}
