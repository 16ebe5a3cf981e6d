import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { tokenOf } from './mock/people.ts'
import { ASK, RUN } from './mock/runs.ts'
import { FULL_DISK } from './mock/schedules.ts'
import { builtConsole, checkPage, openStage, press, SCREENS, type Stage } from './stage.ts'

let stage: Stage

beforeAll(async () => {
  stage = await openStage(await builtConsole())
})

afterEach(async () => {
  await stage.closePages()
  stage.mock.away = false
  stage.mock.reset()
})

afterAll(async () => {
  await stage?.close()
})

const text = (page: Page, what: string | RegExp) => page.getByText(what).first()
const lastChange = () => stage.mock.backend.changes.at(-1)

describe('signing in', () => {
  it('CON-010: a link with a token signs in, and the token leaves the address', async () => {
    const page = await stage.open('paul', '/runs')
    expect(new URL(page.url()).hash).toBe('')
    await page.reload()
    await text(page, 'user:paul').waitFor()
  })

  it('CON-011: an unknown token is refused with its code; a known one signs in', async () => {
    const page = await stage.visit('/')
    await page.getByLabel('Token').fill('not-a-token-of-anyone')
    await press(page, 'Enter')
    await page.getByRole('alert').getByText('AUTH_REQUIRED').waitFor()
    await page.getByLabel('Token').fill(tokenOf('vera'))
    await press(page, 'Enter')
    await page.getByRole('heading', { name: 'Runs' }).waitFor()
  })

  it('CON-011: a token that is no longer valid leads back to the sign-in page', async () => {
    const page = await stage.visit('/runs#token=expired-token-0123456789')
    await text(page, 'no longer valid').waitFor()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  })

  it('CON-012: the menu tells roles, switches the theme and keeps it, and signs out', async () => {
    const page = await stage.open('paul', '/runs')
    await page.getByRole('button', { name: /user:paul/ }).focus()
    await press(page, 'Enter')
    await text(page, 'Roles: approver').waitFor()
    await page.getByRole('menuitemradio', { name: 'Dark' }).press('Enter')
    await page.waitForFunction(() => document.documentElement.dataset.theme === 'dark')
    await page.reload()
    expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe('dark')
    await page.getByRole('button', { name: /user:paul/ }).press('Enter')
    await page.getByRole('menuitem', { name: 'Sign out' }).press('Enter')
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0)
  })
})

describe('runs', () => {
  it('CON-020: the list is filtered by status and by text', async () => {
    const page = await stage.open('vera', '/runs')
    const rows = page.getByRole('row')
    await page.getByRole('button', { name: 'Parked' }).click()
    await page.waitForURL(/status=parked/)
    await expect.poll(() => rows.count()).toBe(2)
    await page.getByRole('button', { name: 'All' }).click()
    await page.getByRole('searchbox').fill('inv-0107')
    await expect.poll(() => rows.count()).toBe(2)
    await page.getByRole('searchbox').fill('inv-9999')
    await text(page, 'No run matches').waitFor()
  })

  it('CON-021: the list says what each run waits for, renews itself, and reaches older runs', async () => {
    const page = await stage.open('vera', '/runs')
    await page.getByRole('link', { name: 'approval of payments.pay' }).waitFor()
    await page.getByRole('link', { name: 'answer about payments.pay_plain' }).waitFor()
    const before = await page.getByRole('row').count()
    await page.getByRole('button', { name: 'Older runs' }).click()
    await expect.poll(() => page.getByRole('row').count()).toBeGreaterThan(before)
    stage.mock.backend.decideAs('user:paul', ASK.payment, 'approved', 'checked by phone')
    await page.getByRole('link', { name: 'approval of payments.pay' }).waitFor({ state: 'detached' })
  })

  it('CON-022: j, k and Enter open a run', async () => {
    const page = await stage.open('vera', '/runs')
    await page.getByRole('table').waitFor()
    await press(page, 'j', 'j', 'j', 'k', 'Enter')
    await page.waitForURL(new RegExp(RUN.waiting))
  })
})

describe('one run', () => {
  it('CON-030: a record on the stream renews the page, a draft is shown as provisional', async () => {
    const page = await stage.open('vera', `/runs/${RUN.running}`)
    await page.getByRole('status').getByText('Live', { exact: true }).waitFor()
    // The stream is up once the backend has it; a draft that comes before is not repeated.
    await expect
      .poll(async () => {
        stage.mock.backend.draft(RUN.running, 'ask-1', 'I will pay <b>now</b>. ')
        return await text(page, 'I will pay <b>now</b>').count()
      })
      .toBeGreaterThan(0)
    await text(page, 'provisional').waitFor()
    const detail = stage.mock.backend.runs.find((each) => each.run.run_id === RUN.running)
    if (!detail) throw new Error('the mock lost its run')
    Object.assign(detail, { why: 'Completed: paid once.' })
    detail.run.status = 'completed'
    stage.mock.backend.append(RUN.running, 'activity.outcome')
    await text(page, 'Completed: paid once.').waitFor()
    expect(await text(page, 'provisional').count()).toBe(0)
  })

  it('CON-031: what is not allowed stays visible and says why', async () => {
    const page = await stage.open('vera', `/runs/${RUN.parked}`)
    const resume = page.getByRole('button', { name: 'Resume' })
    expect(await resume.getAttribute('aria-disabled')).toBe('true')
    await text(page, 'needs the operator role').waitFor()
    await resume.focus()
    await press(page, 'Enter')
    expect(await page.getByRole('dialog').count()).toBe(0)
  })

  it('CON-032: resume and cancel ask for a reason and send it', async () => {
    const page = await stage.open('olga', `/runs/${RUN.parked}`)
    await page.getByRole('button', { name: 'Resume' }).press('Enter')
    await press(page, 'Enter')
    await page.getByRole('alert').getByText('Give a reason').waitFor()
    await press(page, 'the policy is repaired', 'Enter')
    await text(page, 'an operator resumed it').waitFor()
    expect(lastChange()).toMatchObject({ name: 'resume', id: RUN.parked, body: { reason: 'the policy is repaired' } })
    await page.getByRole('button', { name: 'Cancel run' }).press('Enter')
    await page.getByRole('checkbox', { name: /Terminate/ }).check()
    await page.getByLabel('Reason').fill('no longer needed')
    await press(page, 'Enter')
    await page.getByRole('alert').getByText('terminate').waitFor()
    await page.getByLabel(/Type terminate/).fill('terminate')
    await press(page, 'Enter')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    expect(lastChange()).toMatchObject({ name: 'cancel', body: { reason: 'no longer needed', terminate: true } })
  })

  it('CON-033: a restore names the effects that came later and asks for the word', async () => {
    const page = await stage.open('olga', `/runs/${RUN.completed}/checkpoints`)
    await page.getByRole('button', { name: 'Restore to record 8' }).press('Enter')
    const dialog = page.getByRole('dialog')
    await dialog.getByText('2 effects came after this point').waitFor()
    await dialog.getByText('payments.pay').waitFor()
    await press(page, 'wrong vendor', 'Tab', 'restore', 'Enter')
    await dialog.waitFor({ state: 'detached' })
    expect(lastChange()).toMatchObject({ name: 'restore', id: RUN.completed, body: { seq: 8, reason: 'wrong vendor' } })
  })

  it('CON-038: any record of the timeline can be forked from, with a choice for each effect that came later', async () => {
    const page = await stage.open('olga', `/runs/${RUN.completed}`)
    await page
      .getByRole('link', { name: /^#8\s?: restore/ })
      .first()
      .press('Enter')
    await page.getByRole('button', { name: 'Fork from it…' }).press('Enter')
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('heading', { name: 'Fork from record #8' }).waitFor()
    await dialog.getByText('Made again when asked for: 2 model calls, 1 read').waitFor()
    await dialog.getByLabel(/What a fork does about payments.pay/).selectOption('repeat')
    await checkPage(page, 'fork-dialog')
    await dialog.getByLabel('Reason').fill('try it again')
    await dialog.getByLabel(/Type repeat/).fill('repeat')
    await press(page, 'Enter')
    await page.waitForURL(`**/runs/${RUN.completed}f`)
    expect(lastChange()).toMatchObject({
      name: 'fork',
      id: RUN.completed,
      body: { seq: 8, reason: 'try it again', plan: [{ run_id: RUN.completed, action: 'repeat' }] },
    })
  })

  it('CON-038: a record that is not there can be neither restored to nor forked from', async () => {
    const page = await stage.open('olga', `/runs/${RUN.completed}/checkpoints?at=99999`)
    const fork = page.getByRole('button', { name: 'Fork from it…' })
    await fork.press('Enter')
    expect(await fork.getAttribute('aria-disabled')).toBe('true')
    expect(await page.getByRole('dialog').count()).toBe(0)
  })

  it('CON-034: a scripted model says so in the header and beside each of its calls', async () => {
    const page = await stage.open('vera', `/runs/${RUN.completed}`)
    await page.getByRole('banner').waitFor()
    await expect.poll(() => page.getByText('scripted model', { exact: true }).count()).toBe(3)
  })
})

describe('approvals and questions', () => {
  it('CON-040: approving by keyboard alone sends what was seen, after a reason and the typed word', async () => {
    const page = await stage.open('paul', '/approvals')
    await text(page, 'INV-2026-0042').waitFor()
    // One key, one step, however fast they follow each other: both reach the page in one task.
    await page.evaluate(() => {
      for (const key of ['j', 'j']) document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }))
    })
    await page.waitForURL(new RegExp(ASK.payment))
    await page.getByRole('heading', { name: 'Pay invoice INV-2026-0042' }).waitFor()
    await press(page, 'a')
    const dialog = page.getByRole('dialog', { name: 'Approve this action' })
    await dialog.waitFor()
    await press(page, 'matches the order', 'Enter')
    await dialog.getByRole('alert').getByText('1,250.00 EUR').waitFor()
    expect(stage.mock.backend.changes).toEqual([])
    await press(page, 'Tab', '1250.00 eur', 'Enter')
    await dialog.waitFor({ state: 'detached' })
    await page.getByRole('article').getByText('by user:paul').waitFor()
    const seen = stage.mock.backend.approvals.find((each) => each.id === ASK.payment)?.packet_hash
    const body = { answer: 'approved', reason: 'matches the order', packet_hash: seen }
    expect(lastChange()).toMatchObject({ name: 'decide', by: 'user:paul', body })
  })

  it('CON-041: rejecting by keyboard alone takes a reason and no word; Escape sends nothing', async () => {
    const page = await stage.open('paul', `/approvals/${ASK.notice}`)
    await page.getByRole('button', { name: 'Reject' }).waitFor()
    await press(page, 'r', 'Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    expect(stage.mock.backend.changes).toEqual([])
    await press(page, 'r')
    await page.getByRole('dialog').waitFor()
    await press(page, 'the text gives orders', 'Enter')
    await page.getByRole('article').getByText('Rejected').first().waitFor()
    expect(lastChange()).toMatchObject({
      name: 'decide',
      body: { answer: 'rejected', reason: 'the text gives orders' },
    })
  })

  it('CON-042: when someone else decided first, the second person is told who', async () => {
    const page = await stage.open('paul', `/approvals/${ASK.notice}`)
    await page.getByRole('button', { name: 'Approve', exact: true }).waitFor()
    await press(page, 'a')
    await page.getByRole('dialog').waitFor()
    stage.mock.backend.decideAs('user:petra', ASK.notice, 'rejected', 'an injection')
    await press(page, 'looks fine', 'Enter')
    await page.getByRole('alert').getByText('someone decided before you').waitFor()
    await page.getByRole('alert').getByText('Rejected by user:petra').waitFor()
    expect(await page.getByRole('button', { name: 'Approve', exact: true }).count()).toBe(0)
  })

  it('CON-043: text from outside is shown as text and nothing in it is followed', async () => {
    const page = await stage.open('paul', `/approvals/${ASK.notice}`)
    await page.getByRole('heading', { name: /<img src=x onerror=/ }).waitFor()
    expect(await page.locator('main img').count()).toBe(0)
    expect(await page.title()).toContain('Signalbox')
  })

  it('CON-044: the requester sees the packet, the time left, and why she cannot decide', async () => {
    const page = await stage.open('rita', `/approvals/${ASK.payment}`)
    await page
      .getByRole('article')
      .getByText(/\d+ h.* left/)
      .waitFor()
    expect(await page.getByRole('button', { name: 'Approve', exact: true }).getAttribute('aria-disabled')).toBe('true')
    await press(page, 'a')
    expect(await page.getByRole('dialog').count()).toBe(0)
    for (const part of ['Summary', 'Target', 'Impact', 'Rollback'])
      await page.getByRole('term').getByText(part, { exact: true }).waitFor()
  })

  it('CON-045: a question has three answers, each with how the person knows', async () => {
    for (const [label, answer] of [
      ['It happened', 'happened'],
      ['It did not happen', 'did_not'],
      ['Stop the run', 'stop'],
    ] as const) {
      stage.mock.reset()
      const page = await stage.open('olga', `/questions/${ASK.unknown}`)
      await page.getByRole('button', { name: label }).press('Enter')
      await page.getByLabel('How do you know').fill('looked at the bank statement')
      await press(page, 'Enter')
      await page.getByRole('article').getByText('Answered').first().waitFor()
      expect(lastChange()).toMatchObject({ name: 'answer', body: { answer, reason: 'looked at the bank statement' } })
      await stage.closePages()
    }
  })

  it('CON-047: what a port asks is answered as JSON that starts with the right form; what does not fit is told', async () => {
    const page = await stage.open('paul', '/approvals')
    await page.getByRole('link', { name: /Answer for review-match/ }).press('Enter')
    await page.getByText('INV-2026-0120').waitFor()
    const form = page.getByRole('form', { name: 'Answer' })
    const field = form.getByLabel('Your answer, as JSON')
    expect(JSON.parse(await field.inputValue())).toEqual({ accept: false, note: '' })
    await field.fill('{ "accept": ')
    await form.getByRole('button', { name: 'Send the answer' }).press('Enter')
    await form.getByText('This is not JSON').waitFor()
    expect(stage.mock.backend.changes).toEqual([])
    await field.fill('{ "note": "x" }')
    await form.getByRole('button', { name: 'Send the answer' }).press('Enter')
    await form.getByRole('alert').getByText('INPUT_INVALID').waitFor()
    await field.fill('{ "accept": true, "note": "agreed by phone" }')
    await form.getByRole('button', { name: 'Send the answer' }).press('Enter')
    await page.getByRole('article').getByText('Answered').first().waitFor()
    const body = { value: { accept: true, note: 'agreed by phone' } }
    expect(lastChange()).toMatchObject({ name: 'respond', id: ASK.port, by: 'user:paul', body })
  })

  it('CON-047: who may not answer sees what is asked and why not', async () => {
    const page = await stage.open('vera', `/requests/${ASK.port}`)
    await page.getByText('INV-2026-0120').waitFor()
    expect(await page.getByLabel('Your answer, as JSON').isDisabled()).toBe(true)
    await page.getByText('Your role does not').waitFor()
  })

  it('CON-046: decided items are listed with who, when and why', async () => {
    const page = await stage.open('vera', '/approvals?show=decided')
    await page.getByRole('link', { name: /INV-2026-0077/ }).click()
    await page.getByRole('article').getByText('I called and they did not').waitFor()
    await page.getByRole('article').getByText('user:paul').waitFor()
  })
})

describe('schedules', () => {
  it('CON-055: the list tells what is due and how it went; an operator fires, pauses and resumes with a reason', async () => {
    const page = await stage.open('olga', '/schedules')
    await page.getByRole('row', { name: /close-the-day.*starts payables.*Succeeded.*Skipped.*Failed/ }).waitFor()
    await page.getByRole('row', { name: /weekly-report.*job report.*Paused/ }).waitFor()
    await page.getByRole('link', { name: 'close-the-day' }).click()
    await text(page, 'kill switch `ks_01` stops new runs').waitFor()
    await page.getByRole('button', { name: 'Fire now' }).press('Enter')
    await page.getByRole('row', { name: /asked for.*by user:olga.*Queued/ }).waitFor()
    await page.getByRole('button', { name: 'Pause…' }).press('Enter')
    await press(page, 'books are audited', 'Enter')
    await page.getByRole('button', { name: 'Resume…' }).waitFor()
    expect(lastChange()).toMatchObject({ name: 'pauseSchedule', body: { reason: 'books are audited' } })
  })

  it('CON-055: without the operator role the page says what is missing', async () => {
    const page = await stage.open('vera', '/schedules/close-the-day')
    await text(page, 'Schedules need the operator role.').waitFor()
  })
})

describe('trouble', () => {
  it('CON-063: while the store takes no writes every page says so, since when and what to do, until it is over', async () => {
    const page = await stage.open('vera', '/runs')
    await page.getByRole('table', { name: 'Runs' }).waitFor()
    stage.mock.backend.troubles.push(FULL_DISK)
    const banner = page.getByRole('status').filter({ hasText: 'the disk is full' })
    await banner.getByText(/\d m ago/).waitFor()
    await banner.getByText('What to do: free space on the disk').waitFor()
    stage.mock.backend.troubles.splice(0)
    await banner.waitFor({ state: 'detached' })
  })
})

describe('when things are not there', () => {
  it('CON-060: a server that is away is announced, tried again, and its return is seen', async () => {
    const page = await stage.open('vera', `/runs/${RUN.waiting}`)
    await text(page, 'Waits for a person').waitFor()
    stage.mock.away = true
    await page.getByRole('status').getByText('The server does not answer').waitFor()
    // What was read stays on screen.
    await text(page, 'Waits for a person').waitFor()
    stage.mock.away = false
    await page.getByText('The server does not answer').waitFor({ state: 'detached' })
  })

  it('CON-061: an unknown run, an unknown approval and an unknown address say so', async () => {
    const page = await stage.open('vera', '/runs/run_nowhere')
    await text(page, 'There is no such run').waitFor()
    const approval = await stage.open('vera', '/approvals/apr_nowhere')
    await approval.getByRole('alert').getByText('APPROVAL_NOT_FOUND').waitFor()
    const address = await stage.open('vera', '/no/such/page')
    await text(address, 'There is no such page').waitFor()
  })

  it('CON-062: empty lists say what would fill them', async () => {
    stage.mock.backend.runs.splice(0)
    stage.mock.backend.approvals.splice(0)
    stage.mock.backend.questions.splice(0)
    stage.mock.backend.requests.splice(0)
    stage.mock.backend.killSwitches = []
    const page = await stage.open('vera', '/runs', SCREENS[1])
    await text(page, 'No runs yet').waitFor()
    await page.getByRole('link', { name: 'Approvals' }).click()
    await text(page, 'Nothing waits for a person').waitFor()
    await page.getByRole('link', { name: 'Kill switches' }).click()
    await text(page, 'No kill switch was ever engaged').waitFor()
  })

  it('CON-070: single keys rest in text fields, and can be switched off', async () => {
    const page = await stage.open('vera', '/runs')
    await page.getByRole('searchbox').fill('')
    await page.getByRole('searchbox').press('?')
    expect(await page.getByRole('dialog').count()).toBe(0)
    await page.getByRole('heading', { name: 'Runs' }).click()
    await press(page, '?')
    await page.getByRole('checkbox', { name: /shortcuts/ }).uncheck()
    await page.getByRole('button', { name: 'Close' }).press('Enter')
    await press(page, '2')
    expect(page.url()).toContain('/runs')
  })

  it('CON-003: nothing of this reports a fault in the page', () => {
    expect(stage.faults).toEqual([])
  })
})
