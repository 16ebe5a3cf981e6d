/** What the browser tests share: a browser, a backend, pages for people, and the checks that every page must pass. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { AxeBuilder } from '@axe-core/playwright'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { expect } from 'vitest'
import { launchBrowser, screenshotFolder } from './browser.ts'
import { type Person, tokenOf } from './mock/people.ts'
import { type MockServer, startMock } from './mock/server.ts'

const PACKAGE = fileURLToPath(new URL('..', import.meta.url))
/** Screens that every page must fit. */
export const SCREENS = [
  { name: 'wide', width: 1440, height: 900 },
  { name: 'narrow', width: 390, height: 844 },
] as const
const THEMES = ['light', 'dark'] as const

/** A built console and how many seconds its build took. */
export interface Built {
  readonly dir: string
  readonly seconds: number
}

/** Builds the console into a folder of the caller's own, so that two test files at once do not write into one. */
export async function buildConsole(name: string): Promise<Built> {
  const dir = fileURLToPath(new URL(`../../../test-results/console-${name}`, import.meta.url))
  const start = performance.now()
  await build(['--outDir', dir, '--emptyOutDir'])
  return { dir, seconds: (performance.now() - start) / 1000 }
}

const SOURCES = [
  'src',
  'public',
  'index.html',
  'vite.config.ts',
  'package.json',
  '../protocol/src',
  '../../package-lock.json',
]

/** The console as it is in the source, built once for all test files that ask; an unchanged one is not built again. */
export async function builtConsole(): Promise<string> {
  const hash = createHash('sha256')
  for (const source of SOURCES) for (const file of filesOf(join(PACKAGE, source))) hash.update(readFileSync(file))
  const dir = fileURLToPath(
    new URL(`../../../test-results/console-${hash.digest('hex').slice(0, 16)}`, import.meta.url),
  )
  if (existsSync(dir)) return dir
  const draft = `${dir}-${process.pid}`
  await build(['--outDir', draft, '--emptyOutDir'])
  try {
    renameSync(draft, dir)
  } catch {
    // Another test file was quicker.
    rmSync(draft, { recursive: true, force: true })
  }
  return dir
}

function filesOf(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesOf(join(path, name)))
}

/** Builds the console to where the server looks for it. */
export async function buildDefault(): Promise<void> {
  await build([])
}

async function build(flags: readonly string[]): Promise<void> {
  const vite = fileURLToPath(new URL('../../../node_modules/vite/bin/vite.js', import.meta.url))
  await promisify(execFile)(process.execPath, [vite, 'build', ...flags], { cwd: PACKAGE })
}

/** Presses keys one after the other; longer words are typed. */
export async function press(page: Page, ...keys: string[]): Promise<void> {
  for (const key of keys)
    await (key.length > 1 && !/^[A-Z]/.test(key) ? page.keyboard.type(key) : page.keyboard.press(key))
}

/** A browser and a mock backend; each page has a context of its own. */
export interface Stage {
  readonly mock: MockServer
  /** Opens a page of the console, signed in as a person through the link's hash. */
  open(person: Person, path: string, screen?: { width: number; height: number }): Promise<Page>
  /** Opens a page without a token. */
  visit(path: string): Promise<Page>
  /** Console errors, failed scripts and violations of the content security policy so far. */
  readonly faults: string[]
  /** Closes every page, so that none goes on reading behind the next test. */
  closePages(): Promise<void>
  close(): Promise<void>
}

/** Starts a browser and a backend. */
export async function openStage(consoleDir: string): Promise<Stage> {
  const [browser, mock] = await Promise.all([launchBrowser(), startMock({ consoleDir })])
  const faults: string[] = []
  const contexts: BrowserContext[] = []
  const visit = async (path: string, screen: { width: number; height: number } = SCREENS[0]): Promise<Page> => {
    const context = await freshContext(browser, screen)
    contexts.push(context)
    const page = await context.newPage()
    watch(page, faults)
    await page.goto(mock.url + path)
    return page
  }
  return {
    mock,
    faults,
    visit,
    open: async (person, path, screen) => {
      const page = await visit(`${path}#token=${tokenOf(person)}`, screen)
      await page.getByRole('navigation', { name: 'Main' }).waitFor()
      return page
    },
    closePages: () => closeAll(contexts),
    close: async () => {
      await closeAll(contexts)
      await browser.close()
      await mock.close()
    },
  }
}

async function closeAll(contexts: BrowserContext[]): Promise<void> {
  await Promise.all(contexts.splice(0).map((context) => context.close()))
}

async function freshContext(browser: Browser, viewport: { width: number; height: number }): Promise<BrowserContext> {
  return await browser.newContext({
    viewport: { width: viewport.width, height: viewport.height },
    reducedMotion: 'reduce',
    colorScheme: 'light',
  })
}

function watch(page: Page, faults: string[]): void {
  page.on('pageerror', (error) => faults.push(String(error)))
  page.on('console', (message) => {
    // A refused request is a normal thing here; the page must not fail over it.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) faults.push(message.text())
  })
}

/** axe finds nothing and nothing scrolls sideways, in both themes on both screens; leaves screenshots where asked. */
export async function checkPage(page: Page, name: string): Promise<void> {
  const folder = await screenshotFolder()
  for (const theme of THEMES) {
    await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' })
    await page.waitForFunction((wanted) => document.documentElement.dataset.theme === wanted, theme)
    for (const screen of SCREENS) {
      await page.setViewportSize({ width: screen.width, height: screen.height })
      const where = `${name} ${screen.name} ${theme}`
      expect(await overflowing(page), `${where}: wider than the screen`).toEqual([])
      expect(await violations(page, RULES_AT[`${screen.name} ${theme}`]), `${where}: accessibility`).toEqual([])
      if (folder !== null)
        await page.screenshot({ path: join(folder, `${name}-${screen.name}-${theme}.png`), fullPage: true })
    }
  }
  await page.setViewportSize({ width: SCREENS[0].width, height: SCREENS[0].height })
}

/** Elements that make the page scroll sideways, as a list that a failure shows. */
async function overflowing(page: Page): Promise<string[]> {
  return await page.evaluate(() => {
    const width = document.documentElement.clientWidth
    if (document.documentElement.scrollWidth <= width) return []
    return [...document.querySelectorAll('body *')]
      .filter((each) => each.getBoundingClientRect().right > width + 1)
      .slice(0, 5)
      .map((each) => `${each.tagName.toLowerCase()}.${each.className}`)
  })
}

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

/** Contrast is the dear part: a theme changes nothing else, and the narrow screen has the colours of the wide one. */
const RULES_AT = {
  'wide light': 'all',
  'narrow light': 'layout',
  'wide dark': 'contrast',
  'narrow dark': 'none',
} as const

async function violations(page: Page, rules: 'all' | 'layout' | 'contrast' | 'none'): Promise<string[]> {
  if (rules === 'none') return []
  // The console has no frames; the mode that can look into foreign ones opens a page of its own and takes three times as long.
  const axe = new AxeBuilder({ page }).setLegacyMode()
  const { violations: found } = await (rules === 'contrast'
    ? axe.withRules(['color-contrast'])
    : axe.withTags(TAGS).disableRules(rules === 'layout' ? ['color-contrast'] : [])
  ).analyze()
  return found.map(
    (each) => `${each.id}: ${each.nodes.map((node) => `${node.target.join(' ')} — ${node.failureSummary}`).join('; ')}`,
  )
}
