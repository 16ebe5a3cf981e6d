import type { MatrixCellView, RoleMatrixView } from '@signalbox/protocol'
import { time, who } from './format.ts'
import { printable } from './output.ts'

/** A cell in a few words; `if` means that conditions apply, which stand below the table. */
export function cellText(cell: MatrixCellView | undefined): string {
  if (cell === undefined) return ''
  const limited = cell.conditions.some(({ kind }) => kind === 'permit' || kind === 'forbid')
  switch (cell.verdict) {
    case 'denied':
      return '-'
    case 'asks':
      return limited ? 'asks, if' : 'asks'
    case 'asks_sometimes':
      return limited ? 'yes/asks, if' : 'yes/asks'
    default:
      return limited ? 'yes, if' : 'yes'
  }
}

/** What the conditions are, one policy a line, each told once. */
export function matrixNotes(found: RoleMatrixView): readonly string[] {
  const lines = new Map<string, Set<string>>()
  for (const row of found.rows)
    for (const cell of row.cells)
      for (const { policy, kind, sentence, when } of cell.conditions) {
        const verb = { permit: 'only if:', forbid: 'denied:', require_approval: 'asked:', warn: 'warned:' }[kind]
        const line = `  ${verb} ${sentence ?? when.join(' and ')}  (${policy})`
        lines.set(line, (lines.get(line) ?? new Set()).add(row.tool))
      }
  const approvers = [...new Set(found.rows.flatMap((row) => row.cells.flatMap((cell) => cell.approvers)))]
  return [
    '- no   yes allowed   asks a person decides   yes/asks depends on the call   if: see below',
    `who is asked: ${approvers.join(', ') || 'nobody'}`,
    ...[...lines].map(([line, tools]) => printable(`${line}: ${[...tools].join(', ')}`)),
    ...found.duties.map(({ id, what, sentence }) =>
      printable(`  duty ${id}: one person not both ${what.join(' and ')}: ${sentence}`),
    ),
  ]
}

/** Who signed the table, and how that stands. */
export function signatureText({ hash, sign_off: { state, rule, signatures } }: RoleMatrixView): readonly string[] {
  const [last] = signatures
  const said = {
    not_asked: 'the bundle asks for no signature',
    missing: 'NOT SIGNED',
    changed: 'CHANGED since it was signed',
    expired: 'the signature has EXPIRED',
    signed: 'signed',
  }[state]
  const asked = rule === null ? '' : `, every ${rule.days} days by role ${rule.role}`
  return [
    `table ${hash.slice(0, 12)}: ${said}${asked}`,
    ...(last
      ? [
          printable(
            `last signature: ${who(last.by?.id ?? null)}, ${time(last.at)} UTC, until ${time(last.expires_at)} UTC: ${last.reason}`,
          ),
        ]
      : []),
  ]
}

/** One line for each tool and role, for a spreadsheet. A text that a spreadsheet would run as a formula is disarmed. */
export function matrixCsv(found: RoleMatrixView): string {
  const head = ['tool', 'class', 'effect', 'owner', 'role', 'verdict', 'reason', 'approvers', 'conditions']
  const lines = found.rows.flatMap((row) =>
    row.cells.map((cell, at) =>
      [
        ...[row.tool, row.class, row.effect, row.owner, found.roles[at] ?? '', cell.verdict, cell.reason ?? ''],
        cell.approvers.join(' '),
        cell.conditions.map(({ policy, kind, when }) => `${policy} (${kind}): ${when.join(' and ')}`).join('; '),
      ].map(quoted),
    ),
  )
  return [head, ...lines].map((line) => line.join(',')).join('\n')
}

function quoted(text: string): string {
  const safe = /^[=+\-@\t]/.test(text) ? `'${text}` : text
  return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

/** The table in Markdown, with the notes below. */
export function matrixMarkdown(found: RoleMatrixView): string {
  const cells = (row: readonly string[]): string => `| ${row.map((each) => each.replaceAll('|', '\\|')).join(' | ')} |`
  return [
    cells(['tool', 'effect', 'owner', ...found.roles]),
    cells(['---', '---', '---', ...found.roles.map(() => '---')]),
    ...found.rows.map((row) => cells([row.tool, row.effect, row.owner, ...row.cells.map(cellText)])),
    '',
    ...matrixNotes(found).map((line) => `- ${line.trim()}`),
    '',
    ...signatureText(found),
  ].join('\n')
}
