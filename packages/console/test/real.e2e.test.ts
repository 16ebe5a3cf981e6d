/** The console over the real server, worker processes and store: what `signalbox dev` gives a person. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { createClient } from '@signalbox/protocol'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchBrowser } from './browser.ts'
import { buildDefault, checkPage } from './stage.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

interface Announcement {
  readonly url: string
  readonly people: readonly { readonly person: string; readonly token: string }[]
}

let server: ChildProcess
let up: Announcement
let folder: string
let browser: Browser

beforeAll(async () => {
  await buildDefault()
  folder = await mkdtemp(join(tmpdir(), 'signalbox-console-'))
  const started = startDev(folder)
  server = started.child
  ;[up, browser] = await Promise.all([started.up, launchBrowser()])
})

afterAll(async () => {
  await browser?.close()
  if (server && server.exitCode === null) {
    const ended = once(server, 'exit')
    server.kill('SIGTERM')
    await ended
  }
  if (folder) await rm(folder, { recursive: true, force: true })
})

function startDev(data: string): { child: ChildProcess; up: Promise<Announcement> } {
  const config = join(ROOT, 'packages/server/test/sample/signalbox.config.ts')
  const main = join(ROOT, 'packages/cli/src/main.ts')
  const flags = ['dev', '--config', config, '--data', data, '--port', '0', '--workers', '1', '--json']
  const child = spawn(process.execPath, ['--conditions=signalbox-source', main, ...flags], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, SAMPLE_ALERTS: '1' },
  })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const announced = once(createInterface({ input: child.stdout }), 'line').then(
    ([line]) => JSON.parse(String(line)) as Announcement, // the shape of `signalbox dev --json`
  )
  const ended = once(child, 'exit').then(([code]): never => {
    throw new Error(`the server ended with ${String(code)}: ${said}`)
  })
  ended.catch(() => undefined)
  return { child, up: Promise.race([announced, ended]) }
}

const tokenOf = (person: string) => up.people.find((each) => each.person === person)?.token ?? ''

async function open(person: string, path: string): Promise<Page> {
  const page = await (
    await browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce' })
  ).newPage()
  await page.goto(`${up.url}${path}#token=${tokenOf(person)}`)
  await page.getByRole('navigation', { name: 'Main' }).waitFor()
  return page
}

async function startTransfer(to: string, amount: number): Promise<string> {
  const client = createClient({ baseUrl: up.url, token: tokenOf('rita') })
  const { run_id: id } = await client.startRun({ body: { workflow: 'transfer', input: { to, amount } } })
  return id
}

/** What was really sent, one line for each transfer. */
async function book(to: string): Promise<string[]> {
  const text = await readFile(join(folder, 'book.txt'), 'utf8').catch(() => '')
  return text.split('\n').filter((line) => line.includes(` ${to} `))
}

describe('over the real server', () => {
  it('CON-090: a run waits, a person approves it by keyboard, a watcher sees it complete, and it was sent once', async () => {
    const id = await startTransfer('anna', 500)
    const watcher = await open('vera', `/runs/${id}`)
    await watcher.getByRole('link', { name: 'Approval of transfer.send' }).waitFor()
    const page = await open('paul', '/approvals')
    await page.getByRole('link', { name: /Send 500 to anna/ }).waitFor()
    await page.keyboard.press('j')
    await page.getByRole('article').getByRole('heading', { name: 'Send 500 to anna' }).waitFor()
    await checkPage(page, 'real-approval')
    await page.keyboard.press('a')
    await page.getByRole('dialog').waitFor()
    for (const each of ['as agreed', '500.00 EUR']) {
      await page.keyboard.type(each)
      await page.keyboard.press('Tab')
    }
    await page.keyboard.press('Shift+Tab')
    await page.keyboard.press('Enter')
    await page.getByRole('article').getByText('by user:paul').waitFor()
    await watcher.getByRole('banner').first().waitFor()
    await watcher.locator('main header').first().getByText('Completed', { exact: true }).waitFor()
    expect(await book('anna')).toHaveLength(1)
    await checkPage(watcher, 'real-run')
  })

  it('CON-090: a rejected transfer is not sent; two people at once are told apart', async () => {
    const id = await startTransfer('ben', 900)
    const page = await open('paul', '/approvals')
    await page.getByRole('link', { name: /Send 900 to ben/ }).click()
    await page.getByRole('button', { name: 'Approve', exact: true }).waitFor()
    await page.keyboard.press('a')
    await page.getByRole('dialog').waitFor()
    await page.keyboard.type('looks fine')
    await page.keyboard.press('Tab')
    await page.keyboard.type('900.00 EUR')
    const other = createClient({ baseUrl: up.url, token: tokenOf('paul') })
    const { approvals } = await other.approvals({ query: { run_id: id } })
    const approval = await other.approval({ params: { id: approvals[0]?.id ?? '' } })
    const body = { answer: 'rejected', reason: 'not agreed', packet_hash: approval.packet_hash } as const
    await other.decide({ params: { id: approval.id }, body })
    await page.keyboard.press('Enter')
    await page.getByRole('alert').getByText('someone decided before you').waitFor()
    await page.getByRole('article').getByText('not agreed').first().waitFor()
    expect(await book('ben')).toEqual([])
  })

  it('CON-090: explanation, checkpoints and decisions of a real run are there, and the requester cannot decide', async () => {
    const id = await startTransfer('carl', 700)
    const page = await open('rita', `/runs/${id}`)
    await page.getByRole('link', { name: 'Approval of transfer.send' }).click()
    await page.getByRole('button', { name: 'Approve', exact: true }).waitFor()
    expect(await page.getByRole('button', { name: 'Approve', exact: true }).getAttribute('aria-disabled')).toBe('true')
    for (const [view, text] of [
      ['explain', 'What happened'],
      ['checkpoints', 'Start of the run'],
      ['decisions', 'Approval required'],
    ] as const) {
      await page.goto(`${up.url}/runs/${id}/${view}`)
      await page.getByRole('tabpanel').getByText(text).first().waitFor()
    }
  })

  it('CON-148: from an alert to its run, the answers, the record of a sentence; the alert is taken up, as the API tells afterwards', async () => {
    const rita = createClient({ baseUrl: up.url, token: tokenOf('rita') })
    const { run_id: id } = await rita.startRun({ body: { workflow: 'lost', input: { to: 'dora', amount: 7 } } })
    const page = await open('olga', '/alerts?kind=effect.unknown')
    await page.getByRole('link', { name: /transfer\.murky/ }).press('Enter')
    await page.getByText('docs/runbooks/unknown-effects.md').waitFor()
    const address = page.url()
    await page.getByRole('link', { name: `Explain run ${id}` }).press('Enter')
    const outside = page.getByRole('region', { name: 'What changed outside?' })
    await outside.getByText('Unknown', { exact: true }).waitFor()
    await page.getByRole('region', { name: 'Who asked?' }).getByText('user:rita').waitFor()
    const told = page.getByRole('tabpanel').getByRole('listitem').filter({ hasText: 'transfer.murky' })
    await told
      .getByRole('link', { name: /^record #/ })
      .last()
      .press('Enter')
    const record = page.getByRole('region', { name: /^Record \d+/ })
    await record.getByText(`"run": "${id}"`).waitFor()
    const { events } = await rita.events({ params: { id }, query: { after: 0 } })
    const seq = Number(new URL(page.url()).searchParams.get('at'))
    expect(await record.getByText(events.find((each) => each.seq === seq)?.prev ?? 'no such record').count()).toBe(2)
    await page.getByRole('list', { name: 'Records' }).getByRole('button', { name: '#1 run.started' }).waitFor()
    await page.goto(`${up.url}/effects?tool=transfer.murky`)
    await page
      .getByRole('row', { name: /Unknown.*transfer\.murky/ })
      .getByRole('button')
      .press('Enter')
    await page.getByRole('dialog').getByText('a node that is a plain function').waitFor()
    await page.goto(address)
    await page.getByRole('button', { name: 'Acknowledge', exact: true }).press('Enter')
    await page.getByRole('row', { name: /Acknowledged user:olga/ }).waitFor()
    const { alerts } = await rita.alerts({ query: { kind: 'effect.unknown' } })
    expect(alerts).toMatchObject([{ state: 'acknowledged', acknowledged_by: 'user:olga' }])
    expect(await book('dora')).toHaveLength(1)
  })
})
