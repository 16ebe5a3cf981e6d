import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import { chromium } from 'playwright-core'

const FLAGS = [
  '--no-sandbox',
  '--headless',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--font-render-hinting=none',
]

/** Browsers that a system may have, best first. */
const SYSTEM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** A browser's program and the environment that it needs. */
interface Found {
  readonly path: string
  readonly env: Readonly<Record<string, string>>
}

/**
 * Starts headless Chromium: the system's (`SIGNALBOX_CHROMIUM` or a usual place), else the one that npm installed.
 * Throws with what was tried when neither starts; a test never passes because there was no browser.
 */
export async function launchBrowser(): Promise<Browser> {
  const tried: string[] = []
  for (const candidate of [systemBrowser, packagedBrowser]) {
    try {
      const found = await candidate()
      if (found === null) continue
      return await chromium.launch({
        executablePath: found.path,
        args: FLAGS,
        env: { ...inherited(), ...found.env },
      })
    } catch (error) {
      tried.push(`${candidate.name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  throw new Error(
    `no Chromium could be started: install Debian's \`chromium\`, set SIGNALBOX_CHROMIUM, or run \`npm install\` again\n${tried.join('\n')}`,
  )
}

function inherited(): Record<string, string> {
  return Object.fromEntries(Object.entries(process.env).flatMap(([name, value]) => (value ? [[name, value]] : [])))
}

async function systemBrowser(): Promise<Found | null> {
  const path = [process.env.SIGNALBOX_CHROMIUM ?? '', ...SYSTEM].find((each) => each !== '' && existsSync(each))
  return path ? { path, env: {} } : null
}

/** Unpacks the packaged browser once into the workspace's cache, with the libraries and fonts that a bare machine lacks. */
async function packagedBrowser(): Promise<Found> {
  const root = fileURLToPath(new URL('../../..', import.meta.url))
  const bin = join(root, 'node_modules/@sparticuz/chromium/bin')
  if (!existsSync(bin)) throw new Error('@sparticuz/chromium is not installed')
  const home = join(root, 'node_modules/.cache/chromium')
  if (!existsSync(join(home, 'chromium'))) await unpack(bin, home)
  const env: Record<string, string> = { LD_LIBRARY_PATH: libraryPath(home) }
  if (!existsSync('/etc/fonts/fonts.conf')) env.FONTCONFIG_FILE = join(home, FONTS)
  return { path: join(home, 'chromium'), env }
}

function libraryPath(home: string): string {
  const own = join(home, 'al2023/lib')
  return process.env.LD_LIBRARY_PATH ? `${own}:${process.env.LD_LIBRARY_PATH}` : own
}

const FONTS = 'signalbox-fonts.conf'

/** The packaged fonts, for a machine without any. */
function fontsConfig(home: string): string {
  const dirs = `<dir>${join(home, 'fonts/fonts')}</dir><cachedir>${join(home, 'fonts-cache')}</cachedir>`
  return `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>${dirs}</fontconfig>\n`
}

/** Into a folder of its own that is then renamed, so that two test files at once never see half a browser. */
async function unpack(bin: string, home: string): Promise<void> {
  const { inflate } = await import('@sparticuz/chromium')
  await mkdir(join(home, '..'), { recursive: true })
  const staging = await mkdtemp(join(home, '..', 'chromium-'))
  const before = process.env.TMPDIR
  // The package unpacks into the folder for temporary files, which may be small or shared.
  process.env.TMPDIR = staging
  try {
    const archives = (await readdir(bin)).filter((name) => name.endsWith('.br'))
    await Promise.all(archives.map((name) => inflate(join(bin, name))))
  } finally {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
  }
  await writeFile(join(staging, FONTS), fontsConfig(home))
  await rename(staging, home).catch(async (error: unknown) => {
    await rm(staging, { recursive: true, force: true })
    if (!existsSync(join(home, 'chromium'))) throw error
  })
}

/** Folder for screenshots, made when it is not there; null unless `SIGNALBOX_SCREENSHOTS=1` asks for them. */
export async function screenshotFolder(): Promise<string | null> {
  if (process.env.SIGNALBOX_SCREENSHOTS !== '1') return null
  const folder = fileURLToPath(new URL('../../../test-results/screenshots', import.meta.url))
  await mkdir(folder, { recursive: true })
  return folder
}
