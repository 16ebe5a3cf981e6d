/**
 * What would be published works without this workspace: each package is built, packed, unpacked beside the others in an
 * empty folder, and imported there without the `source` condition, by Node and by the compiler.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { publint } from 'publint'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { publishedPackages } from './lib/packages.ts'
import { run } from './lib/run.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const published = publishedPackages(root)
// In build order; a package can only be tried when those that it rests on are there.
const packages = published.filter((_, at) => published.slice(0, at + 1).every((each) => each.complete))
const entries = packages.flatMap((each) => [...each.entries.keys()])
const home = mkdtempSync(join(tmpdir(), 'signalbox-packaging-'))
const modules = join(home, 'node_modules')

async function must(command: string, args: readonly string[], cwd: string): Promise<string> {
  const { code, output } = await run(command, args, cwd)
  if (code !== 0) throw new Error(`\`${command} ${args.join(' ')}\` exited ${code}:\n${output}`)
  return output
}

/** Third-party packages are linked from the workspace; ours come from their archives only. */
function linkOutsidePackages(): void {
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (name.startsWith('.') || name === 'signalbox' || name === '@signalbox') continue
    symlinkSync(join(root, 'node_modules', name), join(modules, name))
  }
}

async function unpack(name: string, folder: string): Promise<void> {
  const source = join(root, 'packages', folder)
  const target = join(modules, name)
  const shipped = join(home, folder)
  mkdirSync(target, { recursive: true })
  mkdirSync(shipped)
  await must('npm', ['pack', '--silent', '--pack-destination', shipped], source)
  const [archive] = readdirSync(shipped)
  if (!archive) throw new Error(`npm pack wrote no archive for \`${name}\``)
  await must('tar', ['-xzf', join(shipped, archive), '--strip-components=1', '-C', target], home)
}

beforeAll(async () => {
  mkdirSync(modules)
  linkOutsidePackages()
  for (const { folder } of packages) {
    rmSync(join(root, 'packages', folder, 'dist'), { recursive: true, force: true })
  }
  await must('tsc', ['-b', ...packages.map(({ folder }) => `packages/${folder}/tsconfig.build.json`)], root)
  for (const { name, folder } of packages) await unpack(name, folder)
})

afterAll(() => rmSync(home, { recursive: true, force: true }))

describe.each(packages)('package $name', ({ name, folder }) => {
  it('ships compiled files, its license and nothing of its tests', () => {
    const files = readdirSync(join(modules, name), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(join(modules, name).length + 1))
    expect(
      files.filter((file) => !/^(dist|bin|prices|policies)\/|^(package\.json|LICENSE|README\.md)$/.test(file)),
    ).toEqual([])
    expect(files.filter((file) => /test\.|\.tsbuildinfo$/.test(file))).toEqual([])
    expect(readFileSync(join(modules, name, 'LICENSE'), 'utf8')).toBe(readFileSync(join(root, 'LICENSE'), 'utf8'))
  })

  it('has a manifest in which publint finds no error', async () => {
    const { messages } = await publint({ pkgDir: join(root, 'packages', folder), level: 'error' })
    expect(messages).toEqual([])
  })
})

describe.each(entries)('entry %s', (entry) => {
  const names = async (conditions: readonly string[], cwd: string): Promise<string[]> => {
    const script = `console.log(JSON.stringify(Object.keys(await import('${entry}'))))`
    const output = await must(process.execPath, [...conditions, '--input-type=module', '-e', script], cwd)
    const value: unknown = JSON.parse(output.trim().split('\n').at(-1) ?? '')
    return Array.isArray(value) ? value.map(String) : []
  }

  it('CHK-016: exports from the compiled files what its source exports', async () => {
    const compiled = await names([], home)
    expect(compiled).toEqual(await names(['--conditions=signalbox-source'], root))
  })

  it('CHK-016: has declarations that a strict project compiles against', async () => {
    const exported = (await names([], home)).filter((name) => name !== 'default')
    const folder = mkdtempSync(join(home, 'consumer-'))
    writeFileSync(
      join(folder, 'use.ts'),
      `import { ${exported.join(', ')} } from '${entry}'\nexport default [${exported.join(', ')}]\n`,
    )
    const options = [
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      '--module',
      'nodenext',
      '--target',
      'es2024',
      '--types',
      'node',
    ]
    const { code, output } = await run(join(root, 'node_modules/.bin/tsc'), [...options, 'use.ts'], folder)
    expect({ code, output }).toEqual({ code: 0, output: '' })
  })
})

describe('the published packages', () => {
  it('are the library, the protocol, the server and the terminal', () => {
    const names = published.map((each) => each.name)
    expect(names).toEqual(['signalbox', '@signalbox/protocol', '@signalbox/server', '@signalbox/cli'])
  })
})
