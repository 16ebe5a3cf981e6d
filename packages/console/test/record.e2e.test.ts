import { type EndpointName, SignalboxError } from '@signalbox/protocol'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ALERT } from './mock/alerts.ts'
import { RUN } from './mock/runs.ts'
import { builtConsole, checkPage, openStage, press, type Stage } from './stage.ts'

let stage: Stage

beforeAll(async () => {
  stage = await openStage(await builtConsole())
})

afterEach(async () => {
  await stage.closePages()
  stage.mock.reset()
})

afterAll(async () => {
  await stage?.close()
})

const lastChange = () => stage.mock.backend.changes.at(-1)

describe('explain', () => {
  it('CON-140, CON-141, CON-002: eight answers, what is unknown in a word, gaps of the lineage; a sentence leads to its record and back', async () => {
    const page = await stage.open('vera', `/runs/${RUN.question}/explain`)
    const answers = page.getByRole('region', { name: 'Eight answers' })
    await answers.waitFor()
    expect(await answers.getByRole('heading', { level: 2 }).allTextContents()).toEqual([
      'Who asked?',
      'What ran?',
      'Why, by which rule?',
      'Who approved, and what did they see?',
      'Which model and prompt?',
      'What changed outside?',
      'Where can it resume safely?',
      'What did it cost?',
    ])
    for (const answer of await answers.getByRole('region').all())
      expect(await answer.getByRole('link', { name: /^record #/ }).count()).toBeGreaterThan(0)
    await answers.getByRole('region', { name: 'What changed outside?' }).getByText('Unknown', { exact: true }).waitFor()
    await page.getByText('Lineage has 1 gap').waitFor()
    await page.getByRole('list', { name: 'Gaps of the lineage' }).getByText('OUTCOME_MISSING').waitFor()
    await checkPage(page, 'explain')
    await page.getByRole('region', { name: 'In short' }).getByText('Nothing changed outside.').waitFor()
    const fold = page.locator('summary').filter({ hasText: '3 reads of invoices.get by node match' })
    const folded = page.getByText('A read of invoices.get succeeded.')
    expect(await folded.first().isVisible()).toBe(false)
    await fold.press('Enter')
    await folded.first().waitFor()
    await page.getByRole('button', { name: 'Unfold everything' }).press('Enter')
    expect(await folded.last().isVisible()).toBe(true)
    await checkPage(page, 'explain, unfolded')
    await page.getByRole('button', { name: 'Fold repetition' }).press('Enter')
    await folded.first().waitFor({ state: 'hidden' })
    const sentence = page.getByRole('listitem').filter({ hasText: 'happened is not known' })
    await sentence.getByText('Unknown', { exact: true }).waitFor()
    await sentence.getByRole('link').press('Enter')
    const record = page.getByRole('region', { name: /^Record \d+/ })
    await record.getByRole('heading', { name: /activity\.intent/ }).waitFor()
    await page.reload()
    await record.getByRole('link', { name: 'Told in the explanation' }).press('Enter')
    await page.locator('li[aria-current=true]').filter({ hasText: 'is not known' }).waitFor()
  })

  it('CON-142: the explanation is taken along as Markdown with links, and as JSON', async () => {
    const page = await stage.open('vera', `/runs/${RUN.waiting}/explain`)
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await page.getByText('Lineage complete').waitFor()
    // What a reviewer is shown is untrusted: it is text, whatever it holds.
    await page.getByText('Pay <b>1,250.00</b> to V-014').waitFor()
    await page.getByRole('button', { name: 'Copy as Markdown' }).press('Enter')
    await page.getByText('Copied.').waitFor()
    const copied = await page.evaluate(() => navigator.clipboard.readText())
    expect(copied).toContain(`([record 1](${stage.mock.url}/runs/${RUN.waiting}/events?at=1))`)
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download JSON' }).press('Enter'),
    ])
    expect(file.suggestedFilename()).toBe(`${RUN.waiting}.json`)
    const evidence = (from: typeof page) => from.getByRole('button', { name: 'Download evidence…' })
    expect(await evidence(page).getAttribute('aria-disabled')).toBe('true')
    const over = await stage.open('olga', `/runs/${RUN.waiting}/explain`)
    await evidence(over).press('Enter')
    await over.getByLabel('Reason').fill('asked for by the auditor')
    await over.getByText('Contents stay sealed').waitFor()
    const [bundle] = await Promise.all([over.waitForEvent('download'), over.getByLabel('Reason').press('Enter')])
    expect(bundle.suggestedFilename()).toBe(`${RUN.waiting}.evidence.tar`)
    const body = { content: false, reason: 'asked for by the auditor' }
    expect(lastChange()).toMatchObject({ name: 'exportEvidence', id: RUN.waiting, body })
  })
})

describe('who let it happen', () => {
  it('CON-151, CON-002: everybody who said yes, and what a reviewer changed, are told with what they saw; text stays text', async () => {
    const page = await stage.open('vera', `/runs/${RUN.completed}/explain`)
    const answer = page.getByRole('region', { name: /^Who approved/ })
    const yes = answer.getByRole('list', { name: 'Said yes' }).getByRole('listitem')
    await yes.filter({ hasText: /user:paul said yes .*, saw this packet: hmac:/ }).waitFor()
    await yes
      .filter({ hasText: /user:eva said yes .* in the place of user:vera.*“called <b>the vendor<.b>”/ })
      .waitFor()
    await answer.getByText('user:paul changed the arguments').waitFor()
    const changed = answer.getByLabel('Changed arguments')
    await changed.getByText('62500').waitFor()
    expect(await changed.getByRole('term').allTextContents()).toEqual(['amount_minor', 'reference'])
    await changed.getByText('"<i>half</i>"').waitFor()
    await answer.getByRole('link', { name: 'look at the approval of payments.pay' }).press('Enter')
    await page.waitForURL(/apr_01kbapproved/)
  })
})

describe('what cannot be shown', () => {
  /** Lets the server refuse some endpoints from now on. */
  function refuse(code: 'CONTENT_ERASED' | 'FORBIDDEN', ...names: readonly EndpointName[]): void {
    const { backend } = stage.mock
    const { handle } = backend
    backend.handle = (name, call) => {
      if (names.includes(name)) throw new SignalboxError(code, 'it is not for you, or no longer there')
      return handle(name, call)
    }
  }

  it('CON-149: of a run whose history was pruned the explanation is still told', async () => {
    refuse('CONTENT_ERASED', 'run')
    const page = await stage.open('vera', `/runs/${RUN.completed}`)
    await page.getByRole('alert').getByText('CONTENT_ERASED').waitFor()
    await page.getByRole('region', { name: 'Who asked?' }).getByText('user:rita').waitFor()
  })

  it('CON-149: what the server refuses to a person is told with its code, and nothing of it is shown', async () => {
    refuse('FORBIDDEN', 'explain', 'lineage', 'eventsOverRuns', 'effectsOverRuns', 'alerts')
    const page = await stage.open('vera', `/runs/${RUN.completed}/explain`)
    await page.getByRole('tabpanel').getByText('FORBIDDEN').waitFor()
    expect(await page.getByText('Who asked?').count()).toBe(0)
    for (const path of ['/events', '/effects', '/alerts']) {
      await page.goto(stage.mock.url + path)
      await page.getByRole('alert').getByText('FORBIDDEN').waitFor()
      expect(await page.getByRole('table').count()).toBe(0)
    }
  })
})

describe('alerts', () => {
  it('CON-143, CON-002: the navigation counts them; the list is filtered in the address and says when nobody looks', async () => {
    const page = await stage.open('vera', '/runs')
    await page.getByRole('link', { name: 'Alerts 2 not resolved' }).press('Enter')
    await page.getByRole('row', { name: /Open.*Page.*Outcome of 1 effects/ }).waitFor()
    await checkPage(page, 'alerts')
    await page.getByLabel('Severity').selectOption('ticket')
    await page.getByRole('row', { name: /Outcome of 1/ }).waitFor({ state: 'detached' })
    await page.reload()
    await page.getByRole('row', { name: /Acknowledged.*Ticket.*The clock was set back/ }).waitFor()
    await page.getByLabel('Kind').selectOption('effect.unknown')
    await page.getByText('No such alert').waitFor()
    stage.mock.backend.blind = 'no evaluation for 300 s'
    await page.reload()
    await page.getByText('Nobody looks for alerts:').waitFor()
  })

  it('CON-144, CON-002: an alert explains itself and leads to its runs; it is taken up at once, silenced and resolved with a reason', async () => {
    const page = await stage.open('olga', `/alerts/${ALERT.unknown}`)
    await page.getByText('docs/runbooks/unknown-effects.md').waitFor()
    await page.getByText('<b>not bold</b>').first().waitFor()
    await page.getByText('What it is about still holds').first().waitFor()
    expect(await page.getByRole('button', { name: 'Resolve…' }).getAttribute('aria-disabled')).toBe('true')
    await checkPage(page, 'alert')
    await page.getByRole('button', { name: 'Acknowledge', exact: true }).press('Enter')
    await page.getByRole('row', { name: /Acknowledged user:olga/ }).waitFor()
    await page.getByRole('button', { name: 'Silence…' }).press('Enter')
    await page.getByLabel('For').selectOption('14400')
    await page.getByLabel('Reason').fill('the bank looks into it')
    await press(page, 'Enter')
    await page.getByRole('row', { name: /Silenced user:olga the bank looks into it/ }).waitFor()
    expect(lastChange()).toMatchObject({ name: 'silenceAlert', id: ALERT.unknown, body: { for_seconds: 14_400 } })
    await page.getByRole('link', { name: `Explain run ${RUN.question}` }).press('Enter')
    await page.getByRole('region', { name: 'Eight answers' }).waitFor()
    const over = await stage.open('olga', `/alerts/${ALERT.clock}`)
    await over.getByRole('button', { name: 'Resolve…' }).press('Enter')
    await over.getByLabel('Reason').fill('the clock was set right')
    await press(over, 'Enter')
    await over.getByText('It is resolved.').first().waitFor()
    expect(lastChange()).toMatchObject({ name: 'resolveAlert', body: { reason: 'the clock was set right' } })
  })

  it('CON-144: who may not act on alerts sees why; an alert that is not there is named as such', async () => {
    const page = await stage.open('vera', `/alerts/${ALERT.unknown}`)
    await page.getByText('Alerts need the operator role.').first().waitFor()
    await page.getByRole('button', { name: 'Acknowledge', exact: true }).press('Enter')
    expect(stage.mock.backend.changes).toEqual([])
    const other = await stage.open('vera', '/alerts/nothing')
    await other.getByText('There is no such alert').waitFor()
  })
})

describe('events and effects', () => {
  it('CON-145, CON-002: records are listed by page, filtered in the address, walked by keyboard; one is shown with its chain', async () => {
    const page = await stage.open('vera', '/events')
    const list = page.getByRole('list', { name: 'Records' })
    await list.waitFor()
    expect(await list.getByRole('listitem').count()).toBe(50)
    await page.getByRole('button', { name: 'Older records' }).press('Enter')
    await list.getByRole('listitem').nth(50).waitFor()
    await page.getByLabel('Type').selectOption('approval.requested')
    await page.getByText('1 record shown').waitFor({ state: 'attached' })
    await press(page, 'Tab')
    await page.getByLabel('Type').selectOption('activity.outcome')
    await list
      .getByRole('button', { name: /activity\.outcome/ })
      .nth(2)
      .waitFor()
    await list.getByRole('button').first().press('Enter')
    const record = page.getByRole('region', { name: /^Record \d+/ })
    await record.getByText('Hash before it').waitFor()
    const first = await record.getByRole('heading').textContent()
    await list.getByRole('button').first().press('ArrowDown')
    await list.getByRole('button').nth(1).and(page.locator('[aria-current=true]')).waitFor()
    await page.waitForFunction((before) => document.querySelector('section h2')?.textContent !== before, first)
    await record
      .getByRole('group', { name: /as it is stored/ })
      .getByText('"prev"')
      .waitFor()
    await checkPage(page, 'events')
    const address = page.url()
    expect(address).toContain('type=activity.outcome')
    await page.reload()
    await list.getByRole('button').nth(1).and(page.locator('[aria-current=true]')).waitFor()
    await page.getByLabel('Code').fill('NO_SUCH_CODE')
    await page.getByText('No such record').waitFor()
  })

  it('CON-145: the ends of a chain are named, and so is a record that is not there', async () => {
    const page = await stage.open('vera', `/runs/${RUN.completed}/events?at=1`)
    await page.getByText('none: the chain begins here').waitFor()
    expect(await page.getByRole('button', { name: 'Previous record' }).getAttribute('aria-disabled')).toBe('true')
    await page.getByRole('button', { name: 'Next record' }).press('Enter')
    await page.getByRole('region', { name: 'Record 2' }).getByText('Caused by').waitFor()
    await page.goto(`${stage.mock.url}/runs/${RUN.completed}/events?at=9999`)
    await page.getByText('There is no such record').waitFor()
  })

  it('CON-146, CON-147, CON-150, CON-151, CON-002: effects are filtered in the address and found by object; each tells where it came from', async () => {
    const page = await stage.open('vera', '/effects')
    await page.getByRole('table', { name: 'Effects' }).waitFor()
    await checkPage(page, 'effects')
    await page.getByLabel('State').selectOption('denied')
    await page.getByRole('row', { name: /Denied.*payments\.pay.*PAYMENT_NOT_MATCHED/ }).waitFor()
    await page
      .getByRole('row', { name: /Succeeded/ })
      .first()
      .waitFor({ state: 'detached' })
    await page.getByLabel('Who changed it?').fill('invoice:inv-0042')
    await press(page, 'Enter')
    const found = page.getByRole('table', { name: 'Found' })
    await found.getByRole('row', { name: /payments\.pay/ }).waitFor()
    await page.reload()
    await found.getByRole('button', { name: /^Where from payments\.pay/ }).press('Enter')
    const dialog = page.getByRole('dialog')
    await dialog.getByText('Pay <b>1,250.00</b> to V-014').waitFor()
    await dialog.getByText('ABOVE_LIMIT').first().waitFor()
    await page.reload()
    await dialog.getByText('Effect hash').waitFor()
    await press(page, 'Escape')
    await dialog.waitFor({ state: 'detached' })
    await page.getByLabel('Who changed it?').fill('invoice:inv-0177')
    await press(page, 'Enter')
    await found.getByRole('row', { name: /Denied PAYMENT_NOT_MATCHED nothing changed payments\.pay/ }).waitFor()
    await found.getByRole('button', { name: /^Where from payments\.pay of .*23,/ }).press('Enter')
    await dialog.getByText('Given by user:paul').waitFor()
    await dialog.getByText(/It covers records\.tag in payables for user:rita, where tag is "paid"\./).waitFor()
    await dialog.getByText(/Used 3 of 20 times; it holds until/).waitFor()
    expect(await dialog.getByRole('list', { name: 'Said yes' }).count()).toBe(0)
    await checkPage(page, 'effect')
    await press(page, 'Escape')
    await page.getByLabel('Who changed it?').fill('invoice:none')
    await press(page, 'Tab', 'Enter')
    await page.getByText('Nothing on record leads from it').waitFor()
  })

  it('CON-003: no page reports an error or breaks the content security policy', () => {
    expect(stage.faults).toEqual([])
  })
})
