import { readBundleDir } from '@signalbox/server'
import type { Command } from 'commander'
import { SignalboxError } from 'signalbox/errors'
import { bundleFolder } from './bundle-folder.ts'
import { type CommandContext, type Shell, withClient, withShared } from './context.ts'
import { changesText, findingsText, historyText, statusText } from './policy-views.ts'

/** Adds to `policy` what changes the bundle in force: who proposes, who activates, and what that would do. */
export function addPolicyLifeCommands(group: Command, shell: Shell): void {
  addStatus(group, shell)
  addHistory(group, shell)
  addPropose(group, shell)
  addOrders(group, shell)
  addRollback(group, shell)
  addReview(group, shell)
  addShadow(group, shell)
}

const reasonOption = (command: Command): Command =>
  withShared(command).requiredOption('--reason <text>', 'why; stored with your name')

function addStatus(group: Command, shell: Shell): void {
  withShared(group.command('status'))
    .description('the bundle in force, which processes hold it, and drafts with what they change')
    .action(async (_options: unknown, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        const status = await client.policyStatus()
        out.data(status)
        out.text(statusText(status, out))
      })
    })
}

function addHistory(group: Command, shell: Shell): void {
  withShared(group.command('history'))
    .description('who proposed and activated which bundle, and why; newest first')
    .action(async (_options: unknown, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        const { events } = await client.policyHistory()
        out.data({ events })
        out.text(historyText(events, out))
      })
    })
}

function addPropose(group: Command, shell: Shell): void {
  reasonOption(group.command('propose [folder]'))
    .description('store a bundle as a draft for somebody else to activate; default: the folder of the project')
    .action(async (folder: string | undefined, { reason, config }: OrderOptions, command: Command) => {
      const files = readBundleDir(await bundleFolder(folder, config))
      await withClient(command, shell, async (context) => {
        const { bundle, hash } = await context.client.proposeBundle({ body: { files, reason } })
        await showDraft(context, bundle, hash)
      })
    })
}

interface OrderOptions {
  readonly reason: string
  readonly config?: string
}

async function showDraft({ client, out }: CommandContext, bundle: string, hash: string): Promise<void> {
  const draft = (await client.policyStatus()).drafts.find((each) => each.bundle === bundle)
  out.data({ bundle, hash, changes: draft?.changes ?? [] })
  out.text(`proposed  ${bundle}`)
  out.text(changesText(draft?.changes ?? null, out))
  out.text(`\nsomebody else activates it: signalbox policy activate ${hash.slice(0, 12)} --reason "…"`)
}

function addOrders(group: Command, shell: Shell): void {
  reasonOption(group.command('activate <hash>'))
    .description('let a draft of somebody else come into force; shows first what it changes')
    .action(async (name: string, { reason }: OrderOptions, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        const { changes } = await client.policyBundle({ params: { id: name } })
        const done = await client.activateBundle({ params: { id: name }, body: { reason } })
        out.data({ ...done, changes })
        out.text(changesText(changes, out))
        out.text(`\n${out.color.green('in force')}  ${done.bundle}`)
      })
    })
  reasonOption(group.command('decline <hash>'))
    .description('take a draft from the list: your own, or one that you will not activate')
    .action(async (name: string, { reason }: OrderOptions, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        const done = await client.declineBundle({ params: { id: name }, body: { reason } })
        out.data(done)
        out.text(`declined  ${done.bundle}`)
      })
    })
}

function addRollback(group: Command, shell: Shell): void {
  reasonOption(group.command('rollback <hash>'))
    .description('propose a bundle that was in force before, for somebody else to activate')
    .option('--emergency', 'bring it back at once and alone; somebody else has to look at it after')
    .action(async (name: string, { reason, emergency }: OrderOptions & { emergency?: boolean }, command: Command) => {
      await withClient(command, shell, async (context) => {
        const { client, out } = context
        if (emergency !== true) {
          const { bundle, hash } = await client.proposeBundle({ body: { hash: name, reason } })
          return await showDraft(context, bundle, hash)
        }
        const done = await client.takeBackBundle({ params: { id: name }, body: { reason } })
        const { in_force: inForce } = await client.policyStatus()
        out.data({ ...done, activation: inForce?.seq ?? null })
        out.text(`${out.color.yellow('in force')}  ${done.bundle}, by you alone`)
        out.text(`somebody else looks at it: signalbox policy review ${inForce?.seq ?? ''} --reason "…"`)
      })
    })
}

function addReview(group: Command, shell: Shell): void {
  reasonOption(group.command('review <number>'))
    .description('say that you looked at what somebody brought back alone; the number is that of `policy history`')
    .action(async (text: string, { reason }: OrderOptions, command: Command) => {
      const activation = Number(text)
      if (!Number.isSafeInteger(activation) || activation < 1)
        throw new SignalboxError('USAGE', `\`${text}\` is not a number of the policy history`)
      await withClient(command, shell, async ({ client, out }) => {
        out.data(await client.reviewActivation({ body: { activation, reason } }))
        out.text(`reviewed  ${activation}`)
      })
    })
}

function addShadow(group: Command, shell: Shell): void {
  const shadow = group.command('shadow').description('evaluate a draft on live traffic beside the bundle in force')
  reasonOption(shadow.command('start <hash-or-folder>'))
    .description('from now on; it decides nothing. A draft by its hash, or a folder with a `/` in its name')
    .action(async (name: string, { reason }: OrderOptions, command: Command) => {
      const body = isFolder(name) ? { files: readBundleDir(name), reason } : { hash: name, reason }
      await withClient(command, shell, async ({ client, out }) => {
        const done = await client.startShadow({ body })
        out.data(done)
        out.text(`in shadow  ${done.bundle}\nsee what it finds: signalbox policy shadow report`)
      })
    })
  reasonOption(shadow.command('stop'))
    .description('evaluate no draft any more')
    .action(async ({ reason }: OrderOptions, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        out.data(await client.stopShadow({ body: { reason } }))
        out.text('no draft is evaluated any more')
      })
    })
  withShared(shadow.command('report'))
    .description('what the draft would have blocked, allowed or asked a person about')
    .action(async (_options: unknown, command: Command) => {
      await withClient(command, shell, async ({ client, out }) => {
        const report = await client.shadowReport()
        out.data(report)
        out.text(findingsText(report, out))
      })
    })
}

function isFolder(name: string): boolean {
  return name.includes('/') || name === '.'
}
